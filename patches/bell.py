"""Tell the workers that there is something to do. The rows are the truth: a bell may be lost, and
what was not rung for is found by the sweeps."""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from celery import current_app
from django.db import transaction

logger = logging.getLogger(__name__)

# A broker that is away may cost whoever waits for a page so many seconds, and then nothing for a
# while.
PATIENCE: Final = 1.0
QUIET_SECONDS: Final = 5.0
# Redis serves the lower number first; mail to people goes before.
PRIORITY: Final = 4

_publisher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="patches-bell")
_asks_again_at = 0.0


def ring_after_commit(task: str, *arguments: int) -> None:
    """Have a worker run `patches.tasks.<task>` once the transaction is committed."""
    transaction.on_commit(partial(_ring, task, list(arguments)), robust=True)


def _ring(task: str, arguments: list[int]) -> None:
    global _asks_again_at  # noqa: PLW0603 - one for this process
    if time.monotonic() < _asks_again_at:
        return
    try:
        # In a thread of its own, because a broker that hangs is waited for much longer than this.
        _publisher.submit(_send, task, arguments).result(timeout=PATIENCE)
    except Exception as error:  # whatever kombu and redis-py raise, the row is safe
        _asks_again_at = time.monotonic() + QUIET_SECONDS
        logger.warning("The broker is away (%s); the sweep will find %s.", error, task)


def _send(task: str, arguments: list[int]) -> None:
    """By name, because the tasks stand above; the outcome is in the row, so no result is kept."""
    name = f"patches.tasks.{task}"
    current_app.send_task(name, arguments, priority=PRIORITY, ignore_result=True)
