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
from notifications.digests.schedule import zone
from notifications.events import choices
from notifications.events.targets import Target, find_target, in_words
from notifications.events.watches import clean_path
from notifications.forms import ChoicesForm, initial_choices
from notifications.models import Reach
from notifications.outbox.envelopes import (
    BULK_REACH,
    DIGEST_REACH,
    DIGEST_REACHES,
    LIST_REACH,
    OWN_ACTS_REACH,
    PATCH_REACH,
    ROUNDUP_REACH,
    VOTES_REACH,
    read_unsubscribe_token,
)
from notifications.selectors import (
    is_path_of,
    muted_patches,
    searches_to_watch,
    subscriptions_of,
    targets,
)
from tracker.models import Problem
from tracker.policies import visible_problems
from tracker.text import number_of
from tracker.web.pages import person_of, safe_next, signed_in
from votes.models import SavedSearch
from votes.saved_searches import may_see

PATH_CHARS = 200

ACTIONS = {
    "subscribe": (services.subscribe, "You follow {}."),
    "mute": (services.mute, "You get no mail about {}."),
    "unsubscribe": (services.unsubscribe, "You no longer follow {}."),
}


OTHER_WORDS = {
    ROUNDUP_REACH: "what came once an hour",
    OWN_ACTS_REACH: "what you do yourself",
    BULK_REACH: "what that change of many problems was about",
}


@require_safe
@never_cache
@signed_in
def subscriptions(request: HttpRequest) -> HttpResponse:
    """All that the person follows and has muted, and how soon a mail comes."""
    person = person_of(request)
    return _page(request, person, ChoicesForm(initial=initial_choices(person)))


def _page(request: HttpRequest, person: Person, form: ChoicesForm) -> HttpResponse:
    context = {
        "subscriptions": subscriptions_of(person),
        "muted_patches": muted_patches(person),
        "targets": targets(),
        "searches": searches_to_watch(person),
        "form": form,
        "time_zone": person.time_zone,
    }
    status = 400 if form.errors else 200
    return render(request, "notifications/subscriptions.html", context, status=status)


@require_POST
@signed_in
def choose(request: HttpRequest) -> HttpResponseBase:
    """Keep how soon a mail comes for each kind of event, quiet hours, and own acts."""
    person = person_of(request)
    form = ChoicesForm(request.POST)
    if not form.is_valid():
        return _page(request, person, form)
    digest = choices.choose(person, **form.choices)
    messages.success(request, "Kept.")
    if digest is not None:
        due = digest.next_due_at.astimezone(zone(person.time_zone))
        words = f"The digest that tells them comes every week from {due:%A}, {due.day} {due:%B}."
        messages.success(request, words)
    return HttpResponseRedirect(reverse("subscriptions"))


@require_POST
@signed_in
def unmute_patch(request: HttpRequest, number: int) -> HttpResponseBase:
    """Be told of a patch again that was muted by a link in a mail."""
    if services.unmute_patch(person_of(request), number):
        messages.success(request, f"You get mails about patch {number} again.")
    return HttpResponseRedirect(reverse("subscriptions"))


@require_POST
@signed_in
def change(request: HttpRequest) -> HttpResponseBase:
    """Follow, mute or forget one target, and go back to where the button was."""
    person = person_of(request)
    key = request.POST.get("target", "")
    target = _path(request) if key == str(Reach.PATH) else _target(key, person)
    if target == "":
        words = "Write the path of a folder or file as it is in the sources, such as sys/netinet."
        messages.error(request, words)
        return HttpResponseRedirect(reverse("subscriptions"))
    if request.POST.get("action") not in ACTIONS:
        raise Http404("There is no such action.")
    act, words = ACTIONS[request.POST["action"]]
    act(person, target)
    messages.success(request, words.format(in_words(target)))
    return HttpResponseRedirect(safe_next(request, reverse("subscriptions")))


def _path(request: HttpRequest) -> str:
    path = clean_path(request.POST.get("path", ""))
    return path if len(path) <= PATH_CHARS else ""


def _target(key: str, person: Person) -> Target:
    """What a key of `selectors` names; a 404 for what there is not, or is not for `person`."""
    if key == Reach.EVERYTHING:
        return None
    reach, _, number = key.partition(":")
    pk = number_of(number)
    found = find_target(reach, pk)
    if isinstance(found, Problem) and not visible_problems(person).filter(pk=found.pk).exists():
        found = None
    if isinstance(found, SavedSearch) and not may_see(person, found):
        found = None
    if isinstance(found, str) and not is_path_of(person, pk):
        found = None
    if found is None:
        raise Http404("There is no such subscription.")
    return found


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
    what = _stopped_words(person_id, reach, target_id)
    if request.method != "POST":
        return render(request, "notifications/unsubscribe.html", {"what": what})
    services.stop_mails(person_id, reach, target_id)
    stopped = {"what": what, "is_digest": reach in DIGEST_REACHES}
    return render(request, "notifications/unsubscribed.html", stopped)


def _stopped_words(person_id: int, reach: str, target_id: int | None) -> str:
    """What ends, in words that give away nothing about a problem beyond its number.

    Nor of a search that its owner has ceased to share.
    """
    if reach == DIGEST_REACH:
        return "this search" if target_id else "what waits for you, in your digest"
    if reach == VOTES_REACH:
        return "what became of what you voted for"
    if reach == LIST_REACH:
        return f"{_list_words(target_id)} to its whole mailing list"
    if reach in {Reach.PROBLEM, PATCH_REACH}:
        return f"problem #{target_id}" if reach == Reach.PROBLEM else f"patch {target_id}"
    if reach in OTHER_WORDS:
        return OTHER_WORDS[reach]
    target = find_target(reach, target_id)
    if target is None:
        return "everything that you follow" if reach == Reach.EVERYTHING else "this"
    if isinstance(target, SavedSearch):
        person = Person.objects.filter(pk=person_id).first()
        return in_words(target) if may_see(person, target) else "this search"
    return in_words(target)


def _list_words(component_id: int | None) -> str:
    component = find_target(Reach.COMPONENT, component_id)
    return in_words(component) if component is not None else "this component"
