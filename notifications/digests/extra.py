"""One digest now, for who asks: it moves nothing, and the next one tells it all again."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone

from accounts.models import Person
from notifications.digests.mail import digest_words
from notifications.digests.runs import preview_of
from notifications.models import DigestSubscription, Message
from notifications.outbox.envelopes import host
from notifications.outbox.queueing import queue
from tracker.changes import Conflict
from tracker.text import clean_line

MOST: Final = 5
WITHIN: Final = timedelta(hours=1)
_PREFIX: Final = "asked-"


class TooOften(Conflict):
    """Somebody had that many within the hour."""


def send_extra(row: DigestSubscription, person: Person) -> Message:
    """Queue what the digest of `row` would say now, to `person`, also where it is a list's.

    It is an answer: none goes to an address that is suspended, or of an account that is closed.
    Raises `TooOften` after five within an hour.
    """
    now = timezone.now()
    words = digest_words(preview_of(row, now), row, is_extra=True)
    message = Message(
        kind=Message.Kind.ANSWER,
        person=person,
        address=person.email,
        message_id=f"{_PREFIX}{now:%Y%m%dT%H%M%S.%f}.{secrets.token_hex(8)}@{host()}",
        subject=clean_line(words.subject)[:255],
        text=words.as_text(),
        html=render_to_string("mail/digest.html", words.for_html()),
    )
    return _queue(message, person)


def is_stale(message: Message) -> bool:
    """Whether it is one that waited so long that what it says may be so no more."""
    is_extra = message.message_id.startswith(_PREFIX)
    return is_extra and message.created_at < timezone.now() - WITHIN


@transaction.atomic
def _queue(message: Message, person: Person) -> Message:
    """Of two presses at once the second counts the first. What is slow was done before."""
    Person.objects.select_for_update(no_key=True).get(pk=person.pk)
    had = Message.objects.filter(
        person=person, message_id__startswith=_PREFIX, created_at__gt=timezone.now() - WITHIN
    )
    if had.count() >= MOST:
        raise TooOften(
            f"You had {MOST} of these within an hour. Wait a little, or look at it here."
        )
    return queue([message])[0]
