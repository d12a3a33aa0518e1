"""Which component a report belongs to, by the reports that are most like it.

k nearest neighbours: the `NEIGHBOURS` most similar past reports that somebody has looked at vote
for the component that they are in, each with the weight of its similarity. They are taken from the
`MOST` likely duplicates, which the desk shows beside them, and the reason is told with the answer,
so that who triages can see why and disagree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tracker.models import Component, Problem, State
from tracker.similar import LEAST_SCORE, MOST, Similar, rank
from tracker.text_index.entries import body_of

NEIGHBOURS: Final = 10
# A component with a smaller share of the weight is told among the reasons, and not offered.
LEAST_SHARE: Final = 0.5
# Numbers that the reason names.
NAMED: Final = 3


@dataclass(frozen=True)
class Suggestion:
    """A component, its share of the weight (0 to 1), and the reports that speak for it."""

    component: Component
    share: float
    because: list[int]
    neighbours: int

    @property
    def reason(self) -> str:
        """Such as: 7 of the 10 most similar reports are in net: #12, #40 …"""
        named = ", ".join(f"#{number}" for number in self.because[:NAMED])
        more = " …" if len(self.because) > NAMED else ""
        if self.neighbours == 1:
            return f"The most similar report is in {self.component}: {named}"
        count = len(self.because)
        verb = "is" if count == 1 else "are"
        return (
            f"{count} of the {self.neighbours} most similar reports {verb} in "
            f"{self.component}: {named}{more}"
        )


def tally(found: Sequence[Similar], product_slug: str) -> list[Suggestion]:
    """What the nearest of `found`, the likest first, say together.

    Products and components must be loaded. The head of a group may lie in another product, where
    it tells nothing of the components of this one.
    """
    told = (e for e in found if is_telling(e.problem) and e.problem.product.slug == product_slug)
    nearest = list(told)[:NEIGHBOURS]
    weights: dict[Component, float] = defaultdict(float)
    because: dict[Component, list[int]] = defaultdict(list)
    for each in nearest:
        weights[each.problem.component] += each.score
        because[each.problem.component].append(each.problem.pk)
    total = sum(weights.values())
    ranked = sorted(weights, key=lambda c: (-weights[c], c.slug))
    return [
        Suggestion(each, round(weights[each] / total, 3), because[each], len(nearest))
        for each in ranked
        if each.is_active and total
    ]


def is_telling(problem: Problem) -> bool:
    """Whether somebody has looked at it: a new report is where its reporter guessed."""
    return problem.state != State.NEW


def suggest_as_of(problem: Problem) -> list[Suggestion]:
    """What was suggested for a report when it came: only older public reports are asked."""
    body = body_of(problem.description, problem.how_to_repeat)
    ranked = rank(
        None, problem.product, problem.synopsis, body,
        at=problem.created_at, exclude=problem.pk, before=problem.created_at,
    )  # fmt: skip
    scores = {each.candidate.number: each.score for each in ranked[:MOST]}
    rows = Problem.objects.filter(pk__in=scores).select_related("product", "component")
    found = [Similar(row, scores[row.pk]) for row in rows if scores[row.pk] >= LEAST_SCORE]
    return tally(sorted(found, key=lambda each: -each.score), problem.product.slug)
