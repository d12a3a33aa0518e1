"""The outbox: how a message is claimed, delivered once, and what is left after a crash.

Messages come in through `queueing`; many at once go out through `batches`.

Every step is a conditional UPDATE that names the state and the claim it expects, so that two
workers, two sweeps or a worker that was thought dead cannot both finish the same message.
"""

from __future__ import annotations

import logging
import random
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from notifications.backends.base import (
    Carrier,
    ClaimLost,
    LastWord,
    NoAnswer,
    NotNow,
    Refused,
    Uncertain,
    Undelivered,
    Unreachable,
)
from notifications.backends.eml import remove_leftovers
from notifications.gate.suspension import note_refusal
from notifications.models import DigestDelivery, DigestSubscription, Message
from notifications.outbox import bell, handover, pacing
from notifications.outbox.handover import Name, Slot, journal
from notifications.outbox.pacing import Wish
from notifications.outbox.rendering import NothingToSay, Withheld, render

logger = logging.getLogger(__name__)

UNDER_WAY = (Message.State.IN_FLIGHT, Message.State.HANDED_OVER)

# (attempts up to, age from which a claim is taken for dead). It grows, because a server may be so
# slow that an honest attempt takes longer; a claim taken away too early is noticed before harm.
CLAIM_LASTS = (
    (2, timedelta(seconds=30)),
    (4, timedelta(minutes=2)),
    (32767, timedelta(minutes=10)),
)
UNCONFIRMED_AFTER = timedelta(minutes=1)
# Longer than the broker itself takes to give a killed worker's task to another.
RING_AGAIN_AFTER = timedelta(seconds=25)
RINGS_PER_SWEEP = 500
# For what finds no room while others to the same domain are under way.
MAKE_ROOM = timedelta(seconds=2)

# RFC 5321, section 4.5.4.1: four to five days of trying.
GIVE_UP_AFTER = timedelta(days=5)
KEEP_FOR = timedelta(days=90)
# A task ends before the queue takes it for dead; what is left waits for the next run.
PURGED_AT_ONCE = 500
PURGES_FOR = 8.0
# What rendering reads of a message.
RELATED = ("person", "delivery__subscription__saved_search", "delivery__subscription__component__product")  # fmt: skip  # noqa: E501
# What nothing reads while a digest is sent; each time that is read costs more than a column.
NOT_OF_DIGESTS = (
    *("event", "problem", "bulk_change", "patch_event", "patch"),
    *("reason", "reach", "target_id", "in_reply_to"),
    *("subject", "text", "html", "rung_at", "due_at", "is_unconfirmed", "sent_at"),
    *("person__password", "person__last_login", "person__joined_at", "person__trusted_at"),
    *("person__votes_discounted_at", "person__sessions_ended_at"),
    *("delivery__created_at", "delivery__subscription__created_at"),
    *("delivery__subscription__next_due_at", "delivery__subscription__last_covered_until"),
)


# Going out


def deliver(pk: int) -> bool:
    """Send the message if it is due and nobody else has it; True when this call ended its life."""
    claim = uuid.uuid4()
    # Noted before the row, so that a sweep knows of every claim that a dead process leaves.
    with journal().slots(claim, [pk]) as slots:
        message = _claim(pk, claim)
        if message is None:
            return False
        with pacing.room.for_one(message.domain) as has_room:
            if not has_room:
                give_back([message], timezone.now() + MAKE_ROOM)
                return False
            return _attempt(message, slots[pk])


def _attempt(message: Message, slot: Slot) -> bool:
    try:
        carry(get_connection(), render(message), OneByOne(message, slot))
        pacing.temper.went_through(message.domain)
        return _finish(message, Message.State.SENT, sent_at=timezone.now(), last_error="")
    except Exception as error:  # each kind has its own end
        return failed(message, slot, error)


