"""The page behind the one-time link that makes the first administrator."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import login
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.forms import FirstAdministratorForm
from accounts.policies import Denied
from accounts.services import make_first_administrator, setup_link_is_open

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@sensitive_post_parameters("password")
def first_administrator(request: HttpRequest, secret: str) -> HttpResponse:
    """Show the form as often as asked; only a complete one spends the link."""
    if not setup_link_is_open(secret):
        return render(request, "accounts/setup_spent.html", status=410)
    form = FirstAdministratorForm(request.POST or None)
    if request.method != "POST" or not form.is_valid():
        return render(request, "accounts/setup.html", {"form": form})
    try:
        person = make_first_administrator(secret, **form.cleaned_data)
    except Denied:
        return render(request, "accounts/setup_spent.html", status=410)
    except IntegrityError:
        form.add_error(None, "Somebody took this address or handle just now; choose another one.")
        return render(request, "accounts/setup.html", {"form": form})
    login(request, person, backend=BACKEND)
    messages.success(request, f"Welcome, {person.handle}. You administer this tracker.")
    return redirect("home")
