"""The outbox, for administrators: what waits, what failed and why, and trying again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import require
from notifications import outbox, selectors
from notifications.models import Message
from notifications.policies import may
from tracker.web.pages import safe_next, signed_in


@require_safe
@never_cache
@signed_in
def page_of_messages(request: HttpRequest) -> HttpResponse:
    """The newest messages in one state, or in all."""
    require(may("outbox.see", request.user))
    state = request.GET.get("state", "")
    before = request.GET.get("before", "")
    is_number = before.isascii() and before.isdigit() and len(before) < 19
    health = selectors.outbox_health()
    if state not in {name for name, _ in health.counts}:
        state = ""
    found = list(selectors.messages(state, int(before) if is_number else None))
    is_full = len(found) == selectors.MESSAGES_ON_A_PAGE
    context = {
        "outbox": found,
        "health": health,
        "state": state,
        "next_url": f"?state={state}&before={found[-1].pk}" if is_full else "",
    }
    return render(request, "notifications/outbox.html", context)


@require_POST
@signed_in
def send_again(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Try a waiting message now, or send one again that did not certainly arrive."""
    require(may("outbox.resend", request.user))
    message = get_object_or_404(Message, pk=pk)
    if outbox.hurry(message) or outbox.resend(message):
        messages.success(request, f"The mail to {message.address} is on its way.")
    else:
        messages.error(request, f"The mail to {message.address} cannot be sent again.")
    return HttpResponseRedirect(safe_next(request, reverse("outbox")))
