"""The pages where mailed codes are typed: allauth's, but a code that comes too late is told of."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from allauth.account import views
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse

View = Callable[..., HttpResponseBase]

TOO_LATE = "This code is too old, or another browser asked for it. Ask for a new one."
# Where allauth leads those for whom no code waits.
STARTS = ("account_login", "account_request_login_code", "account_signup", "account_reset_password")


def tells_when_too_late(view: View) -> View:
    """Without this, whoever types an old code is led back to the start without a word."""

    @wraps(view)
    def telling(request: HttpRequest) -> HttpResponseBase:
        response = view(request)
        is_told = getattr(messages.get_messages(request), "added_new", False)
        if "code" in request.POST and _leads_to_a_start(response) and not is_told:
            messages.error(request, TOO_LATE)
        return response

    return telling


def _leads_to_a_start(response: HttpResponseBase) -> bool:
    place = response.headers.get("Location", "").partition("?")[0]
    return place in {reverse(name) for name in STARTS}


sign_in_code = tells_when_too_late(views.confirm_login_code)
address_code = tells_when_too_late(views.email_verification_sent)
password_code = tells_when_too_late(views.confirm_password_reset_code)
