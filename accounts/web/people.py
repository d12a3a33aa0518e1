"""The pages on which administrators and triagers look after people."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts import services
from accounts.models import Person, Role
from accounts.policies import may, require
from accounts.selectors import account_history, people
from accounts.web.access import answers_denial, signed_in

PAGE = 50
HISTORY = 200
# A developer is who maintains something; that is decided on the page of the component.
GRANTED_BY_HAND = (Role.TRIAGER, Role.COMMITTER, Role.MACHINE, Role.ADMINISTRATOR)

# What a button does -> the right it takes, the service, and what is said afterwards.
Act = Callable[[Person, Person], object]
ACTIONS: dict[str, tuple[str, Act, str]] = {
    "trust": ("person.trust", services.trust, "The votes of {} count from now on."),
    "discount": (
        "person.discount_votes",
        services.discount_votes,
        "The votes of {} are kept and not counted.",
    ),
    "restore": (
        "person.discount_votes",
        services.restore_votes,
        "The votes of {} count again.",
    ),
    "deactivate": ("person.deactivate", services.deactivate, "The account of {} is closed."),
    "reactivate": ("person.deactivate", services.reactivate, "The account of {} is open again."),
}


@require_safe
@answers_denial
def directory(request: HttpRequest) -> HttpResponse:
    """Everybody, by handle. Addresses are shown to and searched by administrators only."""
    viewer = signed_in(request)
    require(may("person.list", viewer))
    sees_addresses = bool(may("person.see_address", viewer))
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "role", "status")}
    found = list(
        people(
            asked["q"],
            asked["role"],
            asked["status"],
            request.GET.get("after", ""),
            by_address=sees_addresses,
        )[: PAGE + 1]
    )
    page = found[:PAGE]
    more = {name: value for name, value in asked.items() if value}
    next_url = "?" + urlencode(more | {"after": page[-1].handle}) if len(found) > PAGE else ""
    context = asked | {"people": page, "next_url": next_url, "sees_addresses": sees_addresses}
    return render(request, "accounts/people.html", context | {"roles": Role.choices})


@require_safe
@answers_denial
def manage(request: HttpRequest, pk: int) -> HttpResponse:
    """One account: what it may do, what was done to it, and what the viewer may change."""
    viewer = signed_in(request)
    require(may("person.list", viewer))
    person = get_object_or_404(Person, pk=pk)
    granted = {grant.role for grant in person.role_grants.all()}
    context = {
        "person": person,
        "roles": [(role, role in granted) for role in GRANTED_BY_HAND],
        "maintains": Role.DEVELOPER in granted,
        "events": account_history(person)[:HISTORY],
        "sees_address": may("person.see_address", viewer, person),
        "may_grant": may("person.grant_role", viewer),
        "may_deactivate": may("person.deactivate", viewer),
        "may_trust": may("person.trust", viewer),
        "may_discount": may("person.discount_votes", viewer),
    }
    return render(request, "accounts/manage.html", context)


@require_POST
@answers_denial
def act(request: HttpRequest, pk: int, action: str) -> HttpResponse:
    """Do one of `ACTIONS` to an account."""
    viewer = signed_in(request)
    if action not in ACTIONS:
        raise Http404
    right, service, words = ACTIONS[action]
    require(may(right, viewer))
    person = get_object_or_404(Person, pk=pk)
    service(person, viewer)
    messages.success(request, words.format(person.handle))
    return redirect("manage_person", pk)


@require_POST
@answers_denial
def set_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Grant (`grant`) or revoke (`revoke`) the role that the button names."""
    viewer = signed_in(request)
    require(may("person.grant_role", viewer))
    person = get_object_or_404(Person, pk=pk)
    change = services.grant_role if "grant" in request.POST else services.revoke_role
    name = request.POST.get("grant") or request.POST.get("revoke")
    if name not in GRANTED_BY_HAND:
        raise Http404
    if change(person, Role(name), viewer):
        messages.success(
            request,
            f"{person.handle} is {'now' if 'grant' in request.POST else 'no longer'} {name}.",
        )
    return redirect("manage_person", pk)
