"""What patches do when the tracker or votes tell of something."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from patches.demand import concerned_by, recount_numbers
from patches.submitting import follow_problem
from tracker.models import Event, Problem
from tracker.signals import problem_happened, votes_moved
from votes.signals import votes_changed


def connect() -> None:
    """Called once, when the app is ready."""
    votes_changed.connect(count_one, dispatch_uid="patches.count_one")
    votes_moved.connect(count_several, dispatch_uid="patches.count_several")
    problem_happened.connect(follow_component, dispatch_uid="patches.follow_component")


def count_one(problem: Problem, **kwargs: Any) -> None:
    _count_later([problem.pk])


def count_several(problems: list[Problem], **kwargs: Any) -> None:
    _count_later([problem.pk for problem in problems])


def follow_component(event: Event, **kwargs: Any) -> None:
    if any(change["field"] == "component" for change in event.changes):
        transaction.on_commit(partial(follow_problem, event.problem), robust=True)


def _count_later(problems: list[int]) -> None:
    # After the commit, as whoever votes holds problems, and patches come after all of these.
    transaction.on_commit(partial(_count, problems), robust=True)


def _count(problems: Iterable[int]) -> None:
    if numbers := concerned_by(problems):
        recount_numbers(numbers)
