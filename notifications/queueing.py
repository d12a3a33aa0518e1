"""How a message comes into the outbox: stored with what caused it, and rung for afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from accounts.models import Person
from notifications import bell
from notifications.bulk_mail import bulk_messages
from notifications.envelopes import account_message_id, digest_message_id, event_message_id
from notifications.models import DigestDelivery, Message
from notifications.recipients import recipients
from tracker.models import BulkChange, BulkChangeItem, Event
from tracker.text import clean_line


def queue(messages: Sequence[Message]) -> list[Message]:
    """Store messages with the change that caused them, and ring once that is committed.

    One that was stored before, for the same person and event, is left as it is.
    """
    if not messages:
        return []
    # Of many, none is rung for by itself: a sweep is, which takes those that nobody rang for.
    rung_at = timezone.now() if len(messages) <= bell.RING_AT_MOST else None
    for message in messages:
        message.rung_at = rung_at
        message.domain = message.address.rpartition("@")[2].lower()
    ids = [message.message_id for message in messages]
    Message.objects.bulk_create(messages, ignore_conflicts=True)
    stored = list(Message.objects.filter(message_id__in=ids).only("pk", "kind"))
    bell.ring_after_commit(stored)
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


def queue_event_mails(event: Event) -> list[Message]:
    """Store one message for each person who is to be told of `event`."""
    return queue(
        [
            Message(
                kind=Message.Kind.EVENT,
                event=event,
                problem=event.problem,
                person=ground.person,
                address=ground.person.email,
                message_id=event_message_id(event.pk, ground.person.pk),
                reason=ground.reason,
                reach=ground.reach,
                target_id=ground.target_id,
            )
            for ground in recipients(event)
        ]
    )


def queue_bulk_mails(bulk: BulkChange, items: Sequence[BulkChangeItem]) -> list[Message]:
    """Store one message for each person for all that a bulk change does, however many parts."""
    return queue(bulk_messages(bulk, items))


def queue_digests(deliveries: Sequence[DigestDelivery]) -> list[Message]:
    """Store the message of each delivery; its text is made when it is sent."""
    return queue(
        [
            Message(
                kind=Message.Kind.DIGEST,
                delivery=delivery,
                person=delivery.subscription.person,
                address=delivery.subscription.address,
                message_id=digest_message_id(delivery.pk, delivery.subscription.person_id),
            )
            for delivery in deliveries
        ]
    )
