"""What happened to a patch and what was said of it, in the order of time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from accounts.policies import Viewer
from patches.models import LineComment, Patch, PatchEvent, ThreadPlace
from patches.reviews.dimensions import Dimension
from tracker.policies import visible_problems
from tracker.timeline import FieldChange

# So many entries are shown at once, the newest.
LATEST: Final = 100


@dataclass(frozen=True)
class Remark:
    """A comment on lines, and where these were in the version that it was written on."""

    comment: LineComment
    place: ThreadPlace | None


@dataclass(frozen=True)
class Rated:
    """One rating as it was given; `words` are those of its dimension and value."""

    words: str
    is_against: bool
    place: str
    note: str


@dataclass
class Entry:
    """One event; of a review with its comments on lines. `patched` are numbers of problems."""

    event: PatchEvent
    remarks: list[Remark] = field(default_factory=list)
    ratings: list[Rated] = field(default_factory=list)
    changes: list[FieldChange] = field(default_factory=list)
    patched: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Talk:
    """Entries, oldest first. `older` is the event before which there are more, 0 where none; `seen`
    the newest event that was looked at, be it shown or not."""

    entries: list[Entry]
    older: int = 0
    seen: int = 0


def talk(
    patch: Patch,
    viewer: Viewer,
    known: Mapping[str, Dimension],
    before: int = 0,
    latest: int = LATEST,
) -> Talk:
    """The newest entries of `patch`, or those before an event. Four queries, however many.

    `known` are the dimensions by slug. What is in a draft is no part of it: a review is told
    of by its event, which comes with sending. Problems that `viewer` cannot see are left out.
    """
    rows = patch.events.select_related("actor", "person", "version", "review").order_by("-id")
    if before:
        rows = rows.filter(pk__lt=before)
    events = list(rows[: latest + 1])
    shown = events[:latest][::-1]
    told = entries_of(shown, viewer, known)
    older = shown[0].pk if len(events) > latest else 0
    return Talk(told, older, events[0].pk if events else 0)


def entries_of(
    shown: Sequence[PatchEvent], viewer: Viewer, known: Mapping[str, Dimension]
) -> list[Entry]:
    """What `viewer` is told of these events: nothing of changes that are only about problems that
    they cannot see. Three queries."""
    remarks = remarks_on(event.review_id for event in shown if event.review_id is not None)
    visible = _visible(shown, viewer)
    entries = [
        Entry(
            event,
            remarks.get(event.review_id or 0, []),
            [rated(each, known) for each in event.data.get("ratings", ())],
            _changes(event, visible),
            [number for number in event.data.get("patched", ()) if number in visible],
        )
        for event in shown
    ]
    return [entry for entry in entries if entry.changes or not _is_change(entry.event)]


def remarks_on(reviews: Iterable[int]) -> dict[int, list[Remark]]:
    """The comments on lines of each review. Two queries."""
    comments = list(
        LineComment.objects.filter(review__in=list(reviews))
        .select_related("thread__resolved_by", "review", "applied_in")
        .order_by("id")
    )
    on = {(c.thread_id, c.review.version_id) for c in comments}
    begun = {(c.thread_id, c.thread.version_id) for c in comments}
    rows = ThreadPlace.objects.filter(
        thread__in={thread for thread, _ in on}, version__in={v for _, v in on | begun}
    )
    places = {(place.thread_id, place.version_id): place
              for place in rows.select_related("version")}  # fmt: skip
    found: dict[int, list[Remark]] = defaultdict(list)
    for comment in comments:
        thread = comment.thread
        place = places.get((thread.pk, comment.review.version_id))
        place = place or places.get((thread.pk, thread.version_id))
        found[comment.review_id].append(Remark(comment, place))
    return found


def rated(said: Mapping[str, Any], known: Mapping[str, Dimension]) -> Rated:
    """A rating as the history keeps it, in words. `known` are the dimensions by slug."""
    place = "/".join(filter(None, (said.get("release"), said.get("architecture"))))
    place = ", ".join(filter(None, (place, said.get("hardware"))))
    slug, value = str(said.get("dimension", "")), said.get("value", 0)
    dimension = known.get(slug) or Dimension(slug, slug)
    words = dimension.title
    if not value:
        words += ": taken back"
    elif dimension.has_minus:
        words += " +1" if value > 0 else " −1"
    return Rated(words, dimension.is_against(value), place, said.get("note", ""))


def _is_change(event: PatchEvent) -> bool:
    return event.kind == PatchEvent.Kind.CHANGED


def _changes(event: PatchEvent, visible: set[int]) -> list[FieldChange]:
    """In words; what is only about problems that cannot be seen is left out."""
    found = []
    for change in event.data.get("changes", ()):
        name = str(change["field"])
        old, new = (_value(name, change[side], visible) for side in ("old", "new"))
        if old != new:
            found.append(FieldChange(name.removeprefix("is_"), old, new))
    return found


def _value(name: str, value: Any, visible: set[int]) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "fixes":
        return ", ".join(f"#{number}" for number in value if number in visible)
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return "" if value is None else str(value)


def _visible(events: Iterable[PatchEvent], viewer: Viewer) -> set[int]:
    """Of the problems that events name, those that `viewer` may know of."""
    numbers: set[int] = set()
    for event in events:
        numbers.update(event.data.get("patched", ()))
        for change in event.data.get("changes", ()):
            if change["field"] == "fixes":
                numbers.update(change["old"])
                numbers.update(change["new"])
    if not numbers:
        return set()
    return set(visible_problems(viewer).filter(pk__in=numbers).values_list("pk", flat=True))