def failed(message: Message, slot: Slot, error: Exception) -> bool:
    """What follows from an attempt that raised `error`; True when it ended the message's life."""
    if isinstance(error, ClaimLost):
        return False
    if isinstance(error, Uncertain):
        # Left as handed over: the sweep takes it as sent, and administrators see why.
        mine([message]).update(last_error=str(error)[:500])
        _hold_for_silence(message, str(error))
        return False
    if isinstance(error, (Withheld, NothingToSay)):
        return _drop(message, error)
    if isinstance(error, Undelivered):
        return _postpone_or_fail(message, error)
    logger.error("%s could not be sent", message, exc_info=error)
    if slot.is_marked:
        return False
    return _put_off(message, timezone.now() + backoff(message.attempts),
                    "Something of ours broke; see the log.")  # fmt: skip


def _claim(pk: int, claim: uuid.UUID) -> Message | None:
    """Take one message; None when it is not due, not ours, or its domain has to wait."""
    now = timezone.now()
    rows = Message.objects.filter(pk=pk).filter(_due(now) | _stale(now))
    with transaction.atomic():
        wish = next((Wish(*row) for row in rows.values_list("pk", "domain", "kind")), None)
        if wish is None or not may_go([wish], now):
            return None
        if not take(rows, claim, now):
            return None
    return Message.objects.select_related(*RELATED).get(pk=pk)


def may_go(wishes: Sequence[Wish], now: datetime) -> list[int]:
    """The messages whose domain takes mail now; the others are put off."""
    held = pacing.held(now)
    return pacing.admit([w for w in wishes if w.domain not in held or w.kind in pacing.URGENT], now)


def take(rows: QuerySet[Message], claim: uuid.UUID, now: datetime) -> int:
    """Claim those of `rows` that are still as their conditions say; how many."""
    return rows.update(
        state=Message.State.IN_FLIGHT, claim=claim, claimed_at=now, attempts=F("attempts") + 1
    )


def _due(now: datetime) -> Q:
    return Q(state=Message.State.QUEUED, due_at__lte=now)


def _stale(now: datetime) -> Q:
    """Claims whose worker is taken for dead. What was handed over is never among them."""
    condition = Q()
    at_least = 0
    for up_to, age in CLAIM_LASTS:
        condition |= Q(attempts__gte=at_least, attempts__lte=up_to, claimed_at__lt=now - age)
        at_least = up_to + 1
    return Q(state=Message.State.IN_FLIGHT) & condition


class OneByOne:
    """The moment at which a mail becomes the server's: noted in its row, then in the journal."""

    def __init__(self, message: Message, slot: Slot) -> None:
        self._message = message
        self.mark = slot.mark

    def ask(self) -> None:
        """Note, for good, that the last line is about to go out. Raises `ClaimLost`."""
        if not hand_over([self._message]):
            raise ClaimLost


def hand_over(messages: Sequence[Message]) -> set[int]:
    """Note, for good, that the last lines of these are about to go out; which of them may."""
    claim = messages[0].claim
    pks = [message.pk for message in messages]
    rows = Message.objects.filter(pk__any_of=pks, claim=claim)
    handed = rows.filter(state__unindexed=Message.State.IN_FLIGHT).update(
        state=Message.State.HANDED_OVER, claimed_at=timezone.now(), last_error=""
    )
    if handed == len(pks):
        return set(pks)
    still = rows.filter(state__unindexed=Message.State.HANDED_OVER)
    return set(still.values_list("pk", flat=True))


def carry(
    backend: BaseEmailBackend,
    mail: EmailMessage,
    last_word: LastWord,
    following: EmailMessage | None = None,
) -> None:
    """Send by whatever backend is set. `following` is the mail that is likely to be the next."""
    kind: Any = type(backend)
    if _carries(kind):
        cast(Carrier, backend).carry(mail, last_word, following)
        return
    last_word.ask()
    last_word.mark()
    backend.send_messages([mail])


@lru_cache(maxsize=8)
def _carries(kind: type) -> bool:
    """Looked up once, as it takes longer than some mails take to send."""
    return issubclass(kind, Carrier)


def _drop(message: Message, why: Exception) -> bool:
    outcome = (
        DigestDelivery.Outcome.EMPTY
        if isinstance(why, NothingToSay)
        else DigestDelivery.Outcome.FAILED
    )
    return _finish(message, Message.State.DROPPED, outcome, last_error=str(why)[:500])


