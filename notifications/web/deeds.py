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
from notifications.patches import deeds as patch_deeds
from patches.models import Patch
from patches.waiting.turns import turn_words
from tracker.changes import Conflict
from tracker.models import Problem

# What will be, as the page says it before and on the button.
_ASKS = {
    Deed.VOTE: "Say that you have this too?",
    Deed.CLAIM: "Take this one?",
    Deed.SNOOZE: "Keep this out of your digests for 14 days?",
    Deed.NOT_MINE: "Keep this out of your digests?",
    Deed.CHOOSE: "What will you do?",
    Deed.CHOOSE_PATCH: "What will you do?",
}
_BUTTONS = {
    Deed.VOTE: "+1, I have this too",
    Deed.CLAIM: "Assign it to me",
    Deed.SNOOZE: "Snooze for 14 days",
    Deed.NOT_MINE: "Not mine",
}
_ASKS_OF_PATCHES = {
    Deed.CLAIM: "Will you review this one?",
    Deed.SNOOZE: "Keep this out of your digests for 14 days?",
    Deed.NOT_MINE: "Is this not yours? It goes on to the next.",
}
_BUTTONS_OF_PATCHES = {Deed.CLAIM: "I will review it"}


@dataclass(frozen=True)
class Choice:
    """One button."""

    label: str
    url: str


@dataclass(frozen=True)
class Thing:
    """What a link acts on, as its pages name it."""

    words: str
    url: str
    facts: str


# No cookie and no form of ours: the token is the right to do this and nothing else.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def do(request: HttpRequest, token: str, deed: str = "") -> HttpResponse:
    """A GET shows what would happen, whoever follows the link; a POST does it as its reader."""
    try:
        ticket = deeds.read_link(token, deed)
        holder = patch_deeds.holder if ticket.is_of_patch else deeds.holder
        person, target = holder(ticket)
    except NoSuchLink as why:
        return render(request, "notifications/deed_unknown.html", {"why": why}, status=404)
    thing = _thing(target)
    if request.method != "POST" or ticket.deed in {Deed.CHOOSE, Deed.CHOOSE_PATCH}:
        return _ask(request, ticket, person, target)
    try:
        done = _do(ticket.deed, person, target)
    except (Denied, Conflict) as why:
        status = 403 if isinstance(why, Denied) else 409
        context = {"why": getattr(why, "reason", str(why)), "thing": thing}
        return render(request, "notifications/deed_refused.html", context, status=status)
    # What was asked of somebody is changed on the page of the patch.
    name = "" if ticket.is_of_patch else ticket.deed.name
    context = {"done": done, "thing": thing, "person": person, "deed": name}
    return render(request, "notifications/deed_done.html", context)


def _do(deed: Deed, person: Person, target: Problem | Patch) -> str:
    if isinstance(target, Patch):
        return patch_deeds.do(deed, person, target)
    return deeds.do(deed, person, target)


def _ask(
    request: HttpRequest, ticket: Ticket, person: Person, target: Problem | Patch
) -> HttpResponse:
    deed = ticket.deed
    offered = [deed]
    is_patch = isinstance(target, Patch)
    if isinstance(target, Patch) and deed == Deed.CHOOSE_PATCH:
        offered = [*patch_deeds.allowed_deeds(person, target)]
    elif isinstance(target, Problem) and deed == Deed.CHOOSE:
        found = deeds.offers(person, [target], with_aside=True)
        offered = [offer.deed for offer in found[target.pk]]
    asks, buttons = _ASKS, _BUTTONS
    if is_patch:
        asks, buttons = _ASKS | _ASKS_OF_PATCHES, _BUTTONS | _BUTTONS_OF_PATCHES
    context = {
        "title": asks[deed],
        "thing": _thing(target),
        "person": person,
        "choices": [Choice(buttons[each], ticket.path(each)) for each in offered],
    }
    return render(request, "notifications/deed.html", context)


def _thing(target: Problem | Patch) -> Thing:
    if isinstance(target, Patch):
        words = f"Patch {target.pk}: {target.title}"
        secret = " · confidential" if target.is_secret else ""
        return Thing(words, target.get_absolute_url(), f"{turn_words(target)}{secret}")
    people = f"{target.people} {'person' if target.people == 1 else 'people'}"
    facts = [f"{target.product}/{target.component}", target.resolution or target.state, people]
    if target.assignee is not None:
        facts.append(f"with {target.assignee.handle}")
    if target.is_confidential:
        facts.append("confidential")
    words = f"#{target.pk} {target.synopsis}"
    return Thing(words, target.get_absolute_url(), " · ".join(facts))
