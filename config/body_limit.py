"""The largest request that is read at all.

Django's ASGI handler writes a whole body to disk before any view sees it, signed in or not. So the
limit stands in front of it, where nothing was written yet.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class BodyTooLarge(Exception):
    """A body without a declared length went on past the limit."""


class BodyLimit:
    """Answers 413 to a request whose body has more than `most` bytes, and reads no further."""

    def __init__(self, app: App, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > self.most:
            await self._refuse(scope, send)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.most:
                raise BodyTooLarge
            return message

        try:
            await self.app(scope, counted, send)
        except BodyTooLarge:
            await self._refuse(scope, send)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        """The client may still be sending, so the connection ends with the answer."""
        detail = f"At most {self.most:,} bytes are taken at once. Send fewer or smaller files."
        if scope["path"].startswith("/api/"):
            kind = b"application/problem+json"
            document = {"type": "about:blank", "title": "Content Too Large", "status": 413}
            body = json.dumps(document | {"detail": detail}).encode()
        else:
            kind, body = b"text/plain; charset=utf-8", f"{detail}\n".encode()
        headers = [
            (b"content-type", kind),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": body})
