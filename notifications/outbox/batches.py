"""Many messages at once: claimed, rendered and handed over together, over one connection.

A digest run is tens of thousands of mails. One by one each costs a task, a connection and four
statements; a batch shares them. What holds for one message holds for each of a batch: its row says
`handed over`, for good, before its last line goes out, and the journal tells which of a batch had
theirs sent. Only digests are handed over in groups, of no more than a twentieth of a second's work:
where no journal can be read afterwards, such a group is in doubt as a whole.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.utils import timezone

from notifications.backends.base import Carrier, LastWord, Unreachable
from notifications.models import Message
from notifications.outbox import bell, pacing, sending
from notifications.outbox.handover import Slot, alone_on_this_machine, journal
from notifications.outbox.pacing import Wish
from notifications.outbox.rendering import Renderer

logger = logging.getLogger(__name__)

# Batches at once in one process. A worker has four threads; two are left for what is urgent.
LANES: Final = 2
# A batch goes on for so long, in seconds, and then asks for the next; with the slowest last mail
# it stays below the 30 s after which its claims are taken for those of a dead worker.
SECONDS: Final = 5.0
# Claimed at once: what can be sent within a second, and no more than this.
MOST: Final = 250
# Handed over at once: what can be sent within a twentieth of a second, and no more than this.
GROUP_SECONDS: Final = 0.05
MOST_IN_GROUP: Final = 50
# What was handed over so long ago, in seconds, and has not left is taken back. Long before a sweep
# on another machine takes it as sent.
HANDED_FOR: Final = 10.0
FIRST_RATE: Final = 20.0
RENDERED_AT_ONCE: Final = 125

_lanes = threading.BoundedSemaphore(LANES)
# What it wrote for one batch serves the next, for as long as the lists in it are the same.
_renderer = Renderer()
# How fast mails left lately, a second.
_known_rate = [FIRST_RATE]
# One thread of a process chooses at a time, and one process of a machine, so that they do not
# choose the same. Where they do all the same, the rows know whose they are.
_choosing = threading.Lock()
# Seconds after which a process that chooses still is taken for one that hangs.
CHOOSES_FOR: Final = 2.0


def deliver_batch() -> int:
    """Send what is due for a few seconds, and ask for another batch when there is more.

    Returns how many messages were sent. Where as many batches are under way as may be, none.
    """
    if not _lanes.acquire(blocking=False):
        return 0
    run = _Run(get_connection())
    try:
        sent = run.go(time.monotonic() + SECONDS)
    finally:
        _lanes.release()
    # Not before, or whoever answers the bell finds the lane taken, and nobody goes on.
    if run.has_more:
        bell.ring_for_batch(Message.Kind.DIGEST)
    return sent


@dataclass
class _Round:
    """The messages of one claim: what is still to be done, what the server has."""

    rest: dict[int, Message]
    slots: dict[int, Slot]
    sent: list[Message] = field(default_factory=list)
    # When those that were not tried are due again, where that is not at once.
    later: dict[int, timedelta] = field(default_factory=dict)

    def wait_for(self, message: Message) -> None:
        """Let all that is left come due with `message`, which has just been put off."""
        due = Message.objects.values_list("due_at", flat=True).get(pk=message.pk)
        wait = max(due - timezone.now(), timedelta())
        self.later = dict.fromkeys(self.rest, wait)

    def close(self) -> None:
        """Write what came of it. Raises `DatabaseError`, and can be called again then."""
        sending.finish_sent(self.sent)
        self.sent = []
        now = timezone.now()
        for wait in {self.later.get(pk, timedelta()) for pk in self.rest}:
            sending.give_back([m for m in self._untried() if self._wait(m) == wait], now + wait)
        self.rest = {}

    def _untried(self) -> list[Message]:
        return [m for pk, m in self.rest.items() if not self.slots[pk].is_marked]

    def _wait(self, message: Message) -> timedelta:
        return self.later.get(message.pk, timedelta())


class _Run:
    """One batch task: rounds of claim, render, hand over, send, until the time is over."""

    def __init__(self, backend: BaseEmailBackend) -> None:
        self._backend = backend
        self._rate = _known_rate[0]
        self._sent = 0
        self._is_away = False
        # Whether it ended because its time was over.
        self.has_more = False
        # Domains that turned out to wait while this runs; a claim leaves out those known before.
        self._held: set[str] = set()

    def go(self, until: float) -> int:
        with ExitStack() as open_:
            if isinstance(self._backend, Carrier):
                open_.enter_context(self._backend.kept_open())
            while not self._is_away:
                _known_rate[0] = self._rate
                if time.monotonic() >= until:
                    self.has_more = True
                    break
                if not self._round(until):
                    break
        return self._sent

    def _round(self, until: float) -> bool:
        """One claim of some messages; False when nothing is due."""
        _pay_debts()
        with ExitStack() as noted:
            claimed = _claim(max(1, min(MOST, int(self._rate))), noted)
            if claimed is None:
                return False
            try:
                self._send(claimed, until)
            finally:
                _close(claimed, noted)
        return True

    def _send(self, batch: _Round, until: float) -> None:
        started = time.monotonic()
        before = len(batch.rest)
        for group in self._groups(self._rendered(batch)):
            if self._is_away or time.monotonic() >= until:
                break
            self._send_group(batch, group)
        passed = max(time.monotonic() - started, 0.001)
        # Never much faster than before: a server's first answers say little.
        done = max(before - len(batch.rest), 1)
        self._rate = min(done / passed, 2 * self._rate)

    def _rendered(self, batch: _Round) -> Iterator[tuple[Message, EmailMessage]]:
        """What can be sent, rendered some at a time; all else comes to its end here."""
        messages = list(batch.rest.values())
        for at in range(0, len(messages), RENDERED_AT_ONCE):
            for message, mail in _renderer.render(messages[at : at + RENDERED_AT_ONCE]):
                if not isinstance(mail, Exception):
                    yield message, mail
                    continue
                sending.failed(message, batch.slots[message.pk], mail)
                del batch.rest[message.pk]

    def _groups(
        self, mails: Iterator[tuple[Message, EmailMessage]]
    ) -> Iterator[list[tuple[Message, EmailMessage]]]:
        """Digests in groups, all else by itself."""
        most = max(1, min(MOST_IN_GROUP, int(self._rate * GROUP_SECONDS)))
        group: list[tuple[Message, EmailMessage]] = []
        for each in mails:
            if each[0].kind != Message.Kind.DIGEST:
                yield [each]
                continue
            group.append(each)
            if len(group) >= most:
                yield group
                group = []
        if group:
            yield group

    def _send_group(self, batch: _Round, group: list[tuple[Message, EmailMessage]]) -> None:
        is_alone = len(group) == 1
        may = {m.pk for m, _ in group} if is_alone else sending.hand_over([m for m, _ in group])
        handed_at = time.monotonic()
        for message in [message for message, _ in group if message.pk not in may]:
            del batch.rest[message.pk]
        mails = [(message, mail) for message, mail in group if message.pk in may]
        following = [*(mail for _, mail in mails[1:]), None]
        for (message, mail), after in zip(mails, following, strict=True):
            if self._is_away or time.monotonic() - handed_at > HANDED_FOR:
                return
            word = sending.OneByOne(message, batch.slots[message.pk]) if is_alone else None
            self._send_one(batch, message, mail, word, after)

    def _send_one(
        self,
        batch: _Round,
        message: Message,
        mail: EmailMessage,
        word: LastWord | None,
        following: EmailMessage | None,
    ) -> None:
        slot = batch.slots[message.pk]
        with pacing.room.for_one(message.domain) as has_room:
            if not has_room or message.domain in self._held:
                batch.later[message.pk] = sending.MAKE_ROOM
                return
            try:
                sending.carry(self._backend, mail, word or _Noted(slot), following)
            except Exception as error:  # each kind has its own end
                sending.failed(message, slot, error)
                del batch.rest[message.pk]
                self._held = pacing.held(timezone.now())
                if isinstance(error, Unreachable):
                    self._is_away = True
                    batch.wait_for(message)
                return
        slot.heard()
        del batch.rest[message.pk]
        batch.sent.append(message)
        self._sent += 1
        pacing.temper.went_through(message.domain)


class _Noted:
    """The last word on a mail whose row says already that it is handed over."""

    def __init__(self, slot: Slot) -> None:
        self.mark = slot.mark

    def ask(self) -> None:
        """It was asked for the whole group."""


def _claim(count: int, noted: ExitStack) -> _Round | None:
    """Take the most urgent messages that are due; None when there are none."""
    now = timezone.now()
    claim = uuid.uuid4()
    with _choosing, alone_on_this_machine(CHOOSES_FOR):
        wishes = _wishes(count)
        if not wishes:
            return None
        # Noted before the rows, so that a sweep knows of every claim that a dead process leaves.
        slots = noted.enter_context(journal().slots(claim, [wish.pk for wish in wishes]))
        with transaction.atomic():
            allowed = pacing.admit(wishes, now)
            rows = Message.objects.filter(
                pk__any_of=allowed, state__unindexed=Message.State.QUEUED, due_at__lte=now
            )
            ours = list(rows.select_for_update(skip_locked=True).values_list("pk", flat=True))
            sending.take(Message.objects.filter(pk__any_of=ours), claim, now)
    # Both, as no index serves the claim and three months of messages are in the table.
    taken = Message.objects.filter(pk__any_of=ours, claim=claim)
    taken = taken.select_related(*sending.RELATED)
    if {wish.kind for wish in wishes} == {Message.Kind.DIGEST}:
        taken = taken.defer(*sending.NOT_OF_DIGESTS)
    found = {message.pk: message for message in taken}
    return _Round({wish.pk: found[wish.pk] for wish in wishes if wish.pk in found}, slots)


def _wishes(count: int) -> list[Wish]:
    """Messages that are due, the most urgent kinds first; one statement for each kind."""
    now = timezone.now()
    held = pacing.held(now)
    found: list[Wish] = []
    for kind in _kinds_due(now):
        rows = Message.objects.filter(kind=kind, state=Message.State.QUEUED, due_at__lte=now)
        if kind not in pacing.URGENT:
            rows = rows.exclude(domain__in=held)
        left = count - len(found)
        ordered = rows.order_by("due_at", "pk").values_list("pk", "domain", "kind")
        found += [Wish(*row) for row in ordered[:left]]
        if len(found) >= count:
            break
    return found


def _kinds_due(now: datetime) -> list[str]:
    """The kinds of which something is due, the most urgent first; of digests it may be nothing."""
    others = [kind for kind in bell.BY_URGENCY if kind != Message.Kind.DIGEST]
    rows = Message.objects.filter(kind__in=others, state=Message.State.QUEUED, due_at__lte=now)
    due = {*rows.order_by().values_list("kind", flat=True).distinct(), Message.Kind.DIGEST}
    return [kind for kind in bell.BY_URGENCY if kind in due]


# What could not be written because the database was away, with the notes that it needs.
_debts: list[tuple[_Round, ExitStack]] = []


def _close(batch: _Round, noted: ExitStack) -> None:
    """Write the results. The notes stay until that is done, or this process is dead."""
    try:
        batch.close()
    except Exception:
        _debts.append((batch, noted.pop_all()))
        raise


def _pay_debts() -> None:
    while _debts:
        batch, noted = _debts.pop()
        with noted:
            _close(batch, noted)
