"""Suggestions made into the next version: other lines on the new side of the hunks.

The edit is done in the text of the version, so it needs no repository (see `patches.git.editing`).
What cannot be done there is refused with a reason: lines that are not in the diff as they were, and
those of which a later commit of the series changes a part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from patches.git.editing import CannotEdit, LineEdit, edit_series
from patches.git.ids import content_of, patch_ids
from patches.git.series import Commit, FileChange, Series, series_of
from patches.models import LineComment, PatchFile, PatchVersion, Side, ThreadPlace
from patches.parsed import ParsedCommit, ParsedFile, ParsedHunk, ParsedPatch
from patches.reading.suggestions import proposed
from tracker.changes import Conflict

REMOVED, ADDED = b"-", b"+"
_IN_PLACE: Final = frozenset(
    {ThreadPlace.Found.BEGUN, ThreadPlace.Found.SAME, ThreadPlace.Found.MOVED}
)


@dataclass(frozen=True)
class Edit:
    """Lines `start` to `end` of the new side, from 1 and both included, become `lines`."""

    commit: int
    path: str
    start: int
    end: int
    lines: tuple[str, ...]


def edit_of(comment: LineComment, newest: PatchVersion) -> Edit:
    """What the suggestion of a comment asks of the newest version. Raises `Conflict` with a
    sentence for one that does not fit there."""
    lines = proposed(comment.text)
    if lines is None:
        raise Conflict("One of these comments suggests no lines.")
    if comment.applied_in_id is not None:
        raise Conflict("One of these suggestions was applied already.")
    place = comment.thread.places.filter(version=newest).first()
    if place is None or place.found not in _IN_PLACE:
        raise Conflict("The lines of one of these suggestions were changed since it was made.")
    if place.side != Side.NEW or not place.path or not place.start:
        raise Conflict(
            "A suggestion can be applied to lines of a file as they are after the patch."
        )
    return Edit(place.commit, place.path, place.start, place.end, lines)


def edited(version: PatchVersion, edits: Sequence[Edit]) -> ParsedPatch:
    """The version with other lines. Raises `Conflict` where that cannot be done in its text."""
    _refuse_overlapping(edits)
    series = series_of(version)
    try:
        made = edit_series(series, [_with_ends(series, edit) for edit in edits])
    except CannotEdit as refused:
        raise Conflict(refused.reason) from refused
    return _assemble(version, made)


def _with_ends(series: Series, edit: Edit) -> LineEdit:
    had = [
        text
        for commit in series.commits
        for file in commit.files
        if (commit.position, file.path) == (edit.commit, edit.path)
        for text in _new_side(file, edit)
    ]
    return LineEdit(edit.commit, edit.path, edit.start, edit.end, _as_bytes(edit, had))


def _new_side(file: FileChange, edit: Edit) -> Iterator[bytes]:
    """The lines that an edit is about, as far as they are in the diff."""
    for hunk in file.hunks:
        side = (text for sign, text in hunk.rows if sign != REMOVED)
        for number, text in enumerate(side, hunk.new_start):
            if edit.start <= number <= edit.end:
                yield text


def _refuse_overlapping(edits: Iterable[Edit]) -> None:
    last: Edit | None = None
    for edit in sorted(edits, key=lambda e: (e.commit, e.path, e.start)):
        same_file = last and (last.commit, last.path) == (edit.commit, edit.path)
        if last and same_file and edit.start <= last.end:
            raise Conflict("Two of these suggestions are about the same lines. Choose one of them.")
        last = edit


def _as_bytes(edit: Edit, had: Sequence[bytes]) -> list[bytes]:
    """The new lines with the ends that the lines had which they replace."""
    try:
        b"".join(had).decode()
    except UnicodeDecodeError as error:
        raise Conflict(
            f"The lines of “{edit.path}” are not in UTF-8, so what was typed here would not be as "
            "they are. Make this version in your repository and send it."
        ) from error
    end = b"\r\n" if any(text.endswith(b"\r\n") for text in had) else b"\n"
    lines = [line.encode(errors="replace") + end for line in edit.lines]
    if lines and had and not had[-1].endswith(b"\n"):
        lines[-1] = lines[-1].removesuffix(end)
    return lines


def _assemble(version: PatchVersion, series: Series) -> ParsedPatch:
    diffs = [b"".join(file.raw for file in commit.files) for commit in series.commits]
    ids = patch_ids(diffs)
    commits, offset = [], 0
    for commit, diff, patch_id in zip(series.commits, diffs, ids, strict=True):
        commits.append(_commit(commit, patch_id, offset))
        offset += len(diff)
    return ParsedPatch(
        text=b"".join(diffs),
        commits=commits,
        content=content_of(ids),
        base_commit=version.base_commit,
    )


def _commit(commit: Commit, patch_id: str, offset: int) -> ParsedCommit:
    files, at = [], offset
    for file in commit.files:
        files.append(_file(file, at))
        at += len(file.raw)
    return ParsedCommit(
        offset=offset,
        length=at - offset,
        files=files,
        subject=commit.subject,
        message=commit.message,
        author_name=commit.author_name,
        author_email=commit.author_email,
        authored_at=commit.authored_at,
        patch_id=patch_id,
    )


def _file(file: FileChange, offset: int) -> ParsedFile:
    at = offset + len(file.header)
    placed = []
    for hunk in file.hunks:
        numbers = (hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines)
        placed.append(ParsedHunk(*numbers, at, len(hunk.raw)))
        at += len(hunk.raw)
    rows = [sign for hunk in file.hunks for sign, _ in hunk.rows]
    return ParsedFile(
        path=file.path,
        old_path=file.old_path,
        status=PatchFile.Status(file.status),
        offset=offset,
        length=len(file.raw),
        added=rows.count(ADDED),
        removed=rows.count(REMOVED),
        is_binary=file.is_binary,
        old_mode=file.old_mode,
        new_mode=file.new_mode,
        hunks=placed,
    )
