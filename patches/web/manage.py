"""How a product has its patches rated, and what they need: to read for all, to change for some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.forms import BoundField
from django.http import Http404, HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import require
from patches.models import BRANCH_CHARS, BranchRule, RatingDimension, Requirement
from patches.policies import may
from patches.reviews import dimensions, managing, needs
from patches.reviews.dimensions import Dimension
from patches.reviews.managing import DimensionWords, PartWords
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.models import Product
from tracker.web.forms import Choices, WordsForm, choice_field, line_field, set_choices
from tracker.web.pages import page, person_of, signed_in

form_methods = require_http_methods(["GET", "HEAD", "POST"])

BRANCH_HELP = (
    "As people write it in a patch, such as “stable/15”; “stable/*” are all of these; "
    "empty for the main branch."
)
BY_CHOICES: Final[Choices] = [(by.value, by.label) for by in Requirement.By]
DIFFERENT_CHOICES: Final[Choices] = [
    ("", "anywhere"),
    ("architecture", "on different architectures"),
    ("release", "on different releases"),
]
SPARE_PARTS: Final = 3
STEPS: Final = {"up": -1, "down": 1}


class DimensionForm(WordsForm):
    """In what patches are rated."""

    title = line_field("Title", managing.DIMENSION_TITLE_CHARS, required=True)
    is_objection = forms.BooleanField(
        label="It speaks against the patch", required=False, help_text="As “Fails here” does."
    )
    has_minus = forms.BooleanField(
        label="One may say no as well as yes", required=False, initial=True
    )
    asks_environment = forms.BooleanField(
        label="Ask where it was tried", required=False, help_text="Release, architecture, hardware."
    )
    voided_by = choice_field(
        "What of a later version makes it void",
        [(each.value, each.label) for each in RatingDimension.VoidedBy],
        "The same content on another base never does.",
    )


class RuleForm(WordsForm):
    """What patches for some branches need. Each part of it is a row of four fields."""

    branch = line_field("Branch", BRANCH_CHARS, BRANCH_HELP, placeholder="stable/*")

    def __init__(self, *args: Any, known: list[Dimension], parts: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.places = min(parts + SPARE_PARTS, managing.MOST_PARTS)
        choices = [("", "nothing"), *((d.slug, d.title) for d in known)]
        for place in range(self.places):
            self.fields[f"dimension_{place}"] = choice_field("In", [])
            set_choices(self, f"dimension_{place}", choices)
            self.fields[f"count_{place}"] = line_field(
                "People", 3, inputmode="numeric", placeholder="1"
            )
            self.fields[f"by_{place}"] = choice_field("Who", BY_CHOICES)
            self.fields[f"different_{place}"] = choice_field("Where", DIFFERENT_CHOICES)

    def rows(self) -> list[list[BoundField]]:
        """The fields of each part."""
        names = ("dimension", "count", "by", "different")
        return [[self[f"{name}_{n}"] for name in names] for n in range(self.places)]

    def parts(self) -> list[PartWords]:
        """What was asked for."""
        words = {name: str(value) for name, value in self.words().items()}
        return [
            PartWords(
                words.get(f"dimension_{n}", ""),
                words.get(f"count_{n}", ""),
                words.get(f"by_{n}", ""),
                words.get(f"different_{n}", ""),
            )
            for n in range(self.places)
        ]


@require_safe
@page
def ratings(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Dimensions and rules, in words. Everybody reads them; who manages changes them here."""
    product = get_object_or_404(Product, slug=slug)
    context = {
        "product": product,
        "may_manage": may("patch.manage", request.user),
        "dimensions": dimensions.of(product),
        "rules": managing.rules_of(product),
    }
    return render(request, "patches/manage.html", context)


