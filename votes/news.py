"""What happened to the problems that somebody has, since they looked last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Person
from tracker.models import Door, Event, Problem, Resolution
from tracker.policies import visible_problems
from tracker.timeline import Entry, FieldChange, describe
from tracker.untold import readable
from votes.models import LastLook, Vote

# Whoever looks for the first time is told of this much.
FIRST_LOOK: Final = timedelta(days=30)
MOST_EVENTS: Final = 300
MOST_PROBLEMS: Final = 20
MOST_LINES: Final = 4


@dataclass(frozen=True)
class Happening:
    """One thing that happened, in words: "mara set it to in progress"."""

    at: datetime
    words: str


@dataclass(frozen=True)
class News:
    """One problem and the latest that happened to it, oldest first; `left_out` came before."""

    problem: Problem
    happenings: list[Happening]
    left_out: int

    @property
    def is_fixed(self) -> bool:
        """Whether those who have it are rid of it, as the project sees it."""
        return self.problem.resolution == Resolution.FIXED


def news_since(person: Person, now: datetime | None = None) -> datetime:
    """The time from which on news are news to `person`. One query."""
    seen = LastLook.objects.filter(person=person).values_list("seen_until", flat=True).first()
    return seen or first_look(person, now or timezone.now())


def first_look(person: Person, now: datetime) -> datetime:
    """From when on news are told to somebody who never looked."""
    return max(person.joined_at, now - FIRST_LOOK)


def problems_of(person: Person) -> QuerySet[Problem]:
    """What `person` voted for, and the heads of what are duplicates, as far as they may see it."""
    own = Vote.objects.filter(person=person).order_by()
    heads = own.filter(problem__head__isnull=False)
    numbers = own.values("problem").union(heads.values("problem__head"), all=True)
    return visible_problems(person).filter(pk__in=numbers)


def news(person: Person, since: datetime) -> list[News]:
    """What others did since `since` to what `person` has: the fixed first, then the latest.

    Three queries at the most, and one more where a number is named.
    """
    found = _events(person, since)
    entries = describe(found, person)
    by_problem: dict[int, list[Entry]] = defaultdict(list)
    for event, entry in zip(found, entries, strict=True):
        by_problem[event.problem_id].append(entry)
    latest = list(by_problem)[:MOST_PROBLEMS]
    related = ("product", "component", "release", "fixed_in", "assignee", "reporter")
    rows = Problem.objects.filter(pk__in=latest).select_related(*related)
    problems = {p.pk: p for p in rows.defer("description", "how_to_repeat")} if latest else {}
    told = [_told(problems[pk], by_problem[pk]) for pk in latest if pk in problems]
    return sorted(told, key=lambda each: not each.is_fixed)


def _events(person: Person, since: datetime) -> list[Event]:
    """The latest first, without what is no news: one's own, imports, and marks of the clocks."""
    events = (
        Event.objects.filter(problem__in=problems_of(person).values("pk"), at__gt=since)
        .exclude(actor=person)
        .exclude(door=Door.IMPORT)
        .exclude(kind=Event.Kind.REPORTED)
        .select_related("actor")
    )
    latest = events.order_by("-id")[:MOST_EVENTS]
    events_of_note = [event for event in latest if event.door != Door.SYSTEM or event.changes]
    return readable(events_of_note, person)


def _told(problem: Problem, entries: list[Entry]) -> News:
    shown = [Happening(entry.at, in_words(entry)) for entry in reversed(entries[:MOST_LINES])]
    return News(problem, shown, len(entries) - len(shown))


def in_words(entry: Entry) -> str:
    """An entry of the history as a clause: "mara closed it as fixed and set fixed in to 15.0"."""
    if entry.person is not None:
        who = entry.person.handle
    else:
        who = "the tracker" if entry.door == Door.SYSTEM else "somebody who left"
    deeds = []
    if entry.kind == Event.Kind.COMMENTED:
        deeds.append("commented")
    if entry.kind == Event.Kind.ATTACHED:
        deeds.append("attached a file")
    deeds += _deeds(entry.changes)
    return f"{who} {_listed(deeds) or 'changed it'}"


def _deeds(changes: Iterable[FieldChange]) -> list[str]:
    fields = {change.field: change for change in changes}
    end, state = fields.pop("resolution", None), fields.pop("state", None)
    deeds = []
    if state is not None and state.new == "closed":
        deeds.append(f"closed it as {end.new}" if end is not None else "closed it")
    elif state is not None:
        verb = "opened it again" if state.old == "closed" else f"set it to {state.new}"
        deeds.append(verb)
    for name, change in fields.items():
        deeds.append(_deed(name, change))
    return deeds


def _deed(name: str, change: FieldChange) -> str:
    if name.startswith("patch "):
        return _deed_of_patch(name, change.new)
    if change.is_long:
        return f"edited the {name}"
    if name == "assignee":
        return f"assigned it to {change.new}" if change.new else f"took it from {change.old}"
    if name == "duplicate of":
        return f"marked it as a duplicate of {change.new}" if change.new else "unmarked it"
    return f"set {name} to {change.new}" if change.new else f"removed {name} {change.old}"


def _deed_of_patch(name: str, what: str) -> str:
    """What a line of the history says of a patch, such as "integrated patch 12"."""
    if what.startswith("came"):
        return f"sent {name}{what.removeprefix('came')}"
    if what == "waiting":
        return f"opened {name} again"
    return f"took {name} from it" if what == "no longer a fix" else f"{what} {name}"


def _listed(deeds: list[str]) -> str:
    return " and ".join([", ".join(deeds[:-1]), deeds[-1]] if deeds[1:] else deeds)
