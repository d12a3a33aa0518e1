"""The tables of patches for the archive, and what is corrected where only a part of them leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q

from accounts.transfer.registry import BadRow, Part, Row, Stored, Table, registry
from patches.models import (
    BranchRule,
    ComponentPath,
    LineComment,
    Look,
    MaintainersFile,
    Patch,
    PatchCommit,
    PatchComponent,
    PatchEvent,
    PatchFile,
    PatchFix,
    PatchVersion,
    Rating,
    RatingDimension,
    Requirement,
    Review,
    ReviewRequest,
    Thread,
    ThreadPlace,
    version_path,
)
from patches.policies import visible
from patches.unseen import patch_of
from tracker.models import Attachment, Comment, Event, Problem
from tracker.transfer.groups import members_by_head, regrouped
from tracker.transfer.tables import check_sha256
from votes.models import Vote

NOBODY_REFERS: Final = "no other row and no address names it"
_HUNK_NUMBERS: Final = 6


def declare() -> None:
    """Called once, when the app is ready."""
    registry.add(*_rules(), *_patches(), *_versions(), *_talk())
    registry.rewrite(Patch, _count_anew)
    registry.rewrite(PatchVersion, _cut_sources)
    registry.rewrite(Look, _cut_sources)
    registry.rewrite(PatchEvent, _hide_numbers)
    registry.rewrite(Event, _hide_patches)


def _rules() -> list[Table]:
    """What products want of patches, and who looks after which files."""
    return [
        Table(
            "rating_dimensions", RatingDimension, left_out={"id": NOBODY_REFERS}, within="product",
            public=(
                "product", "slug", "title", "position", "is_objection", "has_minus",
                "asks_environment", "voided_by",
            ),
        ),
        Table(
            "branch_rules", BranchRule, key=("product", "branch"), within="product",
            left_out={"id": "its branch names it"}, public=("product", "branch", "position"),
        ),
        Table(
            "requirements", Requirement, left_out={"id": NOBODY_REFERS}, within="rule",
            public=("rule", "dimension", "count", "by", "different"),
        ),
        Table(
            "component_paths", ComponentPath, left_out={"id": NOBODY_REFERS}, within="component",
            public=("component", "pattern"),
        ),
        # Such files hold addresses of people.
        Table("maintainers_files", MaintainersFile, left_out={"id": NOBODY_REFERS},
              within="product"),
    ]  # fmt: skip


def _patches() -> list[Table]:
    return [
        Table(
            "patches", Patch, key=("number",), within=_the_patches,
            public=(
                "number", "product", "title", "description", "target", "author", "author_name",
                "submitter", "state", "is_waiting", "turn", "turn_since", "is_reviewed", "latest",
                "content_since", "demand", "waited", "stage", "created_at", "changed_at",
                "decided_at", "decided_by", "decision", "commit",
            ),
        ),
        Table(
            "patch_fixes", PatchFix, left_out={"id": NOBODY_REFERS},
            within=lambda part: part.has(PatchFix, "patch") & part.has(PatchFix, "problem"),
            public=("patch", "problem", "added_at"),
        ),
        Table(
            "patch_components", PatchComponent, left_out={"id": NOBODY_REFERS}, within="patch",
            public=("patch", "component"),
        ),
        Table(
            "patch_events", PatchEvent, key=("id",), within=_public_events,
            public=(
                "id", "patch", "actor", "kind", "door", "version", "turn_before", "turn_after",
                "data", "at",
            ),
        ),
    ]  # fmt: skip


def _versions() -> list[Table]:
    return [
        Table(
            "patch_versions", PatchVersion, key=("id",), within="patch", prepare=_place_files,
            # What it was made of may be a mail with addresses.
            files=(Stored("file", size="size", is_public=True), Stored("original")),
            public=(
                "id", "patch", "number", "kind", "submitter", "door", "note", "attachment",
                "comment", "base_commit", "file", "sha256", "size", "content", "content_since",
                "commits_count", "files_count", "added", "removed", "changes_by", "changes",
                "created_at",
            ),
        ),
        Table(
            "patch_commits", PatchCommit, key=("id",), within="version",
            public=(
                "id", "version", "position", "subject", "message", "author_name", "authored_at",
                "patch_id", "offset", "length",
            ),
        ),
        Table(
            "patch_files", PatchFile, left_out={"id": NOBODY_REFERS}, within="version",
            prepare=_check_hunks,
            public=(
                "version", "commit", "position", "path", "old_path", "status", "is_binary",
                "old_mode", "new_mode", "added", "removed", "offset", "length", "hunks",
            ),
        ),
        # Whether something that everybody sees became a patch that not everybody sees is private.
        Table("patch_looks", Look, left_out={"id": NOBODY_REFERS}, within=_the_looks),
    ]  # fmt: skip


def _talk() -> list[Table]:
    return [
        Table(
            "reviews", Review, key=("id",), within=_the_reviews,
            public=("id", "patch", "version", "author", "text", "verdict", "door", "sent_at"),
        ),
        Table(
            "threads", Thread, key=("id",), within=_the_threads,
            public=("id", "patch", "version", "lines", "resolved_at", "resolved_by"),
        ),
        Table(
            "thread_places", ThreadPlace, left_out={"id": NOBODY_REFERS}, within="thread",
            public=("thread", "version", "found", "commit", "path", "side", "start", "end"),
        ),
        Table(
            "line_comments", LineComment, key=("id",), within="review",
            public=("id", "review", "thread", "text", "resolves", "applied_in", "created_at"),
        ),
        Table(
            "ratings", Rating, left_out={"id": NOBODY_REFERS}, within="patch",
            public=(
                "patch", "version", "review", "person", "dimension", "value", "release",
                "architecture", "hardware", "note", "is_current", "at",
            ),
        ),
        Table(
            "review_requests", ReviewRequest, left_out={"id": NOBODY_REFERS}, of_people=True,
            within=lambda part: part.has(ReviewRequest, "patch")
            & part.has(ReviewRequest, "person"),
        ),
    ]  # fmt: skip


def _the_patches(part: Part) -> Q:
    seen = visible(AnonymousUser()) if part.is_public else Q()
    return seen & (part.has(Patch, "product") if part.product else Q())


def _public_events(part: Part) -> Q:
    """Whom somebody asked for a review is between these two."""
    kinds = PatchEvent.Kind
    private = (kinds.ASKED, kinds.CLAIMED, kinds.PASSED_ON) if part.is_public else ()
    return part.has(PatchEvent, "patch") & ~Q(kind__in=private)


def _the_reviews(part: Part) -> Q:
    """A draft is its author's alone."""
    sent = Q(sent_at__isnull=False) if part.is_public else Q()
    return part.has(Review, "patch") & sent


