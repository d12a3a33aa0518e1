"""Where a problem is seen: people by release and architecture, who have it and who no longer do."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Count, Exists, OuterRef, QuerySet

from tracker.duplicates import numbers_of_group
from tracker.models import Problem
from votes.models import NoLonger, Vote


@dataclass(frozen=True)
class Cell:
    """People of one release and architecture: who have it, and who say that it is gone."""

    have: int = 0
    gone: int = 0


@dataclass(frozen=True)
class Matrix:
    """Rows are (release, cells by architecture), the newest release first; "" is not said.

    `have` and `gone` are the same by release: somebody who says "gone" no longer counts as having
    it there, and counts once, on whichever architectures.
    """

    architectures: list[str] = field(default_factory=list)
    rows: list[tuple[str, list[Cell]]] = field(default_factory=list)
    have: Counter[str] = field(default_factory=Counter)
    gone: Counter[str] = field(default_factory=Counter)

    @property
    def says_something(self) -> bool:
        return any(self.architectures) or any(release for release, _ in self.rows)


# (release, architecture) -> people, and release -> what orders it.
_People = Counter[tuple[str, str]]
_Ages = dict[str, tuple[int, int]]


def matrix(problem: Problem) -> Matrix:
    """That of the problem's group, without discounted votes. Three queries at the most."""
    numbers = numbers_of_group(problem)
    votes = Vote.objects.filter(problem__in=numbers).exclude(status=Vote.Status.DISCOUNTED)
    ages: _Ages = {}
    have = _have(votes, numbers, ages)
    gone: dict[tuple[str, str], set[int]] = defaultdict(set)
    gone_by_release: dict[str, set[int]] = defaultdict(set)
    for release, architecture, person in _gone(votes, numbers, ages):
        gone[release, architecture].add(person)
        gone_by_release[release].add(person)
    places = have.keys() | gone.keys()
    architectures = sorted({a for _, a in places}, key=lambda a: (a == "", a))
    releases = sorted({r for r, _ in places}, key=lambda r: ages.get(r, (-(2**63), 0)))
    rows = [
        (r, [Cell(have[r, a], len(gone.get((r, a), ()))) for a in architectures])
        for r in reversed(releases)
    ]
    totals: Counter[str] = Counter()
    for (release, _), people in have.items():
        totals[release] += people
    return Matrix(
        architectures, rows, totals, Counter({r: len(p) for r, p in gone_by_release.items()})
    )


def _have(votes: QuerySet[Vote], numbers: list[int], ages: _Ages) -> _People:
    said_gone = NoLonger.objects.filter(
        problem__in=numbers, person=OuterRef("person"), release=OuterRef("release")
    )
    found: _People = Counter()
    rows = votes.filter(~Exists(said_gone)).order_by().values_list(
        "release", "release__name", "release__position", "architecture"
    )  # fmt: skip
    for pk, name, position, architecture, people in rows.annotate(Count("person", distinct=True)):
        found[name or "", architecture] = people
        if pk is not None:
            ages[name] = (position, pk)
    return found


def _gone(votes: QuerySet[Vote], numbers: list[int], ages: _Ages) -> Iterable[tuple[str, str, int]]:
    said = NoLonger.objects.filter(problem__in=numbers, person__in=votes.values("person"))
    for pk, name, position, architecture, person in said.order_by().values_list(
        "release", "release__name", "release__position", "architecture", "person"
    ):
        ages[name] = (position, pk)
        yield name, architecture, person
