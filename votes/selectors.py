"""What pages and feeds read of votes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db.models import CharField, Count, Func, Prefetch, QuerySet, Value
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Viewer, as_person
from tracker.duplicates import numbers_of_group
from tracker.models import OPEN, Component, Problem, Product
from tracker.policies import visible_problems
from votes.heat import EPOCH, exponent, log_sum, tau, worth
from votes.models import Vote


def votes_of(viewer: Viewer, problems: Iterable[Problem]) -> dict[int, Vote]:
    """The viewer's own votes on `problems`, by number. One query, none for the signed-out."""
    person = as_person(viewer)
    if person is None:
        return {}
    numbers = [problem.pk for problem in problems]
    votes = Vote.objects.filter(person=person, problem__in=numbers).select_related("release")
    return {vote.problem_id: vote for vote in votes}


def vote_in_group(viewer: Viewer, problem: Problem) -> Vote | None:
    """The viewer's own latest vote on the problem or a duplicate of it that they may see."""
    person = as_person(viewer)
    if person is None:
        return None
    seen = visible_problems(person).filter(pk__in=numbers_of_group(problem))
    return Vote.objects.filter(person=person, problem__in=seen).order_by("-cast_at").first()


def group_votes(problem: Problem) -> QuerySet[Vote]:
    """The votes that make up the problem's numbers. One query, for the numbers of its group."""
    return Vote.objects.filter(problem__in=numbers_of_group(problem))


