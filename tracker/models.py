"""Products, their parts and releases, and the problems that people have with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

if TYPE_CHECKING:
    from accounts.models import Person

# Where `heat` stands when nobody's vote counts: below any vote ever cast, yet a number that every
# database orders and JSON carries, unlike minus infinity.
NO_HEAT = -1e9

SYNOPSIS_CHARS = 255
TEXT_CHARS = 200_000

slug_validator = RegexValidator(
    r"^[a-z0-9](?:[a-z0-9._+-]*[a-z0-9+])?$",
    "Use lower-case letters, digits, dots, dashes, plus signs or underscores.",
)


class Product(models.Model):
    """Something that people run and report problems with."""

    slug = models.CharField(max_length=50, unique=True, validators=[slug_validator])
    title = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    # An inactive product keeps its pages and takes no new reports.
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["slug"]

    def __str__(self) -> str:
        return self.slug

    def get_absolute_url(self) -> str:
        return reverse("product", args=[self.slug])


class Component(models.Model):
    """A part of a product that somebody maintains."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="components")
    slug = models.CharField(max_length=50, validators=[slug_validator])
    title = models.CharField(max_length=100)
    description = models.TextField(blank=True)
    # Of a mailing list: it gets the digest of the component, and nothing confidential.
    list_address = models.EmailField(max_length=254, blank=True)
    is_active = models.BooleanField(default=True)
    maintainers: models.ManyToManyField[Person, Maintainership] = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="Maintainership", related_name="maintained_components"
    )

    class Meta:
        ordering: ClassVar = ["product", "slug"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "slug"], name="component_slug_unique"),
        ]

    def __str__(self) -> str:
        return self.slug


class Maintainership(models.Model):
    """Who looks after which component."""

    component = models.ForeignKey(Component, models.CASCADE)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["component", "person"], name="maintainer_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} maintains {self.component_id}"


class Release(models.Model):
    """A published version of a product, in the order that its project gives."""

    product = models.ForeignKey(Product, models.CASCADE, related_name="releases")
    name = models.CharField(max_length=50)
    released_on = models.DateField(null=True, blank=True)
    is_supported = models.BooleanField(default=True)
    # Higher is newer; names do not sort by themselves.
    position = models.IntegerField(default=0)
    # The line of development it was cut from, such as "stable/14"; "" is the main one.
    branch = models.CharField(max_length=50, blank=True)

    class Meta:
        ordering: ClassVar = ["product", "-position", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "name"], name="release_name_unique"),
        ]

    def __str__(self) -> str:
        return self.name


class Kind(models.TextChoices):
    DEFECT = "defect", "defect"
    ENHANCEMENT = "enhancement", "enhancement"
    DOCUMENTATION = "documentation", "documentation"
    MAINTENANCE = "maintenance", "maintenance"


class Severity(models.TextChoices):
    """How much one person with the problem suffers; how many suffer is for the votes to say."""

    CRITICAL = "critical", "critical"
    MAJOR = "major", "major"
    NORMAL = "normal", "normal"
    MINOR = "minor", "minor"


class State(models.TextChoices):
    NEW = "new", "new"
    OPEN = "open", "open"
    IN_PROGRESS = "in progress", "in progress"
    FEEDBACK = "feedback", "feedback"
    PATCHED = "patched", "patched"
    SUSPENDED = "suspended", "suspended"
    CLOSED = "closed", "closed"


class Resolution(models.TextChoices):
    FIXED = "fixed", "fixed"
    DUPLICATE = "duplicate", "duplicate"
    NOT_A_DEFECT = "not a defect", "not a defect"
    CANNOT_REPRODUCE = "cannot reproduce", "cannot reproduce"
    WILL_NOT_FIX = "will not fix", "will not fix"
    FEEDBACK_TIMEOUT = "feedback timeout", "feedback timeout"
    OVERTAKEN = "overtaken by events", "overtaken by events"