def _the_threads(part: Part) -> Q:
    """One that began in a draft is a part of the draft."""
    if not part.is_public:
        return part.has(Thread, "patch")
    said = LineComment.objects.filter(thread=OuterRef("pk"), review__sent_at__isnull=False)
    return part.has(Thread, "patch") & Q(Exists(said))


def _the_looks(part: Part) -> Q:
    return (
        part.has(Look, "attachment") | part.has(Look, "comment") | part.has(Look, "problem")
    )  # fmt: skip


def _place_files(version: PatchVersion) -> None:
    check_sha256("sha256", version.sha256)
    check_sha256("file", version.file.name or "")
    version.file.name = version_path(version, version.file.name or "")
    if version.original.name:
        check_sha256("original", version.original.name)
        version.original.name = version_path(version, version.original.name)


def _check_hunks(file: PatchFile) -> None:
    hunks: Any = file.hunks
    if not isinstance(hunks, list) or not all(
        isinstance(each, list)
        and len(each) == _HUNK_NUMBERS
        and all(type(number) is int and number >= 0 for number in each)
        for each in hunks
    ):
        raise BadRow(f"hunks must be a list of lists of {_HUNK_NUMBERS} numbers")


# Where only a part leaves


def _count_anew(part: Part, rows: list[Row]) -> None:
    """Demand counts over the problems that come along, and of their groups those that do."""
    fixed = _cut_fixes(part, [row["number"] for row in rows])
    groups = _groups(part, {number for each in fixed.values() for number in each})
    voters = _voters({number for each in groups.values() for number in each})
    for row in rows:
        if row["number"] in fixed:
            counted = (groups[number] for number in fixed[row["number"]])
            people = {who for number in set().union(*counted) for who in voters[number]}
            row["demand"] = len(people)


