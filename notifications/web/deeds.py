"""Links in mails that act: the page that asks first, and the button that does it."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts.models import Person
from accounts.policies import Denied
from notifications import deeds
from notifications.deeds import Deed, NoSuchLink, Ticket
from tracker.changes import Conflict
from tracker.models import Problem

# What will be, as the page says it before and on the button.
_ASKS = {
    Deed.VOTE: "Say that you have this too?",
    Deed.CLAIM: "Take this one?",
    Deed.SNOOZE: "Keep this out of your digests for 14 days?",
    Deed.NOT_MINE: "Keep this out of your digests?",
    Deed.CHOOSE: "What will you do?",
}
_BUTTONS = {
    Deed.VOTE: "+1, I have this too",
    Deed.CLAIM: "Assign it to me",
    Deed.SNOOZE: "Snooze for 14 days",
    Deed.NOT_MINE: "Not mine",
}


@dataclass(frozen=True)
class Choice:
    """One button."""

    label: str
    url: str


# No cookie and no form of ours: the token is the right to do this and nothing else.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def do(request: HttpRequest, token: str, deed: str = "") -> HttpResponse:
    """A GET shows what would happen, whoever follows the link; a POST does it as its reader."""
    try:
        ticket = deeds.read_link(token, deed)
        person, problem = deeds.holder(ticket)
    except NoSuchLink as why:
        return render(request, "notifications/deed_unknown.html", {"why": why}, status=404)
    if request.method != "POST" or ticket.deed == Deed.CHOOSE:
        return _ask(request, ticket, person, problem)
    try:
        done = deeds.do(ticket.deed, person, problem)
    except (Denied, Conflict) as why:
        status = 403 if isinstance(why, Denied) else 409
        context = {"why": getattr(why, "reason", str(why)), "problem": problem}
        return render(request, "notifications/deed_refused.html", context, status=status)
    context = {"done": done, "problem": problem, "person": person, "deed": ticket.deed.name}
    return render(request, "notifications/deed_done.html", context)


def _ask(request: HttpRequest, ticket: Ticket, person: Person, problem: Problem) -> HttpResponse:
    deed = ticket.deed
    offered = [deed]
    if deed == Deed.CHOOSE:
        found = deeds.offers(person, [problem], with_aside=True)
        offered = [offer.deed for offer in found[problem.pk]]
    context = {
        "title": _ASKS[deed],
        "problem": problem,
        "person": person,
        "choices": [Choice(_BUTTONS[each], ticket.path(each)) for each in offered],
    }
    return render(request, "notifications/deed.html", context)
