"""Patches: what somebody proposes to change, its versions, and what people say of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from tracker.models import (
    AppendOnly,
    Attachment,
    Comment,
    Component,
    Door,
    Problem,
    Product,
    Release,
)

if TYPE_CHECKING:
    from accounts.models import Person

TITLE_CHARS = 255
PATH_CHARS = 1000
BRANCH_CHARS = 100

# Django writes `is_waiting = True` as the bare column, for which SQLite uses no index; IN it does.
WAITING = Q(is_waiting__in=(True,))
UNREVIEWED = Q(is_reviewed__in=(False,))


class Turn(models.TextChoices):
    """For whom a patch waits; derived from what happened, see `patches.waiting.turns`."""

    REVIEWERS = "reviewers", "reviewers"
    AUTHOR = "author", "its author"
    COMMITTER = "committer", "a committer"
    NOBODY = "nobody", "nobody"


class Patch(models.Model):
    """A change that somebody proposes, from its first version to the decision.

    `demand` is the number of distinct people behind the problems that it fixes: who counts there,
    counts here once (see `patches.waiting.demand`). `content_since` is the number of the version
    with which the present content came: a later one of the same content is a rebase. `is_reviewed`
    says whether a human other than its author has given a verdict on that content.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        INTEGRATED = "integrated", "integrated"
        DECLINED = "declined", "declined"
        WITHDRAWN = "withdrawn", "withdrawn"

    class Stage(models.IntegerChoices):
        """How far it was carried because nobody reviewed it; each once for each content."""

        NONE = 0, "not escalated"
        LIST = 1, "sent to the component's list"
        BOARD = 2, "on the board of forgotten patches"

    number = models.BigAutoField(primary_key=True)
    product = models.ForeignKey(Product, models.PROTECT, related_name="patches")
    # Those whose paths it touches, or whose problems it fixes.
    components: models.ManyToManyField[Component, PatchComponent] = models.ManyToManyField(
        Component, through="PatchComponent", related_name="patches"
    )
    fixes: models.ManyToManyField[Problem, PatchFix] = models.ManyToManyField(
        Problem, through="PatchFix", related_name="patches"
    )
    title = models.CharField(max_length=TITLE_CHARS)
    # The cover letter of a series or the message of a single commit, in plain text.
    description = models.TextField(blank=True)
    # The branch that it is for; "" is the main one.
    target = models.CharField(max_length=BRANCH_CHARS, blank=True)
    # Whose turn "author" is; `author_name` is the name in the patch where no account is theirs.
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="patches"
    )
    author_name = models.CharField(max_length=200, blank=True)
    # Who brought it in: often its author, else somebody who found it elsewhere.
    submitter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="submitted_patches"
    )
    # Beside the confidentiality that it has of the problems it fixes.
    is_confidential = models.BooleanField(default=False)

    state = models.CharField(max_length=12, choices=State.choices, default=State.WAITING)
    is_waiting = models.BooleanField(default=True)
    turn = models.CharField(max_length=10, choices=Turn.choices, default=Turn.REVIEWERS)
    turn_since = models.DateTimeField(default=timezone.now)
    is_reviewed = models.BooleanField(default=False)
    # The number of its newest version; 0 only inside the transaction that makes it.
    latest = models.PositiveIntegerField(default=0)
    content_since = models.PositiveIntegerField(default=1)
    demand = models.PositiveIntegerField(default=0)

    # How long the present content has waited for a review in all, up to `turn_since`.
    waited = models.DurationField(default=timedelta)
    stage = models.PositiveSmallIntegerField(choices=Stage.choices, default=Stage.NONE)
    # When the next stage is due; None while it waits for somebody else, or after the last.
    escalate_at = models.DateTimeField(null=True)

    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    decision = models.TextField(blank=True)
    # As what it went in, for one that was integrated.
    commit = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state="waiting", is_waiting=True, decided_at=None) & ~Q(turn="nobody")
                | ~Q(state="waiting")
                & Q(is_waiting=False, decided_at__isnull=False, turn="nobody", escalate_at=None),
                name="patch_decided_or_waiting",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["is_waiting", "turn", "is_reviewed", "-demand", "number"],
                name="patch_waiting_by_demand",
            ),
            models.Index(
                fields=["is_waiting", "turn", "is_reviewed", "created_at", "number"],
                name="patch_waiting_by_age",
            ),
            models.Index(fields=["is_waiting", "-demand", "number"], name="patch_by_demand"),
            models.Index(fields=["is_waiting", "-changed_at", "-number"], name="patch_by_activity"),
            models.Index(fields=["product", "is_waiting", "-demand"], name="patch_of_product"),
            models.Index(fields=["author", "-number"], name="patch_by_author"),
            models.Index(fields=["submitter", "-number"], name="patch_by_submitter"),
            models.Index(
                fields=["escalate_at"],
                condition=Q(escalate_at__isnull=False),
                name="patch_by_escalation",
            ),
        ]

    def __str__(self) -> str:
        return f"patch {self.number} {self.title}"

    def get_absolute_url(self) -> str:
        return reverse("patch", args=[self.number])

    @cached_property
    def is_secret(self) -> bool:
        """Whether not everybody may know of it: by itself, or for a problem that it fixes."""
        return self.is_confidential or self.fixes.filter(is_confidential=True).exists()

    @property
    def is_forgotten(self) -> bool:
        """Whether it is on the board, as `patches.waiting.listing.FORGOTTEN` has it."""
        is_first = self.turn == Turn.REVIEWERS and not self.is_reviewed
        return is_first and self.stage == Patch.Stage.BOARD

    def is_by(self, person: Person | None) -> bool:
        """Whether it is that person's own: what they say of it never counts."""
        return person is not None and person.pk in (self.author_id, self.submitter_id)


