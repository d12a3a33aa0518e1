"""Casting, withdrawing and counting +1: the rows and the two numbers, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from tracker.changes import Conflict
from tracker.clocks.keeping import sign_of_life
from tracker.drafts import Faults, check_line, find_release
from tracker.duplicates import lock_groups, numbers_of_group
from tracker.models import Door, Problem
from tracker.policies import may, visible_problems
from tracker.services import lock
from votes.heat import log_add, log_sum
from votes.models import NoLonger, Vote
from votes.policies import is_young, young_quota
from votes.signals import votes_changed


class VoteRefused(Conflict):
    """The problem takes no vote; `head` is where to vote instead, for a duplicate."""

    def __init__(self, reason: str, head: Problem | None = None) -> None:
        super().__init__(reason)
        self.head = head


@dataclass
class Environment:
    """Where the voter has the problem, in words; empty means not said."""

    release: str = ""
    architecture: str = ""
    note: str = ""


@transaction.atomic
def cast_vote(
    problem: Problem,
    person: Person,
    door: Door,
    environment: Environment | None = None,
    at: datetime | None = None,
) -> Vote:
    """Say "I have this too", or where, when said already. Casting twice counts once.

    Raises `VoteRefused` for a closed problem, `DraftErrors` for an unknown release, `Denied`.
    """
    require(may("problem.vote", person, problem))
    locked = lock(problem)
    _refuse_when_closed(locked, person)
    said = _check_environment(locked, environment) if environment is not None else {}
    vote = Vote.objects.filter(problem=locked, person=person).select_related("person").first()
    if vote is not None:
        if said and any(getattr(vote, name) != value for name, value in said.items()):
            for name, value in said.items():
                setattr(vote, name, value)
            vote.save(update_fields=list(said))
            votes_changed.send(Problem, problem=locked)
    else:
        vote = _new_vote(locked, person, door, at or timezone.now(), said)
        votes_changed.send(Problem, problem=locked)
    if said and vote.release_id is not None:
        # Who has it there now no longer says that it is gone from there.
        NoLonger.objects.filter(problem=locked, person=person, release=vote.release_id).delete()
    _copy_numbers(locked, problem)
    return vote


def _refuse_when_closed(problem: Problem, person: Person) -> None:
    if problem.is_open:
        return
    refuse_with_head(problem, person, "Vote there instead.")
    raise VoteRefused(
        f"#{problem.pk} is closed ({problem.resolution}), so it takes no more votes. "
        "If you still have it, say so in a comment."
    )


def refuse_with_head(problem: Problem, person: Person, advice: str) -> None:
    """Raise `VoteRefused` naming the head of a duplicate, to those who may know of it."""
    head = problem.head
    if head is not None and visible_problems(person).filter(pk=head.pk).exists():
        raise VoteRefused(f"#{problem.pk} is a duplicate of #{head.pk}. {advice}", head)


def _check_environment(problem: Problem, said: Environment) -> dict[str, object]:
    faults = Faults()
    values: dict[str, object] = {
        "release": find_release(problem.product, said.release or "", faults),
        "architecture": check_line("architecture", said.architecture or "", 50, faults),
        "note": check_line("note", said.note or "", 200, faults),
    }
    faults.raise_if_any()
    return values


def _new_vote(
    problem: Problem, person: Person, door: Door, at: datetime, said: dict[str, object]
) -> Vote:
    young = is_young(person, timezone.now())
    status = _status(problem, person, young=young)
    vote = Vote.objects.create(
        problem=problem, person=person, door=door, cast_at=at, status=status, is_young=young, **said
    )
    sign_of_life(problem, at)
    if problem.group.exists():
        # The person may have voted on a duplicate already.
        recount(problem)
    elif status == Vote.Status.COUNTED:
        problem.people += 1
        problem.heat = log_add(problem.heat, at)
        problem.save(update_fields=["people", "heat"])
    elif status == Vote.Status.WAITING:
        problem.waiting += 1
        problem.save(update_fields=["waiting"])
    return vote


def _status(problem: Problem, person: Person, *, young: bool) -> Vote.Status:
    if person.votes_discounted_at is not None:
        return Vote.Status.DISCOUNTED
    if not young or person.pk == problem.reporter_id:
        return Vote.Status.COUNTED
    if _young_counted(problem) < young_quota(problem.people):
        return Vote.Status.COUNTED
    return Vote.Status.WAITING


def _young_counted(problem: Problem) -> int:
    """Votes that take up the quota now. The reporter's own does not: a report stands for itself."""
    from_young = Vote.objects.filter(
        problem=problem, status=Vote.Status.COUNTED, is_young=True, person__trusted_at=None
    ).select_related("person")
    now = timezone.now()
    return sum(
        vote.person_id != problem.reporter_id and is_young(vote.person, now) for vote in from_young
    )


