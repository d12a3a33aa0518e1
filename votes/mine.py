"""What waits for one person, and what that person waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Exists, F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from accounts.models import Person
from tracker.models import OPEN, Clock, ClockKind, Event, Problem, State
from tracker.policies import visible_problems
from votes.models import Vote

# One person has few problems among many. SQLite would rather walk through all open ones, or all of
# a state, in the order of the list: so neither is said in a way that one of those indexes serves.
IN_FEEDBACK = Q(is_open=True) & ~Q(state__in=[s for s in State if s != State.FEEDBACK])

RELATED = ("product", "component", "release", "fixed_in", "assignee", "reporter")


@dataclass(frozen=True)
class Part:
    """Problems that wait for one reason; `more` when not all of them are here.

    `key` is the reason for programs; `query` leads to all of them, "" where no list has them.
    """

    key: str
    title: str
    problems: list[Problem]
    more: bool
    query: str


Kind = tuple[str, str, QuerySet[Problem], str]


def waits_for(person: Person, limit: int = 5) -> list[Part]:
    """What waits for `person`, the most pressing first; empty kinds are left out.

    Four queries at the most.

    A reporter, an assignee and a maintainer see what is theirs, confidential or not.
    """
    asked = Problem.objects.filter(IN_FEEDBACK, reporter=person)
    assigned = (
        Problem.objects.filter(OPEN, assignee=person)
        .exclude(state__in=[State.FEEDBACK, State.SUSPENDED])
        .annotate(is_answered=is_answered(person))
    )
    # Named one by one: as a subquery, for whoever maintains nothing all open problems are read.
    maintained = list(person.maintained_components.order_by("pk").values_list("pk", flat=True))
    new = Problem.objects.filter(OPEN, state=State.NEW, component__in=maintained)
    return _parts(
        [
            ("feedback", "Feedback asked of you", asked.order_by("changed_at", "number"),
             "reporter=me&state=feedback"),
            ("assigned", "Assigned to you",
             assigned.order_by("-is_answered", "changed_at", "number"), "assignee=me"),
            ("maintained", "New in what you maintain", new.order_by("-number"), ""),
        ],
        limit,
    )  # fmt: skip


def is_answered(person: Person) -> Exists:
    """Whether the reporter has commented since `person` did anything to the problem."""
    of_problem = Event.objects.filter(problem=OuterRef("problem"), actor=person)
    own = of_problem.order_by("-id").values("id")[:1]
    words = Event.objects.filter(
        problem=OuterRef("pk"), kind=Event.Kind.COMMENTED, actor=OuterRef("reporter")
    ).exclude(actor=person)
    return Exists(words.filter(id__gt=Coalesce(Subquery(own), Value(0))))


def waited_for_by(person: Person, limit: int = 5) -> list[Part]:
    """What `person` waits for: answers to their questions, and others with their reports.

    Two queries; empty kinds are left out.
    """
    questions = Clock.objects.filter(kind=ClockKind.FEEDBACK_TIMEOUT, asked_by=person)
    own = Problem.objects.filter(IN_FEEDBACK, assignee=person)
    numbers = questions.values("problem").union(own.values("pk"))
    asked = visible_problems(person).filter(IN_FEEDBACK, pk__in=numbers).exclude(reporter=person)
    reported = (
        Problem.objects.filter(is_open=True, reporter=person)
        .exclude(state=State.FEEDBACK)
        # What they have themselves is not with others.
        .exclude(assignee=F("reporter"))
    )
    return _parts(
        [
            ("asked", "You asked, and wait for an answer", asked.order_by("changed_at", "number"),
             ""),
            ("reported", "You reported, and wait for others",
             reported.order_by("changed_at", "number"), "reporter=me"),
        ],
        limit,
    )  # fmt: skip


def voted_for(person: Person, limit: int = 5) -> Part:
    """What others reported and `person` has too, the biggest first. One query."""
    own = Vote.objects.filter(person=person).values("problem")
    problems = visible_problems(person).filter(is_open=True, pk__in=own).exclude(reporter=person)
    (part,) = _parts(
        [("voted", "You have these too", problems.order_by("-heat", "-number"), "voted=me")],
        limit,
        with_empty=True,
    )
    return part


def _parts(kinds: Sequence[Kind], limit: int, *, with_empty: bool = False) -> list[Part]:
    found = []
    for key, title, problems, query in kinds:
        related = problems.select_related(*RELATED)
        some = list(related.defer("description", "how_to_repeat")[: limit + 1])
        if some or with_empty:
            found.append(Part(key, title, some[:limit], len(some) > limit, query))
    return found