class PatchFix(models.Model):
    """A patch is to fix a problem."""

    patch = models.ForeignKey(Patch, models.CASCADE)
    problem = models.ForeignKey(Problem, models.CASCADE, related_name="patch_fixes")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patch", "problem"], name="patch_fixes_once"),
        ]

    def __str__(self) -> str:
        return f"patch {self.patch_id} fixes #{self.problem_id}"


class PatchComponent(models.Model):
    """A patch belongs to a component, by its paths or by what it fixes."""

    patch = models.ForeignKey(Patch, models.CASCADE)
    component = models.ForeignKey(Component, models.CASCADE)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patch", "component"], name="patch_component_once"),
        ]

    def __str__(self) -> str:
        return f"patch {self.patch_id} in {self.component_id}"


# What came


def version_path(version: PatchVersion, sha256: str) -> str:
    """Stored under the SHA-256 of its bytes: no name that a person chose becomes a path, and what
    two versions share is what they both hold."""
    return f"patches/{sha256[:2]}/{sha256}"


original_path = version_path


class PatchVersion(models.Model):
    """One version of a patch: one diff, or a series of commits.

    `file` holds its diffs as git writes them, one commit after the other, without mail headers:
    rows of `PatchCommit` and `PatchFile` point into it by bytes. `original` is what it was made of
    where that is something else: a mail, an mbox, a context diff, a shar.

    `content` is the same for versions that change the same lines in the same way, whatever they are
    based on: a digest over the patch-ids of the commits.
    """

    class Kind(models.TextChoices):
        DIFF = "diff", "one diff"
        SERIES = "series", "commits"

    class Changes(models.TextChoices):
        """How the difference to the version before was found."""

        NONE = "", "not compared"
        SAME = "same", "the same content"
        RANGE_DIFF = "range-diff", "git range-diff"
        INTERDIFF = "interdiff", "interdiff"

    patch = models.ForeignKey(Patch, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    submitter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    door = models.CharField(max_length=10, choices=Door.choices)
    # What its submitter says is new in it.
    note = models.TextField(blank=True)
    # What it was found in, if it was not submitted as a patch.
    attachment = models.ForeignKey(
        Attachment, models.SET_NULL, null=True, blank=True, related_name="patch_versions"
    )
    comment = models.ForeignKey(
        Comment, models.SET_NULL, null=True, blank=True, related_name="patch_versions"
    )
    # Of the mail or the first commit, without angle brackets; a later mail may answer it.
    message_id = models.CharField(max_length=255, blank=True)
    base_commit = models.CharField(max_length=64, blank=True)

    file = models.FileField(upload_to=version_path, max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.BigIntegerField()
    original = models.FileField(upload_to=original_path, max_length=200, blank=True)
    content = models.CharField(max_length=64)
    # The first of the versions in a row, this one the last, that have the same content.
    content_since = models.PositiveIntegerField()

    commits_count = models.PositiveIntegerField()
    files_count = models.PositiveIntegerField()
    added = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()

    # Against the version before: a text as `changes_by` says, "" until it was made.
    changes_by = models.CharField(max_length=10, choices=Changes.choices, blank=True)
    changes = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["patch", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patch", "number"], name="patch_version_number"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["content"], name="patch_version_by_content"),
            models.Index(
                fields=["message_id"], condition=~Q(message_id=""), name="patch_version_by_mail"
            ),
            models.Index(
                fields=["number"], condition=Q(changes_by=""), name="patch_version_not_compared"
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of patch {self.patch_id}"

    def get_absolute_url(self) -> str:
        return reverse("patch-diff", args=[self.patch_id, self.number])

    @property
    def paths(self) -> list[str]:
        """Every path that it touches, old names too, sorted. One query."""
        pairs = self.files.order_by().values_list("path", "old_path").distinct()
        return sorted({path for pair in pairs for path in pair if path})


class PatchCommit(models.Model):
    """One commit of a version; a bare diff is one without subject and author."""

    version = models.ForeignKey(PatchVersion, models.CASCADE, related_name="commits")
    position = models.PositiveIntegerField()
    subject = models.CharField(max_length=TITLE_CHARS, blank=True)
    # Below the subject, with its trailers.
    message = models.TextField(blank=True)
    author_name = models.CharField(max_length=200, blank=True)
    author_email = models.CharField(max_length=254, blank=True)
    authored_at = models.DateTimeField(null=True)
    # `git patch-id`, as 40 or 64 hexadecimal digits.
    patch_id = models.CharField(max_length=64, blank=True)
    # Its diff within the version's file, in bytes.
    offset = models.BigIntegerField()
    length = models.BigIntegerField()

    class Meta:
        ordering: ClassVar = ["version", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "position"], name="patch_commit_position"),
        ]

    def __str__(self) -> str:
        return f"{self.position}: {self.subject}"


class PatchFile(models.Model):
    """What one commit does to one file.

    `hunks` is a list of `[old start, old lines, new start, new lines, offset, length]`: lines are
    counted from 1 as in its header, bytes within the version's file from the header line on.
    """

    class Status(models.TextChoices):
        ADDED = "added", "added"
        DELETED = "deleted", "deleted"
        MODIFIED = "modified", "modified"
        RENAMED = "renamed", "renamed"
        COPIED = "copied", "copied"

    version = models.ForeignKey(PatchVersion, models.CASCADE, related_name="files")
    commit = models.ForeignKey(PatchCommit, models.CASCADE, related_name="files")
    # Within the commit, from 1.
    position = models.PositiveIntegerField()
    path = models.CharField(max_length=PATH_CHARS)
    # Of one that was renamed or copied; else "".
    old_path = models.CharField(max_length=PATH_CHARS, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices)
    is_binary = models.BooleanField(default=False)
    # Six octal digits as git has them, "" where the diff does not say.
    old_mode = models.CharField(max_length=6, blank=True)
    new_mode = models.CharField(max_length=6, blank=True)
    added = models.PositiveIntegerField()
    removed = models.PositiveIntegerField()
    offset = models.BigIntegerField()
    length = models.BigIntegerField()
    hunks = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["commit__position", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["commit", "position"], name="patch_file_position"),
        ]
        indexes: ClassVar = [models.Index(fields=["path", "version"], name="patch_file_by_path")]

    def __str__(self) -> str:
        return self.path


class Look(models.Model):
    """What was found in something that somebody sent: a patch, none, or why it is none.

    One row for each attachment, comment or report that was looked at; `reason` is a sentence for
    its reader where it has the look of a patch and cannot be taken as one.
    """

    class Outcome(models.TextChoices):
        PATCH = "patch", "a patch"
        NOTHING = "nothing", "no patch"
        REFUSED = "refused", "not to be taken as a patch"

    attachment = models.OneToOneField(
        Attachment, models.CASCADE, null=True, blank=True, related_name="patch_look"
    )
    comment = models.OneToOneField(
        Comment, models.CASCADE, null=True, blank=True, related_name="patch_look"
    )
    # The description of a report.
    problem = models.OneToOneField(
        Problem, models.CASCADE, null=True, blank=True, related_name="patch_look"
    )
    outcome = models.CharField(max_length=10, choices=Outcome.choices)
    reason = models.CharField(max_length=300, blank=True)
    version = models.ForeignKey(
        PatchVersion, models.SET_NULL, null=True, blank=True, related_name="looks"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(attachment__isnull=False, comment=None, problem=None)
                | Q(attachment=None, comment__isnull=False, problem=None)
                | Q(attachment=None, comment=None, problem__isnull=False),
                name="look_at_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.outcome}: {self.reason}"


# What people say


class Review(models.Model):
    """What one person says of a version at once: words, comments on lines, ratings.

    A draft is its author's alone; there is one of a person for a patch. It is sent as a whole.
    """

    class Verdict(models.TextChoices):
        COMMENT = "comment", "comment"
        CHANGES = "changes", "asks for changes"

    patch = models.ForeignKey(Patch, models.CASCADE, related_name="reviews")
    version = models.ForeignKey(PatchVersion, models.CASCADE, related_name="reviews")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="reviews"
    )
    text = models.TextField(blank=True)
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.COMMENT)
    door = models.CharField(max_length=10, choices=Door.choices)
    started_at = models.DateTimeField(default=timezone.now)
    # None while it is a draft.
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["patch", "author"], condition=Q(sent_at=None), name="review_draft_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["patch", "id"]),
            models.Index(fields=["author", "-id"], name="review_by_author"),
        ]

    def __str__(self) -> str:
        return f"review {self.pk} of patch {self.patch_id}"


