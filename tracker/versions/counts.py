"""How many problems each release of a product has."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime, time, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db.models import Case, Count, DateTimeField, Exists, OuterRef, Q, QuerySet, Value, When

from tracker.models import Problem, Product, ReleaseStatus, Resolution
from tracker.versions.answers import DOUBTFUL, NOWHERE, Status, statuses
from tracker.versions.lines import Lines


def affected_counts(product: Product) -> Counter[int]:
    """Release -> the public problems that it has, open or closed.

    The same for every reader, so it is kept for `CHART_SECONDS`. Four queries at the most.
    """
    key = f"affected-counts:{product.pk}"
    counts: Counter[int] | None = cache.get(key)
    if counts is None:
        counts = count_affected(product)
        cache.set(key, counts, settings.CHART_SECONDS)
    return counts


def count_affected(product: Product) -> Counter[int]:
    lines = Lines(product.releases.all())
    public = Problem.objects.filter(product=product, is_confidential=False).order_by()
    alike = _unmarked(public, lines) + _marked(public)
    found: Counter[int] = Counter()
    for (facts, marks), problems in alike.items():
        for release, status in statuses(facts, dict(marks), lines).items():
            if status == Status.AFFECTED:
                found[release] += problems
    return found


class Said(NamedTuple):
    """What a problem itself says, as `tracker.versions.answers.Facts`."""

    release_id: int | None
    fixed_in_id: int | None
    resolution: str
    closed_at: datetime | None


# Problems that say the same are counted together.
Alike = Counter[tuple[Said, tuple[tuple[int, str], ...]]]


def _unmarked(public: QuerySet[Problem], lines: Lines) -> Alike:
    """Those of which only their fields speak. Two closings are alike when the same releases came
    out after them."""
    days = sorted({r.released_on for r in lines.newest_first if r.released_on is not None})
    ends = [datetime.combine(day, time.min, UTC) for day in days]
    closed = Case(
        When(~Q(resolution=Resolution.FIXED) | Q(fixed_in__isnull=False), then=Value(None)),
        *(When(closed_at__lt=end, then=Value(end - timedelta(seconds=1))) for end in ends),
        default=Value(None),
        output_field=DateTimeField(),
    )
    marked = ReleaseStatus.objects.filter(problem=OuterRef("pk")).order_by()
    reported = public.filter(release__isnull=False).exclude(resolution__in=[*NOWHERE, *DOUBTFUL])
    counted = (
        reported.filter(~Exists(marked))
        .annotate(closed=closed)
        .values_list("release", "fixed_in", "resolution", "closed")
        .annotate(Count("pk"))
    )
    return Counter({(Said(*said), ()): problems for *said, problems in counted})


def _marked(public: QuerySet[Problem]) -> Alike:
    """Those of which people said more, in marks."""
    marks: dict[int, list[tuple[int, str]]] = defaultdict(list)
    said: dict[int, Said] = {}
    rows = ReleaseStatus.objects.filter(problem__in=public).order_by("problem", "release")
    for number, found_in, fixed_in, resolution, release, status in rows.values_list(
        "problem", "problem__release", "problem__fixed_in", "problem__resolution",
        "release", "status",
    ):  # fmt: skip
        said[number] = Said(found_in, fixed_in, resolution, None)
        marks[number].append((release, status))
    return Counter((said[number], tuple(marks[number])) for number in marks)
