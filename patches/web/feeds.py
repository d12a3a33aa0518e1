"""Lists of patches as Atom feeds, with the parameters of the lists."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.feedgenerator import Atom1Feed
from django.utils.html import escape
from django.views.decorators.http import conditional_page, require_safe

from accounts.policies import as_person
from patches.waiting import listing
from patches.waiting.listing import ListQuery
from patches.waiting.rows import Row, rows_of
from tracker.drafts import DraftErrors
from votes.web.feeds import MEDIA_TYPE
from votes.web.filters import drop, full_query


@require_safe
@conditional_page
def patches(request: HttpRequest) -> HttpResponse:
    """The first page of a list; 400 in plain text when the query makes no sense."""
    return _feed(request, is_forgotten=False)


@require_safe
@conditional_page
def forgotten(request: HttpRequest) -> HttpResponse:
    """The same of the board."""
    return _feed(request, is_forgotten=True)


def _feed(request: HttpRequest, *, is_forgotten: bool) -> HttpResponse:
    try:
        query = listing.parse(drop(request.GET, "cursor"), is_forgotten=is_forgotten)
    except DraftErrors as errors:
        return HttpResponse(f"{errors}\n", status=400, content_type="text/plain; charset=utf-8")
    if "me" in {query.author, query.reviewer} and as_person(request.user) is None:
        said = "Nobody is signed in here, so “me” is nobody: give a handle in its place."
        return HttpResponse(f"{said}\n", status=400, content_type="text/plain; charset=utf-8")
    asked = drop(request.GET, "cursor", "limit")
    suffix = full_query(asked) if asked else ""
    folder = "/patches/forgotten" if is_forgotten else "/patches"
    feed = Atom1Feed(
        title=_title(query),
        link=f"{settings.BASE_URL}{folder}/{suffix}",
        feed_url=f"{settings.BASE_URL}{request.get_full_path()}",
        feed_guid=f"{settings.BASE_URL}{folder}.atom{suffix}",
        description="",
        language="en",
    )
    for row in rows_of(listing.page(listing.find(query, request.user), query).patches):
        _add(feed, row)
    return HttpResponse(feed.writeString("utf-8"), content_type=MEDIA_TYPE)


def _title(query: ListQuery) -> str:
    which = "Forgotten patches" if query.is_forgotten else _which(query.turn)
    narrowed = "".join(f", {name} {value}" for name, value in query.filters.items())
    return f"{which}{narrowed}, {listing.SORT_LABELS[query.sort]} first"


def _which(turn: str) -> str:
    if turn == "decided":
        return "Decided patches"
    return "Patches that wait" + ("" if turn == "all" else f" {listing.TURN_LABELS[turn]}")


def _add(feed: Atom1Feed, row: Row) -> None:
    patch = row.patch
    address = f"{settings.BASE_URL}{patch.get_absolute_url()}"
    people = f"{patch.demand} {'person' if patch.demand == 1 else 'people'} behind what it fixes"
    said = " ".join(filter(None, (f"{people}.", row.turn_words, row.missing)))
    feed.add_item(
        title=f"Patch {patch.number}: {patch.title}",
        link=address,
        unique_id=address,
        # Readers of feeds take it as HTML.
        description=escape(said),
        author_name=(patch.author and patch.author.handle) or patch.author_name or "unknown",
        pubdate=patch.created_at,
        updateddate=patch.changed_at,
        categories=(patch.product.slug, *row.components),
    )
