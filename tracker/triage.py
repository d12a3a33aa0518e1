"""The triage queue: what is new, what waits for feedback, and what went stale, in this order.

Maintainers see what is theirs first. Each part is in the order in which the reports came, which
does not change while somebody works on them. Paging is by key, so that what others do meanwhile
neither repeats nor hides a row.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Q, QuerySet, TextChoices

from accounts.policies import Viewer, as_person
from tracker.drafts import Faults, nearest
from tracker.models import (
    Clock,
    ClockKind,
    Component,
    Maintainership,
    Problem,
    Product,
    State,
)
from tracker.policies import visible_problems
from tracker.text import clean_line

PAGE_SIZE: Final = 30
MAX_PAGE_SIZE: Final = 100
COUNT_LIMIT: Final = 1000


class Section(TextChoices):
    """Why a problem is in the queue."""

    NEW = "new", "new"
    FEEDBACK = "feedback", "waiting for feedback"
    STALE = "stale", "stale"


@dataclass(frozen=True)
class QueueQuery:
    """Which part of the queue is asked for; empty means all of it. Slugs, and a `Section`."""

    product: str = ""
    component: str = ""
    section: str = ""
    cursor: str = ""
    limit: int = PAGE_SIZE


@dataclass(frozen=True)
class Queued:
    """A problem in the queue, why it is there, and whether the viewer maintains its component."""

    problem: Problem
    section: Section
    is_mine: bool


@dataclass(frozen=True)
class QueuePage:
    """One page, and the cursors of its neighbours ("" where there is none)."""

    items: list[Queued]
    next_cursor: str
    previous_cursor: str


@dataclass(frozen=True)
class _Part:
    rows: QuerySet[Problem]
    section: Section
    is_mine: bool


def check_query(
    product: str = "", component: str = "", section: str = "", cursor: str = "", limit: int = 0
) -> QueueQuery:
    """The query in words, looked up. Raises `DraftErrors` naming each word that means nothing."""
    faults = Faults()
    product, component = clean_line(product[:100]), clean_line(component[:100])
    slugs = list(Product.objects.values_list("slug", flat=True))
    if product and product not in slugs:
        faults.add("product", f"There is no product “{product}”." + nearest(product, slugs))
    elif component:
        components = Component.objects.filter(**({"product__slug": product} if product else {}))
        names = set(components.values_list("slug", flat=True))
        if component not in names:
            said = f"There is no component “{component}”." + nearest(component, names)
            faults.add("component", said)
    if section and section not in Section.values:
        said = f"There is no part “{section[:50]}”." + nearest(section, Section.values)
        faults.add("section", said)
    if cursor and _decode(cursor) is None:
        faults.add("cursor", "This page no longer exists; start at the first one.")
    faults.raise_if_any()
    return QueueQuery(product, component, section, cursor, min(limit or PAGE_SIZE, MAX_PAGE_SIZE))


def queue(viewer: Viewer, query: QueueQuery) -> QueuePage:
    """The page of the queue at the query's cursor. Seven queries at the most."""
    parts = _parts(viewer, query)
    at = _decode(query.cursor) if query.cursor else None
    is_backward = at is not None and at.is_backward
    order = range(len(parts))
    places = [i for i in order if at is None or (i <= at.part if is_backward else i >= at.part)]
    found: list[tuple[int, Queued]] = []
    for i in reversed(places) if is_backward else places:
        part = parts[i]
        key = at if at is not None and at.part == i else None
        rows = _beyond(part.rows, key, is_backward=is_backward)
        wanted = rows[: query.limit + 1 - len(found)]
        found += [(i, Queued(problem, part.section, part.is_mine)) for problem in wanted]
        if len(found) > query.limit:
            break
    has_more = len(found) > query.limit
    found = found[: query.limit]
    if is_backward:
        found.reverse()
    has_next = bool(found) and (is_backward or has_more)
    has_previous = bool(found) and (has_more if is_backward else at is not None)
    return QueuePage(
        [item for _, item in found],
        _encode(*found[-1], is_backward=False) if has_next else "",
        _encode(*found[0], is_backward=True) if has_previous else "",
    )


def counts(viewer: Viewer, query: QueueQuery) -> dict[str, int]:
    """How many wait in each section, counted to `COUNT_LIMIT` + 1. Three queries."""
    rows = _narrowed(viewer, query)
    return {
        section.value: rows.filter(condition).order_by()[: COUNT_LIMIT + 1].count()
        for section, condition in _conditions().items()
    }


def section_of(problem: Problem) -> Section | None:
    """Why the problem is in the queue; None when nobody has to look at it. One query at most."""
    if problem.state == State.NEW:
        return Section.NEW
    if problem.state == State.FEEDBACK:
        return Section.FEEDBACK
    is_stale = problem.is_open and _stale_clocks().filter(problem=problem.pk).exists()
    return Section.STALE if is_stale else None


def _conditions() -> dict[Section, Q]:
    # Not OPEN: that has an index, by which SQLite would read all stale ones and sort them.
    worked_on = ~Q(state__in=(State.NEW, State.FEEDBACK, State.CLOSED))
    return {
        Section.NEW: Q(state=State.NEW),
        Section.FEEDBACK: Q(state=State.FEEDBACK),
        Section.STALE: worked_on & Q(pk__in=_stale_clocks().values("problem")),
    }


def _stale_clocks() -> QuerySet[Clock]:
    return Clock.objects.filter(kind=ClockKind.STALE, fired_at__isnull=False)


def _narrowed(viewer: Viewer, query: QueueQuery) -> QuerySet[Problem]:
    rows = visible_problems(viewer)
    if query.product:
        rows = rows.filter(product__in=Product.objects.filter(slug=query.product).values("pk"))
    if query.component:
        components = Component.objects.filter(slug=query.component)
        rows = rows.filter(component__in=components.values("pk"))
    return rows


def _parts(viewer: Viewer, query: QueueQuery) -> list[_Part]:
    """What makes up the queue, first to last."""
    rows = (
        _narrowed(viewer, query)
        .defer("description", "how_to_repeat")
        .select_related("product", "component", "reporter", "assignee", "release", "fixed_in")
    )
    person = as_person(viewer)
    rows_of_person = Maintainership.objects.filter(person=person).values_list("component")
    own = [pk for (pk,) in rows_of_person] if person else []
    mine = Q(component__in=own)
    sections = {s: q for s, q in _conditions().items() if query.section in {"", s.value}}
    parts = [_Part(rows.filter(q & mine), s, True) for s, q in sections.items()] if own else []
    others = rows.exclude(mine) if own else rows
    return parts + [_Part(others.filter(q), s, False) for s, q in sections.items()]


@dataclass(frozen=True)
class _Place:
    is_backward: bool
    part: int
    number: int


def _beyond(rows: QuerySet[Problem], key: _Place | None, *, is_backward: bool) -> QuerySet[Problem]:
    sign, op = ("-", "lt") if is_backward else ("", "gt")
    if key is not None:
        rows = rows.filter(**{f"number__{op}": key.number})
    return rows.order_by(f"{sign}number")


def _encode(part: int, item: Queued, *, is_backward: bool) -> str:
    values = [int(is_backward), part, item.problem.pk]
    text = json.dumps(values, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str) -> _Place | None:
    """The place that a cursor names; None for what is no cursor of ours."""
    text = cursor[:400]
    try:
        read: Sequence[Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        is_backward, part, number = read
        sane = isinstance(part, int) and isinstance(number, int) and abs(number) < 2**63
        return _Place(bool(is_backward), part, number) if sane and 0 <= part < 6 else None
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None
