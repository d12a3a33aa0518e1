"""Whether what somebody sends about a problem is a version of a patch that is there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from django.db.models import F, Q, QuerySet

from accounts.models import Person
from patches.intake.telling import told_by
from patches.models import Patch, PatchCommit, PatchVersion
from patches.parsed import ParsedPatch
from patches.policies import may, visible_patches
from tracker.models import Attachment, Comment, Problem
from tracker.text import clean_line

# The newest of somebody's patches of one problem that are compared.
_COMPARED: Final = 20
# So much of a diff is compared line by line.
_COMPARED_BYTES: Final = 2**20
_COMPARED_COMMITS: Final = 500
_CHANGE_ID: Final = re.compile(r"^Change-Id: *(I[0-9a-f]{8,40})\s*$", re.M)


def already_there(
    parsed: ParsedPatch,
    problem: Problem,
    person: Person,
    source: Attachment | Comment | None = None,
) -> PatchVersion | None:
    """The version that this only shows again: somebody else's, or the very same bytes, or one that
    was superseded, or came in the same message. Who says of which patch it is a version goes back
    to one that was superseded."""
    told = told_by(parsed, source)
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
        if patch.pk == told and patch.is_waiting and not is_latest:
            continue
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
    """The waiting patch of which `parsed` is the next version; None for a new patch.

    What its sender says of it comes first. Then it is one that it answers, or that has a commit of
    the same Change-Id, where the sender may add versions. Else it is one of the sender's own, by
    content, title or number, or because it changes the same lines; never one that came in the same
    message.
    """
    if (told := told_by(parsed, source)) is not None:
        return _that_may_grow(_patches(problem, person).filter(pk=told), person)
    waiting = _patches(problem, person).filter(state=Patch.State.WAITING)
    meant = _answered(parsed, waiting, person) or _same_change(parsed, waiting, person)
    if meant is not None:
        return meant
    own = waiting.filter(Q(submitter=person) | Q(author=person)).order_by("-changed_at", "-number")
    mine = [_latest(patch) for patch in own[:_COMPARED] if not _came_with(patch, source)]
    for is_it in (_has_content, _has_title, _has_mark, _has_lines):
        for version in mine:
            if is_it(version, parsed):
                return version.patch
    return None


def _patches(problem: Problem, person: Person) -> QuerySet[Patch]:
    return visible_patches(person).filter(patchfix__problem=problem)


def _that_may_grow(patches: QuerySet[Patch], person: Person) -> Patch | None:
    """The newest waiting one to which `person` may add a version."""
    rows = patches.filter(state=Patch.State.WAITING).distinct().order_by("-number")
    return next((patch for patch in rows if may("patch.add_version", person, patch)), None)


def _answered(parsed: ParsedPatch, waiting: QuerySet[Patch], person: Person) -> Patch | None:
    """One whose mail it answers, unless it is another change that was sent as an answer."""
    if not parsed.answers:
        return None
    found = waiting.filter(versions__message_id__in=list(parsed.answers))
    patch = _that_may_grow(found, person)
    if patch is None or parsed.version > 1:
        return patch
    version = _latest(patch)
    is_it = any(each(version, parsed) for each in (_has_content, _has_title, _has_lines))
    return patch if is_it else None


def _same_change(parsed: ParsedPatch, waiting: QuerySet[Patch], person: Person) -> Patch | None:
    """One that has a commit of the same Change-Id, which a hook of Gerrit writes."""
    wanted = _change_ids(commit.message for commit in parsed.commits)
    if not wanted:
        return None
    commits = PatchCommit.objects.filter(
        version__patch__in=waiting.values("pk"),
        version__number=F("version__patch__latest"),
        message__contains="Change-Id: I",
    )
    rows = commits.order_by("-pk").values_list("version__patch", "message")[:_COMPARED_COMMITS]
    named = {number for number, message in rows if wanted & _change_ids([message])}
    return _that_may_grow(waiting.filter(pk__in=named), person)


def _change_ids(messages: Iterable[str]) -> set[str]:
    return {found for message in messages for found in _CHANGE_ID.findall(message)}


def _came_with(patch: Patch, source: Attachment | Comment | None) -> bool:
    """Whether it came in the same comment or mail: two files of it are two patches."""
    message = source.comment_id if isinstance(source, Attachment) else source and source.pk
    if not message:
        return False
    here = Q(attachment__comment=message) | Q(comment=message)
    return patch.versions.filter(here).exists()


# The newest version of a patch, and what may follow on it


def _latest(patch: Patch) -> PatchVersion:
    return patch.versions.select_related("patch").get(number=patch.latest)


def _has_content(version: PatchVersion, parsed: ParsedPatch) -> bool:
    return version.content == parsed.content


def _has_title(version: PatchVersion, parsed: ParsedPatch) -> bool:
    """Whether it is called as the patch is, or as its only commit was."""
    title = clean_line(parsed.title).casefold()
    names = {version.patch.title.casefold()}
    if version.commits_count == 1:
        names.add(version.commits.get().subject.casefold())
    return bool(title) and title in names


def _has_mark(version: PatchVersion, parsed: ParsedPatch) -> bool:
    """Whether it says `v2` or more, with a commit of the same subject, or mostly the same files."""
    if parsed.version < 2:
        return False
    subjects = {commit.subject for commit in parsed.commits if commit.subject}
    return version.commits.filter(subject__in=subjects).exists() or _has_files(version, parsed)


def _has_files(version: PatchVersion, parsed: ParsedPatch) -> bool:
    old, new = set(version.paths), set(parsed.paths)
    return 2 * len(old & new) >= max(len(old), len(new), 1)


def _has_lines(version: PatchVersion, parsed: ParsedPatch) -> bool:
    """Whether it changes mostly the same files, and half of what the smaller one says is in both.

    Of two that have names, and not the same, these are the changed lines; else those around them
    count as well, as a diff alone says by them what it is about.
    """
    if not _has_files(version, parsed):
        return False
    have_names = parsed.is_series and version.kind == PatchVersion.Kind.SERIES
    signs = (b"+", b"-") if have_names else (b"+", b"-", b" ")
    with version.file.open("rb") as file:
        old = _lines(file.read(_COMPARED_BYTES), signs)
    new = _lines(parsed.text[:_COMPARED_BYTES], signs)
    return 2 * len(old & new) >= min(len(old), len(new))


def _lines(text: bytes, signs: tuple[bytes, ...]) -> set[bytes]:
    """Those of its hunks with these signs, whatever blanks they have; what is there before counts
    as the same whether it is taken away or stays."""
    return {
        line[:1].replace(b"-", b" ") + line[1:].strip()
        for line in text.split(b"\n")
        if line.startswith(signs) and not line.startswith((b"--- ", b"+++ "))
    }
