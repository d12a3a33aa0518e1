"""Addresses that take no mail: when we stop writing to them, and how their owners come back.

Three mails that came back for good within two weeks suspend an address. Nothing is then sent
there but mails of the account itself, without which nobody could sign in. There is no sign of
success that could be counted against them: a mail that arrives is answered by silence. So a bounce
counts for two weeks, and not at all once the address was shown to work.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Person
from accounts.services import resume_mail, suspend_mail
from notifications.gate.bounce_reading import fate_of
from notifications.gate.models import Bounce, SuspendedAddress
from notifications.models import Message

PERMANENT_BOUNCES: Final = 3
WITHIN: Final = timedelta(days=14)

# RFC 3463, section 3.2 and 3.3, and what Exchange says.
NO_SUCH_MAILBOX: Final = frozenset({"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})

# More addresses than this are not named in the query: the table of those suspended is short.
NAMED_AT_MOST: Final = 500

# The key of an advisory lock; any number that nothing else in this database uses.
_LOCK: Final = 0x626F_756E_6365


def is_suspended(address: str) -> bool:
    """Whether nothing but account mails goes to `address`."""
    return bool(suspended_among([address]))


def suspended_among(addresses: Collection[str]) -> set[str]:
    """Those of `addresses`, in lower case, that are suspended. One query, however many."""
    wanted = {address.lower() for address in addresses}
    if not wanted:
        return set()
    rows = SuspendedAddress.objects.annotate(lower=Lower("address"))
    if len(wanted) <= NAMED_AT_MOST:
        rows = rows.filter(lower__in=sorted(wanted))
    return wanted & set(rows.values_list("lower", flat=True))


def one_at_a_time() -> None:
    """Hold off other bounces until the transaction ends, so that each counts those before it.

    Take this before a row of what came back is written. SQLite has one writer at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


@transaction.atomic
def note_refusal(message: Message, words: str) -> None:
    """Count a mail that the server would not even take, where it says that there is no mailbox.

    Other refusals may be about us: a server that is on a list of senders of spam has all of its
    mail refused.
    """
    _, status = fate_of("", words)
    if status not in NO_SUCH_MAILBOX:
        return
    one_at_a_time()
    row = Bounce(
        address=message.address.lower(),
        message=message,
        is_permanent=True,
        status=status,
        words=words[:500],
    )
    Bounce.objects.bulk_create([row], ignore_conflicts=True)
    suspend_if_due(message.address, words)


@transaction.atomic
def suspend_if_due(address: str, words: str) -> bool:
    """Suspend an address from which too much came back; True when this call did.

    `words` are those of the last bounce.
    """
    since = timezone.now() - WITHIN
    count = Bounce.objects.filter(address=address.lower(), is_permanent=True, at__gte=since).count()
    if count < PERMANENT_BOUNCES or is_suspended(address):
        return False
    row = SuspendedAddress(address=address.lower(), words=words[:500])
    SuspendedAddress.objects.bulk_create([row], ignore_conflicts=True)
    person = _owner(address)
    if person is not None:
        suspend_mail(person)
    return True


@transaction.atomic
def lift(address: str, by: Person | None = None) -> bool:
    """Write to an address again, and forget what came back from it; False when it was not held.

    `by` is the administrator who said so; None where the address was shown to work.
    """
    one_at_a_time()
    address = address.lower()
    lifted, _ = (
        SuspendedAddress.objects.annotate(lower=Lower("address")).filter(lower=address).delete()
    )
    if lifted:
        Bounce.objects.filter(address=address, is_permanent=True).delete()
    person = _owner(address)
    if person is not None:
        resume_mail(person, by)
    return bool(lifted)


@transaction.atomic
def address_changed(person: Person) -> None:
    """Let the notice on the web follow the person's new address, which was just proven."""
    person.refresh_from_db(fields=["email"])
    lift(person.email)
    person.refresh_from_db(fields=["mail_suspended_at"])


def _owner(address: str) -> Person | None:
    return Person.objects.filter(email__iexact=address).first()
