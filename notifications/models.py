"""Who is told of what, and every mail from the change that caused it until somebody took it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models import Person
from patches.models import Patch, PatchEvent
from tracker.models import BulkChange, Component, Event, Problem, Product
from votes.models import SavedSearch


class Reason(models.TextChoices):
    """Why a person is told; the foot of every mail says it."""

    CHOSEN = "chosen", "you follow"
    REPORTER = "reporter", "you reported"
    COMMENTER = "commenter", "you commented on"
    ASSIGNEE = "assignee", "you are assigned"
    MAINTAINER = "maintainer", "you maintain"
    OWN_ACT = "own act", "you asked for mails about what you do"
    # Of a patch.
    ASKED = "asked", "you are asked to review"
    AUTHOR = "author", "you wrote"
    SUBMITTER = "submitter", "you brought"
    REVIEWER = "reviewer", "you reviewed"


class Reach(models.TextChoices):
    """How much a subscription covers, from the widest to the closest."""

    EVERYTHING = "everything", "everything"
    PRODUCT = "product", "product"
    SEARCH = "search", "saved search"
    PATH = "path", "path"
    COMPONENT = "component", "component"
    PROBLEM = "problem", "problem"


# Subscriptions without any target.
COVERS_EVERYTHING = Q(product=None, component=None, problem=None, saved_search=None, path="")


class Subscription(models.Model):
    """A person's wish to be told, or with `is_muted` not to be told, of one thing.

    Without any target it covers everything. Of several that cover an event the closest decides.
    A saved search covers what it finds, a path the problems whose texts or patches name a file
    below it. That reporters, assignees and maintainers are told follows from what they
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
    saved_search = models.ForeignKey(
        SavedSearch, models.CASCADE, null=True, blank=True, related_name="+"
    )
    # A folder or file of a product's sources, without a slash at either end.
    path = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=10, choices=Reason.choices, default=Reason.CHOSEN)
    is_muted = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"],
                condition=Q(product=None, component=None, problem=None)
                & Q(saved_search=None, path=""),
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
            models.UniqueConstraint(
                fields=["person", "saved_search"],
                condition=Q(saved_search__isnull=False),
                name="subscribed_to_search_once",
            ),
            models.UniqueConstraint(
                fields=["person", "path"], condition=~Q(path=""), name="subscribed_to_path_once"
            ),
            models.CheckConstraint(
                condition=Q(component=None, problem=None, saved_search=None, path="")
                | Q(product=None, problem=None, saved_search=None, path="")
                | Q(product=None, component=None, saved_search=None, path="")
                | Q(product=None, component=None, problem=None, path="")
                | Q(product=None, component=None, problem=None, saved_search=None),
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
        if self.path:
            return Reach.PATH
        if self.saved_search_id is not None:
            return Reach.SEARCH
        return Reach.PRODUCT if self.product_id is not None else Reach.EVERYTHING

    @property
    def target_id(self) -> int | None:
        """The row it covers, in the table of its reach; None for everything.

        A path has no table: there it is the subscription itself.
        """
        if self.path:
            return self.pk
        return self.problem_id or self.component_id or self.saved_search_id or self.product_id


class DigestSubscription(models.Model):
    """When a person gets a digest, and up to when the digests sent so far have told.

    `own` is the digest of what the person maintains and of all; `votes` tells what became of what
    the person voted for or reported; `search` is that of a saved search; `component` has no person
    and goes to the list address of a component. Each is on a schedule of its own.
    `next_due_at` is claimed by a conditional UPDATE that moves it. `last_covered_until` moves only
    when a digest was sent, so that one that failed or was missed is covered by the next.
    """

    class Period(models.TextChoices):
        DAILY = "daily", "every day"
        WEEKLY = "weekly", "every week"
        MONTHLY = "monthly", "every month"
        OFF = "off", "never"

    class Kind(models.TextChoices):
        OWN = "own", "what you maintain"
        VOTES = "votes", "what you voted for"
        SEARCH = "search", "a saved search"
        COMPONENT = "component", "a component's list"

    class Weekday(models.IntegerChoices):
        MONDAY = 0, "Monday"
        TUESDAY = 1, "Tuesday"
        WEDNESDAY = 2, "Wednesday"
        THURSDAY = 3, "Thursday"
        FRIDAY = 4, "Friday"
        SATURDAY = 5, "Saturday"
        SUNDAY = 6, "Sunday"

    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.OWN)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="digest_subscriptions",
    )
    component = models.OneToOneField(
        Component, models.CASCADE, null=True, blank=True, related_name="digest_subscription"
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
                fields=["person", "kind"], condition=Q(saved_search=None), name="own_digest_once"
            ),
            models.UniqueConstraint(
                fields=["person", "saved_search"],
                condition=Q(saved_search__isnull=False),
                name="digest_of_a_search_once",
            ),
            models.CheckConstraint(
                condition=Q(
                    kind__in=["own", "votes"],
                    person__isnull=False,
                    saved_search=None,
                    component=None,
                )
                | Q(
                    kind="search",
                    person__isnull=False,
                    saved_search__isnull=False,
                    component=None,
                )
                | Q(kind="component", person=None, saved_search=None, component__isnull=False),
                name="digest_is_of_its_kind",
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
        return f"{self.period} digest of {self.person_id or self.component}"

    @property
    def time_zone(self) -> str:
        """By whose clock it comes; that of a list, whose readers are nobody here, by UTC."""
        return self.person.time_zone if self.person is not None else "UTC"

    @property
    def address(self) -> str:
        """Where it goes."""
        if self.person is not None:
            return self.person.email
        return self.component.list_address if self.component is not None else ""

    @property
    def called(self) -> str:
        """Whose it is, in a word: a handle, or the address of a list."""
        return self.person.handle if self.person is not None else self.address

    @property
    def reader(self) -> Person:
        """Whom it is for. Only of digests that are a person's."""
        if self.person is None:
            raise ValueError("The digest of a list has no reader.")
        return self.person


class DigestDelivery(models.Model):
    """One digest that came due: the time it covers, and how it ended."""

    class Outcome(models.TextChoices):
        OPEN = "open", "not sent yet"
        SENT = "sent", "sent"
        EMPTY = "empty", "nothing to say"
        FAILED = "failed", "failed"

    # Its index is that of `digest_of_a_time_once`.
    subscription = models.ForeignKey(
        DigestSubscription, models.CASCADE, related_name="deliveries", db_index=False
    )
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


# As a bare column SQLite uses no index for it; with IN it does.
UNCONFIRMED = Q(is_unconfirmed__in=(True,))


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
        # Events of several problems, for who wants them once an hour.
        ROUNDUP = "roundup", "hourly roundup"
        # To who wrote to us: an answer, a question whether a mail is theirs.
        ANSWER = "answer", "answer"
        # Events of one patch; to people, and to the list of a component.
        PATCH = "patch", "patch"

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
    # Of the address, in lower case: what mail is paced and held back by.
    domain = models.CharField(max_length=255, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # The Message-ID without its angle brackets. It follows from what the mail tells to whom.
    message_id = models.CharField(max_length=200)

    # The first of the events that it tells; all of them are its `tellings`.
    event = models.ForeignKey(Event, models.CASCADE, null=True, related_name="+", db_index=False)
    # Of events of one problem: while it is queued, what happens next joins it.
    problem = models.ForeignKey(
        Problem, models.CASCADE, null=True, related_name="+", db_index=False
    )
    # The same of a patch, whose events are told by `patch_tellings`.
    patch_event = models.ForeignKey(
        PatchEvent, models.CASCADE, null=True, related_name="+", db_index=False
    )
    patch = models.ForeignKey(Patch, models.CASCADE, null=True, related_name="+", db_index=False)
    reason = models.CharField(max_length=10, choices=Reason.choices, blank=True)
    # The subscription that a one-click unsubscribe ends.
    reach = models.CharField(max_length=10, choices=Reach.choices, blank=True)
    target_id = models.BigIntegerField(null=True)

    delivery = models.OneToOneField(
        DigestDelivery, models.CASCADE, null=True, related_name="message"
    )

    bulk_change = models.ForeignKey(
        BulkChange, models.CASCADE, null=True, related_name="+", db_index=False
    )

    # Of an answer: the Message-ID of what it answers, without its angle brackets.
    in_reply_to = models.CharField(max_length=255, blank=True)
    # Only of account mails and answers, and emptied once they are out: they hold codes.
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
            models.UniqueConstraint(fields=["message_id"], name="message_made_once"),
            models.UniqueConstraint(
                fields=["person", "event"],
                condition=Q(event__isnull=False),
                name="told_of_an_event_once",
            ),
            models.UniqueConstraint(
                fields=["person", "bulk_change"],
                condition=Q(bulk_change__isnull=False),
                name="told_of_a_bulk_change_once",
            ),
            models.UniqueConstraint(
                fields=["person", "patch_event"],
                condition=Q(patch_event__isnull=False),
                name="told_of_a_patch_once",
            ),
            models.CheckConstraint(
                condition=Q(patch_event=None)
                & (
                    Q(kind="event", event__isnull=False, delivery=None, person__isnull=False)
                    & Q(bulk_change=None)
                    | Q(kind="digest", delivery__isnull=False, event=None, bulk_change=None)
                    | Q(kind="bulk", bulk_change__isnull=False, person__isnull=False)
                    & Q(event=None, delivery=None)
                    | Q(kind="roundup", event=None, delivery=None, bulk_change=None)
                    & Q(person__isnull=False)
                    | Q(kind__in=["account", "answer"], event=None, delivery=None, bulk_change=None)
                )
                | Q(kind="patch", patch_event__isnull=False, patch__isnull=False)
                & Q(event=None, delivery=None, bulk_change=None),
                name="message_is_of_its_kind",
            ),
        ]
        # A row changes its state three times, and PostgreSQL then writes it into each index that
        # holds it: so each holds only the rows that are looked for by it.
        indexes: ClassVar = [
            models.Index(
                fields=["event"], condition=Q(event__isnull=False), name="message_by_event"
            ),
            models.Index(
                fields=["problem"], condition=Q(problem__isnull=False), name="message_by_problem"
            ),
            models.Index(
                fields=["bulk_change"],
                condition=Q(bulk_change__isnull=False),
                name="message_by_bulk_change",
            ),
            models.Index(
                fields=["patch_event"],
                condition=Q(patch_event__isnull=False),
                name="message_by_patch_event",
            ),
            models.Index(
                fields=["patch"], condition=Q(patch__isnull=False), name="message_by_patch"
            ),
            models.Index(
                fields=["kind", "due_at"],
                condition=Q(state="queued"),
                name="message_queued_by_kind",
            ),
            models.Index(
                fields=["claimed_at"],
                condition=Q(state__in=["in flight", "handed over"]),
                name="message_under_way",
            ),
            models.Index(fields=["state", "-id"], name="message_by_state"),
            # Of all rows, as SQLite finds no rows of several states by an index of just these.
            models.Index(fields=["created_at"], name="message_by_age"),
            models.Index(fields=["domain", "-id"], name="message_by_domain"),
            models.Index(fields=["-id"], condition=UNCONFIRMED, name="message_unconfirmed"),
            # What the next event of a problem may join, or the next of an hour.
            models.Index(
                fields=["person", "problem"],
                condition=Q(state="queued", kind__in=["event", "roundup"]),
                name="message_open_for_more",
            ),
            models.Index(
                fields=["domain", "due_at"],
                condition=Q(state="queued"),
                name="message_queued_by_domain",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail {self.message_id}"

    @property
    def came_back(self) -> bool:
        """Whether it left and came back, and was not sent again since. One query at the most."""
        is_marked = self.state == self.State.SENT and bool(self.last_error)
        return is_marked and bool(self.bounces.all())

    @property
    def can_be_resent(self) -> bool:
        """Whether it did not certainly arrive and its text can still be made."""
        missed = self.state in {self.State.FAILED, self.State.DROPPED} or self.is_unconfirmed
        is_kept = self.kind not in {self.Kind.ACCOUNT, self.Kind.ANSWER}
        return is_kept and (missed or self.came_back)


class Occasion(models.TextChoices):
    """The kinds of events among which a person chooses."""

    REPORTED = "reported", "a new report"
    COMMENTED = "commented", "a comment"
    STATE = "state", "a change of state, or a duplicate"
    ASSIGNED = "assigned", "a change of who has it"
    EDITED = "edited", "another change"
    ATTACHED = "attached", "a file"
    ASKED = "asked", "a patch that you are asked to review"
    REVIEWED = "reviewed", "what is said of a patch of yours, or answered to you"
    VERSION = "version", "a new version of a patch that you reviewed"
    DECIDED = "decided", "how a patch ended that you sent or reviewed"


class EventChoice(models.Model):
    """When a person is told of one kind of event. Without a row: instantly."""

    class Pace(models.TextChoices):
        INSTANTLY = "instantly", "instantly"
        HOURLY = "hourly", "hourly"
        DIGEST = "digest", "in the digest"
        NEVER = "never", "never"

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="event_choices"
    )
    occasion = models.CharField(max_length=10, choices=Occasion.choices)
    pace = models.CharField(max_length=10, choices=Pace.choices, default=Pace.INSTANTLY)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "occasion"], name="event_chosen_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.occasion} {self.pace}"


class MailSettings(models.Model):
    """What holds for all mail about events to one person. Without a row: the defaults here.

    Quiet hours are by the clock of the person's zone, from the first hour until the second, over
    midnight where that is earlier; none while both are the same or not set.
    """

    person = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="mail_settings"
    )
    quiet_from = models.PositiveSmallIntegerField(null=True, blank=True)
    quiet_until = models.PositiveSmallIntegerField(null=True, blank=True)
    tells_own_acts = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_until=None)
                | Q(quiet_from__lte=23, quiet_until__lte=23),
                name="quiet_hours_of_a_day",
            ),
        ]

    def __str__(self) -> str:
        return f"mail settings of {self.person_id}"


