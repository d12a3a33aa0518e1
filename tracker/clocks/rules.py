"""When a clock runs, pauses, starts anew and is due. Nothing here reads a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from tracker.models import Clock, ClockKind, Door, Event, Problem, State

# FreeBSD's own: a silent assignee after two weeks, a question after a month, any problem after
# half a year.
DEFAULT_DAYS: Final[Mapping[ClockKind, int]] = {
    ClockKind.SILENT_ASSIGNEE: 14,
    ClockKind.FEEDBACK_TIMEOUT: 30,
    ClockKind.STALE: 180,
}
MOST_DAYS: Final = 3650
EVER: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Terms:
    """How one clock runs in one product; what came about before `since` does not count."""

    is_on: bool
    days: int
    since: datetime = EVER

    @property
    def length(self) -> timedelta:
        return timedelta(days=self.days)


class Course(StrEnum):
    """What a clock does while a problem is as it is."""

    RUNS = "runs"
    PAUSES = "pauses"
    MEANS_NOTHING = "means nothing"


_COURSE_BY_STATE: Final[Mapping[ClockKind, Mapping[str, Course]]] = {
    ClockKind.SILENT_ASSIGNEE: {
        State.NEW: Course.RUNS,
        State.OPEN: Course.RUNS,
        State.IN_PROGRESS: Course.RUNS,
        State.FEEDBACK: Course.PAUSES,
        State.PATCHED: Course.PAUSES,
        State.SUSPENDED: Course.PAUSES,
    },
    ClockKind.FEEDBACK_TIMEOUT: {State.FEEDBACK: Course.RUNS},
    ClockKind.STALE: {
        State.NEW: Course.RUNS,
        State.OPEN: Course.RUNS,
        State.IN_PROGRESS: Course.RUNS,
        State.FEEDBACK: Course.PAUSES,
        State.PATCHED: Course.RUNS,
        State.SUSPENDED: Course.PAUSES,
    },
}


def course(kind: str, problem: Problem) -> Course:
    """What the clock of that kind does while `problem` is as it is."""
    if kind == ClockKind.SILENT_ASSIGNEE and problem.assignee_id is None:
        return Course.MEANS_NOTHING
    return _COURSE_BY_STATE[ClockKind(kind)].get(problem.state, Course.MEANS_NOTHING)


def starts_anew(kind: str, problem: Problem, event: Event, *, asks: bool) -> bool:
    """Whether `event` gives the clock its full time again; `asks`: its actor may put questions.

    What the tracker does by itself is no sign of life.
    """
    if event.door == Door.SYSTEM:
        return False
    if kind == ClockKind.SILENT_ASSIGNEE:
        is_word = event.actor_id is not None and event.actor_id == problem.assignee_id
        return is_word or _change(event, "assignee") is not None or is_answer(problem, event)
    if kind == ClockKind.FEEDBACK_TIMEOUT:
        is_word = event.actor_id is not None and event.actor_id == problem.reporter_id
        return is_word or is_question(event, asks=asks)
    return True


def is_question(event: Event, *, asks: bool) -> bool:
    """Whether the reporter was asked something: feedback was set, or asked for once more."""
    state = _change(event, "state")
    was_set = state is not None and state["new"] == State.FEEDBACK
    return was_set or (asks and event.kind == Event.Kind.COMMENTED)


def is_answer(problem: Problem, event: Event) -> bool:
    """Whether the reporter's word gave the problem back to those who work on it."""
    state = _change(event, "state")
    gives_back = state is not None and state["old"] == State.FEEDBACK
    return gives_back and event.actor_id is not None and event.actor_id == problem.reporter_id


def _change(event: Event, field: str) -> dict[str, Any] | None:
    return next((change for change in event.changes if change["field"] == field), None)


def due(clock: Clock, terms: Terms) -> datetime | None:
    """When the clock goes off; None while it is paused or switched off."""
    if clock.paused_at is not None or not terms.is_on:
        return None
    return max(clock.started_at, terms.since) + terms.length


def start(clock: Clock, at: datetime) -> None:
    """Give the clock its full time from `at` on."""
    clock.started_at, clock.paused_at, clock.fired_at = at, None, None


def run(clock: Clock, terms: Terms, at: datetime) -> None:
    """Let the clock go on from `at`, with the time that was left when it was paused."""
    if clock.paused_at is not None:
        used = clock.paused_at - max(clock.started_at, terms.since)
        clock.started_at, clock.paused_at = at - max(used, timedelta()), None


def pause(clock: Clock, at: datetime) -> None:
    """Stop the clock at `at`, if it runs."""
    if clock.paused_at is None:
        clock.paused_at = at


def follow(clock: Clock, problem: Problem, terms: Terms, at: datetime) -> None:
    """Set the clock to what it does while `problem` is as it is. It must mean something."""
    if course(clock.kind, problem) is Course.RUNS:
        run(clock, terms, at)
    else:
        pause(clock, at)
    clock.due_at = due(clock, terms)
