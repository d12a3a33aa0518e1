"""Who listens in this process, and what they are told: one listener, one look, many readers.

However many pages are open, there is one connection to Redis, one thread that asks the database,
and one question for all that happened within `PAUSE`. A reader holds nothing but the last stamp:
behind one who is slow nothing can pile up. Everything here but `refusal` runs in one event loop.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import redis.asyncio
from django.db import connections
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from notifications.live import publishing
from notifications.live.publishing import channel_of
from notifications.live.sight import Sights, Who, look
from notifications.live.topics import Topic

logger = logging.getLogger(__name__)

# Seconds between two looks: news of one page come this often at the most.
PAUSE = 0.4
# Seconds of silence after which Redis is asked whether it is there, and how long it has to answer.
SILENCE, ANSWER = 15.0, 5.0
RETRY = 2.0
# A process that found Redis away just before it returned tells nothing for so long after.
STILL_SILENT = publishing.PAUSE + 2 * publishing.PATIENCE
# Seconds between two lines of the log about a hub that is full.
COMPLAIN = 600.0
# Milliseconds that pages wait, times the number of those that are told at once: 500 pages that all
# fetch in the same moment would wait for each other anyway, and everybody else for them.
SPREAD_EACH = 20
# Times as long where only numbers have changed: votes come in crowds, and nobody waits for them.
CALM = 4


@dataclass(frozen=True)
class Ticket:
    """Who may listen to what, and the stamp of what their page shows.

    `who` is looked at again before each word on what is confidential; `caller` is whom the limit
    of streams is for.
    """

    topic: Topic
    who: Who
    caller: str
    stamp: str


class Reader:
    """One open page. `wait` gives the stamp and the spread of news, None when there were none."""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket
        self.stamp = ticket.stamp
        self.is_over = False
        self._spread = 0
        self._signal = asyncio.Event()

    async def wait(self, seconds: float) -> tuple[str, int] | None:
        """The latest news, at once where there are some; ends early when the stream is over."""
        try:
            async with asyncio.timeout(seconds):
                await self._signal.wait()
        except TimeoutError:
            return None
        self._signal.clear()
        return None if self.is_over else (self.stamp, self._spread)

    def tell(self, stamp: str, spread: int) -> None:
        """Note news; what was not read yet is in these too."""
        self.stamp, self._spread = stamp, spread
        self._signal.set()

    def end(self) -> None:
        """Nothing more is said."""
        self.is_over = True
        self._signal.set()


class Hub:
    """The readers of one process, `most` at the most, who hear what Redis at `url` tells."""

    def __init__(self, url: str, most: int) -> None:
        self._url, self._most = url, most
        self._readers: dict[Topic, set[Reader]] = {}
        self._callers: Counter[str] = Counter()
        # What happened for certain, and what may have happened while nobody listened.
        self._happened: set[Topic] = set()
        self._doubtful: set[Reader] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._executor: ThreadPoolExecutor | None = None
        self._is_shut = False
        self._complains_again_at = 0.0

    def __len__(self) -> int:
        return self._callers.total()

    def refusal(self, caller: str, most: int) -> str:
        """Why `caller`, who may have `most` streams, cannot listen now; empty when there is room.

        May be asked from any thread.
        """
        if self._is_shut:
            return "The server is about to start again."
        if len(self) >= self._most:
            self._complain()
            return "As many pages are live now as this server carries. Reload to see what is new."
        if self._callers[caller] >= most:
            return f"{most} pages are live for you already. Close one to make this one live."
        return ""

    def _complain(self) -> None:
        if time.monotonic() > self._complains_again_at:
            self._complains_again_at = time.monotonic() + COMPLAIN
            logger.warning(
                "%d pages are live, and no more can be: raise LIVE_STREAMS, or add web processes.",
                self._most,
            )

    def open(self, ticket: Ticket) -> Reader:
        """Begin to listen. What happened since the ticket's stamp is told at once."""
        reader = Reader(ticket)
        if self._is_shut:
            reader.end()
        self._readers.setdefault(ticket.topic, set()).add(reader)
        self._callers[ticket.caller] += 1
        self._doubtful.add(reader)
        self._wake.set()
        if not self._tasks:
            self._start()
        return reader

    def close(self, reader: Reader) -> None:
        """Stop listening; the last to leave turns everything off."""
        ticket = reader.ticket
        self._readers[ticket.topic].discard(reader)
        if not self._readers[ticket.topic]:
            del self._readers[ticket.topic]
        self._callers[ticket.caller] -= 1
        if not self._callers[ticket.caller]:
            del self._callers[ticket.caller]
        self._doubtful.discard(reader)
        if not self._readers:
            self._stop()

    def shut(self) -> None:
        """End all streams, and take no more: the process is about to stop."""
        self._is_shut = True
        for reader in self._all():
            reader.end()

    def _all(self) -> list[Reader]:
        return [reader for readers in self._readers.values() for reader in readers]

    def _start(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._deliver())]

    def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []
        if self._executor is not None:
            self._executor.shutdown(wait=False)

    # Redis

    async def _listen(self) -> None:
        """Hear what is published, for ever; after each silence look at everything once."""
        is_away = False
        while True:
            try:
                async with redis.asyncio.from_url(
                    self._url, socket_connect_timeout=ANSWER, retry=Retry(NoBackoff(), 0)
                ) as client:
                    await self._subscribed(client)
            except (RedisError, OSError) as error:
                if not is_away:
                    logger.warning("Redis does not answer (%s); open pages wait for it.", error)
                is_away = True
            await asyncio.sleep(RETRY)

    async def _subscribed(self, client: redis.asyncio.Redis) -> None:
        """Until the connection breaks. Raises what redis-py raises."""
        async with client.pubsub() as pubsub:
            await pubsub.subscribe(channel_of(client))
            waiting = SILENCE
            while True:
                message = await pubsub.get_message(timeout=waiting)
                if message is None and waiting == ANSWER:
                    raise redis.ConnectionError("it has gone silent")
                if message is None:
                    await pubsub.ping()
                waiting = ANSWER if message is None else SILENCE
                if message is not None:
                    self._heard(message["type"], message["data"])

    def _heard(self, kind: str, data: object) -> None:
        if kind == "subscribe":
            # Whatever was published before this moment, nobody here has heard.
            self._doubtful.update(self._all())
            asyncio.get_running_loop().call_later(STILL_SILENT, self._doubt)
        elif kind == "message" and isinstance(data, bytes):
            topic = data.decode(errors="replace")
            if topic in self._readers:
                self._happened.add(topic)
        if self._happened or self._doubtful:
            self._wake.set()

    def _doubt(self) -> None:
        """Look whether anything happened that nobody told of."""
        self._doubtful.update(self._all())
        if self._doubtful:
            self._wake.set()

    # Telling

    async def _deliver(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            happened, doubtful = self._happened, self._doubtful
            self._happened, self._doubtful = set(), set()
            told = {r for topic in happened for r in self._readers.get(topic, ())}
            asked = {(r.ticket.topic, r.ticket.who) for r in told | doubtful}
            try:
                sights = await asyncio.get_running_loop().run_in_executor(
                    self._executor, _look, asked
                )
            except Exception:  # whatever the database raises: these pages come back by themselves
                logger.exception("Open pages cannot be told of news; they are asked to come again.")
                sights = {}
            self._tell(told, doubtful - told, sights)
            await asyncio.sleep(PAUSE)

    def _tell(self, told: set[Reader], doubtful: set[Reader], sights: Sights) -> None:
        """Who may not know of it, or cannot be told, hears nothing but the end."""
        many = len(told | doubtful)
        for reader in told | doubtful:
            stamp = sights.get((reader.ticket.topic, reader.ticket.who))
            if stamp is None:
                reader.end()
            elif reader in told or stamp != reader.stamp:
                reader.tell(stamp, _spread(reader.stamp, stamp, many))


def _spread(before: str, now: str, many: int) -> int:
    """Within how many milliseconds each of so many pages shall fetch what changed its stamp."""
    last_and_version = [stamp.split(".")[:2] for stamp in (before, now)]
    is_calm = last_and_version[0] == last_and_version[1]
    return SPREAD_EACH * many * (CALM if is_calm else 1)


def _look(asked: set[tuple[Topic, Who]]) -> Sights:
    """In a thread of its own, which keeps no connection while nothing happens."""
    try:
        return look(asked)
    finally:
        connections.close_all()