class Side(models.TextChoices):
    """Of which side of a diff a line is."""

    OLD = "old", "before"
    NEW = "new", "after"


class Thread(models.Model):
    """A talk about some lines of a patch; where they are in each version is in its places.

    `lines` are the lines as they were when it began, without the signs of the diff.
    """

    patch = models.ForeignKey(Patch, models.CASCADE, related_name="threads")
    version = models.ForeignKey(PatchVersion, models.CASCADE, related_name="begun_threads")
    lines = models.TextField(blank=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["patch", "id"])]

    def __str__(self) -> str:
        return f"thread {self.pk} on patch {self.patch_id}"


class ThreadPlace(models.Model):
    """Where the lines of a thread are in one version of its patch.

    Line numbers are those of the file on that side, from 1, both included; 0 to 0 is the file as a
    whole. `path` "" is the message of the commit.
    """

    class Found(models.TextChoices):
        BEGUN = "begun", "as it began"
        SAME = "same", "the lines are as they were"
        MOVED = "moved", "the same lines are elsewhere"
        EDITED = "edited", "the lines were changed"
        GONE = "gone", "the lines are gone"

    thread = models.ForeignKey(Thread, models.CASCADE, related_name="places")
    version = models.ForeignKey(PatchVersion, models.CASCADE, related_name="thread_places")
    found = models.CharField(max_length=10, choices=Found.choices)
    # The position of the commit; 0 where the lines are gone.
    commit = models.PositiveIntegerField()
    path = models.CharField(max_length=PATH_CHARS, blank=True)
    side = models.CharField(max_length=3, choices=Side.choices)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["thread", "version"], name="thread_place_once"),
            models.CheckConstraint(condition=Q(start__lte=models.F("end")), name="thread_lines"),
        ]
        indexes: ClassVar = [models.Index(fields=["version", "path"], name="thread_by_file")]

    def __str__(self) -> str:
        return f"{self.path}:{self.start}"