def last_months(count: int, now: datetime | None = None) -> list[date]:
    """The first days of the last `count` months, oldest first, this one included."""
    today = (now or timezone.now()).astimezone(UTC).date()
    serial = today.year * 12 + today.month - 1
    return [date(s // 12, s % 12 + 1, 1) for s in range(serial - count + 1, serial + 1)]


def _start(month: date) -> datetime:
    """When a month begins; months are those of UTC, the same for every viewer."""
    return datetime(month.year, month.month, 1, tzinfo=UTC)


class Month(Func):
    """The month of a time as "2026-03", by functions that run inside the database: Django's own
    truncation calls back into Python for each row on SQLite."""

    output_field = CharField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        # Times are kept there as text, in UTC.
        return self.as_sql(compiler, connection, template="SUBSTR(%(expressions)s, 1, 7)", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "TO_CHAR(%(expressions)s AT TIME ZONE 'UTC', 'YYYY-MM')"
        return self.as_sql(compiler, connection, template=template, **extra)


def _counted_since(month: date) -> QuerySet[Vote]:
    return Vote.objects.filter(status=Vote.Status.COUNTED, cast_at__gte=_start(month)).order_by()


def trends(problems: Sequence[Problem], months: int = 12) -> dict[int, list[int]]:
    """Counted votes per month, oldest first, for each problem's group. One query for all.

    A duplicate shows its own votes, which are among those of its head as well.
    """
    calendar = last_months(months)
    place = {f"{month:%Y-%m}": i for i, month in enumerate(calendar)}
    series = {problem.pk: [0] * months for problem in problems}
    # Two look-ups by their own indexes; one with OR reads every problem.
    members = (
        Problem.objects.filter(pk__in=series)
        .values("pk")
        .union(Problem.objects.filter(head__in=series).values("pk"), all=True)
    )
    rows = (
        _counted_since(calendar[0])
        .filter(problem__in=members)
        .values_list("problem", "problem__head", "problem__is_confidential", Month("cast_at"))
        .annotate(Count("pk"))
    )
    public = {problem.pk for problem in problems if not problem.is_confidential}
    for problem, head, is_confidential, month, votes in rows:
        # As `tracker.duplicates.adds_up` has it.
        for shown in (problem,) if is_confidential and head in public else (problem, head):
            # A clock that runs ahead may have dated a vote into a month beyond the picture.
            if shown in series and month in place:
                series[shown][place[month]] += votes
    return series


def votes_over_time(product: Product | None, months: int = 24) -> list[tuple[date, int]]:
    """(month, counted votes) of a product, or of all, on problems that everybody may see.

    The same for every reader, so it is kept for `CHART_SECONDS`: it counts more rows than all else
    on the pages that show it.
    """
    key = f"votes-over-time:{product.pk if product else 0}:{months}"
    counted: list[tuple[date, int]] | None = cache.get(key)
    if counted is None:
        counted = _votes_over_time(product, months)
        cache.set(key, counted, settings.CHART_SECONDS)
    return counted


def _votes_over_time(product: Product | None, months: int) -> list[tuple[date, int]]:
    calendar = last_months(months)
    if product is not None:
        public = Problem.objects.filter(is_confidential=False, product=product)
        counts = _by_month(calendar, public)
        return [(month, counts.get(f"{month:%Y-%m}", 0)) for month in calendar]
    # All votes are counted along an index, and the few that must not be known are taken away:
    # six times as quick as picking out the many that may.
    unseen = _by_month(calendar, Problem.objects.filter(is_confidential=True))
    totals = _totals(calendar)
    return [(month, totals.get(i, 0) - unseen.get(f"{month:%Y-%m}", 0))
            for i, month in enumerate(calendar)]  # fmt: skip


def _by_month(calendar: Sequence[date], problems: QuerySet[Problem]) -> dict[str, int]:
    """Counted votes on `problems` by month since the calendar's first, the empty ones left out."""
    votes = _counted_since(calendar[0]).filter(problem__in=problems.values("pk"))
    return dict(votes.values_list(Month("cast_at")).annotate(Count("pk")))


def _totals(calendar: Sequence[date]) -> dict[int, int]:
    """Counted votes of each month by its place in the calendar, the empty ones left out."""
    ends = [*map(_start, calendar[1:]), _start(calendar[-1]) + timedelta(days=31)]
    first, *others = [
        _counted_since(month)
        .filter(cast_at__lt=end)
        .values("status")
        .annotate(place=Value(place), votes=Count("pk"))
        .values_list("place", "votes")
        for place, (month, end) in enumerate(zip(calendar, ends, strict=True))
    ]
    return dict(first.union(*others, all=True))


@dataclass(frozen=True)
class Row:
    """One line of a list: the problem, the status of the viewer's own vote ("" without one), and
    the counted votes of the last twelve months, oldest first."""

    problem: Problem
    my_vote: str
    trend: list[int]


def rows_for(viewer: Viewer, problems: Sequence[Problem]) -> list[Row]:
    """`problems` with what a list shows beside them, in their order. Two queries at the most."""
    if not problems:
        return []
    own = votes_of(viewer, problems)
    trend = trends(problems)
    return [Row(p, own[p.pk].status if p.pk in own else "", trend[p.pk]) for p in problems]


@dataclass(frozen=True)
class ProductSummary:
    """A product in the list of products, with its open problems that the viewer may know of."""

    product: Product
    open_problems: int


def product_summaries(viewer: Viewer) -> list[ProductSummary]:
    """All products, those in use first. Two queries."""
    counts = _open_by("product", viewer)
    products = Product.objects.order_by("-is_active", "title")
    return [ProductSummary(product, counts.get(product.pk, 0)) for product in products]


@dataclass(frozen=True)
class ComponentSummary:
    """A component with who looks after it and its open problems that the viewer may know of."""

    component: Component
    maintainers: list[Person]
    open_problems: int


def component_summaries(product: Product, viewer: Viewer) -> list[ComponentSummary]:
    """The components of a product by name. Three queries."""
    counts = _open_by("component", viewer, product)
    components = product.components.order_by("-is_active", "slug").prefetch_related(
        Prefetch("maintainers", Person.objects.filter(is_active=True).order_by("handle"))
    )
    return [
        ComponentSummary(component, list(component.maintainers.all()), counts.get(component.pk, 0))
        for component in components
    ]


def _open_by(field: str, viewer: Viewer, product: Product | None = None) -> dict[int, int]:
    problems = visible_problems(viewer).filter(OPEN)
    if product is not None:
        problems = problems.filter(product=product)
    return dict(problems.order_by().values_list(field).annotate(Count("number")))


@dataclass
class RankStep:
    """One month's part of the sum: `terms` votes that together weigh `total`, in votes of today."""

    month: date
    terms: int
    total: float


@dataclass
class RankArithmetic:
    """Everything that `heat` is made of; `heat` is computed here anew, `stored` is what orders."""

    steps: list[RankStep]
    people: int
    waiting: int
    heat: float
    stored: float
    worth_today: float
    half_life_days: float
    tau_days: float
    epoch: datetime
    now: datetime
    now_exponent: float


def rank_arithmetic(problem: Problem, now: datetime | None = None) -> RankArithmetic:
    """Why the problem stands where it stands, from its votes."""
    now = now or timezone.now()
    times: dict[int, datetime] = {}
    counted = group_votes(problem).filter(status=Vote.Status.COUNTED)
    for person, at in counted.values_list("person", "cast_at"):
        times[person] = max(at, times.get(person, at))
    months: dict[date, list[datetime]] = defaultdict(list)
    for at in times.values():
        months[at.date().replace(day=1)].append(at)
    steps = [
        RankStep(month, len(ats), worth(log_sum(ats), now)) for month, ats in sorted(months.items())
    ]
    heat = log_sum(times.values())
    tau_days = tau().total_seconds() / 86400
    return RankArithmetic(
        steps=steps, people=len(times), waiting=problem.waiting, heat=heat, stored=problem.heat,
        worth_today=worth(heat, now), half_life_days=tau_days * 0.6931471805599453,
        tau_days=tau_days, epoch=EPOCH, now=now, now_exponent=exponent(now),
    )  # fmt: skip