# From each state to those that it may change into. Nothing goes back to new: somebody has seen it.
_WORKED_ON = {State.OPEN, State.IN_PROGRESS, State.FEEDBACK, State.PATCHED, State.SUSPENDED}
STATE_CHANGES: dict[State, frozenset[State]] = {
    State.NEW: frozenset(_WORKED_ON | {State.CLOSED}),
    State.OPEN: frozenset((_WORKED_ON | {State.CLOSED}) - {State.OPEN}),
    State.IN_PROGRESS: frozenset((_WORKED_ON | {State.CLOSED}) - {State.IN_PROGRESS}),
    State.FEEDBACK: frozenset((_WORKED_ON | {State.CLOSED}) - {State.FEEDBACK}),
    State.PATCHED: frozenset({State.OPEN, State.IN_PROGRESS, State.CLOSED}),
    State.SUSPENDED: frozenset({State.OPEN, State.IN_PROGRESS, State.FEEDBACK, State.CLOSED}),
    State.CLOSED: frozenset({State.OPEN}),
}


class Door(models.TextChoices):
    """The way by which something came in."""

    WEB = "web", "web"
    API = "api", "API"
    CLIENT = "client", "send-problem"
    MAIL = "mail", "mail"
    GIT = "git", "git"
    IMPORT = "import", "import"
    SYSTEM = "system", "system"


# Django writes `is_open = True` as the bare column, for which SQLite uses no index; IN it does.
OPEN = Q(is_open__in=(True,))


