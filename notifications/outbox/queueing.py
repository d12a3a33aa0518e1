"""How a message comes into the outbox: stored with what caused it, and rung for afterwards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from notifications.events import coalescing
from notifications.events.bulk_mail import bulk_messages, bulk_plans, bulk_tellings
from notifications.events.choices import Pace
from notifications.events.coalescing import Plan, Planned
from notifications.events.recipients import Ground, recipients
from notifications.many import insert_alike
from notifications.models import DigestDelivery, Message, Telling
from notifications.outbox import bell
from notifications.outbox.envelopes import account_message_id, digest_message_id
from tracker.models import BulkChange, BulkChangeItem, Event
from tracker.text import clean_line


def queue(messages: Sequence[Message]) -> list[Message]:
    """Store messages with the change that caused them, and ring once that is committed.

    One that was stored before, for the same person and event, is left as it is.
    """
    if not messages:
        return []
    now = timezone.now()
    due = [message for message in messages if message.due_at <= now]
    # Of many, none is rung for by itself: a sweep is, which takes those that nobody rang for. So
    # are those rung for that come due later.
    rung_at = now if len(due) <= bell.RING_AT_MOST else None
    for message in messages:
        message.rung_at = rung_at if message.due_at <= now else None
        message.domain = domain_of(message.address)
    ids = [message.message_id for message in messages]
    Message.objects.bulk_create(messages, ignore_conflicts=True)
    stored = list(Message.objects.filter(message_id__in=ids).only("pk", "kind", "person", "due_at"))
    bell.ring_after_commit([message for message in stored if message.due_at <= now])
    return stored


def queue_account_mail(
    to: str, subject: str, text: str, html: str = "", person: Person | None = None
) -> Message:
    """Store a mail of the account itself: a code, a notice. Its text is gone once it is out."""
    message = Message(
        kind=Message.Kind.ACCOUNT,
        person=person,
        address=to,
        message_id=account_message_id(),
        subject=clean_line(subject)[:255],
        text=text,
        html=html,
    )
    return queue([message])[0]


def queue_event_mails(event: Event, grounds: Sequence[Ground] | None = None) -> list[Message]:
    """Tell each person who is to be told of `event`, or only those who have one of `grounds`: by a
    mail that waits, or by a new one.

    Returns the new ones, of the kinds EVENT and ROUNDUP. What is to come in a digest is a `Telling`
    without a message.
    """
    planned: dict[Pace, list[Plan]] = defaultdict(list)
    for plan in coalescing.plans(event, recipients(event) if grounds is None else grounds):
        planned[plan.pace].append(plan)
    # Without a message: of the digest.
    carried: dict[int, int | None] = {plan.person.pk: None for plan in planned[Pace.DIGEST]}
    new = _queue_instantly(event, planned[Pace.INSTANTLY], carried)
    new += queue_hourly(planned[Pace.HOURLY], carried)
    everybody = [plan for pace in planned.values() for plan in pace]
    _tell(event, everybody, carried)
    return new


def _queue_instantly(
    event: Event, plans: Sequence[Plan], carried: dict[int, int | None]
) -> list[Message]:
    """Let waiting messages take the event and store others; `carried` learns whose is which."""
    if not plans:
        return []
    carried |= coalescing.join(plans, problem=event.problem, kind=Message.Kind.EVENT)
    rest = [plan for plan in plans if plan.person.pk not in carried]
    new = queue([coalescing.new_event_message(event, plan) for plan in rest])
    carried |= {message.person_id or 0: message.pk for message in new}
    return new


def queue_hourly(plans: Sequence[Planned], carried: dict[int, int | None]) -> list[Message]:
    """The same for the mails of the hour: `carried` learns by which of them each person is told.

    One that has left before its time makes room for the next.
    """
    wanted = list(zip(plans, coalescing.roundups(plans), strict=True))
    new: list[Message] = []
    while wanted:
        queue([message for _, message in wanted])
        held = coalescing.hold_roundups([message.message_id for _, message in wanted])
        left = []
        for plan, message in wanted:
            if message.message_id in held:
                carried[plan.person.pk] = held[message.message_id]
                new.append(message)
            else:
                left.append((plan, coalescing.later(message, plan)))
        wanted = left
    return new


def _tell(event: Event, plans: Sequence[Plan], carried: Mapping[int, int | None]) -> None:
    """Note who is told by which message."""
    Telling.objects.bulk_create(
        [
            Telling(
                person=plan.person,
                event=event,
                message_id=carried[plan.person.pk],
                reason=plan.ground.reason,
                reach=plan.ground.reach,
                target_id=plan.ground.target_id,
            )
            for plan in plans
            if plan.person.pk in carried
        ],
        ignore_conflicts=True,
    )


def queue_bulk_mails(bulk: BulkChange, items: Sequence[BulkChangeItem]) -> list[Message]:
    """Store one message for each person for all that a bulk change does, however many parts."""
    plans = bulk_plans(bulk, items)
    Telling.objects.bulk_create(bulk_tellings(items, plans), ignore_conflicts=True)
    return queue(bulk_messages(bulk, plans))


def queue_digests(deliveries: Sequence[DigestDelivery]) -> None:
    """Store the message of each new delivery, and ring; its text is made when it is sent."""
    names = ("delivery", "person", "address", "domain", "message_id")
    insert_alike(Message(kind=Message.Kind.DIGEST), names, map(_of_digest, deliveries))
    if deliveries:
        # Nobody is told of each: the sweep finds what no batch has taken.
        transaction.on_commit(partial(bell.ring_for_batch, Message.Kind.DIGEST), robust=True)


def _of_digest(delivery: DigestDelivery) -> tuple[int, int | None, str, str, str]:
    """What is its message's own."""
    row = delivery.subscription
    message_id = digest_message_id(delivery.pk, row.person_id)
    return delivery.pk, row.person_id, row.address, domain_of(row.address), message_id


def domain_of(address: str) -> str:
    """What mail is paced by."""
    return address.rpartition("@")[2].lower()
