"""Who is a duplicate of whom, from pairs that say only that two reports are the same.

Exports list a pair once or in both directions, so that the direction says nothing. What tells is
the resolution: the report that was closed as a duplicate points to the one that was not.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tracker.importing.rows import ImportRow
from tracker.models import Resolution


@dataclass
class Links:
    """`points_to` is in an order in which every target comes before those that point to it."""

    points_to: dict[str, str] = field(default_factory=dict)
    # Pairs of which neither was closed as a duplicate: a relation, no duplicate.
    related: int = 0
    # Pairs that name an issue that is not in the file.
    outside: int = 0


def plan_links(pairs: Iterable[tuple[str, str]], rows: list[ImportRow]) -> Links:
    """Decide the direction of every pair; what cannot be kept as a pointer is noted on its rows.

    Reports that were closed as duplicates point, along the pairs, towards the nearest that was
    not; where a whole group was closed so, towards the oldest of it. No cycle can come of that.
    """
    by_name = {name: row for row in rows for name in row.names}
    links = Links()
    neighbours: dict[str, list[ImportRow]] = defaultdict(list)
    for one, other in dict.fromkeys(tuple(sorted(pair)) for pair in pairs):
        first, second = by_name.get(one), by_name.get(other)
        if first is None or second is None:
            links.outside += 1
            _note_outside(first or second, other if first else one)
        elif first is not second:
            neighbours[first.origin].append(second)
            neighbours[second.origin].append(first)
    rows_by_origin = {row.origin: row for row in rows if row.origin in neighbours}
    links.points_to = _grow(rows_by_origin, neighbours)
    links.related = _note_related(rows_by_origin, neighbours)
    return links


def _was_duplicate(row: ImportRow) -> bool:
    return row.resolution == Resolution.DUPLICATE


def _age(row: ImportRow) -> tuple[object, ...]:
    return (row.created_at, row.line)


def _grow(
    rows: Mapping[str, ImportRow], neighbours: Mapping[str, list[ImportRow]]
) -> dict[str, str]:
    """Trees, breadth first: from what is no duplicate, then from the oldest of what is left."""
    oldest_first = sorted(rows.values(), key=_age)
    points_to: dict[str, str] = {}
    reached: set[str] = set()
    for roots in (
        [row for row in oldest_first if not _was_duplicate(row)],
        *([row] for row in oldest_first if _was_duplicate(row)),
    ):
        queue = deque(row for row in roots if row.origin not in reached)
        reached |= {row.origin for row in queue}
        while queue:
            target = queue.popleft()
            for row in sorted(neighbours[target.origin], key=_age):
                if _was_duplicate(row) and row.origin not in reached:
                    reached.add(row.origin)
                    points_to[row.origin] = target.origin
                    queue.append(row)
    return points_to


def _note_outside(row: ImportRow | None, other: str) -> None:
    if row is not None:
        row.notes.append(f"Named there as the same as {other[:100]}, which was not imported.")


def _note_related(rows: Mapping[str, ImportRow], neighbours: Mapping[str, list[ImportRow]]) -> int:
    related = 0
    for row in rows.values():
        for other in neighbours[row.origin]:
            if not _was_duplicate(row) and not _was_duplicate(other):
                related += 1
                row.notes.append(f"Named there as the same as {other.origin}.")
    return related // 2
