"""What pages and feeds read of votes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Coalesce, TruncMonth
from django.utils import timezone

from accounts.policies import Viewer, as_person
from tracker.models import Problem, Product
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


def group_votes(problem: Problem) -> QuerySet[Vote]:
    """The votes that make up the problem's numbers."""
    if problem.head_id is not None:
        return Vote.objects.filter(problem=problem)
    return Vote.objects.filter(Q(problem=problem) | Q(problem__head=problem))


def last_months(count: int, now: datetime | None = None) -> list[date]:
    """The first days of the last `count` months, oldest first, this one included."""
    today = (now or timezone.now()).date()
    serial = today.year * 12 + today.month - 1
    return [date(s // 12, s % 12 + 1, 1) for s in range(serial - count + 1, serial + 1)]


def trends(problems: Sequence[Problem], months: int = 12) -> dict[int, list[int]]:
    """Counted votes per month, oldest first, for each problem's group. One query for all."""
    calendar = last_months(months)
    index = {month: i for i, month in enumerate(calendar)}
    series: dict[int, list[int]] = defaultdict(lambda: [0] * months)
    numbers = [problem.pk for problem in problems]
    rows = (
        Vote.objects.filter(
            Q(problem__in=numbers) | Q(problem__head__in=numbers),
            status=Vote.Status.COUNTED,
            cast_at__date__gte=calendar[0],
        )
        .annotate(group=Coalesce("problem__head", "problem"), month=TruncMonth("cast_at"))
        .values("group", "month")
        .annotate(votes=Count("person", distinct=True))
        .order_by()
    )
    for row in rows:
        series[row["group"]][index[row["month"].date()]] += row["votes"]
    return {number: series[number] for number in numbers}


def votes_over_time(
    product: Product | None, visible: Q, months: int = 24
) -> list[tuple[date, int]]:
    """(month, counted votes) of a product, or of all, over problems that meet `visible`."""
    calendar = last_months(months)
    problems = Problem.objects.filter(visible)
    if product is not None:
        problems = problems.filter(product=product)
    rows = (
        Vote.objects.filter(
            problem__in=problems, status=Vote.Status.COUNTED, cast_at__date__gte=calendar[0]
        )
        .annotate(month=TruncMonth("cast_at"))
        .values_list("month")
        .annotate(votes=Count("id"))
        .order_by()
    )
    found = {month.date(): votes for month, votes in rows}
    return [(month, found.get(month, 0)) for month in calendar]


def matrix(problem: Problem) -> tuple[list[str], list[tuple[str, list[int]]]]:
    """Where it is seen: (architectures, [(release, [people per architecture])]). "" is not said."""
    cells: dict[tuple[str, str], set[int]] = defaultdict(set)
    votes = group_votes(problem).exclude(status=Vote.Status.DISCOUNTED)
    positions: dict[str, int] = {}
    for person, release, position, architecture in votes.values_list(
        "person", "release__name", "release__position", "architecture"
    ):
        cells[release or "", architecture].add(person)
        positions[release or ""] = position if position is not None else -(10**9)
    architectures = sorted({architecture for _, architecture in cells}, key=lambda a: (a == "", a))
    releases = sorted(positions, key=lambda name: (-positions[name], name))
    rows = [(r, [len(cells.get((r, a), ())) for a in architectures]) for r in releases]
    return architectures, rows


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
