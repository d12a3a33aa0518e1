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

from patches.intake.looking import Thing, look
from patches.models import Look
from tracker.models import Attachment, Comment, Problem, Product

logger = logging.getLogger(__name__)

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


def look_at(attachment: int = 0, comment: int = 0, problem: int = 0) -> None:
    """Look at one of them, if it is still there; 0 for the others."""
    for rows, pk in zip(_TABLES.values(), (attachment, comment, problem), strict=True):
        if pk and (thing := rows.filter(pk=pk).first()) is not None:
            look(thing)


def sweep(seconds: float) -> int:
    """Look at what came since patches are looked for, was not looked at, and is 20 s old; how many.

    Two queries for each table: rows are taken up where the last sweep ended, and what is imported
    is left to `find_patches`.
    """
    ends = time.monotonic() + seconds
    done = 0
    for table in _TABLES:
        for thing in _unlooked(table):
            done += _looked(thing)
            if time.monotonic() > ends:
                return done
    return done


def _looked(thing: Thing) -> bool:
    """Whether it is done with; what fails must not keep others from being looked at."""
    try:
        return look(thing) is not None
    except Exception:
        logger.exception("%s could not be looked at", thing)
        return False


def _unlooked(table: str) -> list[Any]:
    key, rows = f"patches-swept-{table}", _TABLES[table]
    begin = shared.get(key)
    if begin is None:
        begin = rows.filter(created_at__gte=_since()).aggregate(n=Min("pk"))["n"] or 0
    came = (_since(), timezone.now() - _BELL_TAKES)
    missing = rows.filter(pk__gte=begin, origin="", patch_look=None, created_at__range=came)
    found = list(missing.order_by("pk")[:_SWEPT_AT_ONCE])
    last = rows.aggregate(n=Max("pk"))["n"] or 0
    reached = found[0].pk if found else last
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
