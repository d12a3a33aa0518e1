"""What the triage desk shows beside a problem: its likely duplicates, with their votes."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.policies import Viewer
from tracker.models import Problem
from tracker.similar import Similar, similar_to


@dataclass(frozen=True)
class Likely:
    """A problem that another one may be a duplicate of."""

    similar: Similar

    @property
    def problem(self) -> Problem:
        return self.similar.problem

    @property
    def percent(self) -> int:
        """How like it is, of 100."""
        return round(100 * self.similar.score)


def likely_duplicates(viewer: Viewer, problem: Problem) -> list[Likely]:
    """The problems that are most like `problem`, the likest first, as far as `viewer` may know."""
    return [Likely(each) for each in similar_to(viewer, problem)]
