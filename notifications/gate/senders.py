"""Whose a mail is. From alone is never trusted.

to a reply address   from a confirmed address of its person: theirs
                     from another one: theirs once they said so, known by its signature later
to the report address  from an address whose person has confirmed it and its signature: theirs
                     from a person's address otherwise: held until its person says so
                     from anybody else: unknown
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q

from accounts.models import Person
from notifications.gate.addresses import NoSuchAddress, Recipient, ReplyTo
from notifications.gate.models import ReplyRevocation
from notifications.policies import writable


def check_recipient(recipient: Recipient) -> None:
    """Whether mail to an address of ours is taken now. Raises `NoSuchAddress` with the reason.

    Asked at the door, where the protocol may refuse, and again when the mail is read.
    """
    if not isinstance(recipient, ReplyTo):
        return
    if recipient.is_expired:
        raise NoSuchAddress("This reply address has expired: answer on the page of the problem.")
    person = Person.objects.filter(pk=recipient.person).first()
    if person is None or not writable([person]):
        raise NoSuchAddress("This reply address is nobody's any more.")
    if _is_revoked(recipient):
        raise NoSuchAddress("This reply address was made void by the person whose it is.")


def _is_revoked(recipient: ReplyTo) -> bool:
    """Addresses say to the hour when they were made, so those of the hour of voiding are void."""
    of_all_or_it = Q(problem=None) | Q(problem=recipient.problem)
    return ReplyRevocation.objects.filter(
        of_all_or_it,
        person=recipient.person,
        revoked_at__gt=recipient.issued_at - timedelta(hours=1),
    ).exists()
