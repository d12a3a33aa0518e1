"""Serving attachments, from the web and from the API, so that no browser runs what is in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from django.core.files.base import File
from django.core.handlers.asgi import ASGIRequest
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponseBase,
    HttpResponseNotModified,
    StreamingHttpResponse,
)
from django.utils.http import content_disposition_header, parse_etags

from tracker.models import Attachment

# What no browser executes, whatever it holds. All else is plain bytes.
_HARMLESS: Final = frozenset(
    {
        "application/gzip", "application/json", "application/x-tar", "application/x-xz",
        "application/zip", "image/gif", "image/jpeg", "image/png", "image/webp",
        "text/csv", "text/plain",
    }
)  # fmt: skip
PIECE_BYTES: Final = 256 * 1024
_POLICY: Final = "default-src 'none'; sandbox"


def served_type(attachment: Attachment) -> str:
    """The type that is sent: the attachment's own, or plain bytes for whatever could be active."""
    kind = attachment.content_type.partition(";")[0].strip().lower()
    if kind not in _HARMLESS:
        return "application/octet-stream"
    return "text/plain; charset=utf-8" if kind == "text/plain" else kind


def download(request: HttpRequest, attachment: Attachment) -> HttpResponseBase:
    """The file as a download, or 304. Who may have it must have been asked before."""
    etag = f'"{attachment.sha256}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    response: HttpResponseBase
    if "*" in known or etag in {each.removeprefix("W/") for each in known}:
        response = HttpResponseNotModified()
    else:
        response = _streamed(request, attachment)
        response.headers["Content-Length"] = str(attachment.size)
    response.headers["Content-Disposition"] = content_disposition_header(
        as_attachment=True, filename=attachment.name
    ) or "attachment"  # fmt: skip
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


def _streamed(request: HttpRequest, attachment: Attachment) -> StreamingHttpResponse:
    """The bytes piece by piece; under ASGI Django would first read a plain file whole."""
    kind, file = served_type(attachment), attachment.file.open("rb")
    if isinstance(request, ASGIRequest):
        return StreamingHttpResponse(_pieces(file), content_type=kind)
    return FileResponse(file, content_type=kind)


async def _pieces(file: File[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
    finally:
        file.close()
