"""A patch as text: what `git apply` takes, and what `git am` takes."""

from __future__ import annotations

import hashlib

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.utils.http import content_disposition_header, parse_etags
from django.views.decorators.http import require_safe

from patches.git.writing import as_mbox, as_patch
from patches.models import PatchVersion
from patches.web.pages import the_patch, the_version
from tracker.web.pages import page


@require_safe
@page
def latest(request: HttpRequest, patch: int) -> HttpResponseBase:
    """The diff of the newest version."""
    shown = the_patch(request, patch)
    version = the_version(shown, shown.latest)
    return _as_text(request, as_patch(version), f"patch-{patch}.patch")


@require_safe
@page
def diff(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """The diff of a version."""
    read = _version(request, patch, version)
    return _as_text(request, as_patch(read), f"patch-{patch}-v{version}.patch")


@require_safe
@page
def mbox(request: HttpRequest, patch: int, version: int) -> HttpResponseBase:
    """A version as the mails of a series."""
    read = _version(request, patch, version)
    return _as_text(request, as_mbox(read), f"patch-{patch}-v{version}.mbox")


def _version(request: HttpRequest, patch: int, number: int) -> PatchVersion:
    return the_version(the_patch(request, patch), number)


def _as_text(request: HttpRequest, text: bytes, name: str) -> HttpResponseBase:
    """Text that no browser takes for anything else, or 304."""
    etag = f'"{hashlib.sha256(text).hexdigest()}"'
    sent = parse_etags(request.headers.get("If-None-Match", ""))
    known = {each.removeprefix("W/") for each in sent}
    answer: HttpResponse
    if etag in known or "*" in known:
        answer = HttpResponseNotModified()
    else:
        answer = HttpResponse(text, content_type="text/plain; charset=utf-8")
        answer.headers["Content-Disposition"] = content_disposition_header(
            as_attachment=False, filename=name
        ) or "inline"  # fmt: skip
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return answer
