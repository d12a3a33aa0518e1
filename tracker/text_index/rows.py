"""Postings and frequencies, many at a time in the way that each database is quick at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.db import connection

Row = tuple[int, int, int, int]

# A row that a repair left behind is set right instead of being in the way.
_POSTINGS_BY_ROW: Final = (
    "INSERT INTO tracker_posting (term, shelf, problem, weight) VALUES (%s, %s, %s, %s) "
    "ON CONFLICT (term, shelf, problem) DO UPDATE SET weight = excluded.weight"
)
_POSTINGS_BY_COLUMN: Final = (
    "INSERT INTO tracker_posting (term, shelf, problem, weight) SELECT * FROM unnest"
    "(%s::bigint[], %s::integer[], %s::bigint[], %s::smallint[]) "
    "ON CONFLICT (term, shelf, problem) DO UPDATE SET weight = excluded.weight"
)
_ADD_BY_ROW: Final = (
    "INSERT INTO tracker_frequency (product_id, term, problems) VALUES (%s, %s, %s) "
    "ON CONFLICT (term, product_id) "
    "DO UPDATE SET problems = tracker_frequency.problems + excluded.problems"
)
_ADD_BY_COLUMN: Final = (
    "INSERT INTO tracker_frequency (product_id, term, problems) "
    "SELECT %s, * FROM unnest(%s::bigint[], %s::integer[]) "
    "ON CONFLICT (term, product_id) "
    "DO UPDATE SET problems = tracker_frequency.problems + excluded.problems"
)
_DROP_ZEROS: Final = (
    "DELETE FROM tracker_frequency WHERE problems <= 0 AND product_id = %s AND term"
)
_COUNTED_BY_ARRAY: Final = (
    "SELECT term, problems FROM tracker_frequency WHERE product_id = %s AND term = ANY(%s)"
)
_COUNTED_BY_JSON: Final = (
    "SELECT term, problems FROM tracker_frequency WHERE product_id = %s "
    "AND term IN (SELECT value FROM json_each(%s))"
)


def frequencies_of(product: int, terms: Iterable[int]) -> dict[int, int]:
    """In how many public problems of the product each term stands; what none has is left out.

    A report asks for a thousand or two, which as so many parameters take longer than the answer.
    """
    wanted = list(terms)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_COUNTED_BY_ARRAY, [product, wanted])
        else:
            cursor.execute(_COUNTED_BY_JSON, [product, json.dumps(wanted)])
        return dict(cursor.fetchall())


def insert_postings(rows: Iterable[Row]) -> None:
    """Rows of (term, shelf, problem, weight)."""
    ordered = sorted(rows)  # Neighbours share pages.
    if not ordered:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [list(column) for column in zip(*ordered, strict=True)]
            cursor.execute(_POSTINGS_BY_COLUMN, columns)
        else:
            cursor.executemany(_POSTINGS_BY_ROW, ordered)


def delete_postings(rows: Iterable[tuple[int, int, int]]) -> None:
    """Rows of (term, shelf, problem)."""
    ordered = sorted(rows)
    if not ordered:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "DELETE FROM tracker_posting AS row USING unnest"
                "(%s::bigint[], %s::integer[], %s::bigint[]) AS gone (term, shelf, problem) "
                "WHERE row.term = gone.term AND row.shelf = gone.shelf "
                "AND row.problem = gone.problem",
                [list(column) for column in zip(*ordered, strict=True)],
            )
        else:
            cursor.executemany(
                "DELETE FROM tracker_posting WHERE term = %s AND shelf = %s AND problem = %s",
                ordered,
            )


def add_frequencies(product: int, changes: Mapping[int, int]) -> None:
    """Add to how many problems hold each term; terms that none holds any more go."""
    rows = sorted((term, by) for term, by in changes.items() if by)
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            columns = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(_ADD_BY_COLUMN, [product, *columns])
        else:
            cursor.executemany(_ADD_BY_ROW, [(product, *row) for row in rows])
    _drop_zeros(product, [term for term, by in rows if by < 0])


def _drop_zeros(product: int, terms: Sequence[int]) -> None:
    if not terms:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"{_DROP_ZEROS} = ANY(%s::bigint[])", [product, list(terms)])
        else:
            cursor.executemany(f"{_DROP_ZEROS} = %s", [(product, term) for term in terms])
