"""Whether what somebody sends about a problem is a version of a patch that is there."""

from __future__ import annotations

from typing import Final

from django.db.models import Q, QuerySet

from accounts.models import Person
from patches.models import Patch, PatchCommit, PatchVersion
from patches.parsed import ParsedPatch
from patches.policies import may, visible_patches
from patches.submitting import paths_of
from tracker.models import Attachment, Comment, Problem
from tracker.text import clean_line

# The newest of somebody's patches of one problem that are compared.
_COMPARED: Final = 20


def already_there(
    parsed: ParsedPatch,
    problem: Problem,
    person: Person,
    source: Attachment | Comment | None = None,
) -> PatchVersion | None:
    """The version that this only shows again: somebody else's, or the very same bytes, or one that
    was superseded, or came in the same message."""
    same = (
        PatchVersion.objects.filter(
            patch__in=_patches(problem, person).values("pk"), content=parsed.content
        )
        .select_related("patch")
        .order_by("-pk")
    )
    for version in same[:_COMPARED]:
        patch = version.patch
        is_latest = version.number == patch.latest and patch.is_waiting
        if not patch.is_by(person) or not is_latest or _came_with(patch, source):
            return version
        if _text_of(version) == parsed.text:
            return version
    return None


def _text_of(version: PatchVersion) -> bytes:
    with version.file.open("rb") as file:
        return bytes(file.read())


def followed_by(
    parsed: ParsedPatch,
    problem: Problem,
    person: Person,
    source: Attachment | Comment | None = None,
) -> Patch | None:
    """The waiting patch of `problem` of which `parsed` is the next version; None for a new patch.

    A mail that answers a version is the next one where its sender may add it. Without that it is
    one of the sender's own patches: by its title, by its number and a commit of the same subject,
    by its content, or by mostly the same files; never one that came in the same message.
    """
    waiting = _patches(problem, person).filter(state=Patch.State.WAITING)
    if (answered := _answered(parsed, waiting, person)) is not None:
        return answered
    own = waiting.filter(Q(submitter=person) | Q(author=person)).order_by("-changed_at", "-number")
    mine = [patch for patch in own[:_COMPARED] if not _came_with(patch, source)]
    for is_it in (_has_content, _has_title, _has_commit, _has_files):
        for patch in mine:
            if is_it(patch, parsed):
                return patch
    return None


def _patches(problem: Problem, person: Person) -> QuerySet[Patch]:
    return visible_patches(person).filter(patchfix__problem=problem)


def _answered(parsed: ParsedPatch, waiting: QuerySet[Patch], person: Person) -> Patch | None:
    if not parsed.answers:
        return None
    found = waiting.filter(versions__message_id__in=list(parsed.answers)).distinct()
    return next((p for p in found.order_by("-number") if may("patch.add_version", person, p)), None)


def _came_with(patch: Patch, source: Attachment | Comment | None) -> bool:
    """Whether it came in the same comment or mail: two files of it are two patches."""
    message = source.comment_id if isinstance(source, Attachment) else source and source.pk
    if not message:
        return False
    here = Q(attachment__comment=message) | Q(comment=message)
    return patch.versions.filter(here).exists()


def _latest(patch: Patch) -> PatchVersion:
    return patch.versions.get(number=patch.latest)


def _has_content(patch: Patch, parsed: ParsedPatch) -> bool:
    return _latest(patch).content == parsed.content


def _has_title(patch: Patch, parsed: ParsedPatch) -> bool:
    title = clean_line(parsed.title).casefold()
    return bool(title) and title == patch.title.casefold()


def _has_commit(patch: Patch, parsed: ParsedPatch) -> bool:
    subjects = {commit.subject for commit in parsed.commits if commit.subject}
    if parsed.version < 2 or not subjects:
        return False
    return PatchCommit.objects.filter(version=_latest(patch), subject__in=subjects).exists()


def _has_files(patch: Patch, parsed: ParsedPatch) -> bool:
    old, new = set(paths_of(_latest(patch))), set(parsed.paths)
    return 2 * len(old & new) >= max(len(old), len(new), 1)
