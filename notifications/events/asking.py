"""The watched searches are asked of what happened once it is committed.

There may be thousands of them, and whoever reports or changes a problem does not wait for that,
least of all with the database locked. A row says what is still to be asked; the broker only rings.
"""

from __future__ import annotations

import time
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from notifications.events.recipients import recipients_by_searches
from notifications.events.watches import may_newly_match, newly_matching, watches_of_searches
from notifications.models import EventToAsk
from notifications.outbox import bell
from notifications.outbox.queueing import queue_event_mails
from tracker.models import Event

# Watches between two notes of how far one is, and the seconds that one task takes.
AT_ONCE: Final = 200
SECONDS: Final = 5.0
# Whoever has one in hand is left so much time. After a day it is no news any more.
HOLD: Final = timedelta(seconds=30)
NEWS: Final = timedelta(days=1)
# The bell of a new one is left so much time.
BELL_TAKES: Final = timedelta(seconds=5)
RINGS_PER_SWEEP: Final = 50


def ask_after_commit(event: Event) -> None:
    """Note that the searches are to be asked of `event`, where there are any, and ring."""
    if may_newly_match(event) and watches_of_searches().exists():
        EventToAsk.objects.create(event=event)
        transaction.on_commit(partial(bell.ring_for_searches, event.pk), robust=True)


def ask(pk: int) -> None:
    """Tell those whose watched searches newly find the problem of an event, if that is still to be
    done. What does not fit one task is left to the next."""
    now = timezone.now()
    rows = EventToAsk.objects.filter(pk=pk)
    if not rows.filter(due_at__lte=now).update(due_at=now + HOLD):
        return
    mine = rows.filter(due_at=now + HOLD)
    ends = time.monotonic() + SECONDS
    while (row := mine.first()) is not None:
        _ask_some(row, mine)
        if time.monotonic() > ends:
            if mine.update(due_at=now):
                bell.ring_for_searches(pk)
            return


def _ask_some(row: EventToAsk, mine: QuerySet[EventToAsk]) -> None:
    """Go on from where `row` is. It is told and noted in one transaction: nobody is left out."""
    event = _with_its_problem(row.event_id)
    watches = list(watches_of_searches().filter(pk__gt=row.after)[:AT_ONCE])
    if timezone.now() - event.at > NEWS:
        watches = []
    found = newly_matching(event, watches)
    with transaction.atomic():
        is_mine = mine.update(after=watches[-1].pk) if watches else mine.delete()[0]
        if is_mine and found:
            queue_event_mails(event, recipients_by_searches(event, found))


def _with_its_problem(pk: int) -> Event:
    """As the problem is now: it may have changed again since."""
    related = ("actor", "comment", "attachment", "problem__product", "problem__component__product")
    return Event.objects.select_related(*related).get(pk=pk)


def sweep() -> int:
    """Ring for what is still to be asked and has nobody; how often."""
    due = EventToAsk.objects.filter(due_at__lt=timezone.now() - BELL_TAKES).order_by("due_at")
    numbers = list(due.values_list("pk", flat=True)[:RINGS_PER_SWEEP])
    return sum(bell.ring_for_searches(pk) for pk in numbers)