@transaction.atomic
def withdraw_vote(problem: Problem, person: Person) -> bool:
    """Take the +1 back; False when there was none. Numbers are then those of a recount."""
    require(may("problem.vote", person, problem))
    if problem.head_id is not None:
        lock_groups()
    locked = lock(problem)
    deleted, _ = Vote.objects.filter(problem=locked, person=person).delete()
    if deleted:
        votes_changed.send(Problem, problem=locked)
        recount(locked)
        if locked.head_id is not None:
            recount(locked.head)  # type: ignore[arg-type]
    _copy_numbers(locked, problem)
    return bool(deleted)


def _copy_numbers(source: Problem, target: Problem) -> None:
    target.people, target.waiting, target.heat = source.people, source.waiting, source.heat


def recount(problem: Problem) -> bool:
    """Set the numbers of one problem from its votes; False, and no write, when they stood so.

    A head counts the distinct people of its group, each at the latest of their counted votes.
    """
    locked = lock(problem)
    people, waiting, heat = count(locked)
    changed = (locked.people, locked.waiting, locked.heat) != (people, waiting, heat)
    if changed:
        locked.people, locked.waiting, locked.heat = people, waiting, heat
        locked.save(update_fields=["people", "waiting", "heat"])
        votes_changed.send(Problem, problem=locked)
    _copy_numbers(locked, problem)
    return changed


def count(problem: Problem) -> tuple[int, int, float]:
    """(people, waiting, heat) as the votes say, read from the rows and written nowhere."""
    votes = Vote.objects.filter(problem__in=numbers_of_group(problem))
    return tally(votes.values_list("person", "status", "cast_at"))


def tally(votes: Iterable[tuple[int, str, datetime]]) -> tuple[int, int, float]:
    """(people, waiting, heat) of the (person, status, cast_at) of one group's votes."""
    counted: dict[int, datetime] = {}
    waiting: set[int] = set()
    for person, status, at in votes:
        if status == Vote.Status.COUNTED:
            counted[person] = max(at, counted.get(person, at))
        elif status == Vote.Status.WAITING:
            waiting.add(person)
    return len(counted), len(waiting - counted.keys()), log_sum(counted.values())


@transaction.atomic
def count_waiting(problem: Problem, now: datetime | None = None) -> int:
    """Count those waiting votes whose time has come; returns how many."""
    now = now or timezone.now()
    if problem.head_id is not None:
        lock_groups()
    locked = lock(problem)
    waiting = Vote.objects.filter(problem=locked, status=Vote.Status.WAITING)
    room = young_quota(locked.people) - _young_counted(locked)
    due: list[int] = []
    for vote in waiting.select_related("person").order_by("cast_at", "id"):
        grown = not is_young(vote.person, now)
        if grown or room > 0:
            due.append(vote.pk)
            room -= not grown
    if due:
        Vote.objects.filter(pk__in=due).update(status=Vote.Status.COUNTED)
        recount_with_head(locked)
    return len(due)


def count_all_waiting(now: datetime | None = None) -> int:
    """`count_waiting` for every problem that has any; returns how many votes came to count."""
    numbers = Vote.objects.filter(status=Vote.Status.WAITING).values("problem").distinct()
    problems = Problem.objects.filter(pk__in=numbers)
    return sum(count_waiting(problem, now) for problem in problems.iterator())


@transaction.atomic
def judge_again(person: Person) -> None:
    """After trust in `person` has changed: set the status of all their votes and recount."""
    lock_groups()
    young = is_young(person, timezone.now())
    # In the order of their numbers, as everybody who locks several problems does.
    votes = Vote.objects.filter(person=person).order_by("problem")
    votes = votes.select_related("problem__head", "problem__product")
    for vote in votes:
        status = _status(vote.problem, person, young=young)
        if status != vote.status:
            Vote.objects.filter(pk=vote.pk).update(status=status, is_young=young)
            recount_with_head(vote.problem)


def recount_with_head(problem: Problem) -> None:
    """Recount a problem and, where it is a duplicate, the head of its group."""
    recount(problem)
    if problem.head is not None:
        recount(problem.head)


def recount_all(problems: Iterable[Problem]) -> list[int]:
    """Recount each; returns the numbers of those that had stood wrong."""
    wrong = []
    for problem in problems:
        with transaction.atomic():
            if recount(problem):
                wrong.append(problem.pk)
    return wrong
