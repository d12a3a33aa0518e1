"""What a person is told of: the list, the buttons, and the way out that needs no sign-in."""

from __future__ import annotations

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import Person
from notifications import services
from notifications.envelopes import (
    DIGEST_REACH,
    DIGEST_REACHES,
    LIST_REACH,
    VOTES_REACH,
    read_unsubscribe_token,
)
from notifications.models import Reach
from notifications.selectors import subscriptions_of, targets
from notifications.services import Target, find_target
from tracker.models import Component, Problem
from tracker.policies import visible_problems
from tracker.web.pages import person_of, safe_next, signed_in

ACTIONS = {
    "subscribe": (services.subscribe, "You follow {}."),
    "mute": (services.mute, "You get no mail about {}."),
    "unsubscribe": (services.unsubscribe, "You no longer follow {}."),
}


@require_safe
@signed_in
def subscriptions(request: HttpRequest) -> HttpResponse:
    """All that the person follows and has muted."""
    found = subscriptions_of(person_of(request))
    context = {"subscriptions": found, "targets": targets()}
    return render(request, "notifications/subscriptions.html", context)


@require_POST
@signed_in
def change(request: HttpRequest) -> HttpResponseBase:
    """Follow, mute or forget one target, and go back to where the button was."""
    person = person_of(request)
    target = _target(request.POST.get("target", ""), person)
    if request.POST.get("action") not in ACTIONS:
        raise Http404("There is no such action.")
    act, words = ACTIONS[request.POST["action"]]
    act(person, target)
    messages.success(request, words.format(_words(target)))
    return HttpResponseRedirect(safe_next(request, reverse("subscriptions")))


def _target(key: str, person: Person) -> Target:
    """What a key of `selectors` names; a 404 for what there is not, or is not for `person`."""
    if key == Reach.EVERYTHING:
        return None
    reach, _, number = key.partition(":")
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise Http404("There is no such subscription.")
    found = find_target(reach, int(number))
    if isinstance(found, Problem) and not visible_problems(person).filter(pk=found.pk).exists():
        found = None
    if found is None:
        raise Http404("There is no such subscription.")
    return found


def _words(target: Target) -> str:
    if target is None:
        return "everything"
    if isinstance(target, Component):
        return f"{target.product.title} / {target.title}"
    return f"#{target.pk}" if isinstance(target, Problem) else target.title


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """RFC 8058: a POST ends it, with no cookie and no form of ours; a GET only asks.

    The token is the right to do this and nothing else.
    """
    try:
        person_id, reach, target_id = read_unsubscribe_token(token)
    except (signing.BadSignature, ValueError):
        context = {"title": "This link is not complete"}
        return render(request, "notifications/unsubscribe_unknown.html", context, status=404)
    what = _stopped_words(reach, target_id)
    if request.method != "POST":
        return render(request, "notifications/unsubscribe.html", {"what": what})
    services.stop_mails(person_id, reach, target_id)
    stopped = {"what": what, "is_digest": reach in DIGEST_REACHES}
    return render(request, "notifications/unsubscribed.html", stopped)


def _stopped_words(reach: str, target_id: int | None) -> str:
    """What ends, in words that give away nothing about a problem beyond its number."""
    if reach == DIGEST_REACH:
        return "this search" if target_id else "what waits for you, in your digest"
    if reach == VOTES_REACH:
        return "what became of what you voted for"
    if reach == LIST_REACH:
        return f"{_list_words(target_id)} to its whole mailing list"
    if reach == Reach.PROBLEM:
        return f"problem #{target_id}"
    target = find_target(reach, target_id)
    if target is None:
        return "everything that you follow" if reach == Reach.EVERYTHING else "this"
    return _words(target)


def _list_words(component_id: int | None) -> str:
    component = find_target(Reach.COMPONENT, component_id)
    return _words(component) if isinstance(component, Component) else "this component"
