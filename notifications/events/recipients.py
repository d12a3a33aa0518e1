"""Who is told of an event, and which of the several grounds for it is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q

from accounts.models import Person
from notifications.events.choices import wants_own_acts
from notifications.events.watches import watchers_of_paths
from notifications.models import COVERS_EVERYTHING, Reach, Reason, Subscription
from notifications.policies import may_know, writable
from tracker.models import Event, Maintainership, Problem

# Files that a reporter adds so soon belong to the report, whose mail names them.
PART_OF_THE_REPORT = timedelta(minutes=10)

CLOSENESS = {reach: closeness for closeness, reach in enumerate(Reach)}


@dataclass(frozen=True)
class Ground:
    """Why a person would be told, or with `is_muted` is not."""

    person: Person
    reach: Reach
    target_id: int | None
    reason: Reason
    is_muted: bool = False


def recipients(event: Event) -> list[Ground]:
    """One ground for each person who is to be told of `event`, by the id of the person."""
    if _belongs_to_the_report(event, event.problem):
        return []
    closest = _closest(_grounds(event))
    grounds = {pk: ground for pk, ground in closest.items() if not ground.is_muted}
    _settle_own_act(event, closest, grounds)
    return _told(event.problem, grounds)


def recipients_by_searches(event: Event, watches: Iterable[Subscription]) -> list[Ground]:
    """The same of those to whom nothing is closer than one of these watches of searches."""
    closest = _closest([*_grounds(event), *_by_watches(watches)])
    grounds = {pk: ground for pk, ground in closest.items() if ground.reach == Reach.SEARCH}
    grounds.pop(event.actor_id or 0, None)
    return _told(event.problem, grounds)


def _grounds(event: Event) -> list[Ground]:
    """All but those of searches, which are asked later."""
    problem = event.problem
    return [
        *_by_what_they_are(problem),
        *_by_what_they_were(event, problem),
        *_by_what_they_chose(problem),
        *_by_watches(watchers_of_paths(event)),
        *_by_its_duplicates(problem),
    ]


def _told(problem: Problem, grounds: Mapping[int, Ground]) -> list[Ground]:
    told = may_know(problem, writable(ground.person for ground in grounds.values()))
    return [grounds[pk] for pk in sorted(person.pk for person in told)]


def _settle_own_act(event: Event, closest: dict[int, Ground], grounds: dict[int, Ground]) -> None:
    """Nobody is told of what they did themselves, unless they asked for that and muted nothing."""
    actor = event.actor
    if actor is None:
        return
    grounds.pop(actor.pk, None)
    is_muted = actor.pk in closest and closest[actor.pk].is_muted
    if not is_muted and wants_own_acts(actor):
        number = event.problem_id
        grounds[actor.pk] = Ground(actor, Reach.PROBLEM, number, Reason.OWN_ACT)


def ground_of(person: Person, problem: Problem) -> Ground | None:
    """Why one person would be told of `problem`, or a ground that mutes; None without any."""
    grounds = [
        *_by_what_they_are(problem),
        *_by_what_they_chose(problem, person),
        *_by_its_duplicates(problem),
    ]
    return _closest(grounds).get(person.pk)


def _closest(grounds: Iterable[Ground]) -> dict[int, Ground]:
    """The ground that decides, for each person."""
    closest: dict[int, Ground] = {}
    for ground in grounds:
        known = closest.get(ground.person.pk)
        if known is None or _is_stronger(ground, known):
            closest[ground.person.pk] = ground
    return closest


def _belongs_to_the_report(event: Event, problem: Problem) -> bool:
    return (
        event.kind == Event.Kind.ATTACHED
        and event.actor_id == problem.reporter_id
        and event.at - problem.created_at < PART_OF_THE_REPORT
    )


def _is_stronger(ground: Ground, known: Ground) -> bool:
    """The closer one; of two that are as close, the one that mutes."""
    distance = CLOSENESS[ground.reach] - CLOSENESS[known.reach]
    return distance > 0 or (distance == 0 and ground.is_muted)


def _by_what_they_are(problem: Problem) -> list[Ground]:
    """The assignee, the reporter, and the maintainers of the component, in this order."""
    grounds = _by_their_own(problem)
    maintainers = Maintainership.objects.filter(component=problem.component_id)
    grounds += [
        Ground(row.person, Reach.COMPONENT, problem.component_id, Reason.MAINTAINER)
        for row in maintainers.select_related("person")
    ]
    return grounds


def _by_their_own(problem: Problem) -> list[Ground]:
    """The assignee and the reporter, in this order."""
    grounds = []
    if problem.assignee is not None:
        grounds.append(Ground(problem.assignee, Reach.PROBLEM, problem.pk, Reason.ASSIGNEE))
    if problem.reporter is not None:
        grounds.append(Ground(problem.reporter, Reach.PROBLEM, problem.pk, Reason.REPORTER))
    return grounds


def _by_what_they_were(event: Event, problem: Problem) -> list[Ground]:
    """Whoever had the problem until this event, which may have taken it away without a word."""
    handles = [c["old"] for c in event.changes if c["field"] == "assignee" and c["old"]]
    if not handles:
        return []
    people = Person.objects.filter(handle__in=handles)
    return [Ground(person, Reach.PROBLEM, problem.pk, Reason.ASSIGNEE) for person in people]


def _by_what_they_chose(problem: Problem, person: Person | None = None) -> list[Ground]:
    rows = Subscription.objects.filter(
        Q(problem=problem.pk)
        | Q(component=problem.component_id)
        | Q(product=problem.product_id)
        | COVERS_EVERYTHING
    )
    if person is not None:
        rows = rows.filter(person=person)
    return [
        Ground(row.person, row.reach, row.target_id, Reason(row.reason), row.is_muted)
        for row in rows.select_related("person")
    ]


def _by_watches(rows: Iterable[Subscription]) -> list[Ground]:
    """Watches that were stopped are none: they silence nothing else."""
    return [Ground(row.person, row.reach, row.target_id, Reason(row.reason)) for row in rows]


def _by_its_duplicates(problem: Problem) -> list[Ground]:
    """Who reported, has or follows a duplicate follows its head, for as long as it is one.

    Whoever muted the duplicate, or may not know of it any more, is not told through it. Two
    queries at the most, and one for each confidential duplicate.
    """
    if problem.head_id is not None:
        return []
    copies = list(problem.group.select_related("reporter", "assignee").order_by("pk"))
    if not copies:
        return []
    rows: dict[int, list[Ground]] = defaultdict(list)
    chosen = Subscription.objects.filter(problem__in=copies).select_related("person")
    for row in chosen.order_by("pk"):
        number = row.problem_id or 0
        rows[number].append(
            Ground(row.person, Reach.PROBLEM, number, Reason(row.reason), row.is_muted)
        )
    found = []
    for copy in copies:
        own = [*_by_their_own(copy), *rows[copy.pk]]
        grounds = [ground for ground in _closest(own).values() if not ground.is_muted]
        known = {person.pk for person in may_know(copy, [ground.person for ground in grounds])}
        found += [ground for ground in grounds if ground.person.pk in known]
    return found
