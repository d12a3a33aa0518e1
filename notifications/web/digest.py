"""The digest page: when it comes, and what it would say now."""

from __future__ import annotations

from csp.decorators import csp_replace
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Person, Role
from notifications import digests
from notifications.digest_mail import DigestWords, digest_words
from notifications.digest_settings import set_digest
from notifications.envelopes import DIGEST_REACH, unsubscribe_url
from notifications.forms import DigestForm
from notifications.models import DigestSubscription
from notifications.schedule import zone
from tracker.web.pages import person_of, signed_in
from votes.models import SavedSearch
from votes.saved_searches import visible_searches

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
def digest(request: HttpRequest) -> HttpResponseBase:
    """Settings and preview of one's own digest."""
    return _settings(request, _own(person_of(request)))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def search_digest(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Settings and preview of the digest of a saved search."""
    person = person_of(request)
    search = get_object_or_404(visible_searches(person), pk=pk)
    return _settings(request, _of_search(person, search))


def _settings(request: HttpRequest, row: DigestSubscription) -> HttpResponseBase:
    person, search = row.reader, row.saved_search
    form = DigestForm(request.POST or None, initial=_initial(row))
    if request.method == "POST" and form.is_valid():
        saved = set_digest(person, saved_search=search, **form.cleaned_data)
        messages.success(request, _saved_words(saved))
        return redirect(request.path)
    is_off = row.period == DigestSubscription.Period.OFF
    context = {
        "form": form,
        "search": search,
        "words": _words(row),
        "is_off": is_off,
        "next_due": "" if is_off else _when(row),
    }
    status = 400 if form.errors else 200
    return render(request, "notifications/digest.html", context, status=status)


@require_safe
@csp_replace(MAIL_POLICY)
@never_cache
@signed_in
def digest_html(request: HttpRequest) -> HttpResponseBase:
    """The mail itself: exactly what would be sent now."""
    words = _words(_own(person_of(request)))
    return render(request, "mail/digest.html", words.for_html())


@require_safe
@never_cache
@signed_in
def digest_text(request: HttpRequest) -> HttpResponseBase:
    """The mail's plain text."""
    words = _words(_own(person_of(request)))
    return HttpResponse(words.as_text(), content_type="text/plain; charset=utf-8")


def _own(person: Person) -> DigestSubscription:
    """The person's, or what they have while they said nothing: weekly for developers only."""
    row = digests.own_subscription(person)
    if row is None:
        row = digests.default_subscription(person, timezone.now())
        if not person.has_role(Role.DEVELOPER):
            row.period = DigestSubscription.Period.OFF
    return row


def _of_search(person: Person, search: SavedSearch) -> DigestSubscription:
    """The person's to this search; off while they have none."""
    row = person.digest_subscriptions.filter(saved_search=search).first()
    if row is None:
        row = digests.default_subscription(person, timezone.now())
        row.saved_search, row.period = search, DigestSubscription.Period.OFF
    return row


def _initial(row: DigestSubscription) -> dict[str, object]:
    return {
        "period": row.period,
        "weekday": row.weekday,
        "hour": row.hour,
        "time_zone": row.time_zone,
    }


def _words(row: DigestSubscription) -> DigestWords:
    stop_url = unsubscribe_url(row.reader.pk, DIGEST_REACH, row.saved_search_id)
    return digest_words(digests.preview_of(row, timezone.now()), row, row.reader, stop_url)


def _saved_words(row: DigestSubscription) -> str:
    what = f"digest of “{row.saved_search}”" if row.saved_search else "digest"
    if row.period == DigestSubscription.Period.OFF:
        return f"You get no {what}."
    return f"The next {what} comes on {_when(row)}."


def _when(row: DigestSubscription) -> str:
    """When it comes, by the clock of whom it is for; a template would turn a time into UTC."""
    due = row.next_due_at.astimezone(zone(row.time_zone))
    return f"{due:%A}, {due.day} {due:%B} at {due:%H:%M}"
