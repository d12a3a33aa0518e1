"""What is gone: people who had a problem say that a release has rid them of it.

What they say changes no vote and marks nothing; it is counted beside the votes, for developers to
act on.
"""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from tracker.drafts import Faults, check_line, find_release
from tracker.models import Door, Problem, Release
from tracker.policies import may
from tracker.services import lock
from votes.models import NoLonger, Vote
from votes.selectors import vote_in_group
from votes.services import VoteRefused, refuse_with_head
from votes.signals import votes_changed


@transaction.atomic
def say_no_longer(
    problem: Problem, person: Person, door: Door, release: str, architecture: str = "",
    note: str = "",
) -> NoLonger:  # fmt: skip
    """Say that it is gone on a release, by name; again, to say it otherwise.

    The architecture is that of the person's own vote unless another one is given. Raises
    `DraftErrors`, `Denied`, and `VoteRefused` for a duplicate or for somebody without a vote.
    """
    require(may("problem.vote", person, problem))
    locked = lock(problem)
    if locked.head_id is not None:
        refuse_with_head(locked, person, "Say it there instead.")
        raise VoteRefused(f"#{locked.pk} is closed as a duplicate, so nothing is said of it here.")
    vote = _own_vote(locked, person)
    faults = Faults()
    where = {
        "architecture": check_line("architecture", architecture, 50, faults) or vote.architecture,
        "note": check_line("note", note, 200, faults),
    }
    found = _the_release(locked, release, faults)
    said, _ = NoLonger.objects.update_or_create(
        problem=locked,
        person=person,
        release=found,
        defaults={**where, "door": door, "said_at": timezone.now()},
    )
    votes_changed.send(Problem, problem=locked)
    return said


@transaction.atomic
def take_back_no_longer(problem: Problem, person: Person, release: str = "") -> int:
    """Take it back for a release, by name, or for all; returns for how many it was said."""
    require(may("problem.vote", person, problem))
    said = NoLonger.objects.filter(problem=problem, person=person)
    if release:
        said = said.filter(release=_the_release(problem, release, Faults()))
    deleted, _ = said.delete()
    if deleted:
        votes_changed.send(Problem, problem=problem)
    return deleted


def _own_vote(problem: Problem, person: Person) -> Vote:
    """The vote of the person in the problem's group: who never had it cannot be rid of it."""
    vote = vote_in_group(person, problem)
    if vote is None:
        say = "Say +1 first if you had it." if problem.is_open else "You have no +1 on it."
        raise VoteRefused(f"Only those who have voted on #{problem.pk} can say this. {say}")
    return vote


def _the_release(problem: Problem, name: str, faults: Faults) -> Release:
    found = find_release(problem.product, name, faults)
    if found is None and not faults.errors:
        faults.add("release", "Name the release on which it is gone.")
    faults.raise_if_any()
    assert found is not None  # noqa: S101 - for the type checker
    return found
