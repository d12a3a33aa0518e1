"""What workers do for the tracker. Every task is safe to run twice and ends within 15 s."""

from __future__ import annotations

import time

from celery import shared_task

from tracker.clocks import acting, keeping, settings
from tracker.text_index.services import count_frequencies, index_missing, is_any_missing

# Well below what `config.queue` gives a task before another worker gets it too.
SECONDS = 8.0


@shared_task
def run_clocks() -> int:
    """Let the clocks that are due go off; rings for itself when some are left."""
    for pk in settings.unapplied():
        apply_clock_setting.delay(pk)
    fired, is_more = acting.fire_due(SECONDS)
    if is_more:
        run_clocks.delay()
    return fired


@shared_task
def wind_clocks(after: int = 0) -> None:
    """Start the clocks of problems that have none yet, such as imported ones."""
    ends = time.monotonic() + SECONDS
    last: int | None = after
    while last is not None and time.monotonic() < ends:
        last = keeping.wind(last)
    if last is not None:
        wind_clocks.delay(last)


@shared_task
def apply_clock_setting(pk: int, after: int = 0) -> None:
    """Make the clocks of a product agree with its setting."""
    last = settings.apply_setting(pk, after, SECONDS)
    if last is not None:
        apply_clock_setting.delay(pk, last)


@shared_task
def count_term_frequencies() -> None:
    """Count in how many problems each term stands, as far as that has changed."""
    ends = time.monotonic() + SECONDS
    while count_frequencies():
        if time.monotonic() > ends:
            count_term_frequencies.delay()
            return


@shared_task
def index_missing_problems() -> None:
    """Index problems that are not yet, or by older rules: all of them after an upgrade.

    It is rung often and does not ring itself, so that never more than one is at work for long.
    """
    ends = time.monotonic() + SECONDS
    while is_any_missing() and index_missing() and time.monotonic() < ends:
        pass
