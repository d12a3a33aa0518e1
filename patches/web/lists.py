"""What waits, and for whom: the queue of patches and the board of those that were forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.policies import as_person
from patches.waiting import listing
from patches.waiting.listing import ListQuery
from patches.waiting.rows import rows_of
from tracker.drafts import DraftErrors
from tracker.models import Component, Product
from tracker.web.pages import page
from votes.web.filters import Chip, Choice, drop, full_query, without_blanks

_FORGOTTEN_SORTS = ("age", "demand", "path")
_DECIDED_SORTS = ("latest", "demand", "path")
_WAITING_SORTS = ("demand", "age", "path", "latest")


@require_safe
@page
def patches(request: HttpRequest) -> HttpResponseBase:
    """The patches that the query string asks for; 400 with reasons when it makes no sense."""
    return _list(request, is_forgotten=False)


@require_safe
@page
def forgotten(request: HttpRequest) -> HttpResponseBase:
    """Those that waited longest for somebody to look at them, and still do."""
    return _list(request, is_forgotten=True)


def _list(request: HttpRequest, *, is_forgotten: bool) -> HttpResponse:
    clean = without_blanks(request.GET)
    if clean != request.GET:
        return HttpResponseRedirect(f"{request.path}{full_query(clean)}")
    try:
        query = listing.parse(request.GET, is_forgotten=is_forgotten)
    except DraftErrors as errors:
        query = ListQuery(is_forgotten=is_forgotten)
        context = {
            "faults": errors.errors,
            "filters": Filters(request.GET, query),
            "query": query,
        }
        return render(request, "patches/patches.html", context, status=400)
    if "me" in {query.author, query.reviewer} and not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    return render(request, "patches/patches.html", _listed(request, query))


def _listed(request: HttpRequest, query: ListQuery) -> dict[str, object]:
    found = listing.find(query, request.user)
    shown = listing.page(found, query)
    count = listing.count_beside(shown, found, query)
    return {
        "query": query,
        "rows": rows_of(shown.patches),
        "filters": Filters(request.GET, query),
        "count": min(count, listing.COUNT_LIMIT),
        "is_more_than_counted": count > listing.COUNT_LIMIT,
        "next_url": _at(request.GET, shown.next_cursor),
        "previous_url": _at(request.GET, shown.previous_cursor),
        "first_url": full_query(drop(request.GET, "cursor")) if query.cursor else "",
        "feed_query": full_query(_for_a_feed(request)),
    }


def _for_a_feed(request: HttpRequest) -> QueryDict:
    """The list by names that mean the same to a program which is not signed in."""
    params = drop(request.GET, "cursor", "limit")
    person = as_person(request.user)
    for name in ("author", "reviewer"):
        if person is not None and params.get(name) == "me":
            params[name] = person.handle
    return params


def _at(params: QueryDict, cursor: str) -> str:
    """The same list at another page; "" without a cursor."""
    if not cursor:
        return ""
    moved = drop(params, "cursor")
    moved["cursor"] = cursor
    return full_query(moved)


class Filters:
    """The controls of a list of patches. Products and components cost one query each."""

    def __init__(self, params: QueryDict, query: ListQuery) -> None:
        self.params = drop(params, "cursor")
        self.query = query

    @property
    def chosen(self) -> dict[str, str]:
        """What stands in the controls: what was typed, even where it makes no sense."""
        return {name: str(value)[:300] for name, value in self.params.items()}

    @property
    def turns(self) -> list[Choice]:
        """The tabs, each with the address of that list, its filters kept."""
        return [
            Choice(turn, label, turn == self.query.turn, self._with("turn", turn, "first"))
            for turn, label in listing.TURN_LABELS.items()
        ]

    @property
    def sorts(self) -> list[Choice]:
        shown = _DECIDED_SORTS if self.query.turn == "decided" else _WAITING_SORTS
        shown = _FORGOTTEN_SORTS if self.query.is_forgotten else shown
        usual = self.query.usual_sort
        return [
            Choice(
                sort,
                listing.SORT_LABELS[sort],
                sort == self.query.sort,
                self._with("sort", sort, usual),
            )
            for sort in shown
        ]

    @property
    def chips(self) -> list[Chip]:
        """What narrows the list, one by one."""
        return [
            Chip("words" if name == "q" else name, value, full_query(drop(self.params, name)))
            for name, value in self.query.filters.items()
        ]

    @cached_property
    def products(self) -> list[Choice]:
        found = Product.objects.order_by("-is_active", "title").values_list("slug", "title")
        return list(_choices(found, self.chosen.get("product", "")))

    @cached_property
    def components(self) -> list[Choice]:
        found = Component.objects.order_by("slug", "product__slug").values_list("slug", "title")
        if product := self.query.product:
            found = found.filter(product__slug=product)
        pairs = {listing.NO_COMPONENT: "none", **dict(found)}
        return list(_choices(pairs.items(), self.chosen.get("component", "")))

    def _with(self, name: str, value: str, usual: str) -> str:
        """The first page of the list with another value; a tab goes back to its own order."""
        params = drop(self.params, name, *(["sort"] if name == "turn" else []))
        if value != usual:
            params[name] = value
        return full_query(params)


def _choices(pairs: Iterable[tuple[str, str]], chosen: str) -> Iterator[Choice]:
    for value, label in pairs:
        yield Choice(value, label, value == chosen)
