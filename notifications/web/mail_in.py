"""Incoming mail, for administrators: what came, what became of it, and reading it again."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Person
from accounts.policies import as_person, require
from notifications.gate import imap, overview, processing, suspension
from notifications.gate.addresses import is_open
from notifications.gate.models import IncomingMail
from notifications.gate.overview import Filter
from notifications.policies import may
from tracker.web.edit import number_in
from tracker.web.pages import safe_next, signed_in

LONGEST_WORDS = 200


@require_safe
@never_cache
@signed_in
def page_of_mails(request: HttpRequest) -> HttpResponse:
    """The newest messages that fit; suspended addresses and bounces below the first page."""
    require(may("incoming.see", request.user))
    wanted = _filter(request)
    before = before_of(request)
    found = list(overview.incoming_mails(wanted, before))
    asked = {"state": wanted.state, "q": wanted.words, "outcome": wanted.outcome}
    is_full = len(found) == overview.ON_A_PAGE
    context = {
        "mails": found,
        "health": overview.incoming_health(),
        "is_open": is_open(),
        "imap_trouble": imap.trouble(),
        "asked": asked,
        "words": urlencode({"q": wanted.words, "outcome": wanted.outcome}),
        "next_url": "?" + urlencode(asked | {"before": found[-1].pk}) if is_full else "",
        "suspended": [] if before is not None else overview.suspended_addresses(),
        "bounces": [] if before is not None else overview.latest_bounces(),
    }
    return render(request, "notifications/mail_in.html", context)


def before_of(request: HttpRequest) -> int | None:
    """The row below which a page begins; None for the first page, and for what is no number."""
    return number_in(request.GET, "before") or None


def _filter(request: HttpRequest) -> Filter:
    """What does not exist as a state is no filter; words may be anything."""
    given = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:LONGEST_WORDS]
        for name in ("state", "q", "outcome")
    }
    state = given["state"] if given["state"] in IncomingMail.State.values else ""
    return Filter(state, given["q"], given["outcome"])


@require_safe
@never_cache
@signed_in
def raw(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The message as it came, to be kept as a file and never shown by the browser."""
    require(may("incoming.see", request.user))
    incoming = get_object_or_404(IncomingMail, pk=pk)
    if not incoming.file:
        raise Http404("The message itself was deleted.")
    try:
        file = incoming.file.open("rb")
    except FileNotFoundError:
        raise Http404("The message itself is gone.") from None
    name = f"mail-{incoming.pk}.eml"
    return FileResponse(file, as_attachment=True, filename=name, content_type="text/plain")


@require_POST
@signed_in
def read_again(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Read a message once more that failed or brought nothing about."""
    require(may("incoming.read_again", request.user))
    incoming = get_object_or_404(IncomingMail, pk=pk)
    if processing.read_again(incoming):
        messages.success(request, "The mail is read again.")
    else:
        messages.error(request, "This mail cannot be read again.")
    return HttpResponseRedirect(safe_next(request, reverse("mail-in")))


@require_POST
@signed_in
def lift(request: HttpRequest) -> HttpResponseBase:
    """Send mail again to a suspended address."""
    require(may("suspension.lift", request.user))
    address = request.POST.get("address", "").replace("\x00", "")
    if suspension.lift(address, by=_administrator(request)):
        messages.success(request, f"Mail goes to {address} again.")
    else:
        messages.error(request, "This address is not suspended.")
    return HttpResponseRedirect(safe_next(request, reverse("mail-in")))


def _administrator(request: HttpRequest) -> Person | None:
    return as_person(request.user)
