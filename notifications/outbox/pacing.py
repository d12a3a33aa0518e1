"""How fast mail goes to each domain, and which domains wait.

Three things, each for one domain alone:

- a **limit** of mails a minute, an administrator's or the installation's (`MAIL_PER_MINUTE`). What
  goes within a minute is counted in the domain's row by a conditional UPDATE, so that several
  workers keep to it together.
- a **hold**, while the server says *not now* to one mail to the domain after the other, or nothing.
- **room**: so many mails to one domain may be under way at once in one process that another domain
  always finds a free thread, and fewer while they hang.

Account mails and answers are counted, but wait for neither a limit nor a hold: somebody waits for
them.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from notifications.models import MailDomain, Message

URGENT: Final = (Message.Kind.ACCOUNT, Message.Kind.ANSWER)
MINUTE: Final = timedelta(minutes=1)
# A worker has four threads: one of them is free whatever one domain does.
AT_ONCE: Final = 3
# Mails that have taken this long, in seconds, hang; two of them are enough for one domain.
HANGS_AFTER: Final = 2.0
HANGING_AT_ONCE: Final = 2
# So many mails in a row are put off before their domain is held, and twice as many after each hold:
# greylisting says *not now* to each address once, and would else be met one address at a time.
PATIENCE: Final = 3
MOST_PATIENCE: Final = 400
FIRST_HOLD: Final = timedelta(seconds=20)
LONGEST_HOLD: Final = timedelta(minutes=15)
# Minutes into which what is over a limit is spread at once, and the most mails; the rest is looked
# at after them.
SPREAD: Final = 60
MOST_SPREAD: Final = 20_000


# Limits


@dataclass(frozen=True)
class Wish:
    """A message that is due."""

    pk: int
    domain: str
    kind: str


def admit(wishes: Sequence[Wish], now: datetime) -> list[int]:
    """The messages that may go now, counted; the others are put off to minutes that have room.

    One query where no domain has a limit or is held. Inside a transaction.
    """
    rows = {row.domain: row for row in _rows({wish.domain for wish in wishes})}
    allowed = []
    # In one order, so that two workers do not wait for each other's domains.
    for domain, count in sorted(Counter(wish.domain for wish in wishes).items()):
        found = [wish for wish in wishes if wish.domain == domain]
        limit = _limit(rows.get(domain))
        if limit is None:
            allowed += [wish.pk for wish in found]
            continue
        urgent = [wish.pk for wish in found if wish.kind in URGENT]
        others = [wish.pk for wish in found if wish.kind not in URGENT]
        room = _take(domain, limit, len(urgent), len(others), now)
        allowed += urgent + others[:room]
        if room < count - len(urgent):
            _spread(domain, limit, now, keep=others[:room])
    return allowed


def _rows(domains: Iterable[str]) -> QuerySet[MailDomain]:
    return MailDomain.objects.filter(domain__in=sorted(domains))


def _limit(row: MailDomain | None) -> int | None:
    if row is not None and row.per_minute is not None:
        return row.per_minute
    usual: int | None = settings.MAIL_PER_MINUTE
    return usual


def _take(domain: str, limit: int, must: int, may: int, now: datetime) -> int:
    """Count `must` mails and as many of `may` as there is room for; returns how many of those."""
    minute = now.replace(second=0, microsecond=0)
    rows = MailDomain.objects.filter(domain=domain)
    MailDomain.objects.bulk_create([MailDomain(domain=domain)], ignore_conflicts=True)
    # The first of a minute turns the page; the others find it turned.
    rows.filter(Q(minute=None) | Q(minute__lt=minute)).update(minute=minute, sent_in_minute=0)
    rows.update(sent_in_minute=F("sent_in_minute") + must)
    while may:
        sent = rows.values_list("sent_in_minute", flat=True).get()
        room = max(min(may, limit - sent), 0)
        # Another worker may have counted since.
        if rows.filter(sent_in_minute=sent).update(sent_in_minute=F("sent_in_minute") + room):
            return room
    return 0


def _spread(domain: str, limit: int, now: datetime, keep: Sequence[int]) -> None:
    """Give what waits for the domain, but for `keep`, the minutes in which it has its turn.

    In one pass, because to look at all of them again each minute costs more than to send them.
    """
    first = now.replace(second=0, microsecond=0) + MINUTE
    waiting = Message.objects.filter(
        domain=domain, state=Message.State.QUEUED, due_at__lt=first
    ).exclude(Q(kind__in=URGENT) | Q(pk__in=keep))
    ordered = waiting.order_by("due_at", "pk").values_list("pk", flat=True)
    limit = max(limit, 1)
    pks = list(ordered[: min(SPREAD * limit, MOST_SPREAD)])
    for at in range(0, len(pks), limit):
        turn = Message.objects.filter(pk__in=pks[at : at + limit], state=Message.State.QUEUED)
        turn.update(due_at=first + at // limit * MINUTE, rung_at=None)
    waiting.update(due_at=first + len(pks) // limit * MINUTE, rung_at=None)


# Holds


def held(now: datetime) -> set[str]:
    """The domains that wait. One query."""
    return set(MailDomain.objects.filter(held_until__gt=now).values_list("domain", flat=True))


def hold(domain: str, until: datetime, reason: str) -> None:
    """Let all mail to the domain wait, but for what somebody waits for."""
    MailDomain.objects.bulk_create([MailDomain(domain=domain)], ignore_conflicts=True)
    MailDomain.objects.filter(domain=domain).update(held_until=until, last_error=reason[:500])
    waiting = Message.objects.filter(domain=domain, state=Message.State.QUEUED, due_at__lt=until)
    waiting.exclude(kind__in=URGENT).update(due_at=until, rung_at=None)


def let_go(domain: str) -> bool:
    """End a hold by hand: what waits for the domain is due now. False when there is none."""
    now = timezone.now()
    rows = MailDomain.objects.filter(domain=domain, held_until__gt=now)
    until = rows.values_list("held_until", flat=True).first()
    if until is None or not rows.update(held_until=None):
        return False
    waiting = Message.objects.filter(domain=domain, state=Message.State.QUEUED, due_at__lte=until)
    waiting.update(due_at=now, rung_at=None)
    return True


def set_limit(domain: str, per_minute: int | None) -> MailDomain:
    """An administrator's limit for a domain, None for the installation's."""
    domain = domain.lower()
    row, _ = MailDomain.objects.update_or_create(domain=domain, defaults={"per_minute": per_minute})
    return row


class Temper:
    """How domains have answered this process: in a row, *not now*, until one mail went through."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._put_off: Counter[str] = Counter()
        self._holds: Counter[str] = Counter()
        self._silent = ""

    def went_through(self, domain: str) -> None:
        """The domain takes mail; what was against it is forgotten."""
        with self._lock:
            self._silent = ""
            self._put_off.pop(domain, None)
            was_held = self._holds.pop(domain, None)
        if was_held:
            _rows([domain]).update(held_until=None, last_error="")

    def put_off(self, domain: str) -> timedelta | None:
        """One mail was put off; how long the domain is to be held now, None when not yet."""
        with self._lock:
            self._silent = ""
            self._put_off[domain] += 1
            if self._put_off[domain] < min(PATIENCE * 2 ** self._holds[domain], MOST_PATIENCE):
                return None
            return self._hold(domain)

    def said_nothing(self, domain: str) -> timedelta | None:
        """No answer for one mail; how long to hold the domain.

        None after another domain that got no answer either: then it is the server.
        """
        with self._lock:
            before, self._silent = self._silent, domain
            return None if before not in {"", domain} else self._hold(domain)

    def _hold(self, domain: str) -> timedelta:
        if len(self._holds) > 10_000:
            self._holds.clear()
        self._put_off.pop(domain, None)
        self._holds[domain] += 1
        longer: int = 2 ** min(self._holds[domain] - 1, 10)
        return min(FIRST_HOLD * longer, LONGEST_HOLD)


temper = Temper()


# Room


class Room:
    """What is under way to each domain in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, list[float]] = {}

    @contextmanager
    def for_one(self, domain: str) -> Iterator[bool]:
        """Whether one more mail may go to the domain; while the block lasts it does."""
        started = time.monotonic()
        is_in = self._enter(domain, started)
        try:
            yield is_in
        finally:
            if is_in:
                self._leave(domain, started)

    def _enter(self, domain: str, now: float) -> bool:
        with self._lock:
            under_way = self._under_way.setdefault(domain, [])
            hanging = sum(1 for started in under_way if now - started > HANGS_AFTER)
            if len(under_way) >= AT_ONCE or hanging >= HANGING_AT_ONCE:
                return False
            under_way.append(now)
            return True

    def _leave(self, domain: str, started: float) -> None:
        with self._lock:
            self._under_way[domain].remove(started)
            if not self._under_way[domain]:
                del self._under_way[domain]


room = Room()
