"""The rows of clocks: in step with every event and vote, and made in batches for the rest.

Whoever writes an event holds the lock of its problem, so the rows of one problem change in turn.
Imports write many events at once and none of them is heard here: `wind` makes the clocks of
imported problems afterwards, and they start then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from tracker.clocks import rules
from tracker.clocks.rules import DEFAULT_DAYS, Course, Terms
from tracker.models import OPEN, Clock, ClockKind, ClockSetting, Door, Event, Problem, State
from tracker.policies import may

BATCH: Final = 1000

TermsOf = dict[tuple[int, str], Terms]


def terms_of(products: Iterable[int]) -> TermsOf:
    """How each clock runs in each of the products, by (product, kind). One query."""
    wanted = set(products)
    found: TermsOf = {}
    for product in wanted:
        for kind, days in DEFAULT_DAYS.items():
            found[product, kind] = Terms(is_on=True, days=days)
    for row in ClockSetting.objects.filter(product__in=wanted):
        found[row.product_id, ClockKind(row.kind)] = Terms(row.is_on, row.days, row.since)
    return found


def follow_event(event: Event) -> None:
    """Set the clocks of the event's problem. At most two queries and one write for each kind."""
    is_mere_mark = event.door == Door.SYSTEM and not event.changes
    if event.door == Door.IMPORT or is_mere_mark:
        return
    problem = event.problem
    if not problem.is_open:
        Clock.objects.filter(problem=problem).delete()
        return
    is_first = event.kind == Event.Kind.REPORTED
    rows = {} if is_first else {c.kind: c for c in Clock.objects.filter(problem=problem)}
    terms = terms_of([problem.product_id])
    asks = _may_ask(event, problem)
    for kind in ClockKind:
        clock = rows.get(kind)
        if rules.course(kind, problem) is Course.MEANS_NOTHING:
            if clock is not None:
                clock.delete()
        else:
            _follow(clock or _new(problem, kind, event.at), event, terms, asks=asks)


def _may_ask(event: Event, problem: Problem) -> bool:
    """Asked only where it matters: it reads the roles of the actor."""
    if problem.state != State.FEEDBACK or event.kind != Event.Kind.COMMENTED:
        return False
    return bool(may("problem.change_state", event.actor, problem))


def _follow(clock: Clock, event: Event, terms: TermsOf, *, asks: bool) -> None:
    problem = event.problem
    if rules.starts_anew(clock.kind, problem, event, asks=asks):
        rules.start(clock, event.at)
    elif clock.fired_at is not None:
        return
    if clock.kind == ClockKind.FEEDBACK_TIMEOUT and rules.is_question(event, asks=asks):
        clock.asked_by = event.actor
    rules.follow(clock, problem, terms[problem.product_id, clock.kind], event.at)
    clock.save()


def _new(problem: Problem, kind: str, at: datetime) -> Clock:
    return Clock(problem=problem, kind=kind, started_at=at)


def sign_of_life(problem: Problem, at: datetime) -> None:
    """A vote was cast at `at`: the problem is not stale. One query; the caller holds its lock.

    `due_at` is left too early: whoever finds it due looks at `started_at` again.
    """
    stale = Clock.objects.filter(problem=problem, kind=ClockKind.STALE, started_at__lt=at)
    stale.update(started_at=at, fired_at=None)


@transaction.atomic
def wind(after: int = 0, limit: int = BATCH) -> int | None:
    """Start the clocks of open problems that have none yet, `limit` at the most from now on.

    Returns the number of the last problem, to go on after; None when there are no more.
    """
    has_clock = Clock.objects.filter(problem=OuterRef("pk"), kind=ClockKind.STALE)
    bare = Problem.objects.filter(OPEN, ~Exists(has_clock), pk__gt=after).order_by("pk")
    problems = list(bare.only("number", "product", "assignee", "state", "is_open")[:limit])
    now = timezone.now()
    terms = terms_of({problem.product_id for problem in problems})
    clocks = []
    for problem in problems:
        for kind in ClockKind:
            if rules.course(kind, problem) is not Course.MEANS_NOTHING:
                clock = _new(problem, kind, now)
                rules.follow(clock, problem, terms[problem.product_id, kind], now)
                clocks.append(clock)
    # One that was made meanwhile knows better.
    Clock.objects.bulk_create(clocks, ignore_conflicts=True)
    return problems[-1].pk if len(problems) == limit else None


def put_right(clock: Clock, problem: Problem, terms: Terms, at: datetime) -> None:
    """Set a clock that went off wrongly to what the problem says. The caller holds its lock."""
    if rules.course(clock.kind, problem) is Course.MEANS_NOTHING:
        clock.delete()
        return
    clock.fired_at = None
    rules.follow(clock, problem, terms, at)
    clock.save()
