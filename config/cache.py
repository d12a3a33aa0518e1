"""The cache when Redis is away: it forgets, and nobody has to wait for it or is turned away."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as NoAnswer
from redis.retry import Retry

logger = logging.getLogger(__name__)

# Seconds that one request may wait for Redis, and then how long nobody asks again.
PATIENCE = 0.5
PAUSE = 5.0
Result = TypeVar("Result")


class FailOpenClient(RedisCacheClient):
    """Answers like an empty cache that keeps nothing while Redis does not answer.

    What is kept here are rate limits and pages: without them the product is less careful and
    slower, not wrong. `add` answers true, so that a lock kept here is had by everybody.
    """

    # By address and for the whole process: under ASGI every request has a cache object of its own.
    _away_until: ClassVar[dict[str, float]] = {}
    _shared_pools: ClassVar[dict[str, dict[int, Any]]] = {}

    def __init__(self, servers: list[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(servers, *args, **kwargs)
        self._address = ",".join(servers)
        self._pools = self._shared_pools.setdefault(self._address, {})

    def _ask(self, question: Callable[[], Result], otherwise: Result) -> Result:
        if time.monotonic() < self._away_until.get(self._address, 0.0):
            return otherwise
        try:
            return question()
        except (NoConnection, NoAnswer) as error:
            self._away_until[self._address] = time.monotonic() + PAUSE
            logger.warning("Redis does not answer (%s); going on without the cache.", error)
            return otherwise

    def add(self, *args: Any) -> bool:
        return self._ask(lambda: bool(super(FailOpenClient, self).add(*args)), True)

    def get(self, key: Any, default: Any) -> Any:
        return self._ask(lambda: super(FailOpenClient, self).get(key, default), default)

    def set(self, *args: Any) -> None:
        self._ask(lambda: super(FailOpenClient, self).set(*args), None)

    def touch(self, *args: Any) -> bool:
        return self._ask(lambda: bool(super(FailOpenClient, self).touch(*args)), False)

    def delete(self, key: Any) -> bool:
        return self._ask(lambda: bool(super(FailOpenClient, self).delete(key)), False)

    def get_many(self, keys: Any) -> Any:
        return self._ask(lambda: dict(super(FailOpenClient, self).get_many(keys)), dict[Any, Any]())

    def has_key(self, key: Any) -> bool:
        return self._ask(lambda: bool(super(FailOpenClient, self).has_key(key)), False)

    def incr(self, key: Any, delta: int = 1) -> int:
        return self._ask(lambda: int(super(FailOpenClient, self).incr(key, delta)), delta)

    def set_many(self, *args: Any) -> None:
        self._ask(lambda: super(FailOpenClient, self).set_many(*args), None)

    def delete_many(self, keys: Any) -> None:
        self._ask(lambda: super(FailOpenClient, self).delete_many(keys), None)

    def clear(self) -> bool:
        return self._ask(lambda: bool(super(FailOpenClient, self).clear()), False)


class FailOpenRedisCache(RedisCache):
    """Django's Redis cache that never raises because Redis is down or slow."""

    def __init__(self, server: str | list[str], params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._class = FailOpenClient
        # One quick second try: a connection from the pool may have been closed at the other end.
        careful = {"socket_timeout": PATIENCE, "retry": Retry(NoBackoff(), 1)}
        if not str(server).startswith("unix:"):
            careful["socket_connect_timeout"] = PATIENCE
        self._options: dict[str, Any] = careful | params.get("OPTIONS", {})
