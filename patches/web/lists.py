"""Lists of patches."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from patches.models import WAITING, Turn
from patches.policies import visible_patches
from tracker.text import clean_line
from tracker.web.pages import page

PER_PAGE = 100


@require_safe
@page
def patches(request: HttpRequest) -> HttpResponseBase:
    """What waits for its first review, most demanded first."""
    rows = visible_patches(request.user).filter(
        WAITING, turn=Turn.REVIEWERS, is_reviewed__in=(False,)
    )
    if "product" in request.GET:
        rows = rows.filter(product__slug=clean_line(request.GET["product"][:50]))
    shown = rows.select_related("product", "author").order_by("-demand", "number")[:PER_PAGE]
    return render(request, "patches/patches.html", {"patches": shown})
