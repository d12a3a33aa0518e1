"""Deciding on a patch: it goes in, it does not, its author takes it back, or it is opened again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.policies import require
from patches import deciding
from patches.models import Patch
from patches.overview import open_threads
from patches.policies import may
from patches.reviews import needs
from patches.web.pages import the_patch
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.models import Door
from tracker.web.edit import number_in
from tracker.web.forms import WordsForm, line_field, text_field
from tracker.web.pages import person_of, signed_in

form_methods = require_http_methods(["GET", "HEAD", "POST"])
Decide = Callable[..., Patch]


class IntegrateForm(WordsForm):
    """As what it went in."""

    commit = line_field("Commit", 64, "Its hash, where it has one.", autocomplete="off")
    note = text_field("Note", "Stands in the history, and its author reads it.", rows=3)
    mark_problems = forms.BooleanField(
        label="Mark the problems that it fixes as patched", required=False, initial=True
    )


class DeclineForm(WordsForm):
    """Why not."""

    note = text_field("Why", "Its author reads it. Say what would be welcome instead.", rows=4,
                      required=True)  # fmt: skip


class NoteForm(WordsForm):
    """A word with it."""

    note = text_field("Note", rows=3)


INTEGRATES: Final = "Say that it went in. The commit itself is yours to make: nothing is pushed."
DECLINES: Final = "It leaves the queue. It can be opened again."
REOPENS: Final = "It waits again, with all that was said of it."
# The form, the service, the title of the page about {}, what comes of it, and what is said
# afterwards.
DEEDS: Final[dict[str, tuple[type[WordsForm], Decide, str, str, str]]] = {
    "integrate": (
        IntegrateForm, deciding.integrate, "Integrate {}", INTEGRATES, "It is marked as integrated."
    ),
    "decline": (
        DeclineForm, deciding.decline, "Decline {}", DECLINES,
        "It is declined, and its author is told why.",
    ),
    "withdraw": (NoteForm, deciding.withdraw, "Withdraw {}", DECLINES, "It is withdrawn."),
    "reopen": (NoteForm, deciding.reopen, "Open {} again", REOPENS, "It is open again."),
}  # fmt: skip
# Decisions about what a version says.
JUDGING: Final = ("integrate", "decline")


@form_methods
@signed_in
def decide(request: HttpRequest, patch: int, deed: str) -> HttpResponseBase:
    """The form of one decision; POST takes it."""
    shown = the_patch(request, patch)
    require(may(f"patch.{deed}", request.user, shown))
    if request.method != "POST" and shown.is_waiting == (deed == "reopen"):
        # Somebody was quicker: the page of the patch says what became of it.
        return redirect("patch", patch=patch)
    form_of, act, title, tells, done = DEEDS[deed]
    form = form_of(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        try:
            words = _complete(form) | _looked_at(request, deed)
            act(shown, person_of(request), Door.WEB, **words)
            messages.success(request, done)
            return redirect("patch", patch=patch)
        except DraftErrors as faults:
            status = 400
            form.refuse(faults.errors)
        except Conflict as conflict:
            status = 409
            form.refuse({"": [str(conflict)]})
    missing = needs.missing(shown) if deed == "integrate" and shown.is_waiting else None
    context = {
        "patch": shown,
        "form": form,
        "title": title.format(f"patch {shown.pk}"),
        "act": title.replace(" {}", ""),
        "tells": tells,
        "open_threads": open_threads(shown) if missing is not None else None,
        "lacks_something": bool(missing),
        "missing": "" if missing is None else needs.in_a_sentence(shown, missing),
    }
    return render(request, "patches/decide.html", context, status=status)


def _complete(form: WordsForm) -> dict[str, Any]:
    """The words of a form with "" for those that were not sent."""
    words = form.words()
    return {name: words.get(name, "") for name in form.fields}


def _looked_at(request: HttpRequest, deed: str) -> dict[str, int]:
    """The version that was the newest when the form was shown, where that matters."""
    number = number_in(request.POST, "version")
    return {"version": number} if number and deed in JUDGING else {}
