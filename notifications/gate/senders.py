"""Whose a mail is. From alone is never trusted.

to a reply address   from a confirmed address of its person: theirs
                     from another one: theirs once they said so, known by its signature later
to the report address  from an address whose person has confirmed it and its signature: theirs
                     from a person's address otherwise: held until its person says so
                     from anybody else: unknown
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import Person
from notifications.gate.addresses import BounceOf, NoSuchAddress, Recipient, ReplyTo, ReportTo
from notifications.gate.answers import is_own
from notifications.gate.models import KnownSender, ReplyRevocation
from notifications.gate.parsed import ParsedMail
from notifications.gate.signatures import ascii_domain
from notifications.policies import writable
from tracker.models import Problem


def check_recipient(recipient: Recipient) -> None:
    """Whether mail to an address of ours is taken now. Raises `NoSuchAddress` with the reason.

    Asked at the door, where the protocol may refuse, and again when the mail is read.
    """
    if not isinstance(recipient, ReplyTo):
        return
    if recipient.is_expired:
        raise NoSuchAddress("This reply address has expired: answer on the page instead.")
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


@dataclass(frozen=True)
class Verdict:
    """Whose a mail is: `person` if that is certain, else whose it claims to be; None: nobody's."""

    person: Person | None
    is_certain: bool = False


def needs_signature(mail: ParsedMail, recipient: Recipient) -> bool:
    """Whether it matters who signed: not where From is the address of whose reply address it is."""
    if not mail.from_address or isinstance(recipient, BounceOf):
        return False
    if isinstance(recipient, ReportTo):
        # Strangers do not have us ask the name servers that they choose.
        return _claimed_by(mail.from_address) is not None
    person = Person.objects.filter(pk=recipient.person).first()
    return person is not None and not is_own_address(mail, person)


def whose(mail: ParsedMail, recipient: Recipient, signed_by: str) -> Verdict:
    """Whose the mail is, for a recipient that `check_recipient` let pass."""
    if isinstance(recipient, ReplyTo):
        person = Person.objects.get(pk=recipient.person)
        is_certain = is_own_address(mail, person) or is_known(person, mail, signed_by)
        return Verdict(person, is_certain)
    claimed = _claimed_by(mail.from_address)
    if claimed is None:
        return Verdict(None)
    return Verdict(claimed, is_known(claimed, mail, signed_by))


def is_own_address(mail: ParsedMail, person: Person) -> bool:
    """Whether the one author's address is the one that `person` confirmed."""
    given = normal(mail.from_address)
    return bool(given) and person.is_confirmed and given == normal(person.email)


def is_known(person: Person, mail: ParsedMail, signed_by: str) -> bool:
    """Whether `person` has confirmed this address as signed by this domain."""
    return (
        bool(signed_by and mail.from_address)
        and person.known_senders.filter(
            address__iexact=normal(mail.from_address), dkim_domain=signed_by
        ).exists()
    )


def _claimed_by(address: str) -> Person | None:
    """The one active, confirmed person who has the address, or has called it theirs."""
    given = normal(address)
    if not given:
        return None
    people = Person.objects.filter(is_active=True, email_confirmed_at__isnull=False)
    theirs = Person.objects.alias(lower=Lower("email")).filter(lower__in=[given, address.lower()])
    found = list(people.filter(pk__in=theirs.values("pk"))[:2])
    if not found:
        found = list(people.filter(pk__in=_knowing(given))[:2])
    return found[0] if len(found) == 1 else None


def _knowing(given: str) -> list[int]:
    known = KnownSender.objects.alias(lower=Lower("address")).filter(lower=given)
    return list(known.values_list("person", flat=True).distinct()[:2])


def normal(address: str) -> str:
    """An address as it is compared: lower case, its domain as DNS has it; "" for what is none."""
    local, at, _ = address.rpartition("@")
    domain = ascii_domain(address)
    return f"{local.lower()}@{domain}" if local and at and domain else ""


def remember(person: Person, address: str, dkim_domain: str) -> None:
    """Know an address with the domain that signs for it from now on; nothing where none does."""
    given = normal(address)
    if given and dkim_domain:
        known = KnownSender(person=person, address=given, dkim_domain=dkim_domain)
        KnownSender.objects.bulk_create([known], ignore_conflicts=True)


def forget(person: Person, pk: int) -> bool:
    """Ask again from now on; False when `person` knows no such sender."""
    return bool(person.known_senders.filter(pk=pk).delete()[0])


def forget_address(person: Person, address: str) -> None:
    """Ask again about mails of an address, whoever signs for it."""
    person.known_senders.filter(address__iexact=normal(address)).delete()


def revoke_replies(person: Person, problem: Problem | None = None) -> None:
    """Make void the reply addresses of `person` up to now: those of one problem, or all."""
    ReplyRevocation.objects.update_or_create(
        person=person, problem=problem, defaults={"revoked_at": timezone.now()}
    )


# What no person wrote


def why_automatic(mail: ParsedMail) -> str:
    """Why nobody wrote it, in a phrase; "" when somebody may have."""
    ours = mail.from_address and is_own(mail.from_address)
    return mail.automatic or ("from an address of this tracker" if ours else "")
