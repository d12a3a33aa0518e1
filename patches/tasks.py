"""What workers do for patches. Every task is safe to run twice and ends within 15 s."""

from __future__ import annotations

import time

from celery import shared_task

from patches.intake import unlooked
from patches.owners import requests
from patches.versions import applying, comparisons
from patches.waiting import demand, escalating

# Well below what `config.queue` gives a task before another worker gets it too.
SECONDS = 8.0


@shared_task
def compare_version(pk: int) -> None:
    """Say what a version changes against the one before, and where its threads are now."""
    comparisons.compare_version(pk)


@shared_task
def land_threads(patch: int, after: int = 0) -> None:
    """Say where the threads of a patch are in the versions that came since they began."""
    last = comparisons.land_threads(patch, SECONDS, after=after)
    if last is not None:
        land_threads.delay(patch, last)


@shared_task
def try_on_branch(pk: int) -> None:
    """See whether a version applies to its branch in the project's repository."""
    applying.try_on_branch(pk)


@shared_task
def sweep_comparisons(after: int = 0) -> None:
    """Compare the versions that no bell was heard for."""
    last = comparisons.compare_missing(SECONDS, after=after)
    if last is not None:
        sweep_comparisons.delay(last)


@shared_task
def sweep_threads(after: int = 0) -> None:
    """Land the threads that no bell was heard for."""
    last = comparisons.land_missing(SECONDS, after=after)
    if last is not None:
        sweep_threads.delay(last)


@shared_task
def recount_demand(after: int = 0) -> None:
    """Put right the demand of patches that a crash left behind the votes."""
    ends = time.monotonic() + SECONDS
    last: int | None = after
    while last is not None and time.monotonic() < ends:
        last = demand.recount_waiting(last)
    if last is not None:
        recount_demand.delay(last)


@shared_task
def look_at(attachment: int = 0, comment: int = 0, problem: int = 0) -> None:
    """Look for a patch in one of these; 0 for the others."""
    unlooked.look_at(attachment, comment, problem)


@shared_task
def sweep_unlooked() -> int:
    """Look for patches in what no bell was heard for, and in series that are waited for."""
    return unlooked.sweep(SECONDS)


@shared_task
def ask_anew(product: int = 0, after: int = 0) -> None:
    """Ask who looks after waiting patches by now: of a product whose rules changed, 0 is all."""
    last = requests.ask_anew(SECONDS, product, after)
    if last is not None:
        ask_anew.delay(product, last)


@shared_task
def escalate() -> None:
    """Carry patches further that nobody has reviewed for too long."""
    if escalating.escalate_due(SECONDS):
        escalate.delay()