class LineComment(models.Model):
    """One entry of a thread. With a fence called `suggestion` it proposes other lines."""

    review = models.ForeignKey(Review, models.CASCADE, related_name="comments")
    thread = models.ForeignKey(Thread, models.CASCADE, related_name="comments")
    text = models.TextField()
    # Whether sending the review resolves the thread, or opens it again.
    resolves = models.BooleanField(null=True)
    # The version in which its suggestion was applied.
    applied_in = models.ForeignKey(
        PatchVersion, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]

    def __str__(self) -> str:
        return f"comment {self.pk} in thread {self.thread_id}"


class RatingDimension(models.Model):
    """In what a product has its patches rated, where that is not the default.

    `is_objection` turns it round: to rate there speaks against the patch ("fails here").
    """

    class VoidedBy(models.TextChoices):
        """What of a later version makes a rating void; a rebase never does."""

        CONTENT = "content", "any changed content"
        DOCUMENTATION = "documentation", "changed documentation"
        NOTHING = "nothing", "nothing"

    product = models.ForeignKey(Product, models.CASCADE, related_name="rating_dimensions")
    slug = models.SlugField(max_length=30)
    title = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=0)
    is_objection = models.BooleanField(default=False)
    # Whether one may say no as well as yes.
    has_minus = models.BooleanField(default=True)
    # Whether who rates is asked where it was tried.
    asks_environment = models.BooleanField(default=False)
    voided_by = models.CharField(max_length=15, choices=VoidedBy.choices, default=VoidedBy.CONTENT)

    class Meta:
        ordering: ClassVar = ["product", "position", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "slug"], name="rating_dimension_once"),
        ]

    def __str__(self) -> str:
        return self.title


