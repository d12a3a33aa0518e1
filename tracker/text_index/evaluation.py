"""How well likely duplicates are found, measured on duplicates that are known.

The protocol of the literature: every report that has an older report in its group asks once, with
the words it was reported with; all older reports of the product are candidates; a hit is any older
member of its group. Marked duplicates do not help: nothing is collapsed.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter
from typing import Final

from tracker.models import Problem, Product
from tracker.policies import visible_problems
from tracker.similar import MOST, rank, similar_problems
from tracker.text_index.entries import body_of

CUTS: Final = (1, 5, 10, 20)


@dataclass
class Groups:
    """Known duplicates: number -> those of its group that are older, for all that have one."""

    older: Mapping[int, set[int]]
    # Pairs of which a side is not among the public problems of the product.
    outside: int = 0


@dataclass
class Measured:
    """What came of it: the rank of the first hit of each query (0 for none), and milliseconds."""

    ranks: list[int] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    misses: list[int] = field(default_factory=list)

    def recall(self, cut: int) -> float:
        """The share of queries with a hit among the first so many."""
        return sum(0 < rank <= cut for rank in self.ranks) / len(self.ranks)

    @property
    def mean_reciprocal_rank(self) -> float:
        return sum(1 / rank for rank in self.ranks if rank) / len(self.ranks)

    def percentile(self, share: float) -> float:
        """The time that this share of the queries does not exceed."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def groups_of_pairs(product: Product, pairs: Iterable[tuple[str, str]]) -> Groups:
    """The transitive closure of the pairs, whose keys are origins or numbers."""
    created, numbers = _problems(product)
    links: list[tuple[int, int]] = []
    outside = 0
    # Through a report that is not here, two that are here may still be one.
    strangers: dict[str, int] = {}
    for pair in pairs:
        one, other = (
            numbers.get(key) or strangers.setdefault(key, -len(strangers) - 1) for key in pair
        )
        outside += min(one, other) < 0
        links.append((one, other))
    return Groups(_older(links, created), outside)


def groups_of_tracker(product: Product) -> Groups:
    """What is marked as duplicate in the tracker itself."""
    created, _ = _problems(product)
    rows = Problem.objects.filter(product=product, head__isnull=False)
    links = list(rows.values_list("number", "head_id"))
    outside = sum(one not in created or other not in created for one, other in links)
    return Groups(_older([(one, other) for one, other in links if other], created), outside)


def _problems(product: Product) -> tuple[dict[int, datetime], dict[str, int]]:
    """(number -> when it was reported, name -> number) of the public problems."""
    rows = visible_problems(None).filter(product=product)
    created: dict[int, datetime] = {}
    numbers: dict[str, int] = {}
    origins: dict[str, int] = {}
    for number, origin, at in rows.values_list("number", "origin", "created_at"):
        created[number] = at
        numbers[str(number)] = number
        if origin:
            origins[origin] = number
    # What a report was called where it came from goes before the number that it has here.
    return created, numbers | origins


def _older(
    links: Iterable[tuple[int, int]], created: Mapping[int, datetime]
) -> dict[int, set[int]]:
    group: dict[int, set[int]] = {}
    for one, other in links:
        first, second = group.setdefault(one, {one}), group.setdefault(other, {other})
        if first is not second:
            first |= second
            for member in second:
                group[member] = first
    found: dict[int, set[int]] = defaultdict(set)
    for number, members in group.items():
        if number in created:
            older = {m for m in members if m in created and created[m] < created[number]}
            if older:
                found[number] = older
    return dict(found)


def choose(groups: Groups, most: int, seed: int) -> list[int]:
    """The numbers that ask: all, or `most` of them by chance."""
    numbers = sorted(groups.older)
    if most and most < len(numbers):
        numbers = sorted(random.Random(seed).sample(numbers, most))  # noqa: S311
    return numbers


def measure(
    product: Product, groups: Groups, numbers: Sequence[int], *, title_only: bool
) -> Measured:
    """Ask for each; the time is that of the call which pages and API make, unhindered by age."""
    measured = Measured()
    for number in numbers:
        problem = Problem.objects.get(pk=number)
        body = "" if title_only else body_of(problem.description, problem.how_to_repeat)
        ranked = rank(
            None, product, problem.synopsis, body, at=problem.created_at, exclude=number,
            before=problem.created_at,
        )  # fmt: skip
        hits = (
            place
            for place, each in enumerate(ranked, 1)
            if each.candidate.number in groups.older[number]
        )
        measured.ranks.append(next(hits, 0))
        start = perf_counter()
        similar_problems(None, product.slug, problem.synopsis, body, limit=MOST, exclude=number)
        measured.times.append((perf_counter() - start) * 1000)
        if not 0 < measured.ranks[-1] <= MOST:
            measured.misses.append(number)
    return measured
