"""What the triage desk shows beside a problem: its likely duplicates, with their votes."""

from __future__ import annotations

from dataclasses import dataclass

from accounts.policies import Viewer
from tracker.models import Problem
from tracker.similar import Similar, similar_problems

LIKELY = 20


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
    found = similar_problems(viewer, problem.product.slug, problem.synopsis, LIKELY + 1)
    own = {problem.pk, problem.head_id}
    return [Likely(each) for each in found if each.problem.pk not in own][:LIKELY]
