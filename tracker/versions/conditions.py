"""The answers of `answers` for all problems at once, as conditions of queries.

A problem is affected in a release when something says "affected" of a release that it came from,
or of itself, and nothing nearer says otherwise; and so for "fixed". What is said of the releases
in between makes no row per problem and release: the few releases of a product are ordered in
Python, and a CASE over their ids tells the database which of two is nearer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, Final

from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, QuerySet
from django.db.models.lookups import GreaterThan, GreaterThanOrEqual

from tracker.models import Release, ReleaseStatus, Resolution
from tracker.versions.answers import DOUBTFUL, NOWHERE, Status
from tracker.versions.lines import Lines

NOTHING: Final = Q(pk__in=())


def affected_in(release_ids: Iterable[int]) -> Q:
    """The condition on Problem under which one of the releases has it. One query, made at once.

    It is about all problems, open and closed: one that is fixed in 15.0 may be in 14.3 still.
    """
    return _in_any(release_ids, lambda way: way.affected())


def fixed_in(release_ids: Iterable[int]) -> Q:
    """The condition on Problem under which one of the releases has its fix, new or inherited."""
    return _in_any(release_ids, lambda way: way.fixed())


def newly_fixed_in(release_id: int) -> Q:
    """The condition under which the release has the fix and the one before it has not."""
    return _in_any([release_id], lambda way: way.alone().fixed() & ~way.one_back().fixed())


def _in_any(release_ids: Iterable[int], condition: Callable[[Way], Q]) -> Q:
    wanted = set(release_ids)
    by_product: dict[int, list[Release]] = {}
    products = Release.objects.filter(pk__in=wanted).values("product")
    for release in Release.objects.filter(product__in=products):
        by_product.setdefault(release.product_id, []).append(release)
    found = NOTHING
    for product, releases in by_product.items():
        lines = Lines(releases)
        for release in releases:
            if release.pk in wanted:
                found |= condition(Way(product, lines.behind(release)))
    return found


class Way:
    """One release and those that it came from, the nearest first, of one product.

    A rank is 0 for no release or one that is not on the way, and the higher the nearer.
    """

    def __init__(self, product: int, releases: Sequence[Release]) -> None:
        self.product = product
        self.releases = releases
        self.ids = [release.pk for release in releases]

    def alone(self) -> Way:
        """Only the first step: what is said of the release itself."""
        return Way(self.product, self.releases[:1])

    def one_back(self) -> Way:
        """The way without its first step."""
        return Way(self.product, self.releases[1:])

    def affected(self) -> Q:
        if not self.ids:
            return NOTHING
        return self._reported() | self._marked(
            Status.AFFECTED, Q(self._is_nearer("release_id", "problem__fixed_in_id", or_same=True))
        )

    def fixed(self) -> Q:
        if not self.ids:
            return NOTHING
        report_is_older = Q(self._is_nearer("release_id", "problem__release_id", or_same=True)) | Q(
            problem__resolution__in=DOUBTFUL
        )
        return (
            self._has_fixed_in()
            | self._marked(Status.FIXED, report_is_older)
            | self._closed() & self._came_out(elsewhere=True)
        )

    def _reported(self) -> Q:
        """The report says so, and neither a fix, a mark nor a closing since says otherwise."""
        return (
            Q(release__in=self.ids)
            & ~Q(resolution__in=[*NOWHERE, *DOUBTFUL])
            & Q(self._is_nearer("release_id", "fixed_in_id"))
            & ~self._marked_otherwise(Status.AFFECTED, "release_id")
            & ~(self._closed() & (self._came_out(elsewhere=False) | self._may_have_missed()))
        )

    def _has_fixed_in(self) -> Q:
        """The field "fixed in" says so, and neither a later report nor a mark says otherwise."""
        report_is_older = Q(self._is_nearer("fixed_in_id", "release_id", or_same=True))
        return (
            Q(fixed_in__in=self.ids)
            & ~Q(resolution__in=NOWHERE)
            & (report_is_older | Q(resolution__in=DOUBTFUL))
            & ~self._marked_otherwise(Status.FIXED, "fixed_in_id")
        )

    def _marked(self, status: str, holds: Q) -> Q:
        """A mark says so, nothing else is marked nearer, and what the problem says `holds`."""
        nearer = self._marks().exclude(status=status).filter(problem=OuterRef("problem"))
        nearer = nearer.filter(
            GreaterThan(self._rank(F("release_id")), self._rank(OuterRef("release_id")))
        )
        marks = self._marks().filter(holds, ~Exists(nearer), status=status)
        return Q(pk__in=marks.exclude(problem__resolution__in=NOWHERE).values("problem"))

    def _marked_otherwise(self, status: str, field: str) -> Q:
        """Something else is marked of the release in `field` of the problem, or nearer."""
        marks = self._marks().exclude(status=status).filter(problem=OuterRef("pk"))
        return Q(
            Exists(
                marks.filter(
                    GreaterThanOrEqual(self._rank(F("release_id")), self._rank(OuterRef(field)))
                )
            )
        )

    def _closed(self) -> Q:
        """Closed as fixed, and nobody has said where."""
        marks = ReleaseStatus.objects.filter(problem=OuterRef("pk")).order_by()
        closed = Q(product=self.product, resolution=Resolution.FIXED, fixed_in=None)
        return closed & ~Q(Exists(marks))

    def _came_out(self, *, elsewhere: bool) -> Q:
        """A release as near as the reported one, or nearer, came out after the closing.

        `elsewhere` says whether that holds, with any release, for what was reported off the way.
        """
        found, latest, since = NOTHING, None, list[int]()
        for release in self.releases:
            if release.released_on and (latest is None or release.released_on > latest):
                found |= Q(release__in=since) & _closed_before(latest)
                latest, since = release.released_on, []
            since.append(release.pk)
        found |= Q(release__in=since) & _closed_before(latest)
        if elsewhere:
            off_the_way = ~Q(release__in=self.ids) | Q(release=None)
            found |= off_the_way & _closed_before(latest)
        return found

    def _may_have_missed(self) -> Q:
        """As `answers.may_have_missed`, of a problem that is fixed somewhere."""
        asked = self.releases[0]
        return NOTHING if asked.released_on is not None else ~Q(release=asked.pk)

    def _marks(self) -> QuerySet[ReleaseStatus]:
        return ReleaseStatus.objects.filter(release__in=self.ids).order_by()

    def _is_nearer(self, field: str, other: str, *, or_same: bool = False) -> Any:
        compare = GreaterThanOrEqual if or_same else GreaterThan
        return compare(self._rank(F(field)), self._rank(F(other)))

    def _rank(self, release_id: Any) -> Func:
        """The rank of a release's id. The ids are our own numbers, so they are written out."""
        steps = enumerate(reversed(self.ids), start=1)
        cases = " ".join(f"WHEN {pk:d} THEN {rank:d}" for rank, pk in steps)
        return Func(
            release_id,
            template=f"CASE %(expressions)s {cases} ELSE 0 END",
            output_field=IntegerField(),
        )


def _closed_before(day: date | None) -> Q:
    """Closed on an earlier day, as UTC has it."""
    if day is None:
        return NOTHING
    return Q(closed_at__lt=datetime.combine(day, time.min, UTC))
