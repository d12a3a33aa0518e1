"""Saved searches: all of them, each as a page and as a feed, and keeping and changing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import conditional_page, require_POST, require_safe

from accounts.policies import Decision
from tracker.drafts import DraftErrors
from tracker.web.pages import page, person_of, signed_in
from votes import listing, saved_searches
from votes.models import SavedSearch
from votes.web.feeds import feed_of
from votes.web.hits import hits

SEARCHES_A_PAGE: Final = 30


class SearchForm(forms.Form):
    """What is kept of a search; the service says what is wrong with it."""

    name = forms.CharField(label="Name", strip=False, widget=forms.TextInput(attrs={"size": 40}))
    query = forms.CharField(
        label="Search",
        required=False,
        strip=False,
        help_text="As in the search box, such as <code>is:open component:net sort:heat</code>."
        ' <a href="/search/help">All that it understands</a>.',
    )
    is_shared = forms.BooleanField(
        label="Shared: anybody with the address may use it",
        required=False,
        help_text="Others see its name and words, and find what they may see themselves.",
    )


@dataclass(frozen=True)
class Kept:
    """A search in the list of them; `count` is None where it makes no sense any longer."""

    search: SavedSearch
    count: int | None
    is_own: bool

    @property
    def feed_url(self) -> str:
        return _feed_url(self.search)

    @property
    def is_more_than_counted(self) -> bool:
        return self.count is not None and self.count > listing.COUNT_LIMIT

    @property
    def shown_count(self) -> int:
        return min(self.count or 0, listing.COUNT_LIMIT)


@require_safe
@never_cache
def searches(request: HttpRequest) -> HttpResponse:
    """The viewer's own searches first, then what others share, with what each finds now."""
    viewer = request.user
    ordered = saved_searches.own_first(viewer)
    pages = Paginator(ordered, SEARCHES_A_PAGE, error_messages={"no_results": ""})
    shown = pages.get_page(request.GET.get("page"))
    rows = list(shown.object_list)
    counts = saved_searches.counts(viewer, rows)
    context = {
        "next_url": f"?page={shown.next_page_number()}" if shown.has_next() else "",
        "previous_url": f"?page={shown.previous_page_number()}" if shown.has_previous() else "",
        "kept": [Kept(each, counts[each.pk], each.owner_id == viewer.pk) for each in rows],
    }
    return render(request, "searches/searches.html", context)


@require_safe
@never_cache
@page
def search(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What it finds now, for the one who looks."""
    found = _search(request, pk)
    context: dict[str, Any] = {"search": found, "feed_url": _feed_url(found)}
    context |= _rights(request, found)
    try:
        query = saved_searches.query_of(found, request.GET.get("cursor", ""))
    except DraftErrors as errors:
        context["faults"] = errors.errors
        return render(request, "searches/search.html", context)
    problems = listing.find(query, request.user)
    listed = listing.page(problems, query)
    count = listing.count_up_to(problems)
    context |= {
        "hits": hits(request.user, query, listed.problems),
        "count": min(count, listing.COUNT_LIMIT),
        "is_more_than_counted": count > listing.COUNT_LIMIT,
        "next_url": _at(listed.next_cursor),
        "previous_url": _at(listed.previous_cursor),
        "first_url": found.get_absolute_url() if query.cursor else "",
    }
    return render(request, "searches/search.html", context)


def _search(request: HttpRequest, pk: int) -> SavedSearch:
    """Fetch and authorise at once: a private search of somebody else is not there."""
    found = saved_searches.visible_searches(request.user).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _at(cursor: str) -> str:
    return f"?cursor={cursor}" if cursor else ""


def _feed_url(found: SavedSearch) -> str:
    """A private one carries its key, because readers of feeds cannot sign in."""
    address = f"/searches/{found.pk}.atom"
    return address if found.is_shared else f"{address}?key={found.feed_key}"


@require_safe
@conditional_page
def feed(request: HttpRequest, pk: int) -> HttpResponse:
    """Its first page as a feed.

    The key of a private one is no session: it shows what the owner finds of public problems.
    """
    found = SavedSearch.objects.filter(pk=pk).select_related("owner").first()
    if found is None:
        raise Http404
    has_key = constant_time_compare(request.GET.get("key", ""), found.feed_key)
    if not has_key and not saved_searches.may_see(request.user, found):
        raise Http404
    try:
        query = saved_searches.query_of(found)
    except DraftErrors as errors:
        return HttpResponse(f"{errors}\n", status=400, content_type="text/plain; charset=utf-8")
    rows = listing.find(query, found.owner if has_key else request.user)
    if has_key:
        rows = rows.filter(is_confidential=False)
    problems = listing.page(rows, query).problems
    address = found.get_absolute_url()
    return feed_of(
        problems, title=found.name, link=address, address=request.get_full_path(), guid=address
    )


@never_cache
@signed_in
def new(request: HttpRequest) -> HttpResponseBase:
    """Keep a search; `?q=` is what was searched for."""
    person = person_of(request)
    initial = {"query": request.GET.get("q", "")[: saved_searches.QUERY_CHARS]}
    form = SearchForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            kept = saved_searches.save(person, **form.cleaned_data)
        except DraftErrors as errors:
            _show(form, errors)
        else:
            messages.success(request, f"“{kept.name}” is kept.")
            return redirect(kept)
    status = 400 if form.errors else 200
    return render(request, "searches/edit.html", {"form": form}, status=status)


@never_cache
@signed_in
def edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Change a search of one's own."""
    found = _search(request, pk)
    person = person_of(request)
    initial = {"name": found.name, "query": found.query, "is_shared": found.is_shared}
    form = SearchForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            saved_searches.change(found, person, **form.cleaned_data)
        except DraftErrors as errors:
            _show(form, errors)
        else:
            return redirect(found)
    status = 400 if form.errors else 200
    context = {"form": form, "search": _search(request, pk), **_rights(request, found)}
    return render(request, "searches/edit.html", context, status=status)


def _rights(request: HttpRequest, found: SavedSearch) -> dict[str, Decision]:
    return {
        f"may_{action}": saved_searches.may(f"search.{action}", request.user, found)
        for action in ("change", "delete")
    }


def _show(form: SearchForm, errors: DraftErrors) -> None:
    for name, sentences in errors.errors.items():
        for sentence in sentences:
            form.add_error(name if name in form.fields else None, sentence)


@require_POST
@signed_in
def delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Forget a search."""
    found = _search(request, pk)
    name = found.name
    saved_searches.delete(found, person_of(request))
    messages.success(request, f"“{name}” is deleted.")
    return redirect("searches")
