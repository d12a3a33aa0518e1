"""How a product wants its clocks: which are on, and after how many days they act."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from accounts.policies import require
from tracker.clocks.keeping import TermsOf, terms_of
from tracker.clocks.rules import DEFAULT_DAYS, MOST_DAYS
from tracker.clocks.settings import field_of, set_clocks
from tracker.drafts import DraftErrors
from tracker.models import ClockKind, Product
from tracker.policies import may
from tracker.web.forms import WordsForm
from tracker.web.pages import person_of, signed_in

ACTS: Final = {
    ClockKind.SILENT_ASSIGNEE: "A problem whose assignee says and does nothing is given back: it is"
    " nobody's again, and open. It pauses while the problem is in feedback, patched or suspended.",
    ClockKind.FEEDBACK_TIMEOUT: "A question that its reporter does not answer closes the problem as"
    " feedback timeout. Who reported it can open it again.",
    ClockKind.STALE: "A problem for which nobody says, changes or votes for anything is marked as"
    " stale and listed on the triage desk. It pauses in feedback and while suspended.",
}


class ClocksForm(WordsForm):
    """A tick and a number of days for each clock."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for kind in ClockKind:
            self.fields[_tick_of(kind)] = forms.BooleanField(label="On", required=False)
            attrs = {"inputmode": "numeric", "maxlength": 5, "size": 5}
            help_text = f"From 1 to {MOST_DAYS:,}; {DEFAULT_DAYS[kind]} unless you say otherwise."
            self.fields[field_of(kind)] = forms.CharField(
                label="Days", help_text=help_text, widget=forms.TextInput(attrs=attrs)
            )

    def parts(self) -> list[dict[str, Any]]:
        """What the page shows of each clock."""
        return [
            {"title": kind.label.capitalize(), "acts": ACTS[kind],
             "tick": self[_tick_of(kind)], "days": self[field_of(kind)]}
            for kind in ClockKind
        ]  # fmt: skip


def _tick_of(kind: ClockKind) -> str:
    return field_of(kind).replace("days_", "on_")


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def clocks(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The clocks of a product; POST sets all three, or says what is wrong."""
    product = get_object_or_404(Product, slug=slug)
    require(may("clock.manage", request.user))
    initial = _initial(product, terms_of([product.pk]))
    form = ClocksForm(request.POST if request.method == "POST" else None, initial=initial)
    if request.method == "POST":
        words = form.words()
        wanted = {k: (bool(words[_tick_of(k)]), words.get(field_of(k), "")) for k in ClockKind}
        try:
            set_clocks(product, person_of(request), wanted)
            messages.success(request, "Saved.")
            return redirect("product-clocks", slug=slug)
        except DraftErrors as faults:
            form.refuse(faults.errors)
    context = {"product": product, "form": form}
    return render(request, "products/clocks.html", context, status=400 if form.errors else 200)


def _initial(product: Product, terms: TermsOf) -> dict[str, Any]:
    initial: dict[str, Any] = {}
    for kind in ClockKind:
        own = terms[product.pk, kind]
        initial |= {_tick_of(kind): own.is_on, field_of(kind): own.days}
    return initial
