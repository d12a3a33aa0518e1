"""The outbox: how a message is claimed, delivered once, and what is left after a crash.

Messages come in through `queueing`.

Every step is one conditional UPDATE that names the state and the claim it expects, so that two
workers, two sweeps or a worker that was thought dead cannot both finish the same message.
"""

from __future__ import annotations

import logging
import random
import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils import timezone

from notifications import bell, handover
from notifications.backends.base import (
    Carrier,
    ClaimLost,
    LastWord,
    NotNow,
    Refused,
    Uncertain,
    Undelivered,
    Unreachable,
)
from notifications.backends.eml import remove_leftovers
from notifications.handover import Slot, journal
from notifications.models import DigestDelivery, DigestSubscription, Message
from notifications.rendering import NothingToSay, Withheld, render

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
RING_AGAIN_FOR_STALE_AFTER = timedelta(seconds=10)
RINGS_PER_SWEEP = 500

# RFC 5321, section 4.5.4.1: four to five days of trying.
GIVE_UP_AFTER = timedelta(days=5)
KEEP_FOR = timedelta(days=90)


# Going out


def deliver(pk: int) -> bool:
    """Send the message if it is due and nobody else has it; True when this call ended its life."""
    claim = uuid.uuid4()
    # Noted before the row, so that a sweep knows of every claim that a dead process leaves.
    with journal().slot(claim) as slot:
        message = _claim(pk, claim)
        return message is not None and _attempt(message, slot)


def _attempt(message: Message, slot: Slot) -> bool:
    try:
        _carry(render(message), _Handover(message, slot))
        return _finish(message, Message.State.SENT, sent_at=timezone.now(), last_error="")
    except ClaimLost:
        return False
    except Uncertain as error:
        # Left as handed over: the sweep takes it as sent, and administrators see why.
        _mine(message).update(last_error=str(error)[:500])
        return False
    except (Withheld, NothingToSay) as why:
        return _drop(message, why)
    except Undelivered as error:
        return _postpone_or_fail(message, error)
    except Exception:
        logger.exception("%s could not be sent", message)
        if slot.is_marked:
            return False
        return _postpone_or_fail(message, NotNow("Something of ours broke; see the log."))


def _claim(pk: int, claim: uuid.UUID) -> Message | None:
    now = timezone.now()
    claimed = (
        Message.objects.filter(pk=pk)
        .filter(Q(state=Message.State.QUEUED, due_at__lte=now) | _stale(now))
        .update(
            state=Message.State.IN_FLIGHT, claim=claim, claimed_at=now, attempts=F("attempts") + 1
        )
    )
    if not claimed:
        return None
    related = ("person", "delivery__subscription__saved_search")
    return Message.objects.select_related(*related).get(pk=pk)


def _stale(now: datetime) -> Q:
    """Claims whose worker is taken for dead. What was handed over is never among them."""
    condition = Q()
    at_least = 0
    for up_to, age in CLAIM_LASTS:
        condition |= Q(attempts__gte=at_least, attempts__lte=up_to, claimed_at__lt=now - age)
        at_least = up_to + 1
    return Q(state=Message.State.IN_FLIGHT) & condition


class _Handover:
    """The moment at which a mail becomes the server's: noted in its row, then in the journal."""

    def __init__(self, message: Message, slot: Slot) -> None:
        self._message = message
        self.mark = slot.mark

    def ask(self) -> None:
        """Note, for good, that the last line is about to go out. Raises `ClaimLost`."""
        message = self._message
        handed = Message.objects.filter(
            pk=message.pk, claim=message.claim, state=Message.State.IN_FLIGHT
        ).update(state=Message.State.HANDED_OVER, claimed_at=timezone.now())
        if not handed:
            raise ClaimLost


def _carry(mail: EmailMessage, last_word: LastWord) -> None:
    backend = get_connection()
    if isinstance(backend, Carrier):
        backend.carry(mail, last_word)
        return
    last_word.ask()
    last_word.mark()
    backend.send_messages([mail])


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
    if isinstance(error, Refused) or gave_up:
        return _finish(message, Message.State.FAILED, last_error=error.reason[:500])
    until = timezone.now() + backoff(message.attempts)
    if isinstance(error, Unreachable):
        # A line for each try, as all mail waits with it: EMAIL_URL may name a wrong server.
        where = settings.MAIL_FOLDER or f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
        logger.warning("%s takes no mail (%s); all waits until %s", where, error.reason, until)
        _hold_all(until)
    _mine(message).update(
        state=Message.State.QUEUED,
        claim=None,
        claimed_at=None,
        due_at=until,
        rung_at=None,
        last_error=error.reason[:500],
    )
    return False


