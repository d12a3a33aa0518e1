"""Who voted on a problem, where they have it, and when: for its page and for triagers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from accounts.policies import Viewer
from tracker.models import Problem
from tracker.policies import visible_problems
from votes.heat import exponent
from votes.models import Vote
from votes.selectors import group_votes


def voters(problem: Problem, viewer: Viewer) -> QuerySet[Vote]:
    """The votes of a problem's group with their people, the newest first.

    Those on duplicates that `viewer` may not know of are left out: they count, but nobody is named.
    """
    # By number: for "not confidential, and of this head" SQLite may read every problem.
    known = visible_problems(viewer).filter(pk__in=problem.group.values("pk"))
    copies = known.values_list("pk", flat=True)
    votes = Vote.objects.filter(problem__in=[problem.pk, *copies])
    return votes.select_related("person", "release").order_by("-cast_at", "-id")


def notes(problem: Problem, viewer: Viewer, most: int = 20) -> list[Vote]:
    """What voters said in words, the newest first, as far as `viewer` may know."""
    said = voters(problem, viewer).exclude(note="").exclude(status=Vote.Status.DISCOUNTED)
    return list(said[:most])


@dataclass(frozen=True)
class Weight:
    """One person's vote in the sum: `exponent` is (t - t_0) / tau, `worth` in votes of now."""

    at: datetime
    exponent: float
    back: float


def weights(problem: Problem, now: datetime) -> list[Weight]:
    """The counted votes of the group, each person once at the latest, the newest first."""
    counted = group_votes(problem).filter(status=Vote.Status.COUNTED)
    latest = _latest(counted.values_list("person", "cast_at"))
    return [
        Weight(at, exponent(at), exponent(at) - exponent(now))
        for at in sorted(latest.values(), reverse=True)
    ]


def _latest(rows: Iterable[tuple[int, datetime]]) -> dict[int, datetime]:
    latest: dict[int, datetime] = {}
    for person, at in rows:
        latest[person] = max(at, latest.get(person, at))
    return latest