class Problem(models.Model):
    """What is wrong, for whom, and how far its resolving has come.

    `people`, `waiting` and `heat` are kept by `votes.services` for the whole duplicate group on
    its head, and for the problem's own votes on a duplicate:
    people   distinct persons whose vote counts;
    waiting  distinct persons whose vote is kept but does not count yet;
    heat     ln of the sum of exp((t_i - t_0) / tau) over the counted votes, `NO_HEAT` without any.
    """

    number = models.BigAutoField(primary_key=True)
    product = models.ForeignKey(Product, models.PROTECT, related_name="problems")
    component = models.ForeignKey(Component, models.PROTECT, related_name="problems")
    kind = models.CharField(max_length=20, choices=Kind.choices, default=Kind.DEFECT)
    severity = models.CharField(max_length=20, choices=Severity.choices, default=Severity.NORMAL)
    synopsis = models.CharField(max_length=SYNOPSIS_CHARS)
    description = models.TextField()
    how_to_repeat = models.TextField(blank=True)

    # Where it was seen: `release` is "found in".
    release = models.ForeignKey(
        Release, models.SET_NULL, null=True, blank=True, related_name="found_problems"
    )
    architecture = models.CharField(max_length=50, blank=True)
    hardware = models.CharField(max_length=200, blank=True)
    fixed_in = models.ForeignKey(
        Release, models.SET_NULL, null=True, blank=True, related_name="fixed_problems"
    )

    state = models.CharField(max_length=20, choices=State.choices, default=State.NEW)
    is_open = models.BooleanField(default=True)
    resolution = models.CharField(max_length=30, choices=Resolution.choices, blank=True)
    # As it was marked, so that marking can be undone; `head` is where the chain ends.
    duplicate_of = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="duplicates"
    )
    head = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="group")
    is_confidential = models.BooleanField(default=False)

    reporter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="reported_problems"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="assigned_problems",
    )
    # The key that the tracker it was imported from gave it; its number is kept where it is free.
    origin = models.CharField(max_length=100, blank=True)
    # Who reported it there, as a name that may be shown, where no account here is that person's.
    origin_author = models.CharField(max_length=200, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    # Counts the changes of fields; what two people edit at once is told apart by it.
    version = models.PositiveIntegerField(default=1)

    people = models.PositiveIntegerField(default=0)
    waiting = models.PositiveIntegerField(default=0)
    heat = models.FloatField(default=NO_HEAT)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(is_open=True, resolution="", closed_at=None) & ~Q(state=State.CLOSED)
                | (
                    Q(is_open=False, state=State.CLOSED, closed_at__isnull=False)
                    & ~Q(resolution="")
                ),
                name="problem_closed_with_resolution",
            ),
            models.CheckConstraint(
                condition=Q(duplicate_of=None, head=None)
                | Q(duplicate_of__isnull=False, head__isnull=False, resolution="duplicate"),
                name="problem_duplicate_has_head",
            ),
            models.CheckConstraint(
                condition=(Q(duplicate_of=None) | ~Q(duplicate_of=F("number")))
                & (Q(head=None) | ~Q(head=F("number"))),
                name="problem_not_its_own_duplicate",
            ),
            models.UniqueConstraint(
                fields=["product", "origin"],
                condition=~Q(origin=""),
                name="problem_imported_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["is_open", "-heat", "-number"], name="problem_by_heat"),
            models.Index(fields=["is_open", "-people", "-number"], name="problem_by_people"),
            models.Index(fields=["is_open", "-number"], name="problem_by_age"),
            models.Index(fields=["is_open", "-changed_at", "-number"], name="problem_by_activity"),
            models.Index(
                fields=["product", "is_open", "-heat", "-number"], name="problem_product_by_heat"
            ),
            models.Index(
                fields=["component", "is_open", "-heat", "-number"], name="problem_comp_by_heat"
            ),
            models.Index(fields=["assignee", "is_open", "-heat"], name="problem_by_assignee"),
            models.Index(fields=["reporter", "-number"], name="problem_by_reporter"),
            # All that is counted of releases is read from it; see tracker.versions.counts.
            models.Index(
                fields=[
                    "product",
                    "release",
                    "resolution",
                    "fixed_in",
                    "closed_at",
                    "is_confidential",
                ],
                name="problem_by_release",
            ),
            # The triage queue, in the order in which the reports came.
            models.Index(fields=["state", "number"], name="problem_by_state"),
            # The few that must not be known are counted apart; see votes.selectors.
            models.Index(
                fields=["number"], condition=Q(is_confidential=True), name="problem_confidential"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.number} {self.synopsis}"

    def get_absolute_url(self) -> str:
        return f"/{self.number}"

    @property
    def votes(self) -> int:
        """The votes that are shown: the counted and the waiting."""
        return self.people + self.waiting

    @property
    def is_duplicate(self) -> bool:
        return self.duplicate_of_id is not None


class AppendOnly(models.Model):
    """A row that is written once. Corrections are further rows."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError(f"{type(self).__name__} rows are only ever added")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError(f"{type(self).__name__} rows are only ever added")


class Comment(models.Model):
    """What somebody added to a problem, in Markdown."""

    problem = models.ForeignKey(Problem, models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="comments"
    )
    text = models.TextField()
    door = models.CharField(max_length=10, choices=Door.choices, default=Door.WEB)
    # As on Problem: its key and its author in the tracker it was imported from.
    origin = models.CharField(max_length=100, blank=True)
    origin_author = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["problem", "id"])]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["problem", "origin"],
                condition=~Q(origin=""),
                name="comment_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return f"comment {self.pk} on #{self.problem_id}"


def attachment_path(attachment: Attachment, filename: str) -> str:
    """Stored under its digest, so that no name that a person chose becomes a path."""
    return f"attachments/{attachment.sha256[:2]}/{attachment.sha256}"


class Attachment(models.Model):
    """A file that belongs to a problem, served as a download only."""

    problem = models.ForeignKey(Problem, models.CASCADE, related_name="attachments")
    comment = models.ForeignKey(
        Comment, models.SET_NULL, null=True, blank=True, related_name="attachments"
    )
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    name = models.CharField(max_length=255)
    content_type = models.CharField(max_length=100, default="application/octet-stream")
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    file = models.FileField(upload_to=attachment_path, max_length=200)
    # Its key in the tracker it was imported from.
    origin = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["problem", "origin"],
                condition=~Q(origin=""),
                name="attachment_imported_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("attachment", args=[self.problem_id, self.pk, self.name])


class Event(AppendOnly):
    """One entry of a problem's history: who did what, when, and through which door.

    `changes` is a list of `{"field": str, "old": Any, "new": Any}` in words that a page can print:
    slugs, handles, release names and numbers, never row ids.
    """

    class Kind(models.TextChoices):
        REPORTED = "reported"
        COMMENTED = "commented"
        CHANGED = "changed"
        ATTACHED = "attached"
        IMPORTED = "imported"

    problem = models.ForeignKey(Problem, models.CASCADE, related_name="events")
    # Nobody for what the tracker itself did.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    door = models.CharField(max_length=10, choices=Door.choices)
    changes = models.JSONField(default=list)
    comment = models.ForeignKey(Comment, models.SET_NULL, null=True, related_name="+")
    attachment = models.ForeignKey(Attachment, models.SET_NULL, null=True, related_name="+")
    note = models.TextField(blank=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["problem", "id"]),
            models.Index(fields=["-at"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} #{self.problem_id}"


class ReleaseStatus(models.Model):
    """What somebody found out about one problem in one release; see `tracker.versions`.

    Beside these rows, `Problem.release` says where it was reported to be and `Problem.fixed_in`
    where the main line has it fixed.
    """

    class Status(models.TextChoices):
        AFFECTED = "affected", "affected"
        FIXED = "fixed", "fixed"
        NOT_AFFECTED = "not affected", "not affected"

    problem = models.ForeignKey(Problem, models.CASCADE, related_name="release_statuses")
    release = models.ForeignKey(Release, models.CASCADE, related_name="problem_statuses")
    status = models.CharField(max_length=15, choices=Status.choices)
    set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    set_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["problem", "-release__position", "-release__id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["problem", "release"], name="release_status_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["release", "status", "problem"], name="release_status_by_release"),
        ]

    def __str__(self) -> str:
        return f"#{self.problem_id} {self.status} in {self.release_id}"


class ClockKind(models.TextChoices):
    """What the tracker itself watches, so that nothing is forgotten; see `tracker.clocks`."""

    SILENT_ASSIGNEE = "silent assignee", "silent assignee"
    FEEDBACK_TIMEOUT = "feedback timeout", "feedback timeout"
    STALE = "stale", "stale"


class ClockSetting(models.Model):
    """How a product wants one clock to run, where that is not the default.

    What came about before `since` does not count, so that a clock which is switched on, or made
    quicker, acts on nothing old. `is_applied` is False until the rows of `Clock` agree.
    """

    product = models.ForeignKey(Product, models.CASCADE, related_name="clock_settings")
    kind = models.CharField(max_length=20, choices=ClockKind.choices)
    is_on = models.BooleanField(default=True)
    days = models.PositiveSmallIntegerField()
    since = models.DateTimeField(default=timezone.now)
    is_applied = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "kind"], name="clock_setting_once"),
            models.CheckConstraint(condition=Q(days__gte=1), name="clock_setting_days_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.product_id}: {self.days} days"


class Clock(models.Model):
    """One running, paused or expired clock of a problem.

    `due_at` is None while it is paused or its product has it switched off; `fired_at` is set by the
    one who claims it with a conditional UPDATE, so that it fires once however many workers look.
    The time between `started_at` and `paused_at` is used up when it goes on.
    """

    problem = models.ForeignKey(Problem, models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=20, choices=ClockKind.choices)
    started_at = models.DateTimeField(default=timezone.now)
    paused_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    fired_at = models.DateTimeField(null=True)
    # Who put the question that a feedback timeout waits for.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["problem", "kind"], name="clock_once"),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["due_at"],
                condition=Q(fired_at=None, due_at__isnull=False),
                name="clock_by_due_time",
            ),
            models.Index(fields=["kind", "fired_at", "problem"], name="clock_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of #{self.problem_id}"


class BulkChange(models.Model):
    """One change that somebody made to many problems at once, and may undo once."""

    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="bulk_changes")
    # What was asked for, in the words of ProblemChange.
    asked = models.JSONField()
    at = models.DateTimeField(default=timezone.now)
    undone_at = models.DateTimeField(null=True)
    # What was asked for and not done: `[{"number": int, "reason": str}]`.
    left_out = models.JSONField(default=list)
    # An undo is a bulk change too; that there is one for each at the most is the database's word.
    undoes = models.OneToOneField(
        "self", models.CASCADE, null=True, blank=True, related_name="undone_by"
    )

    class Meta:
        indexes: ClassVar = [models.Index(fields=["actor", "-id"], name="bulk_change_by_actor")]

    def __str__(self) -> str:
        return f"bulk change {self.pk} by {self.actor_id}"


class BulkChangeItem(models.Model):
    """What a bulk change did to one problem: its event, and the version it left behind."""

    bulk_change = models.ForeignKey(BulkChange, models.CASCADE, related_name="items")
    problem = models.ForeignKey(Problem, models.CASCADE, related_name="+")
    event = models.ForeignKey(Event, models.CASCADE, related_name="+")
    version = models.PositiveIntegerField()
    # Column -> value before, of the columns that it changed: exactly what undoing puts back.
    before = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bulk_change", "problem"], name="bulk_change_of_a_problem_once"
            ),
        ]

    def __str__(self) -> str:
        return f"bulk change {self.bulk_change_id} of #{self.problem_id}"


# Their models belong to this app; they need the ones above.
import tracker.text_index.models  # noqa: E402, F401
