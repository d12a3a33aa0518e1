"""Rows of a list that was searched for: each with how it matches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.policies import Viewer
from tracker.models import Problem
from votes import listing, selectors
from votes.search.highlight import Match, matches


@dataclass(frozen=True)
class Hit:
    """A row of the list, and how it matches the words of the search, where there are any."""

    row: selectors.Row
    match: Match | None


def hits(viewer: Viewer, query: listing.ListQuery, problems: Sequence[Problem]) -> list[Hit]:
    """The rows of one page."""
    matched = matches(query.search.text, problems)
    rows = selectors.rows_for(viewer, problems)
    return [Hit(row, matched.get(row.problem.pk)) for row in rows]
