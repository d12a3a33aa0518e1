"""A version as rows and a file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final

from django.core.files.base import ContentFile
from django.db.models.fields.files import FieldFile

from accounts.models import Person
from patches.models import (
    PATH_CHARS,
    TITLE_CHARS,
    Patch,
    PatchCommit,
    PatchFile,
    PatchVersion,
)
from patches.parsed import ParsedCommit, ParsedFile, ParsedPatch
from tracker.models import Attachment, Comment, Door
from tracker.text import clean_line, clean_text

ROWS_AT_ONCE: Final = 500

Source = Attachment | Comment | None


def digest_of(parsed: ParsedPatch) -> str:
    """Of all that a version says: its diffs, and the words of its commits. 64 digits."""
    digest = hashlib.sha256(parsed.text)
    if parsed.is_series:
        for commit in parsed.commits:
            said = (commit.subject, commit.message, commit.author_name, commit.author_email)
            for words in said:
                digest.update(b"\0" + words.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def store_version(
    patch: Patch,
    parsed: ParsedPatch,
    submitter: Person,
    door: Door,
    *,
    before: PatchVersion | None,
    note: str = "",
    source: Source = None,
) -> PatchVersion:
    """The version that follows on `before`, with its files. The caller holds the patch's row."""
    version = PatchVersion(patch=patch, submitter=submitter, door=door, note=note)
    version.number = before.number + 1 if before else 1
    is_same = before is not None and before.content == parsed.content
    version.content_since = before.content_since if before and is_same else version.number
    version.attachment = source if isinstance(source, Attachment) else None
    version.comment = source if isinstance(source, Comment) else None
    _describe(version, parsed)
    _keep(version.file, version, parsed.text)
    if parsed.original:
        _keep(version.original, version, parsed.original)
    version.save()
    _store_commits(version, parsed.commits)
    return version


def _describe(version: PatchVersion, parsed: ParsedPatch) -> None:
    """Set what follows from the patch as it came."""
    version.kind = PatchVersion.Kind.SERIES if parsed.is_series else PatchVersion.Kind.DIFF
    version.message_id = clean_line(parsed.message_id[:1000])[:255]
    version.base_commit = clean_line(parsed.base_commit[:200])[:64]
    version.sha256, version.content = digest_of(parsed), parsed.content
    files = [file for commit in parsed.commits for file in commit.files]
    version.size, version.commits_count = len(parsed.text), len(parsed.commits)
    version.files_count = len({file.path for file in files})
    version.added = sum(file.added for file in files)
    version.removed = sum(file.removed for file in files)


def _keep(field: FieldFile, version: PatchVersion, content: bytes) -> None:
    """Put the bytes where their digest says; the same are kept once."""
    path = field.field.generate_filename(version, hashlib.sha256(content).hexdigest())
    if field.storage.exists(path):
        field.name = path
    else:
        field.save(path.rpartition("/")[2], ContentFile(content), save=False)


def _store_commits(version: PatchVersion, commits: Iterable[ParsedCommit]) -> None:
    parsed = list(commits)
    rows = [_commit(version, position, each) for position, each in enumerate(parsed, start=1)]
    PatchCommit.objects.bulk_create(rows, ROWS_AT_ONCE)
    files = (file for row, each in zip(rows, parsed, strict=True) for file in _files(row, each))
    PatchFile.objects.bulk_create(files, ROWS_AT_ONCE)


def _commit(version: PatchVersion, position: int, parsed: ParsedCommit) -> PatchCommit:
    return PatchCommit(
        version=version,
        position=position,
        subject=clean_line(parsed.subject[: 4 * TITLE_CHARS])[:TITLE_CHARS],
        message=clean_text(parsed.message),
        author_name=clean_line(parsed.author_name[:1000])[:200],
        author_email=clean_line(parsed.author_email[:1000])[:254],
        authored_at=parsed.authored_at,
        patch_id=parsed.patch_id,
        offset=parsed.offset,
        length=parsed.length,
    )


def _files(commit: PatchCommit, parsed: ParsedCommit) -> Iterator[PatchFile]:
    for position, file in enumerate(parsed.files, start=1):
        yield _file(commit, position, file)


def _file(commit: PatchCommit, position: int, parsed: ParsedFile) -> PatchFile:
    return PatchFile(
        version=commit.version,
        commit=commit,
        position=position,
        path=parsed.path[:PATH_CHARS],
        old_path=parsed.old_path[:PATH_CHARS],
        status=parsed.status,
        is_binary=parsed.is_binary,
        old_mode=parsed.old_mode,
        new_mode=parsed.new_mode,
        added=parsed.added,
        removed=parsed.removed,
        offset=parsed.offset,
        length=parsed.length,
        hunks=[hunk.as_list() for hunk in parsed.hunks],
    )
