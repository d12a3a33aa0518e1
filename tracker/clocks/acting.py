"""What the clocks do when they go off: once, under the problem's lock, with the reason in history.

A clock is claimed by a conditional UPDATE in the transaction that writes the event: of any number
of workers one gets it, and one that is killed in between leaves both undone.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from tracker.changes import ProblemChange
from tracker.clocks import rules
from tracker.clocks.keeping import put_right, terms_of
from tracker.clocks.rules import Course, Terms
from tracker.models import Clock, ClockKind, Door, Event, Problem, Resolution, State
from tracker.services import change_by_tracker, lock, record

logger = logging.getLogger(__name__)

BATCH: Final = 100


def fire_due(seconds: float = 8.0) -> tuple[int, bool]:
    """Let what is due go off, the oldest first, for so many seconds at the most.

    Returns how many acted, and whether some are left. One that fails is noted and passed over.
    """
    ends = time.monotonic() + seconds
    now = timezone.now()
    fired = 0
    waiting = Clock.objects.filter(fired_at=None, due_at__lte=now).order_by("due_at", "pk")
    beyond = Q()
    while True:
        batch = list(waiting.filter(beyond)[:BATCH])
        for clock in batch:
            if time.monotonic() > ends:
                return fired, True
            fired += _fire_or_note(clock, now)
        if len(batch) < BATCH:
            return fired, False
        last = batch[-1]
        beyond = Q(due_at__gte=last.due_at) & (Q(due_at__gt=last.due_at) | Q(pk__gt=last.pk))


def _fire_or_note(clock: Clock, now: datetime) -> bool:
    try:
        return fire(clock, now)
    except Exception:
        logger.exception("The clock “%s” could not act; it is tried again later", clock)
        return False


@transaction.atomic
def fire(clock: Clock, now: datetime) -> bool:
    """Claim the clock and do what it is for; False when it was not to go off (any more)."""
    try:
        # The problem first, as everybody does who writes its events.
        problem = lock(Problem(pk=clock.problem_id))
    except Problem.DoesNotExist:
        return False
    mine = Clock.objects.filter(pk=clock.pk, fired_at=None, due_at__lte=now)
    if not mine.update(fired_at=now):
        return False
    claimed = Clock.objects.get(pk=clock.pk)
    terms = terms_of([problem.product_id])[problem.product_id, claimed.kind]
    due = rules.due(claimed, terms)
    if rules.course(claimed.kind, problem) is not Course.RUNS or due is None or due > now:
        put_right(claimed, problem, terms, now)
        return False
    ACTS[ClockKind(claimed.kind)](problem, claimed, terms)
    return True


def _give_back(problem: Problem, clock: Clock, terms: Terms) -> None:
    """Nothing is silently held: who says nothing has it no more."""
    note = f"Assigned to {problem.assignee} for {_days(terms)} without a word from them."
    asked = ProblemChange(assignee="")
    if problem.state == State.IN_PROGRESS:
        asked.state = State.OPEN
    change_by_tracker(problem, asked, note, quiet=_is_untouched_import(problem))


def _close_unanswered(problem: Problem, clock: Clock, terms: Terms) -> None:
    who = problem.reporter.handle if problem.reporter else "whoever reported it"
    since = max(clock.started_at, terms.since)
    note = (
        f"No answer from {who} for {_days(terms)}, since {since.day} {since:%B %Y}. "
        "Whoever reported it can open it again."
    )
    asked = ProblemChange(state=State.CLOSED, resolution=Resolution.FEEDBACK_TIMEOUT)
    change_by_tracker(problem, asked, note, quiet=_is_untouched_import(problem))


def _mark_stale(problem: Problem, clock: Clock, terms: Terms) -> None:
    """A line of history and nothing else: the problem is no more active for it, nobody is told."""
    note = f"Stale: nobody said, changed or voted for anything here for {_days(terms)}."
    record(problem, Event.Kind.CHANGED, None, Door.SYSTEM, note=note, quiet=True)


Act = Callable[[Problem, Clock, Terms], None]

ACTS: Final[Mapping[ClockKind, Act]] = {
    ClockKind.SILENT_ASSIGNEE: _give_back,
    ClockKind.FEEDBACK_TIMEOUT: _close_unanswered,
    ClockKind.STALE: _mark_stale,
}


def _is_untouched_import(problem: Problem) -> bool:
    """Whether nobody did anything since it was imported: thousands may go off in one night."""
    by_people = problem.events.exclude(door=Door.SYSTEM).order_by("-id")
    return by_people.values_list("door", flat=True).first() == Door.IMPORT


def _days(terms: Terms) -> str:
    return "a day" if terms.days == 1 else f"{terms.days} days"
