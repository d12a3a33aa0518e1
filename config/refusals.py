"""What is told of requests that no view gets to see, or that break one."""

from __future__ import annotations

import sys
from typing import Final

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.db import OperationalError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseServerError,
)
from django.template.loader import get_template
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from accounts.api.problems import RETRY_SECONDS

TOO_MANY_FILES: Final = (
    "At most {} are taken at once, and nothing of these was kept. Put them into one, as “git"
    " format-patch --stdout” does with a series, or send them in parts."
)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page for status 400. Without `request`, whose host may be what is wrong with it."""
    reason = ""
    if isinstance(exception, TooManyFilesSent):
        most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
        reason = TOO_MANY_FILES.format(f"{most} file{'' if most == 1 else 's'}")
    return HttpResponseBadRequest(get_template("400.html").render({"reason": reason}))


# What comes back by itself, or once somebody made room: a full disk is one of the first.
_AWAY: Final = (OperationalError, BrokerError, RedisError)


def server_error(request: HttpRequest) -> HttpResponse:
    """The page for status 500; for 503 where a part is away, as the API has it.

    Asks neither the request nor the database for anything.
    """
    if not isinstance(sys.exception(), _AWAY):
        return HttpResponseServerError(get_template("500.html").render())
    page = get_template("503.html").render()
    return HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_SECONDS)})
