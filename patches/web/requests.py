"""Who should look at a patch: asking, claiming, putting off and passing on."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Person
from accounts.policies import require
from accounts.selectors import person_by_handle
from patches.models import Patch, ReviewRequest
from patches.owners import requests
from patches.owners.suggesting import suggest
from patches.policies import may
from patches.web.pages import the_patch
from tracker.changes import Conflict
from tracker.models import Door
from tracker.web.pages import is_htmx, person_of, safe_next, signed_in


@require_safe
@signed_in
def reviewers(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Who could be asked, with a button for each; for htmx the list alone."""
    found = the_patch(request, patch)
    require(may("patch.ask", request.user, found))
    return _reviewers(request, found)


def _reviewers(
    request: HttpRequest, patch: Patch, fault: str = "", handle: str = "", status: int = 200
) -> HttpResponse:
    context = {
        "patch": patch,
        "suggestions": suggest(patch) if patch.is_waiting and may("patch.ask", request.user, patch)
        else [],
        "fault": fault,
        "handle": handle,
    }  # fmt: skip
    name = "suggestions" if is_htmx(request) else "reviewers"
    return render(request, f"patches/{name}.html", context, status=status)


@require_POST
@signed_in
def ask(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Ask somebody by handle."""
    found = the_patch(request, patch)
    require(may("patch.ask", request.user, found))
    handle = request.POST.get("handle", "").strip().removeprefix("@")[:100]
    person = person_by_handle(handle)
    if person is None:
        fault = f"There is nobody here with the handle “{handle[:40]}”." if handle else (
            "Name somebody by handle.")  # fmt: skip
        return _reviewers(request, found, fault, handle, status=400)

    def act(actor: Person) -> str:
        requests.ask(found, actor, person, Door.WEB)
        return f"{person.handle} was asked to look at it."

    return _do(request, found, act)


@require_POST
@signed_in
def claim(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Say that one looks at it."""
    found = the_patch(request, patch)

    def act(person: Person) -> str:
        requests.claim(found, person, Door.WEB)
        return "You look at it. Others see that, and may look as well."

    return _do(request, found, act)


@require_POST
@signed_in
def snooze(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Put it off for some days."""
    found = the_patch(request, patch)

    def act(person: Person) -> str:
        requests.snooze(found, person)
        return f"It is out of your queue for {requests.SNOOZE_DAYS} days."

    return _do(request, found, act)


@require_POST
@signed_in
def not_mine(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Say that it is not one's own to look at, so that somebody else is asked."""
    found = the_patch(request, patch)

    def act(person: Person) -> str:
        return _passed_on(requests.decline(found, person, Door.WEB))

    return _do(request, found, act)


def _passed_on(following: ReviewRequest | None) -> str:
    if following is None:
        return "Passed on. Nobody else is known who could look at it, and the page says so."
    return f"Passed on: it is with {following.person.handle} now."


def _do(request: HttpRequest, patch: Patch, act: Callable[[Person], str]) -> HttpResponse:
    """Do it and go back to where the button was, or say why it could not be done."""
    try:
        messages.success(request, act(person_of(request)))
    except Conflict as conflict:
        patch.refresh_from_db()
        return _reviewers(request, patch, str(conflict), status=409)
    return HttpResponseRedirect(safe_next(request, f"{patch.get_absolute_url()}#reviewers"))
