"""What patches do when the tracker or votes tell of something."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from django.db import transaction

from patches.bell import ring_after_commit
from patches.intake.submitting import follow_problem
from patches.owners.requests import ask_about_fixes
from patches.waiting.demand import concerned_by, recount_numbers
from tracker.models import Component, Door, Event, Problem
from tracker.signals import maintainers_changed, problem_happened, votes_moved
from votes.signals import votes_changed


def connect() -> None:
    """Called once, when the app is ready."""
    votes_changed.connect(count_one, dispatch_uid="patches.count_one")
    votes_moved.connect(count_several, dispatch_uid="patches.count_several")
    problem_happened.connect(look_for_patches, dispatch_uid="patches.look_for_patches")
    problem_happened.connect(follow_component, dispatch_uid="patches.follow_component")
    problem_happened.connect(ask_about_opened, dispatch_uid="patches.ask_about_opened")
    maintainers_changed.connect(ask_maintainers, dispatch_uid="patches.ask_maintainers")


def count_one(problem: Problem, **kwargs: Any) -> None:
    _count_later([problem.pk])


def count_several(problems: list[Problem], **kwargs: Any) -> None:
    _count_later([problem.pk for problem in problems])


def follow_component(event: Event, **kwargs: Any) -> None:
    if any(change["field"] == "component" for change in event.changes):
        transaction.on_commit(partial(follow_problem, event.problem), robust=True)


def ask_about_opened(event: Event, **kwargs: Any) -> None:
    """Who could not know of a problem can be asked about its patches once it is public."""
    if any(change["field"] == "is_confidential" for change in event.changes):
        transaction.on_commit(partial(ask_about_fixes, event.problem), robust=True)


def ask_maintainers(component: Component, **kwargs: Any) -> None:
    ring_after_commit("ask_anew", component.product_id)


def look_for_patches(event: Event, **kwargs: Any) -> None:
    """Whatever somebody sends may hold one. What was imported is looked at by a command."""
    if event.door == Door.IMPORT:
        return
    if event.kind == Event.Kind.REPORTED:
        ring_after_commit("look_at", 0, 0, event.problem_id)
    elif event.kind == Event.Kind.COMMENTED and event.comment_id:
        ring_after_commit("look_at", 0, event.comment_id)
    elif event.kind == Event.Kind.ATTACHED and event.attachment_id:
        ring_after_commit("look_at", event.attachment_id)


def _count_later(problems: list[int]) -> None:
    # After the commit, as whoever votes holds problems, and patches come after all of these.
    transaction.on_commit(partial(_count, problems), robust=True)


def _count(problems: Iterable[int]) -> None:
    if numbers := concerned_by(problems):
        recount_numbers(numbers)
