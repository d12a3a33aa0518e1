"""Pages of digests: when each comes, what it would say now, and one of it at once."""

from __future__ import annotations

from typing import Any

from csp.decorators import csp_replace
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Person
from accounts.policies import require
from notifications import deeds
from notifications.digests import runs
from notifications.digests.extra import TooOften, send_extra
from notifications.digests.mail import DigestWords, digest_words
from notifications.digests.schedule import zone
from notifications.digests.settings import set_digest, set_list_digest
from notifications.forms import DigestForm
from notifications.models import DigestSubscription
from tracker.models import Component
from tracker.policies import may
from tracker.web.edit import number_in
from tracker.web.pages import person_of, signed_in
from votes.models import SavedSearch
from votes.saved_searches import visible_searches

Kind, Period = DigestSubscription.Kind, DigestSubscription.Period

# The HTML of a mail styles itself, and does nothing else.
MAIL_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'none'"],
}


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def digest(request: HttpRequest, /, **which: Any) -> HttpResponseBase:
    """When a digest comes, and what it would say now. `which` is what the address names."""
    person = person_of(request)
    row = _row(person, **which)
    form = DigestForm(request.POST or None, initial=_initial(row))
    if row.kind == Kind.COMPONENT:
        # The readers of a list are everywhere.
        del form.fields["time_zone"]
    if request.method == "POST" and form.is_valid():
        saved = _save(row, person, form.cleaned_data)
        messages.success(request, _saved_words(saved))
        return redirect(request.path)
    context = {
        "form": form,
        "row": row,
        "words": _words(row),
        "is_off": row.period == Period.OFF,
        "next_due": "" if row.period == Period.OFF else _when(row),
        "paths": {name: _path(request, name) for name in ("html", "text", "send")},
        "waits_in_vain": row.kind == Kind.VOTES
        and row.period == Period.OFF
        and runs.has_choice(person),
        "aside": deeds.aside(person) if row.kind in {Kind.OWN, Kind.VOTES} else [],
    }
    status = 400 if form.errors else 200
    return render(request, "notifications/digest.html", context, status=status)


def _save(row: DigestSubscription, person: Person, values: dict[str, Any]) -> DigestSubscription:
    if row.component is not None:
        return set_list_digest(row.component, person, **values)
    return set_digest(person, kind=row.kind, saved_search=row.saved_search, **values)


@require_safe
@csp_replace(MAIL_POLICY)
@never_cache
@signed_in
def digest_html(request: HttpRequest, /, **which: Any) -> HttpResponse:
    """The mail itself: exactly what would be sent now."""
    words = _words(_row(person_of(request), **which))
    return render(request, "mail/digest.html", words.for_html())


@require_safe
@never_cache
@signed_in
def digest_text(request: HttpRequest, /, **which: Any) -> HttpResponse:
    """The mail's plain text."""
    words = _words(_row(person_of(request), **which))
    return HttpResponse(words.as_text(), content_type="text/plain; charset=utf-8")


@require_POST
@never_cache
@signed_in
def send_now(request: HttpRequest, /, **which: Any) -> HttpResponseBase:
    """Mail it now to who asks, and leave the next one as it is."""
    person = person_of(request)
    row = _row(person, **which)
    try:
        send_extra(row, person)
    except TooOften as why:
        messages.error(request, str(why))
    else:
        messages.success(request, f"It is on its way to {person.email}.")
    return redirect(_path(request, ""))


@require_POST
@never_cache
@signed_in
def put_back(request: HttpRequest) -> HttpResponseBase:
    """Let a problem that was set aside be in the digests again."""
    number = number_in(request.POST, "number")
    if not number:
        raise Http404("There is no such problem.")
    if deeds.put_back(person_of(request), number):
        messages.success(request, f"#{number} may be in your digests again.")
    return redirect("my-digest")


def _path(request: HttpRequest, what: str) -> str:
    """The address of the page, or with a word that of what belongs to it."""
    match = request.resolver_match
    assert match is not None  # noqa: S101 - there is a view
    page = (match.url_name or "").removesuffix("-send")
    given = {name: value for name, value in match.kwargs.items() if name != "kind"}
    return reverse(f"{page}-{what}" if what else page, kwargs=given)


def _row(
    person: Person, *, kind: str = "", pk: int = 0, slug: str = "", component: str = ""
) -> DigestSubscription:
    """The subscription that an address names, stored or not; a 404 or `Denied` for others'."""
    if pk:
        return _of_search(person, get_object_or_404(visible_searches(person), pk=pk))
    if slug:
        require(may("component.manage", person))
        rows = Component.objects.select_related("product").exclude(list_address="")
        return _of_list(get_object_or_404(rows, product__slug=slug, slug=component))
    return _own(person, kind)


def _own(person: Person, kind: str) -> DigestSubscription:
    """The person's, or what they have while they said nothing."""
    row = runs.own_subscription(person, kind)
    if row is None:
        row = runs.default_subscription(person, timezone.now(), kind)
        if not (runs.has_own(person) if kind == Kind.OWN else runs.has_choice(person)):
            row.period = Period.OFF
    row.person = person
    return row


def _of_search(person: Person, search: SavedSearch) -> DigestSubscription:
    """The person's to this search; off while they have none."""
    row = person.digest_subscriptions.filter(saved_search=search).first()
    if row is None:
        row = runs.default_subscription(person, timezone.now(), Kind.SEARCH)
        row.saved_search, row.period = search, Period.OFF
    return row


def _of_list(component: Component) -> DigestSubscription:
    row = DigestSubscription.objects.filter(component=component).first()
    if row is None:
        row = runs.list_subscription(component, timezone.now())
    row.component = component
    return row


def _initial(row: DigestSubscription) -> dict[str, object]:
    return {
        "period": row.period,
        "weekday": row.weekday,
        "hour": row.hour,
        "time_zone": row.time_zone,
    }


def _words(row: DigestSubscription) -> DigestWords:
    return digest_words(runs.preview_of(row, timezone.now()), row)


def _saved_words(row: DigestSubscription) -> str:
    what = f"digest of “{row.saved_search}”" if row.saved_search else "digest"
    if row.period == Period.OFF:
        return f"You get no {what}." if row.person is not None else "The list gets no digest."
    return f"The next {what} comes on {_when(row)}."


def _when(row: DigestSubscription) -> str:
    """When it comes, by the clock of whom it is for; a template would turn a time into UTC."""
    due = row.next_due_at.astimezone(zone(row.time_zone))
    utc = "" if row.person is not None else " UTC"
    return f"{due:%A}, {due.day} {due:%B} at {due:%H:%M}{utc}"
