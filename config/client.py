"""The client as one file, offered by every server at `/send-problem.pyz`.

It is built from the very packages that this server runs, once for each start of a process, so that
what people carry away always fits the server they took it from.
"""

from __future__ import annotations

import functools
import hashlib

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe

from send_problem.build_pyz import build


@functools.cache
def _built() -> tuple[bytes, str]:
    """(the file, its SHA-256); kept in memory, about 2 MB."""
    content = build(settings.DATA_DIR / "send-problem.pyz").read_bytes()
    return content, hashlib.sha256(content).hexdigest()


@require_safe
@condition(etag_func=lambda request: f'"{_built()[1]}"')
def send_problem_pyz(request: HttpRequest) -> HttpResponse:
    """The client for people who have Python and nothing else."""
    return HttpResponse(
        _built()[0],
        content_type="application/zip",
        headers={"Content-Disposition": 'attachment; filename="send-problem.pyz"'},
    )
