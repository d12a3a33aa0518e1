"""How a page answers somebody who may not."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.models import Person
from accounts.policies import Denied, as_person

View = Callable[..., HttpResponse]


def answers_denial(view: View) -> View:
    """Turn `Denied` into the way to sign in, or into a page that prints the reason."""

    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Denied as denied:
            if as_person(request.user) is None:
                return redirect_to_login(request.get_full_path())
            return render(request, "403.html", {"reason": denied.reason}, status=403)

    return answered


def signed_in(request: HttpRequest) -> Person:
    """Who asks. Raises `Denied` for nobody."""
    person = as_person(request.user)
    if person is None:
        raise Denied("Sign in to see this.")
    return person
