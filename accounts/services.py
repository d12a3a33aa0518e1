"""Changes to people, their roles and their tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import datetime

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.handles import PLACEHOLDER
from accounts.models import AccessToken, AccountEvent, Person, Role, RoleGrant, SetupLink
from accounts.policies import Denied
from accounts.signals import trust_changed

TOKEN_PREFIX = "gw_"  # noqa: S105 - it names the kind, it is no secret


def digest_of(secret: str) -> str:
    """SHA-256 in hex. The secrets are random and long, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()


def confirm_address(person: Person, at: datetime | None = None) -> None:
    """Note that the person's address was proven; the first proof stands."""
    Person.objects.filter(pk=person.pk, email_confirmed_at=None).update(
        email_confirmed_at=at or timezone.now()
    )
    person.refresh_from_db(fields=["email_confirmed_at"])
    person.__dict__.pop("roles", None)


class AddressTaken(Exception):
    """Somebody proved this address to be theirs, or the account was closed."""


def ensure_email_address(person: Person) -> None:
    """Give allauth its row for a proven address; wherever a confirmed person is made, this follows.

    Without it allauth would ask for a code first when the person signs in with a password.
    """
    EmailAddress.objects.update_or_create(
        user=person, email=person.email.lower(), defaults={"primary": True, "verified": True}
    )


@transaction.atomic
def begin_sign_up(email: str) -> Person:
    """The account that waits for `email` to be proven; made now, or found from an earlier try.

    It has neither a handle of its own nor a password: what was asked for is given by
    `finish_sign_up` to whoever types the code, so that nobody can prepare an account for
    somebody else's address, and nobody learns from a handle whether an address is known.
    Raises `AddressTaken`.
    """
    person = _waiting_for(email)
    if person.is_confirmed or not person.is_active:
        raise AddressTaken(email)
    address, _ = EmailAddress.objects.get_or_create(
        user=person, email=person.email.lower(), defaults={"primary": True, "verified": False}
    )
    if address.verified:
        # allauth would let whoever asks straight in.
        raise AddressTaken(email)
    return person


def _waiting_for(email: str) -> Person:
    person = Person.objects.filter(email__iexact=email).first()
    if person is not None:
        return person
    try:
        with transaction.atomic():
            return Person.objects.create_user(email, PLACEHOLDER + secrets.token_hex(5))
    except IntegrityError:
        # Two browsers at once: the other one has made it.
        return Person.objects.get(email__iexact=email)


def unproven_sign_ups() -> QuerySet[Person]:
    """Accounts that wait for their first code. Nobody can have done anything with them."""
    return Person.objects.filter(email_confirmed_at=None, handle__startswith=PLACEHOLDER)


def release_address(email: str, keep: Person) -> None:
    """Forget sign-ups by others with an address that `keep` has just proven to read."""
    unproven_sign_ups().filter(email__iexact=email).exclude(pk=keep.pk).delete()


@transaction.atomic
def finish_sign_up(person: Person, handle: str = "", password_hash: str = "") -> None:
    """Give a person whose address was just proven the handle and password that were asked for.

    The account is as old as its proof. Without a `handle` the placeholder stays until the person
    chooses one; one that was taken meanwhile gets a number.
    """
    person.joined_at = timezone.now()
    person.password = password_hash or person.password
    person.save(update_fields=["joined_at", "password"])
    if handle:
        settle_handle(person, handle)


def settle_handle(person: Person, wanted: str) -> str:
    """Give `person` the handle `wanted`, or the nearest free one; return what it became."""
    for candidate in _handles_like(wanted):
        try:
            with transaction.atomic():
                Person.objects.filter(pk=person.pk).update(handle=candidate)
        except IntegrityError:
            continue
        person.handle = candidate
        break
    return person.handle


def _handles_like(wanted: str) -> Iterator[str]:
    yield wanted
    for number in range(2, 100):
        yield f"{wanted[:37]}-{number}"
    yield f"{wanted[:31]}-{secrets.token_hex(4)}"


