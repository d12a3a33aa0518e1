"""The +1 of those who reported what was imported, where an account here is theirs."""

from __future__ import annotations

from django.utils import timezone

from accounts.models import Person
from tracker.models import Door, Problem
from tracker.policies import may
from votes.models import Vote
from votes.policies import is_young
from votes.services import tally


def count_reporters(new: list[Problem]) -> None:
    """One +1 on each problem of a reporter who may vote, cast when it was reported.

    On closed ones too: it was cast while they were open. The problems are new, so that theirs is
    the first and only vote.
    """
    now = timezone.now()
    votes = [
        _vote(problem, problem.reporter, young=is_young(problem.reporter, now))
        for problem in new
        if problem.reporter is not None and may("problem.vote", problem.reporter, problem)
    ]
    Vote.objects.bulk_create(votes)
    for vote in votes:
        problem = vote.problem
        said = [(vote.person_id, vote.status, vote.cast_at)]
        problem.people, problem.waiting, problem.heat = tally(said)
    Problem.objects.bulk_update(
        [vote.problem for vote in votes], ["people", "waiting", "heat"], batch_size=100
    )


def _vote(problem: Problem, reporter: Person, *, young: bool) -> Vote:
    discounted = reporter.votes_discounted_at is not None
    return Vote(
        problem=problem, person=reporter, door=Door.IMPORT, cast_at=problem.created_at,
        status=Vote.Status.DISCOUNTED if discounted else Vote.Status.COUNTED, is_young=young,
        release=problem.release, architecture=problem.architecture,
    )  # fmt: skip