@form_methods
@signed_in
def new_dimension(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Add a dimension."""
    product = _managed(request, slug)
    form = DimensionForm(request.POST if request.method == "POST" else None)

    def save() -> None:
        managing.add_dimension(product, person_of(request), _dimension_words(form))

    return _answer(request, product, form, save, "New dimension")


@form_methods
@signed_in
def edit_dimension(request: HttpRequest, slug: str, dimension: str) -> HttpResponseBase:
    """Change a dimension, move it or remove it."""
    product = _managed(request, slug)
    found = dimensions.by_slug(product).get(dimension)
    if found is None:
        raise Http404
    initial = {name: getattr(found, name) for name in DimensionForm.base_fields}
    form = DimensionForm(request.POST if request.method == "POST" else None, initial=initial)
    deed = request.POST.get("deed", "")

    def save() -> None:
        person = person_of(request)
        if deed == "remove":
            managing.remove_dimension(product, person, dimension)
        elif deed in STEPS:
            managing.move_dimension(product, person, dimension, STEPS[deed])
        else:
            managing.update_dimension(product, person, dimension, _dimension_words(form))

    return _answer(request, product, form, save, f"Dimension “{found.title}”", is_there=True)


def _dimension_words(form: WordsForm) -> DimensionWords:
    words = form.words()
    return DimensionWords(
        str(words.get("title", "")),
        bool(words.get("is_objection")),
        bool(words.get("has_minus")),
        bool(words.get("asks_environment")),
        str(words.get("voided_by", "")),
    )


@form_methods
@signed_in
def new_rule(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Add a rule."""
    product = _managed(request, slug)
    form = _rule_form(request, product, None)

    def save() -> None:
        branch = request.POST.get("branch", "")
        managing.add_rule(product, person_of(request), branch, form.parts())

    return _answer(request, product, form, save, "New rule")


@form_methods
@signed_in
def edit_rule(request: HttpRequest, slug: str, rule: int) -> HttpResponseBase:
    """Change a rule, move it or remove it."""
    product = _managed(request, slug)
    found = get_object_or_404(product.branch_rules.select_related("product"), pk=rule)
    form = _rule_form(request, product, found)
    deed = request.POST.get("deed", "")

    def save() -> None:
        person = person_of(request)
        if deed == "remove":
            managing.remove_rule(found, person)
        elif deed in STEPS:
            managing.move_rule(found, person, STEPS[deed])
        else:
            managing.update_rule(found, person, request.POST.get("branch", ""), form.parts())

    return _answer(request, product, form, save, f"Rule for {found}", is_there=True)


def _rule_form(request: HttpRequest, product: Product, rule: BranchRule | None) -> RuleForm:
    parts = needs.parts_of(rule) if rule else []
    initial: dict[str, Any] = {"branch": rule.branch if rule else ""}
    for place, part in enumerate(parts):
        initial |= {
            f"dimension_{place}": part.dimension,
            f"count_{place}": part.count,
            f"by_{place}": part.by,
            f"different_{place}": part.different,
        }
    sent: QueryDict | None = request.POST if request.method == "POST" else None
    return RuleForm(sent, known=dimensions.of(product), parts=len(parts), initial=initial)


def _managed(request: HttpRequest, slug: str) -> Product:
    product = get_object_or_404(Product, slug=slug)
    require(may("patch.manage", request.user))
    return product


def _answer(
    request: HttpRequest,
    product: Product,
    form: WordsForm,
    save: Callable[[], None],
    title: str,
    *,
    is_there: bool = False,
) -> HttpResponseBase:
    """Show the form; after a POST save it, or show it with what is wrong."""
    status = 200
    if request.method == "POST":
        try:
            save()
            messages.success(request, "Saved.")
            return redirect("product-ratings", slug=product.slug)
        except DraftErrors as faults:
            status = 400
            form.refuse(faults.errors)
        except Conflict as conflict:
            status = 409
            form.refuse({"": [str(conflict)]})
    context = {"form": form, "title": title, "product": product, "is_there": is_there,
               "rows": form.rows() if isinstance(form, RuleForm) else []}  # fmt: skip
    return render(request, "patches/manage_form.html", context, status=status)
