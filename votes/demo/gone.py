"""What the demonstration's people say of releases that have rid them of a problem."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Final

from django.db.models import QuerySet

from tracker.models import Problem, Product, Release
from votes.models import NoLonger, Vote

MOST_EACH: Final = 4
# Of the hottest open problems of a product some are said to be gone on its newest release.
OPEN_EACH: Final = 3


def store_gone(products: list[Product], until: datetime) -> None:
    """Every third voter says so of the release with the fix, of open problems of the newest."""
    rows: list[NoLonger] = []
    for product in products:
        newest = product.releases.first()
        if newest is None:
            continue
        problems = Problem.objects.filter(product=product, head=None)
        hottest = problems.filter(is_open=True).order_by("-heat", "-number")[:OPEN_EACH]
        rows += _said(problems.filter(fixed_in__isnull=False), None, until)
        rows += _said(problems.filter(pk__in=[p.pk for p in hottest]), newest, until)
    NoLonger.objects.bulk_create(rows)


def _said(problems: QuerySet[Problem], release: Release | None, until: datetime) -> list[NoLonger]:
    """`release` is where it is gone; None stands for that with the fix."""
    told: Counter[int] = Counter()
    rows = []
    votes = Vote.objects.filter(problem__in=problems).exclude(status=Vote.Status.DISCOUNTED)
    for serial, vote in enumerate(votes.select_related("problem").order_by("problem", "cast_at")):
        gone = release.pk if release is not None else vote.problem.fixed_in_id
        if gone is None or vote.release_id == gone:
            continue
        if serial % 3 or told[vote.problem_id] == MOST_EACH:
            continue
        told[vote.problem_id] += 1
        rows.append(_no_longer(vote, gone, until))
    return rows


def _no_longer(vote: Vote, release: int, until: datetime) -> NoLonger:
    since = max(vote.cast_at, vote.problem.closed_at or vote.cast_at)
    return NoLonger(
        problem=vote.problem,
        person_id=vote.person_id,
        release_id=release,
        architecture=vote.architecture,
        said_at=min(since + timedelta(days=2), until),
    )
