"""How the owner of a suspended address shows that it works: a test mail with a link."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core import signing
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.models import Person
from notifications.gate.models import SuspendedAddress
from notifications.gate.suspension import lift
from notifications.models import Message
from notifications.outbox.queueing import queue_account_mail

LINK_WORKS_FOR: Final = timedelta(days=3)
# Mails of the account in a time; codes to sign in are among them. A broken address must not be
# knocked at all day.
TESTS: Final = 6
TESTS_WITHIN: Final = timedelta(hours=1)
SUBJECT: Final = "Does mail reach you again?"

_SALT: Final = "notifications.gate.way_back"


def send_test_mail(person: Person) -> bool:
    """Mail the person a link that lifts the suspension; False when that was asked too often.

    It is a mail of the account, so that it goes out although nothing else does.
    """
    row = SuspendedAddress.objects.filter(address=person.email.lower()).first()
    if row is None or _asked_too_often(person):
        return False
    url = settings.BASE_URL + reverse("mail-works", args=[_token(row)])
    text = render_to_string("mail/test_mail.txt", {"url": url})
    parts = [part.strip() for part in text.split("\n\n")]
    html = render_to_string("account/email/message.html", {"parts": parts})
    queue_account_mail(person.email, SUBJECT, text, html, person)
    return True


def address_of(token: str) -> str:
    """The address that a link of ours names. Raises `signing.BadSignature`, also when it is old."""
    return _read(token)[1]


def follow_link(token: str) -> bool:
    """What confirming a mailed link does; False when that suspension has ended already.

    Raises `signing.BadSignature`, also when the link is old.
    """
    pk, address = _read(token)
    # A link of an earlier suspension says nothing about this one.
    return SuspendedAddress.objects.filter(pk=pk).exists() and lift(address)


def _token(row: SuspendedAddress) -> str:
    return signing.dumps([row.pk, row.address], salt=_SALT)


def _read(token: str) -> tuple[int, str]:
    pk, address = signing.loads(token, salt=_SALT, max_age=LINK_WORKS_FOR)
    return pk, address


def _asked_too_often(person: Person) -> bool:
    """Counted by what is in the outbox, where other mails of the account count as well."""
    since = timezone.now() - TESTS_WITHIN
    mails = Message.objects.filter(kind=Message.Kind.ACCOUNT, person=person, created_at__gte=since)
    return mails.count() >= TESTS
