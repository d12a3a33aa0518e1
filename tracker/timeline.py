"""What happened to a problem, as people read it: comments and changes in one order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from accounts.models import Person
from accounts.policies import Viewer
from tracker.models import Attachment, Comment, Door, Event, Problem
from tracker.policies import visible_problems
from tracker.untold import readable

# A page shows this many entries; the history has them all, page by page.
LATEST: Final = 250
LONG_FIELDS: Final = frozenset({"description", "how_to_repeat"})
HIDDEN_NUMBER: Final = "a problem that you cannot see"


@dataclass(frozen=True)
class FieldChange:
    """One field's change in words. `old` and `new` are "" where nothing was said."""

    field: str
    old: str
    new: str

    @property
    def is_long(self) -> bool:
        """Whether it is a text of several lines, that a page folds away."""
        return self.field.replace(" ", "_") in LONG_FIELDS

    @property
    def is_news(self) -> bool:
        """Whether nothing was there before it, not even nothing: a patch that came."""
        return not self.old and self.field.startswith("patch ")


@dataclass
class Entry:
    """One line of the timeline: a comment, or what somebody changed or attached."""

    at: datetime
    person: Person | None
    door: str
    kind: str
    comment: Comment | None = None
    attachments: list[Attachment] = field(default_factory=list)
    changes: list[FieldChange] = field(default_factory=list)
    note: str = ""
    serial: int = 0


@dataclass
class Timeline:
    """The latest entries, oldest first; `left_out` says whether there are older ones.

    `seen` is the number of the last event that they tell of.
    """

    entries: list[Entry]
    attachments: list[Attachment]
    left_out: bool
    seen: int = 0


@dataclass(frozen=True)
class FieldNews:
    """What others made of one field: `who` last, `change` from first to last, in words."""

    name: str
    who: Person | None
    change: FieldChange


def timeline(problem: Problem, viewer: Viewer, latest: int = LATEST, after: int = 0) -> Timeline:
    """The entries of `problem` as `viewer` may read them. Four queries, however many there are.

    `after` is the number of an event: only what came later is wanted.
    """
    rows = problem.events.filter(pk__gt=after).select_related("actor").order_by("-id")
    events = list(rows[: latest + 1])
    spoken = problem.comments.select_related("author").order_by("-id")
    if after:
        spoken = spoken.filter(pk__in=[event.comment_id for event in events])
    comments = list(spoken[: latest + 1])
    attachments = list(problem.attachments.select_related("uploader"))
    entries = _entries(readable(events, viewer), comments, attachments, viewer)
    left_out = len(events) > latest or len(comments) > latest
    seen = events[0].pk if events else after
    return Timeline(entries[-latest:], attachments, left_out, seen)


def last_event(problem: Problem) -> int:
    """The number of the latest event of `problem`; they rise, as each is written under its lock."""
    return problem.events.order_by("-id").values_list("pk", flat=True).first() or 0


def stamp(problem: Problem, last: int) -> str:
    """How the problem stands after its event `last`: another stamp means that there is news."""
    return f"{last}.{problem.version}.{problem.people}.{problem.waiting}"


def field_news(problem: Problem, viewer: Viewer, after: int) -> list[FieldNews]:
    """The fields that changed after the event `after`, as `viewer` may read them."""
    events = problem.events.filter(pk__gt=after).exclude(changes=[])
    rows = readable(events.select_related("actor").order_by("id"), viewer)
    visible = _visible_numbers(rows, viewer)
    news: dict[str, FieldNews] = {}
    for event in rows:
        for change in event.changes:
            told = _in_words(change, visible)
            first = news.get(change["field"])
            whole = FieldChange(told.field, first.change.old if first else told.old, told.new)
            news[change["field"]] = FieldNews(change["field"], event.actor, whole)
    return list(news.values())


def _entries(
    events: list[Event], comments: list[Comment], attachments: list[Attachment], viewer: Viewer
) -> list[Entry]:
    files = {attachment.pk: attachment for attachment in attachments}
    of_comment: dict[int, list[Attachment]] = defaultdict(list)
    for attachment in attachments:
        if attachment.comment_id is not None:
            of_comment[attachment.comment_id].append(attachment)
    texts = {comment.pk: comment for comment in comments}
    told = {event.comment_id for event in events}
    shown = describe(events, viewer)
    entries = [Entry(c.created_at, c.author, c.door, "commented", c, of_comment[c.pk])
               for c in comments if c.pk not in told]  # fmt: skip
    for event, entry in zip(events, shown, strict=True):
        attached = files.get(event.attachment_id or 0)
        if attached is not None and attached.comment_id is not None:
            continue
        if attached is not None:
            entry.attachments = [attached]
        if event.comment_id in texts:
            entry.comment = texts[event.comment_id]
            entry.attachments = of_comment[event.comment_id]
        entries.append(entry)
    return sorted(entries, key=lambda entry: (entry.at, entry.serial))


def describe(events: Iterable[Event], viewer: Viewer) -> list[Entry]:
    """Each event as an entry; numbers of problems that `viewer` cannot see are left out."""
    rows = list(events)
    visible = _visible_numbers(rows, viewer)
    return [
        Entry(
            event.at,
            event.actor,
            event.door,
            event.kind,
            changes=[_in_words(change, visible) for change in event.changes],
            note=event.note,
            serial=event.pk,
        )
        for event in rows
    ]


def _visible_numbers(events: list[Event], viewer: Viewer) -> set[int]:
    numbers = {
        value
        for event in events
        for change in event.changes
        if change["field"] == "duplicate_of"
        for value in (change["old"], change["new"])
        if value
    }
    if not numbers:
        return set()
    return set(visible_problems(viewer).filter(pk__in=numbers).values_list("pk", flat=True))


def _in_words(change: dict[str, Any], visible: set[int]) -> FieldChange:
    name = str(change["field"])
    words = [_value(name, change.get(side), visible) for side in ("old", "new")]
    return FieldChange(name.removeprefix("is_").replace("_", " "), *words)


def _value(name: str, value: Any, visible: set[int]) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "duplicate_of":
        return f"#{value}" if value in visible else HIDDEN_NUMBER
    return str(value)


def door_words(door: str) -> str:
    """How an entry came in, where that is worth a word."""
    return "" if door == Door.WEB else f"by {Door(door).label}"