class Telling(models.Model):
    """That a person is told of an event, why, and by which mail.

    Without a message it waits for the person's next digest.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="tellings")
    event = models.ForeignKey(Event, models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="tellings")
    reason = models.CharField(max_length=10, choices=Reason.choices)
    reach = models.CharField(max_length=10, choices=Reach.choices)
    target_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "event"], name="person_told_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["person"], condition=Q(message=None), name="telling_for_the_digest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} is told of event {self.event_id}"


class EventToAsk(models.Model):
    """An event of which the watched searches are still to be asked, in the order of their keys.

    `after` is the key of the last watch that was; `due_at` is from when on somebody may go on.
    """

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="+")
    after = models.BigIntegerField(default=0)
    due_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"event {self.event_id}, after watch {self.after}"


class PatchTelling(models.Model):
    """That a person is told of what happened to a patch, why, and by which mail.

    Without a message it waits for the person's next digest.
    """

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="patch_tellings"
    )
    event = models.ForeignKey(PatchEvent, models.CASCADE, related_name="+")
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="patch_tellings")
    reason = models.CharField(max_length=10, choices=Reason.choices)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "event"], name="person_told_of_patch_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["person"], condition=Q(message=None), name="patch_told_in_the_digest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} is told of event {self.event_id} of a patch"


class MutedPatch(models.Model):
    """A patch of which a person wants no mail, whatever they are to it."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="muted_patches"
    )
    patch = models.ForeignKey(Patch, models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "patch"], name="patch_muted_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} without patch {self.patch_id}"


class SetAside(models.Model):
    """A problem that a person wants out of their digests: until a time, or for good."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="set_aside")
    problem = models.ForeignKey(Problem, models.CASCADE, related_name="+")
    # None: not theirs, for good.
    until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "problem"], name="set_aside_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} without {self.problem_id} until {self.until}"


class MailDomain(models.Model):
    """How fast mail goes to one domain, and until when it waits.

    `per_minute` is the administrator's limit, None for the installation's. What was sent within
    the minute that began at `minute` is counted by conditional UPDATEs, so that several workers
    keep to it together.
    """

    domain = models.CharField(max_length=255, unique=True)
    per_minute = models.PositiveIntegerField(null=True, blank=True)
    minute = models.DateTimeField(null=True)
    sent_in_minute = models.PositiveIntegerField(default=0)
    held_until = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.domain


# The tables of what comes in stand beside the gate; Django looks for them here.
import notifications.gate.models  # noqa: E402, F401