@transaction.atomic
def change_handle(person: Person, handle: str) -> bool:
    """Rename a person; False when nothing changes. IntegrityError when somebody has it."""
    old = Person.objects.select_for_update().get(pk=person.pk).handle
    if old == handle:
        return False
    Person.objects.filter(pk=person.pk).update(handle=handle)
    person.handle = handle
    _log(person, AccountEvent.Kind.HANDLE_CHANGED, person, old=old, new=handle)
    return True


def set_time_zone(person: Person, name: str) -> None:
    """Show and send things at this person's hours; `name` is one of the tz database."""
    person.time_zone = name
    person.save(update_fields=["time_zone"])


def sign_out_everywhere(person: Person) -> None:
    """End all sessions of a person, this one too; tokens of systems stay."""
    person.sessions_ended_at = timezone.now()
    person.save(update_fields=["sessions_ended_at"])


@transaction.atomic
def deactivate(person: Person, by: Person) -> bool:
    """Close an account: signed out at once, no way back in, nothing removed. False when closed."""
    _refuse_last_administrator(person)
    changed = Person.objects.filter(pk=person.pk, is_active=True).update(
        is_active=False, sessions_ended_at=timezone.now()
    )
    if changed:
        _log(person, AccountEvent.Kind.DEACTIVATED, by)
        _read_again(person)
    return bool(changed)


@transaction.atomic
def reactivate(person: Person, by: Person) -> bool:
    """Open a closed account again; False when it was open."""
    changed = Person.objects.filter(pk=person.pk, is_active=False).update(is_active=True)
    if changed:
        _log(person, AccountEvent.Kind.REACTIVATED, by)
        _read_again(person)
    return bool(changed)


def note_changed_address(person: Person) -> None:
    """Remember that the address changed, not which it was: triagers read this history."""
    _log(person, AccountEvent.Kind.ADDRESS_CHANGED, person)


@transaction.atomic
def suspend_mail(person: Person) -> bool:
    """Note that mails to the person's address come back; False when that was known."""
    changed = Person.objects.filter(pk=person.pk, mail_suspended_at=None).update(
        mail_suspended_at=timezone.now()
    )
    if changed:
        _log(person, AccountEvent.Kind.MAIL_SUSPENDED, None)
        person.refresh_from_db(fields=["mail_suspended_at"])
    return bool(changed)


@transaction.atomic
def resume_mail(person: Person, by: Person | None) -> bool:
    """Note that the person's address works; False when nobody doubted it.

    `by` is who said so; None where following a mailed link or code did.
    """
    changed = Person.objects.filter(pk=person.pk, mail_suspended_at__isnull=False).update(
        mail_suspended_at=None
    )
    if changed:
        _log(person, AccountEvent.Kind.MAIL_RESUMED, by)
        person.refresh_from_db(fields=["mail_suspended_at"])
    return bool(changed)


def _read_again(person: Person) -> None:
    person.refresh_from_db(fields=["is_active", "sessions_ended_at"])
    person.__dict__.pop("roles", None)


@transaction.atomic
def grant_role(person: Person, role: Role, by: Person | None) -> bool:
    """Give a role; False when the person held it already."""
    _, created = RoleGrant.objects.get_or_create(
        person=person, role=role, defaults={"granted_by": by}
    )
    if created:
        _log(person, AccountEvent.Kind.ROLE_GRANTED, by, role=role)
    person.__dict__.pop("roles", None)
    return created


@transaction.atomic
def revoke_role(person: Person, role: Role, by: Person | None) -> bool:
    """Take a role away; False when it was not held. The last administrator stays one."""
    if role == Role.ADMINISTRATOR:
        _refuse_last_administrator(person)
    deleted, _ = RoleGrant.objects.filter(person=person, role=role).delete()
    if deleted:
        _log(person, AccountEvent.Kind.ROLE_REVOKED, by, role=role)
    person.__dict__.pop("roles", None)
    return bool(deleted)


@transaction.atomic
def trust(person: Person, by: Person) -> None:
    """Vouch for a young account: its waiting votes count, each at the time it was cast."""
    if Person.objects.filter(pk=person.pk, trusted_at=None).update(trusted_at=timezone.now()):
        _log(person, AccountEvent.Kind.TRUSTED, by)
        person.refresh_from_db(fields=["trusted_at"])
        trust_changed.send(Person, person=person)


