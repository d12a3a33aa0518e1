"""What the digest of a component's list tells. A list may have any reader: public problems only."""

from __future__ import annotations

from urllib.parse import urlencode

from django.conf import settings
from django.db.models import QuerySet

from notifications.digests.content import risen, top
from notifications.digests.shapes import FEW, LINES, Digest, Line, Section, Window
from tracker.models import OPEN, Component, Problem
from tracker.policies import visible_problems


def compose_component(component: Component, window: Window) -> Digest:
    """New, closed, risen and biggest of `component`. Eight queries, whatever it holds."""
    public = visible_problems(None).filter(component=component, head=None)
    is_open = public.filter(OPEN)
    new = public.filter(created_at__gt=window.start, created_at__lte=window.end)
    closed = public.filter(closed_at__gt=window.start, closed_at__lte=window.end)
    url = _url(component)
    sections = [
        Section("closed", "Closed", [Line(p, said=_end(p)) for p in _latest(closed, "closed_at")],
                closed.count(), _url(component, state="closed"), is_news=True),
        Section("new", "New", [Line(p) for p in _latest(new, "created_at")], new.count(),
                _url(component, sort="newest"), is_news=True),
        risen("risen", "Rose", is_open, window, LINES, url),
        top("top", "Biggest", is_open, FEW, url),
    ]  # fmt: skip
    return Digest(window, [section for section in sections if section.lines])


def _latest(found: QuerySet[Problem], column: str) -> list[Problem]:
    rows = found.select_related("product", "component", "fixed_in")
    return list(rows.defer("description", "how_to_repeat").order_by(f"-{column}", "-pk")[:LINES])


def _end(problem: Problem) -> tuple[str, ...]:
    """How it ended: "fixed in 15.0"."""
    where = f" in {problem.fixed_in}" if problem.fixed_in is not None else ""
    return (f"{problem.resolution}{where}",)


def _url(component: Component, **parameters: str) -> str:
    named = {"product": component.product.slug, "component": component.slug, **parameters}
    return f"{settings.BASE_URL}/problems/?{urlencode(named)}"
