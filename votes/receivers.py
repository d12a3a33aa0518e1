"""What votes does when the tracker or accounts tell of something."""

from __future__ import annotations

from typing import Any

from accounts.models import Person
from accounts.signals import trust_changed
from tracker.models import Door, Event, Problem
from tracker.signals import problem_happened, problems_imported, votes_moved
from votes.imported import count_reporters
from votes.services import Environment, cast_vote, judge_again, recount


def connect() -> None:
    problem_happened.connect(cast_the_reporters_own, dispatch_uid="votes.cast_the_reporters_own")
    problems_imported.connect(count_imported, dispatch_uid="votes.count_imported")
    votes_moved.connect(recount_moved, dispatch_uid="votes.recount_moved")
    trust_changed.connect(judge_votes_again, dispatch_uid="votes.judge_votes_again")


def cast_the_reporters_own(event: Event, quiet: bool, **kwargs: Any) -> None:
    """Who reports a problem has it: the first +1, from where it was seen."""
    if event.kind != Event.Kind.REPORTED or quiet or event.actor is None:
        return
    problem = event.problem
    release = problem.release.name if problem.release else ""
    environment = Environment(release=release, architecture=problem.architecture)
    cast_vote(problem, event.actor, Door(event.door), environment, at=problem.created_at)


def count_imported(new: list[Problem], **kwargs: Any) -> None:
    count_reporters(new)


def recount_moved(problems: list[Problem], **kwargs: Any) -> None:
    for problem in problems:
        recount(problem)


def judge_votes_again(person: Person, **kwargs: Any) -> None:
    judge_again(person)
