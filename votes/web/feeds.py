"""The lists as Atom feeds (RFC 4287), by the same query string as their pages."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed
from django.views.decorators.http import conditional_page, require_safe

from tracker.drafts import DraftErrors
from tracker.models import Problem
from votes import listing
from votes.web.filters import drop, full_query

MEDIA_TYPE = "application/atom+xml; charset=utf-8"


@require_safe
@conditional_page
def problems(request: HttpRequest) -> HttpResponse:
    """The first page of a list as a feed; 400 in plain text when the query makes no sense."""
    try:
        query = listing.parse_query(drop(request.GET, "cursor"))
    except DraftErrors as errors:
        return HttpResponse(f"{errors}\n", status=400, content_type="text/plain; charset=utf-8")
    asked = drop(request.GET, "cursor", "limit")
    suffix = full_query(asked) if asked else ""
    return feed_of(
        listing.page(listing.find(query, request.user), query).problems,
        title=_title(query),
        link=f"/problems/{suffix}",
        address=request.get_full_path(),
        guid=f"/problems.atom{suffix}",
    )


def _title(query: listing.ListQuery) -> str:
    """What is searched for, and the order."""
    plain = query.tree.without(*query.tree.named("sort"))
    searched = f"Problems: {plain}" if plain.terms else "Problems"
    return f"{searched} by {listing.SORT_LABELS[query.sort]}"


def feed_of(
    problems: Iterable[Problem], *, title: str, link: str, address: str, guid: str
) -> HttpResponse:
    """Problems as an Atom feed. `link`, `address` (the feed's own) and `guid` are paths here."""
    feed = Atom1Feed(
        title=title,
        link=f"{settings.BASE_URL}{link}",
        feed_url=f"{settings.BASE_URL}{address}",
        feed_guid=f"{settings.BASE_URL}{guid}",
        description="",
        language="en",
    )
    for problem in problems:
        _add(feed, problem)
    return HttpResponse(feed.writeString("utf-8"), content_type=MEDIA_TYPE)


def _add(feed: Atom1Feed, problem: Problem) -> None:
    address = f"{settings.BASE_URL}{problem.get_absolute_url()}"
    people = f"{problem.people} {'person has' if problem.people == 1 else 'people have'} this"
    place = f"{problem.product.slug}/{problem.component.slug}"
    state = problem.resolution or problem.state
    feed.add_item(
        title=f"#{problem.number} {problem.synopsis}",
        link=address,
        unique_id=address,
        description=f"{people}; {place}, {problem.severity}, {state}.",
        author_name=(problem.reporter and problem.reporter.handle)
        or problem.origin_author
        or "unknown",
        pubdate=problem.created_at,
        updateddate=problem.changed_at,
        categories=(problem.product.slug, problem.component.slug),
    )
