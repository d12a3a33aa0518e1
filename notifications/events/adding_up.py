"""What several events of a problem come to: what was undone meanwhile is not told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from notifications.events.choices import wants_own_acts
from notifications.events.of_patches import leave_out_patches
from notifications.events.recipients import CLOSENESS
from notifications.models import Message, Reach, Reason, Subscription, Telling
from tracker.models import Event

Field = tuple[int, str]

_WITH = ("problem__product", "problem__component__product", "actor", "comment", "attachment")
_FILES = ("problem__attachments", "comment__attachments")


def grounds_of(message: Message) -> list[Telling | Message]:
    """Why its person gets it, the closest ground first, without what they ended meanwhile.

    Of before there were tellings, a message knows its one ground itself. Two queries, and one more
    about own acts.
    """
    rows: list[Telling | Message] = list(Telling.objects.filter(message=message).order_by("-event"))
    if not rows and message.event_id is not None:
        rows = [message]
    muted = {
        (row.reach, row.target_id)
        for row in Subscription.objects.filter(person=message.person_id, is_muted=True)
    }
    heard = [row for row in rows if (row.reach, row.target_id) not in muted]
    own = [row for row in heard if row.reason == Reason.OWN_ACT]
    if own and message.person is not None and not wants_own_acts(message.person):
        heard = [row for row in heard if row not in own]
    return sorted(heard, key=lambda row: CLOSENESS[Reach(row.reach)], reverse=True)


def told_by(grounds: Iterable[Telling | Message]) -> list[Event]:
    """The events of these grounds, the oldest first. Three queries."""
    numbers = [ground.event_id for ground in grounds if ground.event_id is not None]
    found = Event.objects.filter(pk__in=numbers)
    return list(found.select_related(*_WITH).prefetch_related(*_FILES).order_by("pk"))


def left_of(told: Sequence[Event], message: Message) -> list[Event]:
    """What is left to say of `told`, with the changes of each problem added up. One query.

    A field that changed twice is told once, at its last change, from what it was first; one that
    is again what it was is not told at all, whoever put it back. Events of which nothing is left
    are left out. The rows are changed for this mail and must not be saved.
    """
    if message.person is not None:
        leave_out_patches(told, message.person)
    now = _values_now(told, message)
    first: dict[Field, Any] = {}
    last: dict[Field, int] = {}
    for event in told:
        for change in event.changes:
            name = (event.problem_id, change["field"])
            first.setdefault(name, change["old"])
            last[name] = event.pk
    for event in told:
        event.changes = [
            {**change, "old": first[name]}
            for change in event.changes
            if last[name := (event.problem_id, change["field"])] == event.pk
            and first[name] not in (change["new"], now[name])
        ]
    return [event for event in told if _says_something(event)]


def _values_now(told: Sequence[Event], message: Message) -> dict[Field, Any]:
    """What the fields are since, as history tells: also by what this mail does not tell.

    What another mail tells is its own news.
    """
    begins: dict[int, int] = {}
    for event in told:
        begins.setdefault(event.problem_id, event.pk)
    elsewhere = Telling.objects.filter(person=message.person_id).exclude(message=message)
    rows = Event.objects.filter(problem__in=begins, pk__gte=min(begins.values(), default=0))
    rows = rows.exclude(pk__in=elsewhere.values("event")).exclude(changes=[]).order_by("pk")
    values: dict[Field, Any] = {}
    for pk, problem, changes in rows.values_list("pk", "problem", "changes"):
        if pk >= begins[problem]:
            values |= {(problem, change["field"]): change["new"] for change in changes}
    return values


def _says_something(event: Event) -> bool:
    """Comments and files that were taken away meanwhile say nothing any more."""
    if event.changes or event.kind == Event.Kind.REPORTED:
        return True
    if event.kind == Event.Kind.COMMENTED:
        return event.comment is not None
    # A file that came with a comment is named by the mail of the comment.
    attached = event.attachment
    return attached is not None and attached.comment_id is None
