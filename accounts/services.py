"""Changes to people, their roles and their tokens."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

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
        admins = RoleGrant.objects.select_for_update().filter(role=role, person__is_active=True)
        if {grant.person_id for grant in admins} == {person.pk}:
            raise Denied("This is the last administrator; make another one first.")
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
def make_token(person: Person, name: str) -> tuple[AccessToken, str]:
    """A new token for the system `name`, and its secret, which is shown this once."""
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
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
    grant_role(person, Role.ADMINISTRATOR, by=None)
    return person


def first_administrator_exists() -> bool:
    """Whether anybody active is an administrator."""
    return RoleGrant.objects.filter(role=Role.ADMINISTRATOR, person__is_active=True).exists()


def _log(person: Person, kind: AccountEvent.Kind, by: Person | None, **detail: str) -> None:
    AccountEvent.objects.create(person=person, actor=by, kind=kind, detail=detail)