def _cut_fixes(part: Part, patches: list[int]) -> dict[int, list[int]]:
    """patch -> the problems in this part that it fixes, for those of whose problems, or of whose
    groups, something stays behind."""
    fixes = PatchFix.objects.filter(patch__in=patches).order_by("pk")
    changed = regrouped(part)
    pairs = list(fixes.values_list("patch", "problem"))
    named = {problem for _, problem in pairs}
    kept = set(part.rows(Problem).filter(pk__in=named).values_list("pk", flat=True))
    cut = {patch for patch, problem in pairs if problem not in kept or problem in changed}
    found: dict[int, list[int]] = {patch: [] for patch in cut}
    for patch, problem in pairs:
        if patch in cut and problem in kept:
            found[patch].append(problem)
    return found


def _groups(part: Part, problems: set[int]) -> dict[int, set[int]]:
    """problem -> those whose votes count for a patch for it, as `patches.waiting.demand` has it."""
    changed = regrouped(part)
    heads = dict(Problem.objects.filter(pk__in=problems).values_list("pk", "head"))
    heads |= {number: changed[number].head for number in problems & changed.keys()}
    standing = {head or number for number, head in heads.items()}
    members = members_by_head(changed)
    uncut = standing - members.keys()
    for head, number in Problem.objects.filter(head__in=uncut).values_list("head", "pk"):
        if head is not None:
            members.setdefault(head, [head]).append(number)
    everybody = standing | {number for head in standing for number in members.get(head, [])}
    rows = Problem.objects.filter(pk__in=everybody, is_confidential=True)
    hidden = set(rows.values_list("pk", flat=True))
    return {number: _counted(number, head, members, hidden) for number, head in heads.items()}


def _counted(
    number: int, head: int | None, members: Mapping[int, list[int]], hidden: set[int]
) -> set[int]:
    if head is not None and head in hidden:
        return {number}
    group = {number, *members.get(head or number, [head or number])}
    return group if number in hidden and head is None else group - hidden | {number}


def _voters(problems: set[int]) -> dict[int, list[int]]:
    """problem -> the people whose vote on it counts."""
    found = defaultdict(list)
    votes = Vote.objects.filter(problem__in=problems, status=Vote.Status.COUNTED)
    for problem, who in votes.order_by().values_list("problem", "person"):
        found[problem].append(who)
    return found


def _cut_sources(part: Part, rows: list[Row]) -> None:
    """What a version was found in, and what was found in something, may stay behind."""
    sources = {"attachment": Attachment, "comment": Comment, "version": PatchVersion}
    for name, model in sources.items():
        named = {row[name] for row in rows if row.get(name) is not None}
        kept = set(part.rows(model).filter(pk__in=named).values_list("pk", flat=True))
        for row in rows:
            if row.get(name) not in kept and name in row:
                row[name] = None


def _hide_numbers(part: Part, rows: list[Row]) -> None:
    """History names no problem that is not in the archive."""
    changes = [change for row in rows for change in row["data"].get("changes", [])]
    fixes = [change for change in changes if change["field"] == "fixes"]
    named = {number for change in fixes for side in ("old", "new") for number in change[side]}
    kept = set(part.rows(Problem).filter(pk__in=named).values_list("pk", flat=True))
    for change in fixes:
        for side in ("old", "new"):
            change[side] = [number for number in change[side] if number in kept]


def _hide_patches(part: Part, rows: list[Row]) -> None:
    """History of problems tells of no patch that is not in the archive."""
    named = {number for row in rows for c in row["changes"] if (number := patch_of(c["field"]))}
    kept = set(part.rows(Patch).filter(pk__in=named).values_list("pk", flat=True)) if named else ()
    for row in rows:
        row["changes"] = [
            change
            for change in row["changes"]
            if not (number := patch_of(change["field"])) or number in kept
        ]
