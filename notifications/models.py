"""Who is told of what, and every mail from the change that caused it until somebody took it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from tracker.models import BulkChange, Component, Event, Problem, Product
from votes.models import SavedSearch


class Reason(models.TextChoices):
    """Why a person is told; the foot of every mail says it."""

    CHOSEN = "chosen", "you follow"
    REPORTER = "reporter", "you reported"
    COMMENTER = "commenter", "you commented on"
    ASSIGNEE = "assignee", "you are assigned"
    MAINTAINER = "maintainer", "you maintain"


class Reach(models.TextChoices):
    """How much a subscription covers, from the widest to the closest."""

    EVERYTHING = "everything", "everything"
    PRODUCT = "product", "product"
    COMPONENT = "component", "component"
    PROBLEM = "problem", "problem"


class Subscription(models.Model):
    """A person's wish to be told, or with `is_muted` not to be told, of one thing.

    Without a product, component or problem it covers everything. Of several that cover an event
    the closest decides. That reporters, assignees and maintainers are told follows from what they
    are and needs no row; a muted row silences it.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="subscriptions"
    )
    product = models.ForeignKey(Product, models.CASCADE, null=True, blank=True, related_name="+")
    component = models.ForeignKey(
        Component, models.CASCADE, null=True, blank=True, related_name="+"
    )
    problem = models.ForeignKey(Problem, models.CASCADE, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=10, choices=Reason.choices, default=Reason.CHOSEN)
    is_muted = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(product=None, component=None, problem=None),
                name="subscribed_to_everything_once",
            ),
            models.UniqueConstraint(
                fields=["person", "product"],
                condition=Q(product__isnull=False),
                name="subscribed_to_product_once",
            ),
            models.UniqueConstraint(
                fields=["person", "component"],
                condition=Q(component__isnull=False),
                name="subscribed_to_component_once",
            ),
            models.UniqueConstraint(
                fields=["person", "problem"],
                condition=Q(problem__isnull=False),
                name="subscribed_to_problem_once",
            ),
            models.CheckConstraint(
                condition=Q(component=None, problem=None)
                | Q(product=None, problem=None)
                | Q(product=None, component=None),
                name="subscription_covers_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.reach} {self.target_id or ''}"

    @property
    def reach(self) -> Reach:
        """How much it covers."""
        if self.problem_id is not None:
            return Reach.PROBLEM
        if self.component_id is not None:
            return Reach.COMPONENT
        return Reach.PRODUCT if self.product_id is not None else Reach.EVERYTHING

    @property
    def target_id(self) -> int | None:
        """The row it covers, in the table of its reach; None for everything."""
        return self.problem_id or self.component_id or self.product_id


class DigestSubscription(models.Model):
    """When a person gets a digest, and up to when the digests sent so far have told.

    Without a saved search it is the digest of what the person maintains and of all; with one it is
    that search's, on a schedule of its own.
    `next_due_at` is claimed by a conditional UPDATE that moves it. `last_covered_until` moves only
    when a digest was sent, so that one that failed or was missed is covered by the next.
    """

    class Period(models.TextChoices):
        DAILY = "daily", "every day"
        WEEKLY = "weekly", "every week"
        MONTHLY = "monthly", "every month"
        OFF = "off", "never"

    class Weekday(models.IntegerChoices):
        MONDAY = 0, "Monday"
        TUESDAY = 1, "Tuesday"
        WEDNESDAY = 2, "Wednesday"
        THURSDAY = 3, "Thursday"
        FRIDAY = 4, "Friday"
        SATURDAY = 5, "Saturday"
        SUNDAY = 6, "Sunday"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="digest_subscriptions"
    )
    saved_search = models.ForeignKey(
        SavedSearch, models.CASCADE, null=True, blank=True, related_name="digest_subscriptions"
    )
    period = models.CharField(max_length=10, choices=Period.choices, default=Period.WEEKLY)
    # A monthly digest comes on the first of these weekdays in the month.
    weekday = models.PositiveSmallIntegerField(choices=Weekday.choices, default=Weekday.MONDAY)
    # In the person's own time zone.
    hour = models.PositiveSmallIntegerField(default=8)
    # Whether the person set it up; one that came with a role ends with the role.
    is_chosen = models.BooleanField(default=False)
    next_due_at = models.DateTimeField()
    last_covered_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(saved_search=None), name="own_digest_once"
            ),
            models.UniqueConstraint(
                fields=["person", "saved_search"],
                condition=Q(saved_search__isnull=False),
                name="digest_of_a_search_once",
            ),
            models.CheckConstraint(condition=Q(hour__lte=23), name="digest_hour_of_a_day"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="digest_day_of_a_week"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_due_at"], condition=~Q(period="off"), name="digest_by_due_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.period} digest of {self.person_id}"


