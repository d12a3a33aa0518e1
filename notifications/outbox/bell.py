"""Tell the workers that there is mail. The rows of the outbox are the truth: a bell may be lost.

A broker that is away must cost the person who waits for a page next to nothing: after one failure
nobody rings for a while, and the sweep finds what was not rung for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from celery import current_app
from django.db import transaction

from notifications.models import Message

logger = logging.getLogger(__name__)

# More messages than this are left to one sweep, which rings for each from within a worker.
RING_AT_MOST = 10
QUIET_SECONDS = 5.0
# How long the person who caused a mail may be kept waiting by a broker, in seconds.
PATIENCE = 1.0
# Redis serves the lower number first: nobody waits for a sign-in code behind 500 digests.
PRIORITY = {
    Message.Kind.ACCOUNT: 0,
    Message.Kind.ANSWER: 2,
    Message.Kind.EVENT: 3,
    Message.Kind.PATCH: 3,
    Message.Kind.ROUNDUP: 5,
    Message.Kind.BULK: 5,
    Message.Kind.DIGEST: 6,
}
BY_URGENCY = tuple(sorted(PRIORITY, key=lambda kind: PRIORITY[kind]))
SWEEP_PRIORITY = 3
INCOMING_PRIORITY = 3


class _Breaker:
    """Remembers, for this process, until when the broker is not asked again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed_again_at = 0.0

    def is_open(self) -> bool:
        with self._lock:
            return time.monotonic() < self._closed_again_at

    def trip(self) -> None:
        with self._lock:
            self._closed_again_at = time.monotonic() + QUIET_SECONDS

    def reset(self) -> None:
        with self._lock:
            self._closed_again_at = 0.0


breaker = _Breaker()
_publisher = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bell")


def ring_after_commit(messages: Sequence[Message]) -> None:
    """Ring for new messages once they are really there; one sweep for many."""
    if messages:
        transaction.on_commit(lambda: _ring(messages), robust=True)


def _ring(messages: Sequence[Message]) -> None:
    if len(messages) > RING_AT_MOST:
        is_rung = ring_for_sweep()
    else:
        is_rung = all(ring(message) for message in messages)
    if not is_rung:
        # So that the sweep need not wait for a bell that was never heard.
        Message.objects.filter(pk__in=[m.pk for m in messages]).update(rung_at=None)


def ring(message: Message) -> bool:
    """Ask a worker to deliver one message; False when nobody can be asked."""
    return _publish("deliver_message", [message.pk], PRIORITY[Message.Kind(message.kind)])


def ring_for_batch(kind: str) -> bool:
    """Ask a worker to send all that is due, as urgently as mail of that kind is."""
    return _publish("deliver_batch", [], PRIORITY[Message.Kind(kind)])


def ring_for_sweep() -> bool:
    """Ask a worker to look for messages itself."""
    return _publish("sweep_outbox", [], SWEEP_PRIORITY)


def ring_for_searches(event: int) -> bool:
    """Ask a worker to ask the watched searches of an event; False when nobody can be asked."""
    return _publish("ask_searches", [event], SWEEP_PRIORITY)


def ring_for_incoming(pk: int) -> bool:
    """Ask a worker to read a message that came in; False when nobody can be asked."""
    return _publish("process_incoming", [pk], INCOMING_PRIORITY)


def _publish(task: str, arguments: list[int], priority: int) -> bool:
    if breaker.is_open():
        return False
    try:
        # In a thread of its own, because a broker that hangs is waited for much longer than this.
        _publisher.submit(_send, task, arguments, priority).result(timeout=PATIENCE)
    except Exception as error:  # whatever kombu and redis-py raise, the row is safe
        breaker.trip()
        reason = str(error) or f"no answer within {PATIENCE:g} s"
        logger.warning("The broker is away (%s); the sweep will find the mail.", reason)
        return False
    return True


def _send(task: str, arguments: list[int], priority: int) -> None:
    """By name, because the tasks stand above; the outcome is in the row, so no result is kept."""
    name = f"notifications.tasks.{task}"
    current_app.send_task(name, arguments, priority=priority, ignore_result=True)
