"""The digest page: when it comes, and what it would say now."""

from __future__ import annotations

from csp.decorators import csp_replace
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Person, Role
from notifications import digests
from notifications.digest_mail import DigestWords, digest_words
from notifications.envelopes import DIGEST_REACH, unsubscribe_url
from notifications.forms import DigestForm
from notifications.models import DigestSubscription
from notifications.schedule import zone
from notifications.services import set_digest
from tracker.web.pages import person_of, signed_in

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
    """Settings and preview."""
    person = person_of(request)
    row = _subscription(person)
    form = DigestForm(request.POST or None, initial=_initial(person, row))
    if request.method == "POST" and form.is_valid():
        saved = set_digest(person, **form.cleaned_data)
        messages.success(request, _saved_words(saved, person))
        return redirect("my-digest")
    is_off = row.period == DigestSubscription.Period.OFF
    context = {
        "form": form,
        "words": _words(person, row),
        "is_off": is_off,
        "next_due": None if is_off else row.next_due_at.astimezone(zone(person.time_zone)),
    }
    status = 400 if form.errors else 200
    return render(request, "notifications/digest.html", context, status=status)


@require_safe
@csp_replace(MAIL_POLICY)
@never_cache
@signed_in
def digest_html(request: HttpRequest) -> HttpResponseBase:
    """The mail itself: exactly what would be sent now."""
    person = person_of(request)
    words = _words(person, _subscription(person))
    return render(request, "mail/digest.html", words.for_html())


@require_safe
@never_cache
@signed_in
def digest_text(request: HttpRequest) -> HttpResponseBase:
    """The mail's plain text."""
    person = person_of(request)
    words = _words(person, _subscription(person))
    return HttpResponse(words.as_text(), content_type="text/plain; charset=utf-8")


def _subscription(person: Person) -> DigestSubscription:
    """The person's, or what they have while they said nothing: weekly for developers only."""
    row = DigestSubscription.objects.filter(person=person).first()
    if row is None:
        row = digests.default_subscription(person, timezone.now())
        if not person.has_role(Role.DEVELOPER):
            row.period = DigestSubscription.Period.OFF
    return row


def _initial(person: Person, row: DigestSubscription) -> dict[str, object]:
    return {
        "period": row.period,
        "weekday": row.weekday,
        "hour": row.hour,
        "time_zone": person.time_zone,
    }


def _words(person: Person, row: DigestSubscription) -> DigestWords:
    stop_url = unsubscribe_url(person.pk, DIGEST_REACH, None)
    return digest_words(digests.preview(person), row, person, stop_url)


def _saved_words(row: DigestSubscription, person: Person) -> str:
    if row.period == DigestSubscription.Period.OFF:
        return "You get no digest."
    due = row.next_due_at.astimezone(zone(person.time_zone))
    return f"The next digest comes on {due:%A}, {due.day} {due:%B} at {due:%H:%M}."
