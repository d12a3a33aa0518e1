"""Patches as pages of other things show them: of a problem, a product, a person."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Viewer
from patches.models import WAITING, Look, Patch, PatchFix, Rating, Review, ReviewRequest, Turn
from patches.policies import visible_patches
from patches.waiting.listing import COUNT_LIMIT
from patches.waiting.rows import Row, rows_of
from tracker.duplicates import adds_up
from tracker.models import Problem, Product

MOST_ON_A_PROBLEM = 50
MOST_FOR_A_PERSON = 10


@dataclass(frozen=True)
class Mark:
    """What became of something that was looked through for a patch: the number of the patch, or
    why it is none; `reason` is "" where it is one."""

    patch: int
    reason: str


@dataclass(frozen=True)
class Waiting:
    """Patches that wait for somebody for one reason; `query` leads to all of them."""

    title: str
    rows: list[Row]
    more: bool
    query: str


def of_problem(problem: Problem, viewer: Viewer) -> list[Row]:
    """The patches that are to fix a problem, or a duplicate of it: those that wait first, then the
    newest. One query where there are none."""
    fixes = PatchFix.objects.order_by().values_list("patch", flat=True)
    of_duplicates = fixes.filter(adds_up("problem"), problem__head=problem)
    numbers = list(fixes.filter(problem=problem).union(of_duplicates))
    if not numbers:
        return []
    rows = visible_patches(viewer).filter(pk__in=numbers).defer("description")
    rows = rows.select_related("product", "author", "submitter", "decided_by")
    return rows_of(list(rows.order_by("-is_waiting", "-number")[:MOST_ON_A_PROBLEM]))


def marks_on(problem: Problem, viewer: Viewer) -> dict[str, Mark]:
    """`attachment-12`, `comment-7` or `report` to what became of it. Two queries at the most.

    That something became a patch of which the viewer may not know is not told.
    """
    told = Look.objects.exclude(outcome=Look.Outcome.NOTHING)
    looks = told.filter(problem=problem).union(
        told.filter(attachment__problem=problem), told.filter(comment__problem=problem)
    )
    columns = ("attachment", "comment", "reason", "version__patch")
    rows = list(looks.values_list(*columns))
    numbers = {number for *_, number in rows if number is not None}
    seen = set[int]()
    if numbers:
        seen.update(visible_patches(viewer).filter(pk__in=numbers).values_list("pk", flat=True))
    return {
        _place(attachment, comment): Mark(number or 0, reason)
        for attachment, comment, reason, number in rows
        if reason or number in seen
    }


def _place(attachment: int | None, comment: int | None) -> str:
    if attachment:
        return f"attachment-{attachment}"
    return f"comment-{comment}" if comment else "report"


def waiting_in(product: Product, viewer: Viewer) -> int:
    """How many patches of a product wait, counted to `COUNT_LIMIT` + 1 at the most."""
    rows = visible_patches(viewer).filter(WAITING, product=product).order_by()
    return rows[: COUNT_LIMIT + 1].count()


def waiting_for(person: Person, limit: int = MOST_FOR_A_PERSON) -> list[Waiting]:
    """What waits for a person: patches to look at that they were asked about or have claimed, not
    put off, and of which they have not said anything yet; and their own whose turn it is."""
    parts = [
        ("Patches to look at", asked_of(person), "reviewer=me&turn=all"),
        ("Your patches that wait for you", _own(person), "author=me&turn=author"),
    ]
    found = []
    for title, patches, query in parts:
        rows = patches.defer("description").select_related("product", "author", "submitter")
        shown = list(rows.order_by("-demand", "number")[: limit + 1])
        if shown:
            found.append(Waiting(title, rows_of(shown[:limit]), len(shown) > limit, query))
    return found


def asked_of(person: Person) -> QuerySet[Patch]:
    """The patches that wait for a review by `person`, unordered."""
    states = (ReviewRequest.State.OPEN, ReviewRequest.State.CLAIMED)
    requests = ReviewRequest.objects.filter(person=person, state__in=states)
    awake = requests.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=timezone.now()))
    present = Q(patch=OuterRef("pk"), version__number__gte=OuterRef("content_since"))
    said = Review.objects.filter(present, author=person, sent_at__isnull=False)
    rated = Rating.objects.filter(present, person=person, is_current=True).exclude(value=0)
    waiting = visible_patches(person).filter(WAITING, turn=Turn.REVIEWERS)
    return waiting.filter(~Exists(said), ~Exists(rated), pk__in=awake.values("patch"))


def _own(person: Person) -> QuerySet[Patch]:
    own = Patch.objects.filter(WAITING, turn=Turn.AUTHOR)
    return own.filter(Q(author=person) | Q(submitter=person))
