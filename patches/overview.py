"""What the page of a patch shows beside the talk: versions, files, problems, own drafts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Exists, Max, Min, OuterRef, Q, Subquery

from accounts.models import Person
from accounts.policies import Viewer, as_person
from patches.models import (
    Patch,
    PatchCommit,
    PatchEvent,
    PatchFile,
    PatchVersion,
    Rating,
    Review,
)
from patches.reviews.reviewing import threads_for
from patches.reviews.talk import Remark, remarks_on
from tracker.models import Problem
from tracker.policies import visible_problems

MOST_FILES: Final = 200
MOST_COMMITS: Final = 100


@dataclass(frozen=True)
class CommitRow:
    """A commit of a version with those of its files that are shown."""

    commit: PatchCommit
    files: list[PatchFile]


@dataclass(frozen=True)
class Draft:
    """What a person has written and not sent."""

    review: Review
    remarks: list[Remark]


@dataclass(frozen=True)
class OpenThreads:
    """How many, and the number of the oldest."""

    count: int
    first: int | None


# The number of the last thing that happened to a patch.
LAST_EVENT: Final = Subquery(
    PatchEvent.objects.filter(patch=OuterRef("pk")).order_by("-pk").values("pk")[:1]
)


def patch_stamp(patch: Patch, last: int) -> str:
    """How it stands after its event `last`: another stamp means that there is news."""
    return f"{last}.{patch.latest}.{patch.demand}"


def versions_of(patch: Patch) -> list[PatchVersion]:
    """All versions, the newest first, without their long texts. One query."""
    rows = patch.versions.select_related("submitter", "attachment").defer("changes")
    versions = list(rows.order_by("-number"))
    for version in versions:
        version.patch = patch
    return versions


def contents_of(version: PatchVersion) -> list[CommitRow]:
    """The commits of a version with their files, the first of both where there are very many.

    Two queries.
    """
    commits = list(version.commits.defer("message").order_by("position")[:MOST_COMMITS])
    files = (
        version.files.defer("hunks")
        .filter(commit__position__lte=MOST_COMMITS)
        .order_by("commit__position", "position")[:MOST_FILES]
    )
    by_commit: dict[int, list[PatchFile]] = {commit.pk: [] for commit in commits}
    for file in files:
        by_commit[file.commit_id].append(file)
    return [CommitRow(commit, by_commit[commit.pk]) for commit in commits]


def problems_fixed(patch: Patch, viewer: Viewer) -> list[Problem]:
    """The problems that it fixes, as far as `viewer` may know of them; most people first."""
    rows = visible_problems(viewer).filter(patch_fixes__patch=patch)
    return list(rows.select_related("product", "component").order_by("-people", "number"))


def open_threads(patch: Patch) -> OpenThreads:
    """The threads that are not resolved, without anybody's drafts. One query."""
    rows = threads_for(patch, None).filter(resolved_at=None)
    return OpenThreads(**rows.aggregate(count=Count("pk"), first=Min("pk")))


def last_reviewed(patch: Patch, viewer: Viewer, now: int) -> int:
    """The number of the last version that `viewer` judged before version `now`: commented on its
    lines, asked for changes, or rated. 0 for none, for who judged that one, too, and for who sent
    the patch. One query at most."""
    person = as_person(viewer)
    if person is None or now == 1 or patch.is_by(person):
        return 0
    sent = Review.objects.filter(version=OuterRef("pk"), author=person, sent_at__isnull=False)
    judged = sent.filter(Q(verdict=Review.Verdict.CHANGES) | Q(comments__isnull=False))
    rated = Rating.objects.filter(version=OuterRef("pk"), person=person).exclude(value=0)
    rows = patch.versions.filter(Exists(judged) | Exists(rated), number__lte=now)
    last: int = rows.aggregate(last=Max("number"))["last"] or 0
    return last if last < now else 0


def draft_of(patch: Patch, person: Person) -> Draft | None:
    """What `person` has written on a patch and not sent. Three queries at most."""
    review = patch.reviews.filter(author=person, sent_at=None).select_related("version").first()
    if review is None:
        return None
    return Draft(review, remarks_on([review.pk]).get(review.pk, []))


def own_ratings(patch: Patch, person: Person) -> Iterable[Rating]:
    """What `person` says of it now, in each dimension and place."""
    return patch.ratings.filter(person=person, is_current=True).exclude(value=0)
