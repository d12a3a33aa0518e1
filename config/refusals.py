"""What is told of requests that no view gets to see."""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.template.loader import get_template

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
