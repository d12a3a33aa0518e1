"""The ranked lists: the front page, searches, and the page of a product."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from accounts.policies import as_person
from tracker.drafts import DraftErrors
from tracker.models import Product
from tracker.policies import may, visible_problems
from tracker.text import clean_line
from votes import listing, mine, selectors
from votes.search.highlight import Marked, joined
from votes.search.language import MAX_CHARS
from votes.search.places import Places
from votes.search.qualifiers import QUALIFIERS
from votes.versions import release_summaries
from votes.web.filters import Filters, drop, full_query, without_blanks
from votes.web.hits import hits

HOME_ROWS = 15
PRODUCT_ROWS = 10
MONTHS = 24


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """What hurts most people now, and what waits for the one who looks."""
    viewer = request.user
    person = as_person(viewer)
    query = listing.ListQuery(limit=HOME_ROWS)
    page = listing.page(listing.find(query, viewer), query)
    context = {
        "rows": selectors.rows_for(viewer, page.problems),
        "has_more": bool(page.next_cursor),
        "waiting": mine.waits_for(person) if person else [],
        "months": selectors.votes_over_time(None, MONTHS),
        "may_make_product": not page.problems and may("product.manage", viewer),
        "has_products": bool(page.problems) or Product.objects.exists(),
    }
    return render(request, "lists/home.html", context)


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """The problems that the query string asks for; 400 with reasons when it makes no sense."""
    clean = without_blanks(request.GET)
    if clean != request.GET:
        return HttpResponseRedirect(f"{request.path}{full_query(clean)}")
    if number := _number_asked_for(request):
        return redirect(f"/{number}")
    try:
        query = listing.parse_query(request.GET)
    except DraftErrors as errors:
        context = _refused(request, errors)
        return render(request, "lists/problems.html", context, status=400)
    return render(request, "lists/problems.html", _listed(request, query))


def _number_asked_for(request: HttpRequest) -> int | None:
    """The problem whose number is all that was typed into the search box."""
    typed = request.GET.get("q", "").strip().removeprefix("#")
    if len(request.GET) != 1 or not (typed.isascii() and typed.isdigit() and len(typed) < 19):
        return None
    return visible_problems(request.user).filter(pk=int(typed)).values_list("pk", flat=True).first()


def _refused(request: HttpRequest, errors: DraftErrors) -> dict[str, object]:
    """What is wrong, with the wrong words marked where they stand."""
    typed = clean_line(request.GET.get("q", "")[:MAX_CHARS])
    query = listing.ListQuery(q=typed)
    spans = joined((each.at, each.at + each.length) for each in query.search.faults)
    return {
        "filters": Filters(request.GET, query),
        "faults": errors.errors,
        "typed": Marked(typed, tuple(spans)) if spans else None,
    }


def _listed(request: HttpRequest, query: listing.ListQuery) -> dict[str, object]:
    found = listing.find(query, request.user)
    page = listing.page(found, query)
    count = listing.count_beside(page, found, query)
    filters = Filters(request.GET, query)
    return {
        "hits": hits(request.user, query, page.problems),
        "filters": filters,
        "idle": [word.text for word in query.search.text.idle],
        "count": min(count, listing.COUNT_LIMIT),
        "is_more_than_counted": count > listing.COUNT_LIMIT,
        "next_url": _at(request.GET, page.next_cursor),
        "previous_url": _at(request.GET, page.previous_cursor),
        "first_url": full_query(drop(request.GET, "cursor")) if query.cursor else "",
        "feed_query": full_query(drop(request.GET, "cursor", "limit")),
        "any_state_url": "" if query.search.says_state else filters.any_state_url(),
        "query": query,
    }


def _at(params: QueryDict, cursor: str) -> str:
    """The same list at another page; "" without a cursor."""
    if not cursor:
        return ""
    moved = drop(params, "cursor")
    moved["cursor"] = cursor
    return full_query(moved)


@require_safe
def products(request: HttpRequest) -> HttpResponse:
    """All products."""
    context = {
        "summaries": selectors.product_summaries(request.user),
        "may_make_product": may("product.manage", request.user),
    }
    return render(request, "lists/products.html", context)


@require_safe
def product(request: HttpRequest, slug: str) -> HttpResponse:
    """A product: its biggest problems, its parts with their maintainers, its releases."""
    shown = get_object_or_404(Product, slug=slug)
    viewer = request.user
    query = listing.ListQuery(product=shown.slug, limit=PRODUCT_ROWS)
    page = listing.page(listing.find(query, viewer), query)
    context = {
        "product": shown,
        "rows": selectors.rows_for(viewer, page.problems),
        "has_more": bool(page.next_cursor),
        "components": selectors.component_summaries(shown, viewer),
        "releases": release_summaries(shown),
        "months": selectors.votes_over_time(shown, MONTHS),
        "may_manage": any(
            may(f"{thing}.manage", viewer) for thing in ("product", "component", "release")
        ),
    }
    return render(request, "lists/product.html", context)


@require_safe
def send_problem(request: HttpRequest) -> HttpResponse:
    """How to get and use the program that reports from a terminal."""
    return render(request, "lists/send_problem.html")


@require_safe
def search_help(request: HttpRequest) -> HttpResponse:
    """The search language, from the same table that reads it.

    Examples lead to what they find, unless they name what this tracker has not.
    """
    places = Places()
    examples = [example for known in QUALIFIERS.values() for example in known.examples]
    sound = {each for each in examples if not listing.ListQuery(each, places=places).search.faults}
    context = {"qualifiers": QUALIFIERS, "sound": sound}
    return render(request, "lists/search_help.html", context)
