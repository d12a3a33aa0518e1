"""The first stage of a search for duplicates: the postings of a few telling terms, added up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection

# Terms asked for, rows that they may have together, and candidates that come of it.
MOST_TERMS: Final = 32
MOST_ROWS: Final = 50_000
CANDIDATES: Final = 200

# Whole numbers add up to the same in any order, and quicker.
_FINE: Final = 100
_POSTINGS: Final = (
    "SELECT problem, weight * %s AS part FROM tracker_posting WHERE term = %s AND shelf = %s"
)
_ADDED_UP: Final = (
    "SELECT problem, SUM(part) AS total FROM (@) AS parts WHERE problem <> %s "
    "GROUP BY problem ORDER BY total DESC, problem DESC LIMIT %s"
)
_OLDER: Final = "JOIN tracker_problem ON number = problem AND created_at < %s WHERE"


def choose_terms(factors: Mapping[int, float], counts: Mapping[int, int]) -> list[int]:
    """The terms that say most, as many as `MOST_ROWS` allows, and one at least.

    `factors` are by how much each counts, `counts` how many problems hold each.
    """
    chosen: list[int] = []
    rows = 0
    ranked = sorted(factors, key=lambda key: -factors[key])
    for key in ranked:
        if len(chosen) == MOST_TERMS:
            break
        if rows + counts.get(key, 0) <= MOST_ROWS:
            chosen.append(key)
            rows += counts.get(key, 0)
    return chosen or ranked[:1]


def best(
    factors: Mapping[int, float],
    shelf: int,
    among_hidden: Sequence[int] | None,
    excluded: int,
    before: datetime | None = None,
) -> list[tuple[int, float]]:
    """(number, sum of factor times weight) of the `CANDIDATES` best problems. One query.

    `shelf` is the public one of a product. Of the confidential one beside it those are looked at
    that `among_hidden` names, all of them for None: what the reader may not know of takes up no
    place. `excluded` is a number that is left out, `before` a time that candidates are
    older than.
    """
    parts: list[str] = []
    values: list[Any] = []
    for key, factor in factors.items():
        parts.append(_POSTINGS)
        values += [round(factor * _FINE), key, shelf]
        if among_hidden is None or among_hidden:
            parts.append(_POSTINGS)
            values += [round(factor * _FINE), key, shelf + 1]
            if among_hidden:
                parts[-1] += f" AND problem IN ({', '.join(['%s'] * len(among_hidden))})"
                values += among_hidden
    if not parts:
        return []
    query = _ADDED_UP
    if before is not None:
        query = query.replace("WHERE problem", f"{_OLDER} problem")
        values.append(connection.ops.adapt_datetimefield_value(before))
    with connection.cursor() as cursor:
        query = query.replace("@", " UNION ALL ".join(parts))
        cursor.execute(query, [*values, excluded, CANDIDATES])
        return [(number, float(total)) for number, total in cursor.fetchall()]
