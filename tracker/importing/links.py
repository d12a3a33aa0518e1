"""Who is a duplicate of whom, from pairs that say only that two reports are the same.

Exports list a pair once or in both directions, so that the direction says nothing. What tells is
the resolution: the report that was closed as a duplicate points to the one that was not.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern

from tracker.importing.rows import ImportRow
from tracker.models import Resolution


@dataclass(slots=True)
class Brief:
    """What is remembered of a row between looking at the file and storing it."""

    # Where it stands among the records of the file; -1 for what is here already.
    serial: int
    place: str
    origin: str
    names: list[str]
    number: int | None
    was_duplicate: bool
    is_confidential: bool
    created_at: datetime
    component: str = ""
    releases: tuple[str, ...] = ()


def brief_of(row: ImportRow, serial: int) -> Brief:
    return Brief(
        serial, row.place, row.origin, row.names, row.number,
        row.resolution == Resolution.DUPLICATE, row.is_confidential, row.created_at,
        intern(row.component),
        tuple(intern(name) for name in (row.release, row.fixed_in, *row.marks) if name),
    )  # fmt: skip


@dataclass
class Links:
    """`points_to` is in an order in which every target comes before those that point to it."""

    points_to: dict[str, str] = field(default_factory=dict)
    # Pairs of which neither was closed as a duplicate: a relation, no duplicate.
    related: int = 0
    # Pairs that name an issue that is neither in the file nor here.
    outside: int = 0
    # origin -> what its history says about pairs.
    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


def plan_links(
    pairs: Iterable[tuple[str, str]], rows: Iterable[Brief], here: Iterable[Brief] = ()
) -> Links:
    """Decide the direction of every pair; what cannot be kept as a pointer is noted on its rows.

    Reports that were closed as duplicates point, along the pairs, towards the nearest that was
    not; where a whole group was closed so, towards the oldest of it. No cycle can come of that.
    `here` are problems that earlier imports stored: others may point to them, they stay.
    """
    by_name = {name: row for row in (*here, *rows) for name in row.names}
    links = Links()
    neighbours: dict[str, list[Brief]] = defaultdict(list)
    for one, other in dict.fromkeys(tuple(sorted(pair)) for pair in pairs):
        first, second = by_name.get(one), by_name.get(other)
        if first is None or second is None:
            links.outside += 1
            _note_outside(links, first or second, other if first else one)
        elif first is not second:
            neighbours[first.origin].append(second)
            neighbours[second.origin].append(first)
    linked = {row.origin: row for row in by_name.values() if row.origin in neighbours}
    links.points_to = _grow(linked, neighbours)
    _note_related(links, linked, neighbours)
    return links


def _age(row: Brief) -> tuple[object, ...]:
    return (row.created_at, row.serial)


def _grow(rows: Mapping[str, Brief], neighbours: Mapping[str, list[Brief]]) -> dict[str, str]:
    """Trees, breadth first: from what is no duplicate, then from the oldest of what is left."""
    oldest_first = sorted(rows.values(), key=_age)
    points_to: dict[str, str] = {}
    reached: set[str] = set()
    for roots in (
        [row for row in oldest_first if not row.was_duplicate],
        *([row] for row in oldest_first if row.was_duplicate),
    ):
        queue = deque(row for row in roots if row.origin not in reached)
        reached |= {row.origin for row in queue}
        while queue:
            target = queue.popleft()
            for row in sorted(neighbours[target.origin], key=_age):
                if row.was_duplicate and row.origin not in reached:
                    reached.add(row.origin)
                    points_to[row.origin] = target.origin
                    queue.append(row)
    return points_to


def _note_outside(links: Links, row: Brief | None, other: str) -> None:
    if row is not None:
        links.notes[row.origin].append(
            f"Named there as the same as {other[:100]}, which was not imported."
        )


def _note_related(
    links: Links, rows: Mapping[str, Brief], neighbours: Mapping[str, list[Brief]]
) -> None:
    """The key of a confidential report is not for those who read a public one."""
    for row in rows.values():
        for other in neighbours[row.origin]:
            if not row.was_duplicate and not other.was_duplicate:
                links.related += 1
                if row.is_confidential or not other.is_confidential:
                    links.notes[row.origin].append(f"Named there as the same as {other.origin}.")
    links.related //= 2
