"""Which problems are one: the pointers between duplicates and the head of each group.

`duplicate_of` is as somebody marked it and is what undoing restores; `head` is the end of the
chain, kept beside it so that a group is one index look-up. No vote is ever moved.
"""

from __future__ import annotations

from typing import Final

from django.db import connection
from django.db.models import Q

from tracker.models import Problem
from tracker.signals import votes_moved

# The key of an advisory lock; any number that nothing else in this database uses.
_GROUPS_LOCK: Final = 0x6772_6F75_7073


def lock_groups() -> None:
    """Hold off every other change that locks several problems, until the transaction ends.

    Changes of groups lock rows in an order that the pointers give, so two of them could wait for
    each other. They are rare: one at a time costs nothing. Take this before any row. SQLite has
    one writer at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_GROUPS_LOCK])


def head_of(problem: Problem) -> Problem:
    """The problem that stands for the whole group."""
    return problem.head or problem


def numbers_of_group(problem: Problem) -> list[int]:
    """The problems whose votes make up this one's numbers: a head's whole group, or itself.

    Queries name them one by one, because for "this problem or one whose head it is" SQLite reads
    every problem or every person. A public head leaves out its confidential duplicates: what
    everybody can see of it must not tell of them. See also `adds_up`.
    """
    if problem.head_id is not None:
        return [problem.pk]
    group = problem.group.all()
    if not problem.is_confidential:
        group = group.filter(is_confidential=False)
    return [problem.pk, *group.values_list("pk", flat=True)]


def adds_up(problem: str = "problem") -> Q:
    """Whether what hangs on a duplicate counts for its head, as a condition on other tables.

    `problem` is the way from them to the duplicate.
    """
    public, hidden = f"{problem}__is_confidential", f"{problem}__head__is_confidential"
    return Q(**{public: False}) | Q(**{hidden: True})


def would_be_a_cycle(problem: Problem, target: Problem) -> bool:
    """Whether `target` leads back to `problem`."""
    return head_of(target).pk == problem.pk or target.pk == problem.pk


def descendants(problem: Problem) -> list[int]:
    """Numbers of all that were marked, directly or through others, as duplicates of `problem`."""
    found: list[int] = []
    level = [problem.pk]
    while level:
        level = list(
            Problem.objects.filter(duplicate_of__in=level)
            .exclude(pk__in=found)
            .values_list("pk", flat=True)
        )
        found += level
    return found


def regroup(problem: Problem, was_duplicate_of: Problem | None) -> None:
    """After `duplicate_of` has changed: set the heads anew, and have both groups counted."""
    old_head = head_of(was_duplicate_of) if was_duplicate_of else problem
    new_head = head_of(problem.duplicate_of) if problem.duplicate_of else None
    Problem.objects.filter(pk=problem.pk).update(head=new_head)
    problem.head = new_head
    below = descendants(problem)
    Problem.objects.filter(pk__in=below).update(head=new_head or problem)
    affected = {p.pk: p for p in (problem, old_head, new_head) if p is not None}
    votes_moved.send(Problem, problems=list(affected.values()))
