"""What came in is not kept longer than it is good for.

The original of a comment or a report stays with it. What was not taken goes after a month, and its
row, which says what became of it, two months later; what nobody confirmed goes when its link does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.core.files.storage import default_storage
from django.db.models import Q, QuerySet
from django.utils import timezone

from notifications.gate import bounces, polite
from notifications.gate.held import DISOWNED
from notifications.gate.models import HeldMail, IncomingMail

RAW_FOR: Final = timedelta(days=30)
ROWS_FOR: Final = timedelta(days=90)
EXPIRED: Final = "Nobody said within a week that it is theirs."
_BATCH: Final = 200
# A task ends before the queue takes it for dead; the rest waits for the next run.
_SECONDS: Final = 10.0

State = IncomingMail.State


def purge(now: datetime | None = None) -> int:
    """Delete what has had its time; how many messages lost their bytes."""
    now = now or timezone.now()
    until = time.monotonic() + _SECONDS
    _expire_held(now)
    emptied = _in_batches(lambda: _delete_files(_spent(now)), until)
    old = IncomingMail.objects.filter(file="", received_at__lt=now - ROWS_FOR)
    ended = old.filter(state__in=(State.IGNORED, State.REFUSED, State.FAILED))
    _in_batches(lambda: _delete_rows(ended), until)
    polite.forget_old()
    bounces.purge()
    return emptied


def _expire_held(now: datetime) -> None:
    """Links that were not followed in time, or whose person is gone; then their rows."""
    unanswered = Q(held=None) | Q(held__expires_at__lte=now)
    IncomingMail.objects.filter(unanswered, state=State.HELD).update(
        state=State.REFUSED, processed_at=now, outcome=EXPIRED
    )
    HeldMail.objects.filter(expires_at__lte=now).delete()


def _spent(now: datetime) -> QuerySet[IncomingMail]:
    """Messages whose bytes are of no use any more."""
    not_taken = Q(state__in=(State.IGNORED, State.REFUSED), processed_at__lt=now - RAW_FOR)
    given_up = Q(state=State.FAILED, processed_at__lt=now - ROWS_FOR)
    # Its problem was deleted, or it never was about one.
    of_nothing = Q(
        state=State.DONE, problem=None, comment=None, processed_at__lt=now - timedelta(days=1)
    )
    unclaimed = Q(state=State.REFUSED, outcome__in=(EXPIRED, DISOWNED))
    spent = not_taken | given_up | of_nothing | unclaimed
    return IncomingMail.objects.filter(spent).exclude(file="").order_by("pk")


def _delete_files(rows: QuerySet[IncomingMail]) -> int:
    """The row first: a name without a file would be an error, a file without a name is swept."""
    found = list(rows.values_list("pk", "file")[:_BATCH])
    IncomingMail.objects.filter(pk__in=[pk for pk, _ in found]).update(file="")
    for _, name in found:
        default_storage.delete(name)
    return len(found)


def _delete_rows(rows: QuerySet[IncomingMail]) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:_BATCH])
    IncomingMail.objects.filter(pk__in=ids).delete()
    return len(ids)


def _in_batches(delete: Callable[[], int], until: float) -> int:
    """Delete batch after batch until there is none, or the time is over; how many."""
    total = 0
    while time.monotonic() < until:
        deleted = delete()
        total += deleted
        if deleted < _BATCH:
            break
    return total