def backoff(attempts: int) -> timedelta:
    """How long to wait after so many attempts: 10 s, doubled each time up to 15 min, +/- 25 %."""
    seconds = min(10 * 2 ** (min(attempts, 10) - 1), 900)
    return timedelta(seconds=seconds * random.uniform(0.75, 1.25))  # noqa: S311


def _hold_all(until: datetime) -> None:
    """The server is away for all mail: nobody else needs to find that out before `until`."""
    waiting = Message.objects.filter(state=Message.State.QUEUED, due_at__lt=until)
    waiting.update(due_at=until, rung_at=None)


def _mine(message: Message) -> QuerySet[Message]:
    return Message.objects.filter(pk=message.pk, claim=message.claim, state__in=UNDER_WAY)


@transaction.atomic
def _finish(
    message: Message,
    state: Message.State,
    outcome: DigestDelivery.Outcome | None = None,
    **values: Any,
) -> bool:
    """End the message's life, and its digest's with it; False when it is no longer ours."""
    if not _mine(message).update(state=state, claim=None, subject="", text="", html="", **values):
        return False
    if message.delivery is not None:
        sent = state == Message.State.SENT
        ended = DigestDelivery.Outcome.SENT if sent else DigestDelivery.Outcome.FAILED
        _settle(message.delivery, outcome or ended)
    return True


def _settle(delivery: DigestDelivery, outcome: DigestDelivery.Outcome) -> None:
    """Only a digest that was sent moves the time up to which its reader was told."""
    DigestDelivery.objects.filter(pk=delivery.pk).update(outcome=outcome)
    if outcome == DigestDelivery.Outcome.SENT:
        DigestSubscription.objects.filter(pk=delivery.subscription_id).filter(
            Q(last_covered_until=None) | Q(last_covered_until__lt=delivery.covers_until)
        ).update(last_covered_until=delivery.covers_until)


# Looking after


def sweep() -> int:
    """Settle what a crash left behind and ring for what nobody came for; how many were rung."""
    now = timezone.now()
    _settle_what_the_dead_left(now)
    ready = (
        Q(state=Message.State.QUEUED, due_at__lte=now)
        & (Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_AFTER))
    ) | (_stale(now) & (Q(rung_at=None) | Q(rung_at__lt=now - RING_AGAIN_FOR_STALE_AFTER)))
    order = Case(
        *(When(kind=kind, then=Value(priority)) for kind, priority in bell.PRIORITY.items())
    )
    found = Message.objects.filter(ready).order_by(order, "due_at", "pk")
    batch = list(found.only("pk", "kind", "rung_at")[:RINGS_PER_SWEEP])
    rung = _ring_for(batch, now)
    # More right away only where nobody was rung for yet: bells for a slow server must not pile up.
    if rung == RINGS_PER_SWEEP and batch[-1].rung_at is None:
        bell.ring_for_sweep()
    return rung


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


def _settle_what_the_dead_left(now: datetime) -> None:
    """Decide on mails whose worker died.

    Where the journal of a dead process shows that the last line was not sent, the mail is sent
    again at once. Without a journal, what was handed over is taken as sent after a while: the
    server has it, though nobody heard it say so.
    """
    # Read before the rows: a process that is dead now changes none of them any more.
    dead = handover.read_dead()
    unsent = [claim for claim, was_sent in dead.was_sent.items() if not was_sent]
    Message.objects.filter(claim__in=unsent, state__in=UNDER_WAY).update(
        state=Message.State.QUEUED, claim=None, claimed_at=None, due_at=now, rung_at=None
    )
    sent = [claim for claim, was_sent in dead.was_sent.items() if was_sent]
    unheard = Message.objects.filter(state=Message.State.HANDED_OVER).filter(
        Q(claim__in=sent) | Q(claimed_at__lt=now - UNCONFIRMED_AFTER)
    )
    for message in unheard.select_related("delivery"):
        _finish(message, Message.State.SENT, is_unconfirmed=True, sent_at=message.claimed_at)
    dead.forget()


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
            attempts=0,
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
    """Delete messages that ended long ago, and half-written files; how many messages."""
    if settings.MAIL_FOLDER is not None:
        remove_leftovers(settings.MAIL_FOLDER)
    old = timezone.now() - KEEP_FOR
    ended = (Message.State.SENT, Message.State.FAILED, Message.State.DROPPED)
    return Message.objects.filter(created_at__lt=old, state__in=ended).delete()[0]
