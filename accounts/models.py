"""People, what they may do, and how they prove who they are."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property

HANDLE_PATTERN = r"^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,38}[A-Za-z0-9])?$"
handle_validator = RegexValidator(
    HANDLE_PATTERN,
    "A handle is 1 to 40 letters, digits, dots, dashes or underscores, "
    "and begins and ends with a letter or digit.",
)


class Role(models.TextChoices):
    """What a person is in this tracker; `accounts.policies` says what each may do."""

    REPORTER = "reporter", "reporter"
    DEVELOPER = "developer", "developer"
    TRIAGER = "triager", "triager"
    COMMITTER = "committer", "committer"
    # A program's account, such as a build service: what it says of a patch is no human verdict.
    MACHINE = "machine", "machine"
    ADMINISTRATOR = "administrator", "administrator"


# REPORTER is what a confirmed address makes of anyone; it is never granted.
GRANTABLE_ROLES = tuple(role for role in Role if role is not Role.REPORTER)


class PersonManager(BaseUserManager["Person"]):
    """Builds people for allauth, Django's own commands and the tests alike."""

    def create_user(
        self, email: str, handle: str, password: str | None = None, **extra: Any
    ) -> Person:
        person = self.model(email=self.normalize_email(email).lower(), handle=handle, **extra)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def create_superuser(
        self, email: str, handle: str, password: str | None = None, **extra: Any
    ) -> Person:
        return self.create_user(
            email, handle, password, is_superuser=True, email_confirmed_at=timezone.now(), **extra
        )

    def get_by_natural_key(self, username: str | None) -> Person:
        return self.get(email__iexact=username)


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody with an address that can be confirmed and a handle that everybody sees.

    The address is never shown to others. `joined_at` is the age of the account, by which
    `votes` decides whether a +1 counts at once.
    """

    email = models.EmailField("e-mail address", max_length=254)
    handle = models.CharField(max_length=40, validators=[handle_validator])
    email_confirmed_at = models.DateTimeField(null=True, blank=True)
    joined_at = models.DateTimeField(default=timezone.now)
    is_active = models.BooleanField(default=True)
    # Set by a triager who vouches for a young account: its votes count at once.
    trusted_at = models.DateTimeField(null=True, blank=True)
    # Set while this person's votes are kept but not counted.
    votes_discounted_at = models.DateTimeField(null=True, blank=True)
    time_zone = models.CharField(max_length=64, default="UTC")
    # Sessions that began before this have ended: "sign out everywhere".
    sessions_ended_at = models.DateTimeField(null=True, blank=True)
    # Set while mails to the address come back and none but those of the account are sent.
    mail_suspended_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[PersonManager] = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["handle"]

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="person_email_unique"),
            models.UniqueConstraint(Lower("handle"), name="person_handle_unique"),
        ]
        indexes: ClassVar = [models.Index(fields=["joined_at"])]

    def __str__(self) -> str:
        return self.handle

    @property
    def is_confirmed(self) -> bool:
        """Whether the address was proven to be this person's."""
        return self.email_confirmed_at is not None

    @cached_property
    def roles(self) -> frozenset[Role]:
        """The roles held; read once per loaded person."""
        return self._roles_with(self.role_grants.values_list("role", flat=True))

    def _roles_with(self, granted: Iterable[str]) -> frozenset[Role]:
        if not (self.is_active and self.is_confirmed):
            return frozenset()
        more = {Role.ADMINISTRATOR} if self.is_superuser else set()
        return frozenset({Role(value) for value in granted} | more | {Role.REPORTER})

    @property
    def shown_roles(self) -> list[Role]:
        """The roles held, in the order in which `Role` names them."""
        return [role for role in Role if role in self.roles]

    def has_role(self, *roles: Role) -> bool:
        """Whether the person holds any of `roles`."""
        return not self.roles.isdisjoint(roles)

    @property
    def is_staff(self) -> bool:
        """Whether Django's own admin opens for this person."""
        return self.has_role(Role.ADMINISTRATOR)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Django's, and with it the time at which all sessions were ended."""
        words = f"{self.password} {self.sessions_ended_at or ''}"
        salt = "accounts.models.Person.session"
        return salted_hmac(salt, words, secret=secret, algorithm="sha256").hexdigest()

    def get_full_name(self) -> str:
        return self.handle

    def get_short_name(self) -> str:
        return self.handle


class RoleGrant(models.Model):
    """One role of one person. Developer rows follow from maintaining a component."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="role_grants")
    role = models.CharField(max_length=20, choices=[(r.value, r.label) for r in GRANTABLE_ROLES])
    granted_by = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="+")
    granted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "role"], name="role_granted_once"),
            models.CheckConstraint(
                condition=models.Q(role__in=[r.value for r in GRANTABLE_ROLES]),
                name="role_is_grantable",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} is {self.role}"


class AccountEvent(models.Model):
    """What was done to an account and by whom. Rows are only ever added."""

    class Kind(models.TextChoices):
        ROLE_GRANTED = "role granted"
        ROLE_REVOKED = "role revoked"
        TRUSTED = "trusted"
        UNTRUSTED = "trust withdrawn"
        VOTES_DISCOUNTED = "votes discounted"
        VOTES_RESTORED = "votes restored"
        TOKEN_MADE = "token made"  # noqa: S105
        TOKEN_REVOKED = "token revoked"  # noqa: S105
        DEACTIVATED = "deactivated"
        REACTIVATED = "reactivated"
        HANDLE_CHANGED = "handle changed"
        ADDRESS_CHANGED = "address changed"
        MAIL_SUSPENDED = "mail suspended"
        MAIL_RESUMED = "mail resumed"

    person = models.ForeignKey(Person, models.CASCADE, related_name="account_events")
    actor = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    detail = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.person_id}"


class AccessToken(models.Model):
    """Lets one named system act for one person. Only a digest of the secret is kept."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="access_tokens")
    name = models.CharField("system", max_length=100)
    # The first characters of the secret, so that its owner can tell tokens apart.
    prefix = models.CharField(max_length=12)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [models.Index(fields=["person", "-id"])]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SignInChallenge(models.Model):
    """A code that was mailed to an address through the API and waits to be typed.

    A challenge without a person stands for an address that nobody has: it can never be met,
    and looks the same from outside.
    """

    class Purpose(models.TextChoices):
        SIGN_IN = "sign in"
        SIGN_UP = "sign up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    email = models.EmailField(max_length=254)
    handle = models.CharField(max_length=40, blank=True)
    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="+")
    code_digest = models.CharField(max_length=64)
    attempts_left = models.PositiveSmallIntegerField(default=5)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)
    met_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.purpose} {self.id}"


class SetupLink(models.Model):
    """The one-time link that makes the first administrator; only a digest is kept."""

    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"setup link of {self.created_at:%Y-%m-%d}"


class IdempotentRequest(models.Model):
    """The first answer to a request that named an `Idempotency-Key`.

    Written in the transaction of what it describes, so that a retry finds either both or neither.
    `fingerprint` is the SHA-256 of method, path and body; the same key with another is refused.
    """

    person = models.ForeignKey(Person, models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(null=True)
    headers = models.JSONField(default=dict)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return self.key


def read_roles(people: Sequence[Person]) -> None:
    """Read the roles of many people at once, as each would by itself."""
    granted: dict[int, list[str]] = {person.pk: [] for person in people}
    rows = RoleGrant.objects.filter(person__in=list(granted))
    for pk, role in rows.values_list("person", "role"):
        granted[pk].append(role)
    for person in people:
        person.__dict__["roles"] = person._roles_with(granted[person.pk])  # noqa: SLF001
