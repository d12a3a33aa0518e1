"""Comparing the numbers that order lists with the votes that they come from, many at a time."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from tracker.duplicates import adds_up
from tracker.models import Problem
from votes.models import Vote
from votes.services import recount, tally

CHUNK: Final = 1000
# Votes that came one by one add up to the same heat but for the last bits of a float.
TOLERANCE: Final = 1e-9

Numbers = tuple[int, int, float]
# (person, status, cast_at)
Said = tuple[int, str, datetime]


@dataclass(frozen=True)
class Wrong:
    """A problem whose (people, waiting, heat) are not those of its votes."""

    number: int
    stands: Numbers
    should: Numbers


def find_wrong() -> Iterator[Wrong]:
    """Every problem that stands wrong, by number. Three queries for a thousand problems."""
    last = 0
    while True:
        columns = ("pk", "people", "waiting", "heat")
        rows = list(
            Problem.objects.filter(pk__gt=last).order_by("pk").values_list(*columns)[:CHUNK]
        )
        if not rows:
            return
        groups = _votes_between(rows[0][0], rows[-1][0])
        for number, *stands in rows:
            should = tally(groups.get(number, ()))
            if not _same((stands[0], stands[1], stands[2]), should):
                yield Wrong(number, (stands[0], stands[1], stands[2]), should)
        last = rows[-1][0]


@transaction.atomic
def repair(wrong: Wrong) -> bool:
    """Recount one problem under its lock; False when it was right by then."""
    problem = Problem.objects.filter(pk=wrong.number).first()
    return problem is not None and recount(problem)


def _votes_between(first: int, last: int) -> dict[int, list[Said]]:
    """number -> the votes of the group that it heads, or its own where it is a duplicate."""
    groups: dict[int, list[Said]] = defaultdict(list)
    own = Vote.objects.filter(problem__gte=first, problem__lte=last)
    below = Vote.objects.filter(adds_up(), problem__head__gte=first, problem__head__lte=last)
    # Two queries, because one with OR over both tables would read every vote.
    for votes, group in ((own, "problem"), (below, "problem__head")):
        rows = votes.values_list(group, "person", "status", "cast_at")
        for number, person, status, at in rows.iterator(CHUNK):
            groups[number].append((person, status, at))
    return groups


def _same(one: Numbers, other: Numbers) -> bool:
    return one[:2] == other[:2] and math.isclose(one[2], other[2], rel_tol=0, abs_tol=TOLERANCE)
