"""Demand: how many distinct people are behind the problems that a patch fixes.

A problem stands for its duplicate group, as in `tracker.duplicates`: who voted on the head or on a
duplicate that adds up to it counts, once. The number must not tell of a problem that its reader may
not know of: a confidential duplicate adds nothing to a patch for its public head, and a head that
is confidential, with its other duplicates, adds nothing to a patch for one of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from patches.models import WAITING, Patch, PatchFix
from tracker.duplicates import adds_up
from votes.models import Vote


def recount(patches: Iterable[Patch]) -> None:
    """Set `demand` of each from the votes, on rows and on the objects given."""
    by_number = {patch.pk: patch for patch in patches}
    found = counts(by_number)
    for number, patch in sorted(by_number.items()):
        if patch.demand != found[number]:
            patch.demand = found[number]
            Patch.objects.filter(pk=number).update(demand=found[number])


@transaction.atomic
def recount_numbers(numbers: Iterable[int]) -> None:
    """The same by number, in a transaction of its own, each row held while its votes are counted:
    of two who vote at once the second counts both."""
    rows = Patch.objects.select_for_update(of=("self",)).filter(pk__in=sorted(set(numbers)))
    recount(rows.only("number", "demand").order_by("pk"))


def recount_waiting(after: int = 0, limit: int = 1000) -> int | None:
    """Count the next `limit` patches that wait, in case that a crash came between a vote and its
    count. The number after which to go on, None where all are done."""
    rows = Patch.objects.filter(WAITING, pk__gt=after).order_by("pk")
    waiting = list(rows.only("number", "demand")[:limit])
    found = counts(patch.pk for patch in waiting)
    recount_numbers(patch.pk for patch in waiting if patch.demand != found[patch.pk])
    return waiting[-1].pk if len(waiting) == limit else None


def counts(numbers: Iterable[int]) -> dict[int, int]:
    """number of patch -> people. One query for any number of patches."""
    found = dict.fromkeys(numbers, 0)
    if not found:
        return found
    fixes = PatchFix.objects.filter(patch__in=list(found)).order_by()
    group, head = "problem__group", "problem__head"
    known = Q(problem__head__is_confidential=False)
    pairs = _people(fixes, "problem", Q()).union(
        _people(fixes, group, adds_up(group)),
        _people(fixes, head, known),
        _people(fixes, f"{head}__group", known & adds_up(f"{head}__group")),
    )
    sql, params = pairs.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT patch_number, COUNT(*) FROM ({sql}) AS pairs GROUP BY patch_number",  # noqa: S608
            params,
        )
        found.update(cursor.fetchall())
    return found


def _people(fixes: QuerySet[PatchFix], way: str, condition: Q) -> QuerySet[PatchFix, Any]:
    """(patch, person) of the counted votes on the problems that `way` leads to."""
    votes = f"{way}__cast_votes"
    # Not by `status` itself: SQLite would walk along all counted votes there are by its index.
    said = Coalesce(F(f"{votes}__status"), Value(""))
    return (
        fixes.filter(condition)
        .annotate(patch_number=F("patch"), voter=F(f"{votes}__person"))
        .alias(said=said)
        .filter(said=Vote.Status.COUNTED)
        .values("patch_number", "voter")
    )


def concerned_by(problems: Iterable[int]) -> list[int]:
    """Patches whose demand may change with the votes on these problems. One query."""
    wanted = list(problems)
    fixes = PatchFix.objects.order_by()
    # A look-up by an index each; one with OR reads every problem.
    ways = ("problem", "problem__group", "problem__head", "problem__head__group")
    first, *others = [
        fixes.filter(**{f"{way}__in": wanted}).values_list("patch", flat=True) for way in ways
    ]
    return sorted(first.union(*others))
