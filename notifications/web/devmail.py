"""Outgoing mail as its reader sees it, for the set-up that writes mail to files.

Everything here is a 404 in any other set-up: these mails hold codes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import wraps
from pathlib import Path

from csp.decorators import csp_replace
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

NEWEST = 100
HEADERS = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "List-Id")
View = Callable[..., HttpResponse]
# The HTML of a mail may style itself and do nothing else.
FRAME_POLICY = {
    "default-src": ["'none'"],
    "style-src": ["'unsafe-inline'"],
    "img-src": ["data:"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'self'"],
    "sandbox": ["allow-popups"],
}


@dataclass(frozen=True)
class Mail:
    """One file: `name` as in the folder, `at` when it was written."""

    name: str
    at: datetime
    message: EmailMessage

    @property
    def text(self) -> str:
        """The plain text, or nothing."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """The HTML, or nothing."""
        return self._body("html")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """Those that a reader wants to see, in a fixed order."""
        return [(name, str(self.message[name])) for name in HEADERS if self.message[name]]

    def _body(self, kind: str) -> str:
        part = self.message.get_body((kind,))
        return str(part.get_content()) if part is not None else ""


def only_here(view: View) -> View:
    """Answer in the default set-up only."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if not settings.IS_DEFAULT_SETUP or settings.MAIL_FOLDER is None:
            raise Http404
        return view(request, *args, **kwargs)

    return require_safe(never_cache(guarded))


@only_here
def mails(request: HttpRequest) -> HttpResponse:
    """The newest mails, newest first."""
    found = sorted(_files(), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    context = {"mails": [_read(path) for path in found[:NEWEST]], "folder": settings.MAIL_FOLDER}
    return render(request, "dev/mails.html", context)


@only_here
def mail(request: HttpRequest, name: str) -> HttpResponse:
    """One mail: headers, text, and its HTML in a frame."""
    return render(request, "dev/mail.html", {"mail": _read(_file(name))})


@csp_replace(FRAME_POLICY)
@xframe_options_sameorigin
@only_here
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML of a mail alone, under a policy that lets it run and load nothing."""
    return HttpResponse(_read(_file(name)).html)


@only_here
def mail_file(request: HttpRequest, name: str) -> HttpResponse:
    """The file as it is."""
    path = _file(name)
    answer = HttpResponse(path.read_bytes(), content_type="message/rfc822")
    safe = re.sub(r"[^\w.@+-]", "_", path.name)
    answer["Content-Disposition"] = f'attachment; filename="{safe}"'
    return answer


def _files() -> list[Path]:
    folder: Path | None = settings.MAIL_FOLDER
    if folder is None or not folder.is_dir():
        return []
    return [path for path in folder.glob("*.eml") if path.is_file()]


def _file(name: str) -> Path:
    """Look the name up among the files that exist, so that no name leads anywhere else."""
    for path in _files():
        if path.name == name:
            return path
    raise Http404


def _read(path: Path) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return Mail(path.name, at, message)
