"""Tell the web processes, through Redis, that something happened to a problem or a patch.

A message is only its `Topic`. Losing one costs a page nothing but time, so a Redis that is away is
not waited for: once in `PAUSE` seconds somebody asks again, and then for `PATIENCE` seconds at
most.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import cache, partial
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import transaction
from redis.backoff import NoBackoff
from redis.retry import Retry

from notifications.live.topics import Topic

logger = logging.getLogger(__name__)

PATIENCE = 0.5
PAUSE = 5.0


def channel_of(client: Any) -> str:
    """Redis knows no databases where it publishes; installations on one server must not mix."""
    number = client.connection_pool.connection_kwargs.get("db") or 0
    return f"groundswell:{number}:live"


def patience(url: str) -> dict[str, Any]:
    """The options with which a client gives up soon; a unix socket has no time to connect."""
    options: dict[str, Any] = {"socket_timeout": PATIENCE, "retry": Retry(NoBackoff(), 0)}
    if not url.startswith("unix:"):
        options["socket_connect_timeout"] = PATIENCE
    return options


class Publisher:
    """Publishes to one Redis; safe to use from many threads."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, **patience(url))
        self._channel = channel_of(self._client)
        self._socket = self._client.connection_pool.connection_kwargs.get("path")
        self._away_until = 0.0
        self._lock = threading.Lock()

    def tell(self, topic: Topic) -> bool:
        """Publish that something happened to it; False where nobody can be told."""
        if time.monotonic() < self._away_until:
            return False
        try:
            self._publish(topic)
        except (redis.RedisError, OSError) as error:
            with self._lock:
                self._away_until = time.monotonic() + PAUSE
            # No socket: nothing of ours runs, as when a command fills a new database.
            is_expected = self._socket is not None and not Path(self._socket).exists()
            level = logging.DEBUG if is_expected else logging.WARNING
            logger.log(level, "Redis does not answer (%s); open pages hear later.", error)
            return False
        return True

    def _publish(self, topic: Topic) -> None:
        try:
            self._client.publish(self._channel, topic)
        except redis.ConnectionError:
            # One from the pool may have been closed at the other end since it was used.
            self._client.connection_pool.disconnect()
            self._client.publish(self._channel, topic)


@cache
def publisher(url: str) -> Publisher:
    """The one of this process."""
    return Publisher(url)


def tell_after_commit(topic: Topic) -> None:
    """Tell of it once what happened can be read, and whatever becomes of telling."""
    transaction.on_commit(partial(_tell, topic), robust=True)


def _tell(topic: Topic) -> None:
    publisher(settings.REDIS_URL).tell(topic)
