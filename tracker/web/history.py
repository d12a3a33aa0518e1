"""The whole history of a problem: every row that was ever written about it."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from tracker.timeline import describe
from tracker.untold import readable
from tracker.web.pages import page, the_problem, with_place

PAGE_SIZE = 100


@require_safe
@page
def history(request: HttpRequest, number: int) -> HttpResponseBase:
    """Who changed what, when and through which door; the oldest first."""
    problem = the_problem(request, number, with_place)
    events = problem.events.select_related("actor", "attachment", "comment").order_by("id")
    shown = Paginator(events, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = readable(shown.object_list, request.user)
    context = {
        "problem": problem,
        "entries": list(zip(rows, describe(rows, request.user), strict=True)),
        "shown": shown,
        "previous_url": f"?page={shown.previous_page_number()}" if shown.has_previous() else "",
        "next_url": f"?page={shown.next_page_number()}" if shown.has_next() else "",
    }
    return render(request, "problems/history.html", context)
