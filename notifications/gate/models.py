"""What came in by mail, from whom mail is taken, and which addresses take none from us."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from tracker.models import Comment, Problem


def incoming_path(incoming: IncomingMail, name: str) -> str:
    """Where the message as it came is kept: by month, under a name that cannot be guessed."""
    return f"mail/{incoming.received_at:%Y-%m}/{name}"


class IncomingMail(models.Model):
    """One message to one of our addresses, as it was delivered.

    The bytes are in the file before the row exists, and the row exists before the door says that
    it has the message. Its life: received -> done, held, ignored, refused or failed. Only a
    conditional UPDATE from `received` (or `held`), in the transaction of what the mail does, ends
    that state, so that a message does what it says once.
    """

    class Door(models.TextChoices):
        LMTP = "lmtp", "LMTP"
        PIPE = "pipe", "pipe"
        IMAP = "imap", "IMAP"

    class State(models.TextChoices):
        RECEIVED = "received", "waits to be read"
        DONE = "done", "done"
        # Somebody has to follow a link first; see `Held`.
        HELD = "held", "waits for its sender"
        # Automatic, from a list, our own, a bounce: read and not answered.
        IGNORED = "ignored", "taken note of"
        # Its sender was told why, or may not be told again today.
        REFUSED = "refused", "refused"
        # Something of ours broke; an administrator may have it read again.
        FAILED = "failed", "failed"

    door = models.CharField(max_length=10, choices=Door.choices)
    # Of the envelope; the sender is "" for a null return path.
    sender = models.CharField(max_length=320, blank=True)
    recipient = models.CharField(max_length=320)
    # SHA-256 over the recipient and the message without its trace headers: a server that never
    # heard our answer delivers the same again.
    digest = models.CharField(max_length=64, unique=True)
    size = models.BigIntegerField()
    # Emptied when the message itself was deleted.
    file = models.FileField(upload_to=incoming_path, max_length=200, blank=True)
    received_at = models.DateTimeField(default=timezone.now)

    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    # Counted before each reading, so that a message which kills its worker is given up.
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    rung_at = models.DateTimeField(null=True)
    processed_at = models.DateTimeField(null=True)

    # What was read, for the page of administrators.
    message_id = models.CharField(max_length=255, blank=True)
    # The Message-ID of the first mail of its thread, which may be its own.
    thread = models.CharField(max_length=255, blank=True)
    from_address = models.CharField(max_length=320, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    # What became of it, in one line.
    outcome = models.CharField(max_length=500, blank=True)

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    problem = models.ForeignKey(Problem, models.SET_NULL, null=True, related_name="+")
    comment = models.ForeignKey(Comment, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"], condition=Q(state="received"), name="incoming_by_due_time"
            ),
            models.Index(fields=["state", "-id"], name="incoming_by_state"),
            models.Index(fields=["received_at"], name="incoming_by_age"),
            # Of which problem or comment it is the original.
            models.Index(
                fields=["problem"], condition=Q(problem__isnull=False), name="incoming_of_problem"
            ),
            models.Index(
                fields=["comment"], condition=Q(comment__isnull=False), name="incoming_of_comment"
            ),
        ]

    def __str__(self) -> str:
        return f"incoming mail {self.pk}"


class HeldMail(models.Model):
    """A message that does nothing until `person`, whose it claims to be, has said so.

    The link that was mailed to `person` carries a secret, of which only the digest is kept.
    """

    incoming = models.OneToOneField(IncomingMail, models.CASCADE, related_name="held")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="held_mails")
    # What the mail gave as its sender's address, and the domain that had signed it, "" for none.
    address = models.CharField(max_length=320)
    dkim_domain = models.CharField(max_length=255, blank=True)
    secret_digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="held_mail_by_expiry")]

    def __str__(self) -> str:
        return f"held mail of {self.person_id}"


class KnownSender(models.Model):
    """An address and the domain that signs for it, which `person` has confirmed to be theirs."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="known_senders"
    )
    address = models.CharField(max_length=320)
    dkim_domain = models.CharField(max_length=255)
    confirmed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("address"), "dkim_domain", "person", name="sender_known_once"
            ),
            models.CheckConstraint(condition=~Q(dkim_domain=""), name="sender_known_by_signature"),
        ]

    def __str__(self) -> str:
        return f"{self.address} signed by {self.dkim_domain}"


class ReplyRevocation(models.Model):
    """Reply addresses of `person` that were made before `revoked_at` are void.

    With a problem only those of that problem; without one all.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="reply_revocations"
    )
    problem = models.ForeignKey(Problem, models.CASCADE, null=True, related_name="+")
    revoked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(problem=None), name="replies_revoked_once"
            ),
            models.UniqueConstraint(
                fields=["person", "problem"],
                condition=Q(problem__isnull=False),
                name="replies_to_problem_revoked_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.problem_id or 'all'}"


class PoliteAnswer(models.Model):
    """When an address that we do not know was last told how to take part."""

    address = models.CharField(max_length=320, unique=True)
    answered_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["answered_at"], name="polite_answer_by_time")]

    def __str__(self) -> str:
        return self.address


class Bounce(models.Model):
    """A mail of ours that came back; of one that is only late there is no row."""

    address = models.CharField(max_length=320)
    # Imported late by name: the outbox stands beside, not above.
    message = models.ForeignKey(
        "notifications.Message", models.SET_NULL, null=True, related_name="bounces"
    )
    incoming = models.ForeignKey(IncomingMail, models.SET_NULL, null=True, related_name="+")
    is_permanent = models.BooleanField()
    # RFC 3463, such as 5.1.1; "" where the bounce says none.
    status = models.CharField(max_length=20, blank=True)
    words = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            # A server may send the same bounce twice; a message comes back once.
            models.UniqueConstraint(
                fields=["message", "address"],
                condition=Q(is_permanent=True),
                name="message_bounced_once",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["address", "-at"], name="bounce_by_address")]

    def __str__(self) -> str:
        return f"{'permanent' if self.is_permanent else 'passing'} bounce from {self.address}"


class SuspendedAddress(models.Model):
    """An address to which nothing is sent until its owner says that it works again."""

    address = models.CharField(max_length=320)
    since = models.DateTimeField(default=timezone.now)
    words = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("address"), name="address_suspended_once"),
        ]

    def __str__(self) -> str:
        return self.address
