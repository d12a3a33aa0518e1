"""Whose vote counts at once and whose waits, and who may keep searches."""

from __future__ import annotations

from datetime import datetime, timedelta

from accounts.models import Person, Role
from accounts.policies import Relation, Table, who
from tracker.models import Problem, Resolution, State

PERMISSIONS: Table = {
    "search.save": who(Role.REPORTER),
    "search.change": frozenset({Relation.ITS_OWNER}),
    # a triager takes away a shared name that offends
    "search.delete": who(Role.TRIAGER, Relation.ITS_OWNER),
}

YOUNG_FOR = timedelta(days=1)
YOUNG_PER_PROBLEM = 5
YOUNG_SHARE = 10

_NOT_ACCEPTED = (Resolution.NOT_A_DEFECT, Resolution.CANNOT_REPRODUCE, Resolution.FEEDBACK_TIMEOUT)


def is_young(person: Person, now: datetime) -> bool:
    """Whether the account is under a day old and nothing else speaks for it.

    What speaks for it: a triager's word, a granted role, or a report of its own that somebody
    took up.
    """
    if person.joined_at <= now - YOUNG_FOR or person.trusted_at is not None:
        return False
    if person.roles - {Role.REPORTER, Role.MACHINE}:
        return False
    accepted = Problem.objects.filter(reporter=person).exclude(state=State.NEW)
    return not accepted.exclude(resolution__in=_NOT_ACCEPTED).exists()


def young_quota(counted: int) -> int:
    """How many young accounts' votes count on a problem with `counted` counted votes."""
    return max(YOUNG_PER_PROBLEM, counted // YOUNG_SHARE)
