"""Reviewing a version: words, a verdict and ratings, sent together with the comments on lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.contrib import messages
from django.forms import BoundField
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from accounts.policies import require
from patches.models import PatchVersion, Rating, Review
from patches.overview import Draft, draft_of, own_ratings
from patches.policies import may
from patches.reviews import dimensions, reviewing
from patches.reviews.rating import Said, rate
from patches.reviews.standing import not_counted
from patches.web.pages import the_patch, the_version
from tracker.changes import Conflict
from tracker.drafts import DraftErrors, Faults
from tracker.models import Door, Product
from tracker.web.forms import (
    Choices,
    WordsForm,
    choice_field,
    line_field,
    release_choices,
    set_choices,
    text_field,
)
from tracker.web.pages import new_form_token, once, person_of, signed_in

_FOCUSED_BY_C: Final[dict[str, Any]] = {"data-comment": "", "aria-keyshortcuts": "c"}
VERDICTS: Final[Choices] = [
    (Review.Verdict.COMMENT.value, "Comment only"),
    (Review.Verdict.CHANGES.value, "Ask its author for changes"),
]
PLACE_FIELDS: Final = ("release", "architecture", "hardware", "note")


class ReviewForm(WordsForm):
    """A review of a patch, with a field for each dimension in which its product rates."""

    text = text_field("What you say of it", rows=6, **_FOCUSED_BY_C)
    verdict = choice_field("Verdict", VERDICTS, required=True)
    release = choice_field("Release", [])
    architecture = line_field("Architecture", 50, list="architectures", placeholder="amd64")
    hardware = line_field("Hardware", 200, placeholder="The machine or card")
    note = line_field("What you tried", 500, placeholder="Four hours of load")

    def __init__(
        self,
        *args: Any,
        product: Product,
        spoken: Iterable[Rating] = (),
        is_own: bool = False,
        not_counted: str = "",
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        # Why what this person rates does not count, in the words of `standing`.
        self.not_counted = not_counted
        self.is_own = is_own
        # Who would ask for changes of their own patch sends another version instead.
        self.verdicts = VERDICTS[:1] if is_own else VERDICTS
        self.dimensions = dimensions.of(product)
        had = {each.dimension for each in spoken}
        for dimension in self.dimensions:
            choices = _values(dimension, dimension.slug in had)
            self.fields[f"rate_{dimension.slug}"] = choice_field(dimension.title, choices)
        set_choices(self, "release", release_choices(product))

    def plain(self) -> list[BoundField]:
        """The fields of dimensions that ask for no place."""
        return [self[f"rate_{d.slug}"] for d in self.dimensions if not d.asks_environment]

    def tried(self) -> list[BoundField]:
        """The fields of those that ask where it was tried."""
        return [self[f"rate_{d.slug}"] for d in self.dimensions if d.asks_environment]

    def place(self) -> list[BoundField]:
        """Where it was tried."""
        return [self[name] for name in PLACE_FIELDS] if self.tried() else []

    def said(self) -> list[Said]:
        """The ratings that were given. Raises `DraftErrors` for what no page offers."""
        words = {name: str(value) for name, value in self.words().items()}
        where = {name: words.get(name, "") for name in PLACE_FIELDS}
        faults = Faults()
        said = []
        for dimension in self.dimensions:
            name = f"rate_{dimension.slug}"
            if word := words.get(name, ""):
                place = where if dimension.asks_environment else {}
                said.append(Said(dimension.slug, _value(word, name, faults), **place))
        faults.raise_if_any()
        return said


def _values(dimension: dimensions.Dimension, may_take_back: bool) -> Choices:
    """What one may say in a dimension."""
    if dimension.is_objection or not dimension.has_minus:
        choices: Choices = [("", "not said"), ("1", "yes")]
    else:
        choices = [("", "not said"), ("1", "+1: good"), ("-1", "−1: not good")]
    return [*choices, ("0", "take back what you said")] if may_take_back else choices


def _value(word: str, name: str, faults: Faults) -> int:
    if word in {"1", "0", "-1"}:
        return int(word)
    faults.add(name, "Choose one of those offered.")
    return 0


def review_form(
    request: HttpRequest, version: PatchVersion, draft: Draft | None = None
) -> ReviewForm:
    """The form, filled with what was sent, or with what the draft has already."""
    patch, person = version.patch, person_of(request)
    sent = request.POST if request.method == "POST" else None
    review = draft.review if draft else None
    initial = {"text": review.text, "verdict": review.verdict} if review else {}
    return ReviewForm(
        sent,
        product=patch.product,
        spoken=own_ratings(patch, person),
        is_own=patch.is_by(person),
        not_counted=not_counted(patch, version, person),
        initial=initial,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def review(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """What is not sent yet, with the form that sends it. POST sends all of it, or nothing."""
    shown = the_patch(request, patch)
    read = the_version(shown, version)
    require(may("patch.review", request.user, shown))
    draft = draft_of(shown, person_of(request))
    form = review_form(request, read, draft)
    status = 200
    if request.method == "POST":
        try:
            return HttpResponseRedirect(once(request, lambda: _send(request, read, form)))
        except DraftErrors as faults:
            status = 400
            form.refuse(faults.errors)
        except Conflict as conflict:
            status = 409
            form.refuse({"": [str(conflict)]})
    context = {
        "patch": shown,
        "version": read,
        "draft": draft,
        "form": form,
        "form_token": request.POST.get("form_token") or new_form_token(),
    }
    return render(request, "patches/review.html", context, status=status)


def _send(request: HttpRequest, version: PatchVersion, form: ReviewForm) -> str:
    words, said = form.words(), form.said()
    sent = reviewing.send_review(
        version,
        person_of(request),
        Door.WEB,
        text=str(words.get("text", "")),
        verdict=_verdict(words),
        ratings=said,
    )
    if said and form.not_counted:
        messages.info(request, f"Your ratings are shown with the remark “{form.not_counted}”.")
    if version.number < sent.patch.content_since:
        told = f"You spoke of version {version.number}. Version {sent.patch.latest} has other"
        messages.warning(request, f"{told} content: look at that one, too.")
    return f"{version.patch.get_absolute_url()}#review-{sent.pk}"


def _verdict(words: Mapping[str, Any]) -> Review.Verdict:
    word = words.get("verdict") or Review.Verdict.COMMENT
    if word in Review.Verdict.values:
        return Review.Verdict(word)
    raise DraftErrors({"verdict": ["Choose one of those offered."]})


@require_POST
@signed_in
def discard(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Throw away what was not sent."""
    shown = the_patch(request, patch)
    draft = draft_of(shown, person_of(request))
    if draft is not None:
        reviewing.discard_draft(draft.review.version, person_of(request))
        messages.success(request, "What you had not sent is gone.")
    return redirect(shown)


@require_POST
@signed_in
def rate_alone(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """One rating without a review, such as taking one back."""
    shown = the_patch(request, patch)
    read = the_version(shown, version)
    asked = {name: request.POST.get(name, "") for name in ("dimension", *PLACE_FIELDS)}
    faults = Faults()
    value = _value(request.POST.get("value", ""), "value", faults)
    try:
        faults.raise_if_any()
        rate(read, person_of(request), Door.WEB, Said(value=value, **asked))
    except DraftErrors as wrong:
        for sentence in wrong.sentences:
            messages.error(request, sentence)
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return HttpResponseRedirect(f"{shown.get_absolute_url()}#ratings")
