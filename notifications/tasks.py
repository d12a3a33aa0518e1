"""What workers do when the bell or the clock rings. Every task is safe to run twice."""

from __future__ import annotations

from celery import shared_task

from notifications.digests import runs
from notifications.events import asking, choices
from notifications.gate import imap, processing, purging, storing
from notifications.outbox import batches, sending


@shared_task
def deliver_message(pk: int) -> bool:
    """Send one message of the outbox, if it is still to be sent."""
    return sending.deliver(pk)


@shared_task
def deliver_batch() -> int:
    """Send what is due, the most urgent first, for a few seconds."""
    return batches.deliver_batch()


@shared_task
def ask_searches(event: int) -> None:
    """Tell those whose watched searches newly find the problem of an event."""
    asking.ask(event)


@shared_task
def sweep_outbox() -> int:
    """Ring for every message, and every event to ask searches of, that waits and that nobody was
    asked for."""
    return asking.sweep() + sending.sweep()


@shared_task
def purge_outbox() -> int:
    """Delete messages that ended long ago, and what waits for digests that nobody wants."""
    return sending.purge() + choices.forget_untold()


@shared_task
def process_incoming(pk: int) -> bool:
    """Read one message that came in, if it is still to be read."""
    return processing.process(pk)


@shared_task
def poll_imap() -> bool:
    """Take what is in the IMAP mailbox; another task goes on where that is much."""
    is_more = imap.poll()
    if is_more:
        poll_imap.delay()
    return is_more


@shared_task
def sweep_leftover_mail() -> int:
    """Delete files of messages that were cut off by a crash, and that nobody was promised."""
    return storing.sweep_leftovers()


@shared_task
def sweep_incoming() -> int:
    """Ring for every message that came in and that nobody was asked for."""
    return processing.sweep()


@shared_task
def purge_incoming() -> int:
    """Delete what came in and is of no use any more."""
    return purging.purge()


@shared_task
def send_due_digests() -> int:
    """Queue the digests that have come due."""
    queued, is_more = runs.send_some()
    if is_more:
        send_due_digests.delay()
    return queued