class Rating(models.Model):
    """One person's word on a version, in one dimension and, where it asks, one environment.

    A later word of the same person replaces it: the rows stay, `is_current` is True for the last.
    `value` is +1 or -1, and 0 for one that takes the word before it back.
    """

    patch = models.ForeignKey(Patch, models.CASCADE, related_name="ratings")
    version = models.ForeignKey(PatchVersion, models.CASCADE, related_name="ratings")
    review = models.ForeignKey(
        Review, models.SET_NULL, null=True, blank=True, related_name="ratings"
    )
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="ratings")
    # The slug of a dimension, which the product may have dropped since.
    dimension = models.CharField(max_length=30)
    value = models.SmallIntegerField()
    release = models.ForeignKey(Release, models.SET_NULL, null=True, blank=True, related_name="+")
    architecture = models.CharField(max_length=50, blank=True)
    hardware = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=500, blank=True)
    door = models.CharField(max_length=10, choices=Door.choices)
    is_current = models.BooleanField(default=True)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["patch", "person", "dimension", "architecture"],
                condition=Q(is_current=True),
                name="rating_current_once",
            ),
            models.CheckConstraint(condition=Q(value__gte=-1, value__lte=1), name="rating_value"),
        ]
        indexes: ClassVar = [models.Index(fields=["patch", "id"], name="rating_of_patch")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.value:+d} by {self.person_id} on patch {self.patch_id}"


class BranchRule(models.Model):
    """What patches for some branches need before a committer integrates them.

    `branch` is a pattern as a shell has it: "" is the main branch, "stable/*" others. Of several
    that match the first in order holds; where none does, `patches.reviews.needs.USUAL` does.
    """

    product = models.ForeignKey(Product, models.CASCADE, related_name="branch_rules")
    branch = models.CharField(max_length=BRANCH_CHARS, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["product", "position", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["product", "branch"], name="branch_rule_once"),
        ]

    def __str__(self) -> str:
        return self.branch or "main"


