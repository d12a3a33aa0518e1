"""What tests of the desk share: problems of each part of the queue, and the forms of a page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from tests.problems import make_problem
from tracker.models import Clock, ClockKind, Problem, Product


def left_alone(problem: Problem, days: float) -> Problem:
    """The problem as one on which nothing happened for `days`."""
    then: datetime = timezone.now() - timedelta(days=days)
    Problem.objects.filter(pk=problem.pk).update(changed_at=then)
    return problem


def in_state(product: Product, state: str, days: float = 1, **values: Any) -> Problem:
    """A reported problem in some state, left alone for so many days."""
    problem = make_problem(product, **values)
    Problem.objects.filter(pk=problem.pk).update(state=state)
    problem.refresh_from_db()
    return left_alone(problem, days)


def gone_stale(product: Product, days: float = 200, **values: Any) -> Problem:
    """An open problem whose clock of staleness has fired."""
    problem = in_state(product, "open", days, **values)
    Clock.objects.update_or_create(
        problem=problem,
        kind=ClockKind.STALE,
        defaults={"due_at": None, "fired_at": timezone.now()},
    )
    return problem


def do(client: Client, problem: Problem, **said: Any) -> HttpResponse:
    """Press a button of the desk for the problem as it is now, unless `version` says otherwise."""
    said.setdefault("version", Problem.objects.get(pk=problem.pk).version)
    said.setdefault("next", "/triage/")
    return client.post(f"/triage/{problem.pk}", said)  # type: ignore[return-value]


def undo_last(client: Client, person: Person, back: str = "/triage/") -> HttpResponse:
    """Press undo as the page offers it."""
    from tracker.bulk import latest_of

    last = latest_of(person)
    assert last is not None
    return client.post("/triage/undo", {"bulk_change": last.pk, "next": back})  # type: ignore[return-value]
