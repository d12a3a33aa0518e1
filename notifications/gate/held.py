"""Mails that do nothing until the person whose they claim to be has said so.

The person is asked by mail, at most five times a day, so that nobody can flood a mailbox by writing
in its owner's name; the rest waits on the page. The link in the question is the right to answer it,
and a GET of it never does.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from accounts.models import Person
from notifications.gate.answers import queue_answer
from notifications.gate.models import HeldMail, IncomingMail
from notifications.gate.parsed import ParsedMail
from tracker.text import clean_line

HELD_FOR: Final = timedelta(days=7)
QUESTIONS_A_DAY: Final = 5
DISOWNED: Final = "Its supposed sender says that it is not theirs."
_LONGEST_QUOTE: Final = 100


def hold(incoming: IncomingMail, mail: ParsedMail, person: Person, signed_by: str) -> str:
    """Keep the mail for `person` to look at, and ask; the outcome in a line.

    Their mails are held one after the other, as the caller has the person's row.
    """
    now = timezone.now()
    HeldMail.objects.filter(incoming=incoming).delete()
    asked = HeldMail.objects.filter(person=person, created_at__gt=now - timedelta(days=1)).count()
    secret = secrets.token_urlsafe(24)
    HeldMail.objects.create(
        incoming=incoming,
        person=person,
        address=clean_line(", ".join(mail.from_addresses))[:320],
        dkim_domain=signed_by,
        secret_digest=_digest(secret),
        created_at=now,
        expires_at=now + HELD_FOR,
    )
    if asked >= QUESTIONS_A_DAY:
        return "Held; its person was asked often enough today and finds it on the page."
    _ask(person, mail, secret)
    return "Held; its person was asked whether it is theirs."


def find(secret: str) -> HeldMail | None:
    """What a link names, settled or not; None for one that we did not make, or made long ago."""
    found = HeldMail.objects.select_related("incoming__problem", "person")
    return found.filter(secret_digest=_digest(secret)).first()


def waiting_for(person: Person, before: int | None = None) -> QuerySet[HeldMail]:
    """What still waits for this person's word, newest first; those older than the row `before`."""
    waiting = HeldMail.objects.filter(person=person, expires_at__gt=timezone.now())
    if before is not None:
        waiting = waiting.filter(pk__lt=before)
    held = waiting.filter(incoming__state=IncomingMail.State.HELD)
    return held.select_related("incoming").order_by("-pk")


def confirm_url(secret: str) -> str:
    return settings.BASE_URL + reverse("mail-confirm", args=[secret])


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _ask(person: Person, mail: ParsedMail, secret: str) -> None:
    """To the address of the account, whatever address the mail gives.

    Of the mail only its subject is told: who writes in another's name must not fill their mailbox.
    """
    subject = clean_line(mail.subject)[:_LONGEST_QUOTE] or "no subject"
    given = clean_line(", ".join(mail.from_addresses))[:_LONGEST_QUOTE] or "no address"
    text = (
        f"A mail came in that would be yours, {person.handle}, but could be anybody's:\n\n"
        f"    From: {given}\n    Subject: {subject}\n\n"
        "Nothing was done with it yet. Look at it here, and say whether it is yours:\n\n"
        f"{confirm_url(secret)}\n\n"
        f"Once you have said so, mails of this address that are signed by its domain are taken at "
        f"once. The link is good for {HELD_FOR.days} days. If you did not write it, say so there, "
        "or do nothing: it will be dropped."
    )
    queue_answer(person.email, "Is this mail yours?", text, mail.message_id, person)