def _postpone_or_fail(message: Message, error: Undelivered) -> bool:
    """Try again later, unless the server said no for good or it has been days."""
    logger.info("%s did not leave: %s", message, error.reason)
    gave_up = isinstance(error, NotNow) and message.created_at < timezone.now() - GIVE_UP_AFTER
    if isinstance(error, Refused):
        note_refusal(message, error.reason)
    if isinstance(error, Refused) or gave_up:
        return _finish(message, Message.State.FAILED, last_error=error.reason[:500])
    until = timezone.now() + backoff(message.attempts)
    if isinstance(error, Unreachable):
        _server_is_away(until, error.reason)
    elif isinstance(error, NoAnswer):
        until = max(until, _hold_for_silence(message, error.reason))
    elif (wait := pacing.temper.put_off(message.domain)) is not None:
        until = max(until, timezone.now() + wait)
        pacing.hold(message.domain, timezone.now() + wait, error.reason)
    return _put_off(message, until, error.reason)


def _put_off(message: Message, until: datetime, reason: str) -> bool:
    mine([message]).update(
        state=Message.State.QUEUED,
        claim=None,
        claimed_at=None,
        due_at=until,
        rung_at=None,
        last_error=reason[:500],
    )
    return False


def _hold_for_silence(message: Message, reason: str) -> datetime:
    """Hold the domain whose mail was not answered, or all mail when it is not the first domain."""
    now = timezone.now()
    wait = pacing.temper.said_nothing(message.domain)
    until = now + (wait or pacing.FIRST_HOLD)
    if wait is None:
        _server_is_away(until, reason)
    else:
        pacing.hold(message.domain, until, reason)
    return until


