"""The outbox, for administrators: what waits, what failed and why, and how fast mail goes."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    QueryDict,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import require
from notifications import selectors
from notifications.forms import PaceForm
from notifications.models import Message
from notifications.outbox import pacing, sending
from notifications.policies import may
from notifications.selectors import OutboxFilter
from tracker.web.edit import number_in
from tracker.web.pages import safe_next, signed_in

STATES = (*map(str, Message.State), "unconfirmed")


@require_safe
@never_cache
@signed_in
def page_of_messages(request: HttpRequest) -> HttpResponse:
    """The newest messages that are asked for, and the domains that have a pace of their own."""
    require(may("outbox.see", request.user))
    return _page(request, PaceForm())


def _page(request: HttpRequest, form: PaceForm) -> HttpResponse:
    wanted = _wanted(request.GET)
    found = list(selectors.messages(wanted, number_in(request.GET, "before") or None))
    words = _words(wanted)
    is_full = len(found) == selectors.MESSAGES_ON_A_PAGE
    context = {
        "outbox": found,
        "health": selectors.outbox_health(),
        "wanted": wanted,
        "kinds": Message.Kind.choices,
        # What the tabs keep of what is asked for.
        "words": urlencode({key: value for key, value in words.items() if key != "state"}),
        "next_url": f"?{urlencode({**words, 'before': found[-1].pk})}" if is_full else "",
        "domains": selectors.paced_domains(),
        "form": form,
        "now": timezone.now(),
    }
    status = 400 if form.errors else 200
    return render(request, "notifications/outbox.html", context, status=status)


@require_POST
@signed_in
def send_again(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Try a waiting message now, or send one again that did not certainly arrive."""
    require(may("outbox.resend", request.user))
    message = get_object_or_404(Message, pk=pk)
    if sending.hurry(message) or sending.resend(message):
        messages.success(request, f"The mail to {message.address} is on its way.")
    else:
        messages.error(request, f"The mail to {message.address} cannot be sent again.")
    return _back(request)


@require_POST
@signed_in
def send_all_again(request: HttpRequest) -> HttpResponseBase:
    """Send all again that failed, of those that the page shows."""
    require(may("outbox.resend", request.user))
    wanted = _wanted(request.POST)
    count = sending.resend_failed(wanted.of(Message.objects.all()))
    if count:
        messages.success(request, f"{count} mail{'' if count == 1 else 's'} will be sent again.")
    else:
        messages.error(request, "No mail has failed that can be sent again.")
    return _back(request)


@require_POST
@signed_in
def pace(request: HttpRequest) -> HttpResponseBase:
    """Set how many mails a minute go to a domain."""
    require(may("outbox.pace", request.user))
    form = PaceForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    row = pacing.set_limit(form.cleaned_data["domain"], form.cleaned_data["per_minute"])
    if row.per_minute is None:
        messages.success(request, f"Mail to {row.domain} goes as fast as to others.")
    else:
        messages.success(request, f"At most {row.per_minute} mails a minute go to {row.domain}.")
    return _back(request)


@require_POST
@signed_in
def let_go(request: HttpRequest) -> HttpResponseBase:
    """Send mail to a domain that is held, at once."""
    require(may("outbox.pace", request.user))
    domain = request.POST.get("domain", "")[:255]
    if pacing.let_go(domain):
        messages.success(request, f"Mail to {domain} goes out again.")
    else:
        messages.error(request, "No mail to that domain is held.")
    return _back(request)


def _wanted(given: QueryDict) -> OutboxFilter:
    """What is asked for; words that mean nothing are left out."""
    state, kind = given.get("state", ""), given.get("kind", "")
    return OutboxFilter(
        state if state in STATES else "",
        kind if kind in Message.Kind.values else "",
        _plain(given.get("domain", "")),
        _plain(given.get("to", "")),
    )


def _plain(text: str) -> str:
    return text.replace("\0", "").strip()[:255]


def _words(wanted: OutboxFilter) -> dict[str, str]:
    return {key: value for key, value in vars(wanted).items() if value}


def _back(request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(safe_next(request, reverse("outbox")))