class Requirement(models.Model):
    """One part of a rule: so many people of a kind who speak for it in a dimension, or nobody who
    speaks against."""

    class By(models.TextChoices):
        ANYBODY = "anybody", "anybody but its author"
        DEVELOPER = "developer", "a developer"
        MAINTAINER = "maintainer", "a maintainer"
        COMMITTER = "committer", "a committer"

    class Different(models.TextChoices):
        """In what those who are counted must differ, beside who they are."""

        NOTHING = "", "nothing"
        ARCHITECTURE = "architecture", "architecture"
        RELEASE = "release", "release"

    rule = models.ForeignKey(BranchRule, models.CASCADE, related_name="requirements")
    dimension = models.CharField(max_length=30)
    # 0: nobody may speak against it there.
    count = models.PositiveSmallIntegerField(default=1)
    by = models.CharField(max_length=10, choices=By.choices, default=By.ANYBODY)
    different = models.CharField(max_length=12, choices=Different.choices, blank=True)

    class Meta:
        ordering: ClassVar = ["rule", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["rule", "dimension", "by", "count"], name="requirement_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dimension}: {self.count} by {self.by}"


# Who should look


class ComponentPath(models.Model):
    """Files of a component: a pattern as in CODEOWNERS."""

    component = models.ForeignKey(Component, models.CASCADE, related_name="paths")
    pattern = models.CharField(max_length=PATH_CHARS)

    class Meta:
        ordering: ClassVar = ["component", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["component", "pattern"], name="component_path_once"),
        ]

    def __str__(self) -> str:
        return self.pattern


class MaintainersFile(models.Model):
    """A product's own list of who looks after which files, as its project writes it."""

    class Format(models.TextChoices):
        MAINTAINERS = "maintainers", "FreeBSD's MAINTAINERS"
        CODEOWNERS = "codeowners", "CODEOWNERS"

    product = models.OneToOneField(Product, models.CASCADE, related_name="maintainers_file")
    format = models.CharField(max_length=12, choices=Format.choices)
    text = models.TextField()
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "maintainers file"

    def __str__(self) -> str:
        return f"{self.format} of {self.product_id}"


class ReviewRequest(models.Model):
    """Somebody should look at a patch, and why; what they answered."""

    class State(models.TextChoices):
        OPEN = "open", "asked"
        CLAIMED = "claimed", "has claimed it"
        DECLINED = "declined", "not theirs"

    patch = models.ForeignKey(Patch, models.CASCADE, related_name="review_requests")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="review_requests"
    )
    # A sentence for that person: "You maintain sys/netinet."
    reason = models.CharField(max_length=300)
    # Nobody where the maintainers file or a component asked.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    # Out of the person's queue and digests until then.
    snoozed_until = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(default=timezone.now)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["patch", "person"], name="review_request_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["person", "state", "patch"], name="review_request_of_person"),
        ]

    def __str__(self) -> str:
        return f"patch {self.patch_id} to {self.person_id}"


class PatchEvent(AppendOnly):
    """One entry of a patch's history. What it says beside its columns is in `data`, in words that
    a page can print: titles, handles, numbers, never row ids."""

    class Kind(models.TextChoices):
        SUBMITTED = "submitted", "submitted"
        VERSION = "version", "new version"
        REVIEWED = "reviewed", "reviewed"
        RATED = "rated", "rated"
        RESOLVED = "resolved", "thread resolved"
        ASKED = "asked", "review asked for"
        CLAIMED = "claimed", "review claimed"
        PASSED_ON = "passed on", "review passed on"
        CHANGED = "changed", "changed"
        ESCALATED = "escalated", "escalated"
        DECIDED = "decided", "decided"
        REOPENED = "reopened", "opened again"

    patch = models.ForeignKey(Patch, models.CASCADE, related_name="events")
    # Nobody for what the tracker itself did.
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    kind = models.CharField(max_length=10, choices=Kind.choices)
    door = models.CharField(max_length=10, choices=Door.choices)
    version = models.ForeignKey(PatchVersion, models.SET_NULL, null=True, related_name="+")
    review = models.ForeignKey(Review, models.SET_NULL, null=True, related_name="+")
    # Whom it concerns, where that is somebody beside the actor: who was asked.
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    # Whose turn it was and is; the same where it did not move.
    turn_before = models.CharField(max_length=10, choices=Turn.choices, blank=True)
    turn_after = models.CharField(max_length=10, choices=Turn.choices, blank=True)
    data = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [
            models.Index(fields=["patch", "id"]),
            models.Index(fields=["-at"], name="patch_event_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} patch {self.patch_id}"
