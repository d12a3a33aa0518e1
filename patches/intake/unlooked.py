"""What nobody has looked at for patches: what just came, and what was there before."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

from django.core.cache import cache as shared
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Max, Min, QuerySet
from django.utils import timezone

from patches.intake.looking import Thing, give_up, look
from patches.models import Look
from tracker.models import Attachment, Comment, Problem, Product

logger = logging.getLogger(__name__)

# How often a row failed, and when it is tried again, by its number.
Resting = dict[int, tuple[int, datetime]]

# Rows with all that a look needs of them.
_TABLES: Final[dict[str, QuerySet[Any]]] = {
    "attachment": Attachment.objects.select_related("problem__product", "uploader"),
    "comment": Comment.objects.select_related("problem__product", "author"),
    "problem": Problem.objects.select_related("product", "reporter"),
}
# What just came has its own bell, which is left so much time.
_BELL_TAKES: Final = timedelta(seconds=20)
# A transaction that is open for long may commit a row before others that are known.
_LOOKED_BACK: Final = 500
_SWEPT_AT_ONCE: Final = 200
# What fails rests, twice as long each time, and is given up after nearly three days.
_RESTS: Final = timedelta(seconds=30)
_TRIED_AT_MOST: Final = 14
_FORGOTTEN: Final = timedelta(days=7)
_GIVEN_UP: Final = "It could not be looked through for a patch: submit it as one if it is."
# In one table; what fails when so many rest is tried again by the next sweep.
_RESTING_AT_MOST: Final = 5_000


def look_at(attachment: int = 0, comment: int = 0, problem: int = 0) -> None:
    """Look at one of them, if it is still there; 0 for the others."""
    for rows, pk in zip(_TABLES.values(), (attachment, comment, problem), strict=True):
        if pk and (thing := rows.filter(pk=pk).first()) is not None:
            look(thing)


def sweep(seconds: float) -> int:
    """Look at what came since patches are looked for, was not looked at, and is 20 s old; how many.

    Two queries for each table: rows are taken up where the last sweep ended, and what is imported
    is left to `find_patches`. Rows that fail make room for others.
    """
    ends = time.monotonic() + seconds
    done = 0
    for table in _TABLES:
        if time.monotonic() > ends:
            break
        resting = _resting(table)
        for thing in _unlooked(table, resting):
            done += _looked(thing, resting)
            if time.monotonic() > ends:
                break
        shared.set(_key("resting", table), resting, timeout=None)
    return done


def _looked(thing: Thing, resting: Resting) -> bool:
    """Whether it is done with; what fails must not keep others from being looked at."""
    try:
        is_done = look(thing) is not None
    except Exception:
        logger.exception("%s could not be looked at", thing)
        return _is_given_up(thing, resting)
    resting.pop(thing.pk, None)
    return is_done


def _is_given_up(thing: Thing, resting: Resting) -> bool:
    """Let it rest, or say beside it that it was tried often enough."""
    tried = resting.pop(thing.pk, (0, timezone.now()))[0] + 1
    if tried >= _TRIED_AT_MOST:
        give_up(thing, _GIVEN_UP)
        return True
    if len(resting) < _RESTING_AT_MOST:
        resting[thing.pk] = (tried, timezone.now() + _RESTS * 2 ** (tried - 1))
    return False


def _key(what: str, table: str) -> str:
    return f"patches-{what}-{table}"


def _resting(table: str) -> Resting:
    """What failed of it and was not given up."""
    known: Resting = shared.get(_key("resting", table)) or {}
    # What was deleted, or looked at by its bell, is not tried again.
    since = timezone.now() - _FORGOTTEN
    return {pk: rest for pk, rest in known.items() if rest[1] > since}


def _unlooked(table: str, resting: Resting) -> list[Any]:
    key, rows = _key("swept", table), _TABLES[table]
    begin = shared.get(key)
    if begin is None:
        begin = rows.filter(created_at__gte=_since()).aggregate(n=Min("pk"))["n"] or 0
    came = (_since(), timezone.now() - _BELL_TAKES)
    missing = rows.filter(pk__gte=begin, origin="", patch_look=None, created_at__range=came)
    asleep = [pk for pk, (_, until) in resting.items() if until > timezone.now()]
    found = list(missing.exclude(pk__in=asleep).order_by("pk")[:_SWEPT_AT_ONCE])
    last = rows.aggregate(n=Max("pk"))["n"] or 0
    reached = min([found[0].pk if found else last, *asleep])
    shared.set(key, max(begin, min(reached, last - _LOOKED_BACK)), timeout=None)
    return found


@cache
def _since() -> datetime:
    """When this installation began to look for patches: what is older is found by a command."""
    applied = MigrationRecorder.Migration.objects.filter(app="patches").aggregate(at=Min("applied"))
    return applied["at"] or timezone.now()


# What was there before


def look_back(product: Product | None = None) -> Iterator[Look]:
    """Look at everything that nobody has looked at, imported things too, and notify nobody.

    Each is a transaction of its own: whoever stops it may begin again.
    """
    for table in _TABLES:
        last = 0
        while batch := _before(table, product, last):
            for thing in batch:
                if (found := look(thing, quiet=True)) is not None:
                    yield found
            last = batch[-1].pk


def _before(table: str, product: Product | None, last: int) -> list[Any]:
    rows = _TABLES[table].filter(pk__gt=last, patch_look=None)
    if product is not None:
        field = "product" if table == "problem" else "problem__product"
        rows = rows.filter(**{field: product})
    return list(rows.order_by("pk")[:_SWEPT_AT_ONCE])