class DigestDelivery(models.Model):
    """One digest that came due: the time it covers, and how it ended."""

    class Outcome(models.TextChoices):
        OPEN = "open", "not sent yet"
        SENT = "sent", "sent"
        EMPTY = "empty", "nothing to say"
        FAILED = "failed", "failed"

    subscription = models.ForeignKey(DigestSubscription, models.CASCADE, related_name="deliveries")
    covers_from = models.DateTimeField()
    covers_until = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default=Outcome.OPEN)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subscription", "covers_until"], name="digest_of_a_time_once"
            ),
            # A second one while the first waits would tell the same twice.
            models.UniqueConstraint(
                fields=["subscription"], condition=Q(outcome="open"), name="digest_open_once"
            ),
            models.CheckConstraint(
                condition=Q(covers_from__lt=models.F("covers_until")), name="digest_covers_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"digest {self.pk} of {self.subscription_id}"


class Message(models.Model):
    """One mail to one address: a row of the outbox. The broker only rings the bell.

    Its life: queued -> in flight -> handed over -> sent, or failed, or dropped when its reader may
    no longer see what it tells. `handed over` is written just before the last line of the mail goes
    to the server; found so after a crash, it is taken as sent and `is_unconfirmed`.
    """

    class Kind(models.TextChoices):
        ACCOUNT = "account", "account"
        EVENT = "event", "event"
        DIGEST = "digest", "digest"
        BULK = "bulk", "bulk change"

    class State(models.TextChoices):
        QUEUED = "queued", "queued"
        IN_FLIGHT = "in flight", "in flight"
        HANDED_OVER = "handed over", "handed over"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"
        DROPPED = "dropped", "dropped"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="+"
    )
    address = models.EmailField(max_length=254)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # The Message-ID without its angle brackets. It follows from what the mail tells to whom.
    message_id = models.CharField(max_length=200, unique=True)

    event = models.ForeignKey(Event, models.CASCADE, null=True, related_name="+")
    reason = models.CharField(max_length=10, choices=Reason.choices, blank=True)
    # The subscription that a one-click unsubscribe ends.
    reach = models.CharField(max_length=10, choices=Reach.choices, blank=True)
    target_id = models.BigIntegerField(null=True)

    delivery = models.OneToOneField(
        DigestDelivery, models.CASCADE, null=True, related_name="message"
    )

    bulk_change = models.ForeignKey(BulkChange, models.CASCADE, null=True, related_name="+")

    # Only of account mails, and emptied once they are out: they hold codes.
    subject = models.CharField(max_length=255, blank=True)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)

    state = models.CharField(max_length=12, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)
    # When the bell was rung for it; the sweep rings again for those that nobody came for.
    rung_at = models.DateTimeField(null=True)
    claim = models.UUIDField(null=True)
    claimed_at = models.DateTimeField(null=True)
    is_unconfirmed = models.BooleanField(default=False)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "event"], name="told_of_an_event_once"),
            models.UniqueConstraint(
                fields=["person", "bulk_change"], name="told_of_a_bulk_change_once"
            ),
            models.CheckConstraint(
                condition=Q(kind="event", event__isnull=False, delivery=None, person__isnull=False)
                & Q(bulk_change=None)
                | Q(kind="digest", delivery__isnull=False, event=None, person__isnull=False)
                & Q(bulk_change=None)
                | Q(kind="bulk", bulk_change__isnull=False, person__isnull=False)
                & Q(event=None, delivery=None)
                | Q(kind="account", event=None, delivery=None, bulk_change=None),
                name="message_is_of_its_kind",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"], condition=Q(state="queued"), name="message_queued_by_due_time"
            ),
            models.Index(
                fields=["claimed_at"],
                condition=Q(state__in=["in flight", "handed over"]),
                name="message_under_way",
            ),
            models.Index(fields=["state", "-id"], name="message_by_state"),
            models.Index(fields=["created_at"], name="message_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail {self.message_id}"

    @property
    def can_be_resent(self) -> bool:
        """Whether it did not certainly arrive and its text can still be made."""
        missed = self.state in {self.State.FAILED, self.State.DROPPED} or self.is_unconfirmed
        return missed and self.kind != self.Kind.ACCOUNT