@transaction.atomic
def discount_votes(person: Person, by: Person) -> None:
    """Keep this person's votes but count none of them; undone by `restore_votes`."""
    changed = Person.objects.filter(pk=person.pk, votes_discounted_at=None).update(
        votes_discounted_at=timezone.now()
    )
    if changed:
        _log(person, AccountEvent.Kind.VOTES_DISCOUNTED, by)
        person.refresh_from_db(fields=["votes_discounted_at"])
        trust_changed.send(Person, person=person)


@transaction.atomic
def restore_votes(person: Person, by: Person) -> None:
    """Count this person's votes again, each at the time it was cast."""
    changed = Person.objects.filter(pk=person.pk, votes_discounted_at__isnull=False).update(
        votes_discounted_at=None
    )
    if changed:
        _log(person, AccountEvent.Kind.VOTES_RESTORED, by)
        person.refresh_from_db(fields=["votes_discounted_at"])
        trust_changed.send(Person, person=person)


@transaction.atomic
def make_token(person: Person, name: str, secret: str | None = None) -> tuple[AccessToken, str]:
    """A new token for the system `name`, and its secret, which is shown this once.

    `secret` is one that the caller has made, as long and as random as ours.
    """
    secret = secret or TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = AccessToken.objects.create(
        person=person, name=name[:100], prefix=secret[:10], digest=digest_of(secret)
    )
    _log(person, AccountEvent.Kind.TOKEN_MADE, person, name=token.name)
    return token, secret


@transaction.atomic
def revoke_token(token: AccessToken, by: Person) -> bool:
    """End a token for good; False when it had ended before."""
    changed = AccessToken.objects.filter(pk=token.pk, revoked_at=None).update(
        revoked_at=timezone.now()
    )
    if changed:
        _log(token.person, AccountEvent.Kind.TOKEN_REVOKED, by, name=token.name)
    return bool(changed)


def first_administrator_link() -> str | None:
    """A fresh one-time address that makes the first administrator; None once there is one.

    Each call makes the earlier, unused links void, so that only the newest on the screen works.
    """
    if first_administrator_exists():
        return None
    secret = secrets.token_urlsafe(24)
    with transaction.atomic():
        SetupLink.objects.filter(used_at=None).delete()
        SetupLink.objects.create(digest=digest_of(secret))
    return f"{settings.BASE_URL}/setup/{secret}"


def setup_link_is_open(secret: str) -> bool:
    """Whether this link would still make the first administrator. Reading does not spend it."""
    is_known = SetupLink.objects.filter(digest=digest_of(secret), used_at=None).exists()
    return is_known and not first_administrator_exists()


@transaction.atomic
def make_first_administrator(secret: str, email: str, handle: str, password: str) -> Person:
    """Spend a setup link. Raises `Denied` when it is unknown, spent, or no longer needed."""
    spent = SetupLink.objects.filter(digest=digest_of(secret), used_at=None).update(
        used_at=timezone.now()
    )
    if not spent or first_administrator_exists():
        raise Denied(
            "This link was used already or replaced. Start the server again for a new one."
        )
    person = Person.objects.create_user(
        email, handle, password, email_confirmed_at=timezone.now(), trusted_at=timezone.now()
    )
    ensure_email_address(person)
    grant_role(person, Role.ADMINISTRATOR, by=None)
    return person


def first_administrator_exists() -> bool:
    """Whether anybody active is an administrator."""
    return RoleGrant.objects.filter(role=Role.ADMINISTRATOR, person__is_active=True).exists()


def _refuse_last_administrator(person: Person) -> None:
    admins = RoleGrant.objects.select_for_update().filter(
        role=Role.ADMINISTRATOR, person__is_active=True
    )
    if {grant.person_id for grant in admins} == {person.pk}:
        raise Denied("This is the last administrator; make another one first.")


def _log(person: Person, kind: AccountEvent.Kind, by: Person | None, **detail: str) -> None:
    AccountEvent.objects.create(person=person, actor=by, kind=kind, detail=detail)
