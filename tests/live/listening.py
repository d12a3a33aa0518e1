"""Open pages without a browser: the whole ASGI application, and readers of its streams."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.db import connections
from django.test import Client

from accounts.models import Person
from notifications.live.hub import Hub
from notifications.live.streams import LiveStreams, Message
from patches.models import Patch
from tests.conftest import sign_in
from tests.services import START_LIMIT
from tracker.models import Problem

# Longer than news take here; that nothing comes within it is asked with `nothing_more`.
A_WHILE = 1.0
Result = TypeVar("Result")


@dataclass
class Stream:
    """What came so far: the answer's status and headers, and each event as (stamp, data)."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    is_over: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def events(self) -> list[tuple[str, Any]]:
        blocks = [dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
                  for block in self.text.split("\n\n")]  # fmt: skip
        return [(block["id"], json.loads(block["data"])) for block in blocks if "id" in block]

    async def until(self, condition: Callable[[Stream], object]) -> None:
        """Wait for the condition to hold."""
        async with asyncio.timeout(START_LIMIT):
            while not condition(self):
                self.changed.clear()
                await self.changed.wait()

    async def more(self, than: int = 0) -> list[tuple[str, Any]]:
        """All events, once there are more than so many."""
        await self.until(lambda stream: len(stream.events) > than)
        return self.events

    async def nothing_more(self) -> bool:
        """Whether there comes no further event for a while."""
        before = len(self.events)
        await asyncio.sleep(A_WHILE)
        return len(self.events) == before

    async def hear(self, message: Message) -> None:
        """What the server sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode().lower(): v.decode() for k, v in message["headers"]}
        elif message["type"] == "http.response.body":
            self.text += message["body"].decode()
            self.is_over = not message.get("more_body", False)
        self.changed.set()


@dataclass
class House:
    """One web process: its application, and the streams that it carries."""

    hub: Hub
    application: LiveStreams

    @asynccontextmanager
    async def page(
        self, shown: Problem | Patch, cookie: str = "", seen: str = "", **headers: str
    ) -> AsyncIterator[Stream]:
        """An open page of a problem or a patch for as long as the block lasts."""
        stream, closed = Stream(), asyncio.Event()
        pairs = {"host": "localhost", **headers}
        if cookie:
            pairs["cookie"] = f"{settings.SESSION_COOKIE_NAME}={cookie}"
        asked = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if not asked.is_set():
                asked.set()
                return {"type": "http.request", "body": b"", "more_body": False}
            await closed.wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": f"{shown.get_absolute_url().rstrip('/')}/live",
            "raw_path": b"", "root_path": "",
            "query_string": f"seen={seen}".encode(), "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
            "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in pairs.items()],
        }  # fmt: skip
        task = asyncio.create_task(self.application(scope, receive, stream.hear))
        try:
            await stream.until(lambda stream: stream.text or stream.is_over)
            yield stream
        finally:
            closed.set()
            await asyncio.wait_for(task, START_LIMIT)


def house(most: int = 100, url: str = "") -> House:
    """A web process of its own."""
    hub = Hub(url or settings.REDIS_URL, most)
    return House(hub, LiveStreams(get_asgi_application(), hub))


def last_look(hub: Hub, patch: pytest.MonkeyPatch) -> Coroutine[Any, Any, None]:
    """Await it to have looked at what may have been missed before Redis was listened to."""
    doubts, doubt = asyncio.Event(), hub._doubt

    def note() -> None:
        doubt()
        doubts.set()

    async def looked() -> None:
        async with asyncio.timeout(START_LIMIT):
            await doubts.wait()
            while hub._doubtful:
                await asyncio.sleep(0.01)
        # It looks in a thread that does one thing after the other.
        await asyncio.get_running_loop().run_in_executor(hub._executor, int)

    patch.setattr(hub, "_doubt", note)
    return looked()


def in_loop(scene: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Play a scene in an event loop of its own."""
    return asyncio.run(scene())


async def do(call: Callable[[], Result]) -> Result:
    """Let a person do something, elsewhere than in the loop."""

    def done() -> Result:
        try:
            return call()
        finally:
            connections.close_all()

    return await asyncio.to_thread(done)


def cookie_of(person: Person) -> str:
    """The session of somebody who has just signed in."""
    return sign_in(Client(), person).cookies[settings.SESSION_COOKIE_NAME].value
