"""The stream itself: server-sent events, taken over from a request that has been answered.

A view decides who may listen, as every view does, and hands over a ticket. Only when Django is done
with the request, and its thread and database connection are gone, does the stream begin: it costs a
few kilobytes and no thread for as long as the page is open.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from notifications.live.hub import Hub, Reader, Ticket

Scope = dict[str, Any]
Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LIVE_PATH: Final = re.compile(r"/(patches/)?\d+/live")
# The name under which a request's scope carries its `Handover`.
HANDOVER: Final = "groundswell.live"
# Seconds between signs of life, shorter than any proxy's patience.
HEARTBEAT = 20.0
# Seconds after which a page must ask anew, and so prove anew who it is for.
LONGEST = 1800.0
# Milliseconds after which a page whose stream has ended comes back: not all in the same moment.
RETRY_RANGE: Final = (1500, 5000)


class Handover:
    """How a view gives the stream away. `ticket` is set once it did."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.ticket: Ticket | None = None

    def refusal(self, caller: str, most: int) -> str:
        """Why there is no room for `caller`, who may have `most` streams, or nothing."""
        return self._hub.refusal(caller, most)

    def accept(self, ticket: Ticket) -> None:
        """Go on with the response as a stream, with the headers that it has."""
        self.ticket = ticket


class LiveStreams:
    """Stands around Django's application and carries on what its view handed over."""

    def __init__(self, app: App, hub: Hub) -> None:
        self.app, self.hub = app, hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not LIVE_PATH.fullmatch(scope["path"]):
            await self.app(scope, receive, send)
            return
        handover = Handover(self.hub)
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self.app({**scope, HANDOVER: handover}, receive, keep)
        if handover.ticket is None:
            for message in answer:
                await send(message)
        elif answer:
            await send({**answer[0], "headers": _without_length(answer[0]["headers"])})
            await self._stream(handover.ticket, receive, send)

    async def _stream(self, ticket: Ticket, receive: Receive, send: Send) -> None:
        reader = self.hub.open(ticket)
        tasks = [asyncio.create_task(_write(reader, send)), asyncio.create_task(_gone(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.hub.close(reader)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def _without_length(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in headers if name.lower() != b"content-length"]


async def _gone(receive: Receive) -> None:
    """Until the page is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _write(reader: Reader, send: Send) -> None:
    """Say what there is to say until the reader's time is over."""

    async def say(text: str) -> None:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

    ends_at = asyncio.get_running_loop().time() + LONGEST * random.uniform(0.8, 1)  # noqa: S311
    await say(f"retry: {random.randint(*RETRY_RANGE)}\n\n")  # noqa: S311
    while not reader.is_over and asyncio.get_running_loop().time() < ends_at:
        news = await reader.wait(HEARTBEAT)
        if news is not None:
            await say(event(*news))
        elif not reader.is_over:
            await say(":\n\n")
    await send({"type": "http.response.body", "body": b""})


def event(stamp: str, spread: int) -> str:
    """One message: that there is news, and within how many milliseconds to fetch them."""
    return f"id: {stamp}\nevent: news\ndata: {json.dumps({'spread': spread})}\n\n"
