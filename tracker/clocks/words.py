"""What runs on a problem, in one line: for whom it waits, until when, and what happens then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from tracker.clocks import rules
from tracker.clocks.keeping import terms_of
from tracker.clocks.rules import Course, Terms
from tracker.models import Clock, ClockKind, Problem
from tracker.turns import Whose, turn_of


def outlooks(problems: Iterable[Problem]) -> dict[int, str]:
    """The line of each problem by its number, "" for a closed one. Two queries for all."""
    rows = list(problems)
    clocks: dict[int, dict[str, Clock]] = defaultdict(dict)
    for clock in Clock.objects.filter(problem__in=[p.pk for p in rows if p.is_open]):
        clocks[clock.problem_id][clock.kind] = clock
    terms = terms_of(problem.product_id for problem in rows)
    return {p.pk: _outlook(p, clocks[p.pk], _of_product(p, terms)) for p in rows}


def _of_product(problem: Problem, terms: Mapping[tuple[int, str], Terms]) -> dict[str, Terms]:
    return {kind: terms[problem.product_id, kind] for kind in ClockKind}


def _outlook(problem: Problem, clocks: Mapping[str, Clock], terms: Mapping[str, Terms]) -> str:
    turn = turn_of(problem)
    if not turn.words:
        return ""
    line = f"{turn.words}."
    if turn.whose is Whose.REPORTER:
        due = _due(ClockKind.FEEDBACK_TIMEOUT, problem, clocks, terms)
        if due is not None:
            line = f"{turn.words} until {_day(due)}; then it is closed as feedback timeout."
    if turn.whose is Whose.ASSIGNEE:
        due = _due(ClockKind.SILENT_ASSIGNEE, problem, clocks, terms)
        if due is not None:
            line = f"{turn.words}; without a word from them by {_day(due)} it is given back."
    stale = clocks.get(ClockKind.STALE)
    if stale is not None and stale.fired_at is not None:
        line += f" Stale: nothing has happened here since {_day(stale.started_at)}."
    return line


def _due(
    kind: ClockKind, problem: Problem, clocks: Mapping[str, Clock], terms: Mapping[str, Terms]
) -> datetime | None:
    """When a clock goes off that runs now."""
    clock = clocks.get(kind)
    if clock is None or rules.course(kind, problem) is not Course.RUNS:
        return None
    return rules.due(clock, terms[kind])


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
