"""The page of a release: what to know before one installs it, and what it brings."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from tracker.models import Release
from tracker.policies import may
from tracker.versions import Lines, affected_in, newly_fixed_in
from votes.selectors import rows_for
from votes.versions import hottest, search_for

ROWS = 15


@require_safe
def page(request: HttpRequest, slug: str, release: str) -> HttpResponse:
    """The problems that a release has, open or closed, and those that it solves, by heat."""
    shown = get_object_or_404(
        Release.objects.select_related("product"), product__slug=slug, name=release
    )
    known = hottest(request.user, affected_in([shown.pk]), ROWS + 1)
    solved = hottest(request.user, newly_fixed_in(shown.pk), ROWS + 1)
    rows = rows_for(request.user, [*known[:ROWS], *solved[:ROWS]])
    behind = Lines(shown.product.releases.all()).behind(shown)
    context = {
        "product": shown.product,
        "release": shown,
        "before": behind[1] if behind[1:] else None,
        "known": rows[: len(known[:ROWS])],
        "solved": rows[len(known[:ROWS]) :],
        "more_known": len(known) > ROWS,
        "more_solved": len(solved) > ROWS,
        "known_query": urlencode({"q": search_for("affects", shown)}),
        "solved_query": urlencode({"q": search_for("fixed", shown)}),
        "may_manage": may("release.manage", request.user),
    }
    return render(request, "products/release.html", context)