def _server_is_away(until: datetime, reason: str) -> None:
    """Nobody else needs to find that out before `until`."""
    # A line for each try, as all mail waits with it: EMAIL_URL may name a wrong server.
    where = settings.MAIL_FOLDER or f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    logger.warning("%s takes no mail (%s); all waits until %s", where, reason, until)
    waiting = Message.objects.filter(state=Message.State.QUEUED, due_at__lt=until)
    waiting.update(due_at=until, rung_at=None)


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 10 s, doubled each time up to 15 min, +/- 25 %."""
    seconds = min(10 * 2 ** (min(attempts, 10) - 1), 900)
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311


def mine(messages: Sequence[Message]) -> QuerySet[Message]:
    """Those of the messages of one claim that it still holds."""
    pks = [message.pk for message in messages]
    claim = messages[0].claim
    return Message.objects.filter(pk__any_of=pks, claim=claim, state__unindexed__in=UNDER_WAY)


def give_back(messages: Sequence[Message], due_at: datetime) -> None:
    """Queue messages of one claim again that were not tried: none of them may be marked."""
    if messages:
        mine(messages).update(
            state=Message.State.QUEUED,
            claim=None,
            claimed_at=None,
            attempts=F("attempts") - 1,
            due_at=due_at,
            rung_at=None,
        )


@transaction.atomic
def _finish(
    message: Message,
    state: Message.State,
    outcome: DigestDelivery.Outcome | None = None,
    **values: Any,
) -> bool:
    """End the message's life, and its digest's with it; False when it is no longer ours."""
    ended = mine([message]).update(state=state, claim=None, subject="", text="", html="", **values)
    if ended and message.delivery is not None:
        sent = state == Message.State.SENT
        usual = DigestDelivery.Outcome.SENT if sent else DigestDelivery.Outcome.FAILED
        _settle([message.delivery], outcome or usual)
    return bool(ended)


@transaction.atomic
def finish_sent(messages: Sequence[Message], **values: Any) -> int:
    """End the lives of messages of one claim that the server has; how many were still ours."""
    if not messages:
        return 0
    rows = mine(messages).select_for_update().order_by("pk")
    still = set(rows.values_list("pk", flat=True))
    Message.objects.filter(pk__any_of=still).update(
        state=Message.State.SENT, claim=None, subject="", text="", html="",
        **{"sent_at": timezone.now(), "last_error": "", **values},
    )  # fmt: skip
    found = [m.delivery for m in messages if m.pk in still and m.delivery is not None]
    _settle(found, DigestDelivery.Outcome.SENT)
    return len(still)


def _settle(deliveries: Sequence[DigestDelivery], outcome: DigestDelivery.Outcome) -> None:
    """Only a digest that was sent moves the time up to which its reader was told."""
    pks = [delivery.pk for delivery in deliveries]
    DigestDelivery.objects.filter(pk__any_of=pks).update(outcome=outcome)
    if outcome != DigestDelivery.Outcome.SENT:
        return
    by_time: dict[datetime, list[int]] = defaultdict(list)
    for delivery in deliveries:
        by_time[delivery.covers_until].append(delivery.subscription_id)
    for until, subscriptions in by_time.items():
        DigestSubscription.objects.filter(pk__any_of=subscriptions).filter(
            Q(last_covered_until=None) | Q(last_covered_until__lt=until)
        ).update(last_covered_until=until)


# Looking after


def sweep() -> int:
    """Settle what a crash left behind and ring for what nobody came for; how often was rung."""
    now = timezone.now()
    _settle_what_the_dead_left(now)
    Message.objects.filter(_stale(now)).update(
        state=Message.State.QUEUED, claim=None, claimed_at=None, rung_at=None
    )
    unheard = _due(now) & (Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER))
    found = Message.objects.filter(unheard)
    urgent = found.filter(kind__in=pacing.URGENT).order_by("due_at", "pk").only("pk", "kind")
    rung = _ring_for(list(urgent[:RINGS_PER_SWEEP]), now)
    if rung == RINGS_PER_SWEEP:
        bell.ring_for_sweep()
    return rung + _ring_for_batches(found, now)


def _ring_for(batch: list[Message], now: datetime) -> int:
    """Ring for each until the broker fails. Noted first, so that no other sweep rings for them."""
    ids = [message.pk for message in batch]
    Message.objects.filter(pk__in=ids).update(rung_at=now)
    rung = 0
    for message in batch:
        if not bell.ring(message):
            Message.objects.filter(pk__in=ids[rung:]).update(rung_at=None)
            break
        rung += 1
    return rung


def _ring_for_batches(found: QuerySet[Message], now: datetime) -> int:
    """One bell for each of the kinds that wait, by its urgency; a worker takes all that is due."""
    held = pacing.held(now)
    rung = 0
    for kind in bell.BY_URGENCY:
        if kind in pacing.URGENT:
            continue
        if found.filter(kind=kind).exclude(domain__in=held).exists():
            rung += bell.ring_for_batch(kind)
    return rung


def _settle_what_the_dead_left(now: datetime) -> None:
    """Decide on mails whose worker died.

    Where the journal of a dead process shows that the last line was not sent, the mail is sent
    again at once; where the server's yes was heard, it is sent. Without a journal, what was handed
    over is taken as sent after a while, unconfirmed.
    """
    # Read before the rows: a process that is dead now changes none of them any more.
    notes = handover.read()
    for claim, pks in _under_way(notes.names(handover.OPEN)).items():
        Message.objects.filter(claim=claim, pk__in=pks, state__in=UNDER_WAY).update(
            state=Message.State.QUEUED, claim=None, claimed_at=None, due_at=now, rung_at=None
        )
    for state, is_unconfirmed in ((handover.HEARD, False), (handover.SENT, True)):
        for claim, pks in _under_way(notes.names(state)).items():
            rows = Message.objects.filter(claim=claim, pk__in=pks).select_related("delivery")
            finish_sent(list(rows), is_unconfirmed=is_unconfirmed)
    _settle_what_nobody_noted(notes.alive, now)
    notes.forget()


def _under_way(names: Iterable[Name]) -> dict[uuid.UUID, list[int]]:
    """Those of `names` whose messages are still under that claim, by claim."""
    wanted = set(names)
    rows = Message.objects.filter(pk__in={pk for _, pk in wanted}, state__in=UNDER_WAY)
    found = defaultdict(list)
    for claim, pk in rows.values_list("claim", "pk"):
        if claim is not None and (claim, pk) in wanted:
            found[claim].append(pk)
    return found


def _settle_what_nobody_noted(alive: set[Name], now: datetime) -> None:
    """What was handed over a while ago, and on which no process of this machine works.

    An answer that never came has left its words in the row: then the last line was sent. Without
    them nobody knows, and the next digest tells once more what this one would have told.
    """
    rows = Message.objects.filter(
        state=Message.State.HANDED_OVER, claimed_at__lt=now - UNCONFIRMED_AFTER
    )
    for message in rows.select_related("delivery"):
        if message.claim is not None and (message.claim, message.pk) in alive:
            continue
        known = DigestDelivery.Outcome.SENT if message.last_error else DigestDelivery.Outcome.FAILED
        _finish(message, Message.State.SENT, known, is_unconfirmed=True, sent_at=message.claimed_at)


@transaction.atomic
def resend(message: Message) -> bool:
    """Queue a message again that did not certainly arrive; False when it cannot be."""
    if not message.can_be_resent:
        return False
    changed = Message.objects.filter(pk=message.pk, state=message.state).update(
        state=Message.State.QUEUED,
        is_unconfirmed=False,
        attempts=0,
        due_at=timezone.now(),
        rung_at=timezone.now(),
        created_at=timezone.now(),
        last_error="",
    )
    bell.ring_after_commit([message] if changed else [])
    return bool(changed)


@transaction.atomic
def resend_failed(rows: QuerySet[Message]) -> int:
    """Queue those of `rows` again that failed and whose text can still be made; how many."""
    failed_ones = rows.filter(state=Message.State.FAILED).exclude(kind__in=pacing.URGENT)
    now = timezone.now()
    changed = failed_ones.update(
        state=Message.State.QUEUED,
        attempts=0,
        due_at=now,
        rung_at=None,
        created_at=now,
        last_error="",
    )
    if changed:
        transaction.on_commit(bell.ring_for_sweep, robust=True)
    return changed


def queue_again(message: Message, due_at: datetime, why: str) -> bool:
    """Send a message once more that left and came back; False when it is too old, or cannot be.

    It stays the same message, with its Message-ID and the time at which it was made.
    """
    if message.kind in {Message.Kind.ACCOUNT, Message.Kind.ANSWER}:
        return False
    sent = Message.objects.filter(pk=message.pk, state=Message.State.SENT)
    return bool(
        sent.filter(created_at__gt=timezone.now() - GIVE_UP_AFTER).update(
            state=Message.State.QUEUED,
            is_unconfirmed=False,
            attempts=1,
            due_at=due_at,
            rung_at=None,
            last_error=why[:500],
        )
    )


@transaction.atomic
def hurry(message: Message) -> bool:
    """Try a waiting message now; False when it does not wait."""
    changed = Message.objects.filter(pk=message.pk, state=Message.State.QUEUED).update(
        due_at=timezone.now(), rung_at=timezone.now()
    )
    bell.ring_after_commit([message] if changed else [])
    return bool(changed)


def purge() -> int:
    """Delete messages that ended long ago, and half-written files, for some seconds; how many rows.

    A digest run ends its three months all at once, and with each message go its tellings.
    """
    if settings.MAIL_FOLDER is not None:
        remove_leftovers(settings.MAIL_FOLDER)
    old = timezone.now() - KEEP_FOR
    ended = (Message.State.SENT, Message.State.FAILED, Message.State.DROPPED)
    spent = Message.objects.filter(created_at__lt=old, state__in=ended).order_by("created_at", "pk")
    deleted, until = 0, time.monotonic() + PURGES_FOR
    while pks := list(spent.values_list("pk", flat=True)[:PURGED_AT_ONCE]):
        deleted += Message.objects.filter(pk__in=pks).delete()[0]
        if time.monotonic() >= until:
            break
    return deleted
