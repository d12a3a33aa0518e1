"""A person's own account: appearance, ways to sign in, tokens."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.forms import ProfileForm, TokenForm
from accounts.models import Person
from accounts.policies import may, require
from accounts.selectors import account_history, live_tokens
from accounts.services import (
    change_handle,
    make_token,
    revoke_token,
    set_time_zone,
    sign_out_everywhere,
)
from accounts.web.access import answers_denial, signed_in

RECENT_EVENTS = 20


@require_http_methods(["GET", "HEAD", "POST"])
@answers_denial
def profile(request: HttpRequest) -> HttpResponse:
    """Handle and time zone, and the way to everything else of the account."""
    person = signed_in(request)
    initial = {"handle": person.handle, "time_zone": person.time_zone}
    form = ProfileForm(request.POST or None, person=person, initial=initial)
    if request.method == "POST" and form.is_valid() and _save(form, person):
        messages.success(request, "Your profile is saved.")
        return redirect("profile")
    events = account_history(person)[:RECENT_EVENTS]
    return render(request, "accounts/profile.html", {"form": form, "events": events})


def _save(form: ProfileForm, person: Person) -> bool:
    try:
        with transaction.atomic():
            change_handle(person, form.cleaned_data["handle"])
            set_time_zone(person, form.cleaned_data["time_zone"])
    except IntegrityError:
        form.add_error("handle", "Somebody took this handle just now; choose another one.")
        return False
    return True


@require_POST
@answers_denial
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Sign out on all other devices and stay here."""
    person = signed_in(request)
    sign_out_everywhere(person)
    update_session_auth_hash(request, person)
    messages.success(request, "You are signed out everywhere else.")
    return redirect("profile")


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@answers_denial
def tokens(request: HttpRequest) -> HttpResponse:
    """The tokens of this person; a new one is shown once, in the answer that makes it."""
    person = signed_in(request)
    require(may("token.manage", person, person))
    form = TokenForm(request.POST or None)
    made = secret = None
    if request.method == "POST" and form.is_valid():
        made, secret = make_token(person, form.cleaned_data["name"])
        form = TokenForm()
    context = {"form": form, "tokens": live_tokens(person), "made": made, "secret": secret}
    return render(request, "accounts/tokens.html", context, status=201 if made else 200)


@require_POST
@answers_denial
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """End one of one's own tokens."""
    person = signed_in(request)
    token = get_object_or_404(person.access_tokens, pk=pk)
    require(may("token.manage", person, token.person))
    if revoke_token(token, person):
        messages.success(request, f"The token of {token.name} opens nothing any more.")
    return redirect("tokens")
