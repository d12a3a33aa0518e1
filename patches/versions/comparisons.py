"""What follows on a new version: its threads land in it, and it is compared with the one before.

Both may take seconds, so a worker does it. Small versions get their threads at once, so that the
page which is shown next has them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from patches.bell import ring_after_commit
from patches.models import Patch, PatchVersion, Thread, ThreadPlace
from patches.versions.comparing import compare
from patches.versions.landing import land_all

logger = logging.getLogger(__name__)

NOT_COMPARED = Q(changes_by=PatchVersion.Changes.NONE) & Q(number__gt=1)
# What is landed while somebody waits, and with SQLite everybody who writes.
AT_ONCE_BYTES: Final = 200_000
AT_ONCE_THREADS: Final = 50
ROWS_AT_ONCE: Final = 100


def follow_up(patch: Patch, before: PatchVersion, version: PatchVersion) -> None:
    """Inside the transaction that made `version` after `before`."""
    if _is_little(patch, [before, version]):
        _land(patch, version)
    ring_after_commit("compare_version", version.pk)


def follow_thread(thread: Thread, version: PatchVersion) -> None:
    """Inside the transaction in which `thread` began on `version`, which need not be the newest."""
    patch = version.patch
    later = list(patch.versions.filter(number__gt=version.number).order_by("number"))
    if _is_little(patch, [version, *later]):
        for newer in later:
            _land(patch, newer)
    elif later:
        ring_after_commit("land_threads", patch.pk)


def _is_little(patch: Patch, versions: Iterable[PatchVersion]) -> bool:
    size = sum(version.size for version in versions)
    return size <= AT_ONCE_BYTES and patch.threads.count() <= AT_ONCE_THREADS


def _land(patch: Patch, version: PatchVersion) -> None:
    try:
        with transaction.atomic():
            land_all(patch, version)
    except Exception:  # a thread without a place is a small loss, a version that is refused is not
        logger.exception("The threads of %s could not be landed.", version)


def land_threads(patch: int, seconds: float, *, after: int = 0) -> int | None:
    """Land what has not landed in versions of a patch; the number of the one after which to go on,
    None where all is done."""
    ends = time.monotonic() + seconds
    versions = PatchVersion.objects.filter(patch=patch, number__gt=after)
    for version in versions.select_related("patch").order_by("number"):
        if time.monotonic() > ends:
            return after
        _land(version.patch, version)
        after = version.number
    return None


def land_missing(seconds: float, *, after: int = 0) -> int | None:
    """Land the threads that no bell was heard for; the patch after which to go on, None where all
    is done. What one patch has left when the time is over, the next sweep finds."""
    ends = time.monotonic() + seconds
    there = ThreadPlace.objects.filter(
        thread=OuterRef("pk"), version__number=OuterRef("patch__latest")
    )
    lost = Thread.objects.filter(~Exists(there), patch=OuterRef("pk"))
    rows = Patch.objects.filter(Exists(lost), pk__gt=after, latest__gt=1).order_by("pk")
    waiting = list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE])
    for pk in waiting:
        left = ends - time.monotonic()
        if left < 0:
            return after
        land_threads(pk, left)
        after = pk
    return after if len(waiting) == ROWS_AT_ONCE else None


def compare_version(pk: int) -> bool:
    """Land what has not landed, compare, and keep it; False where that was done already."""
    version = PatchVersion.objects.filter(NOT_COMPARED, pk=pk).select_related("patch").first()
    if version is None:
        return False
    _land(version.patch, version)
    how, text = compare(version)
    row = PatchVersion.objects.filter(pk=pk, changes_by=PatchVersion.Changes.NONE)
    return bool(row.update(changes_by=how, changes=text))


def _compare_again(pk: int) -> None:
    """What fails must not keep others from being compared."""
    try:
        compare_version(pk)
    except Exception:
        logger.exception("Version %s could not be compared.", pk)


def compare_missing(seconds: float, *, after: int = 0) -> int | None:
    """Do what nobody was rung for; the row after which to go on, None where all is done."""
    ends = time.monotonic() + seconds
    rows = PatchVersion.objects.filter(NOT_COMPARED, pk__gt=after).order_by("pk")
    waiting = list(rows.values_list("pk", flat=True)[:ROWS_AT_ONCE])
    for pk in waiting:
        if time.monotonic() > ends:
            return after
        _compare_again(pk)
        after = pk
    return after if len(waiting) == ROWS_AT_ONCE else None
