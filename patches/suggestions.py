"""Suggestions made into the next version: other lines on the new side of the hunks.

The edit is done in the text of the version, so it needs no repository. What cannot be done there
is refused with a reason: lines that are not in the diff as they were, and those of a commit after
which another one of the series changes the same file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from patches.git.ids import content_of, patch_ids
from patches.git.series import Commit, FileChange, Hunk, Row, Series, series_of
from patches.models import LineComment, PatchFile, PatchVersion, Side, ThreadPlace
from patches.parsed import ParsedCommit, ParsedFile, ParsedHunk, ParsedPatch
from patches.reading.suggestions import proposed
from tracker.changes import Conflict

CONTEXT, REMOVED, ADDED = b" ", b"-", b"+"
# The blobs that git names there are no longer those of the diff.
_INDEX: Final = re.compile(rb"^index [^\n]*\n", re.M)
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
    if place.side != Side.NEW or not place.path:
        raise Conflict(
            "A suggestion can be applied to lines of a file as they are after the patch."
        )
    return Edit(place.commit, place.path, place.start, place.end, lines)


def edited(version: PatchVersion, edits: Sequence[Edit]) -> ParsedPatch:
    """The version with other lines. Raises `Conflict` where that cannot be done in its text."""
    _refuse_overlapping(edits)
    series = series_of(version)
    pieces: list[_Piece] = []
    for commit in series.commits:
        own = [edit for edit in edits if edit.commit == commit.position]
        pieces.append(_edit_commit(series, commit, own))
    return _assemble(version, series, pieces)


def _refuse_overlapping(edits: Iterable[Edit]) -> None:
    last: Edit | None = None
    for edit in sorted(edits, key=lambda e: (e.commit, e.path, e.start)):
        same_file = last and (last.commit, last.path) == (edit.commit, edit.path)
        if last and same_file and edit.start <= last.end:
            raise Conflict("Two of these suggestions are about the same lines. Choose one of them.")
        last = edit


@dataclass(frozen=True)
class _File:
    """A file's part of the diff: its header, and its hunks as bytes with their numbers."""

    change: FileChange
    header: bytes
    hunks: list[Hunk]

    @property
    def raw(self) -> bytes:
        return self.header + b"".join(hunk.raw for hunk in self.hunks)


@dataclass(frozen=True)
class _Piece:
    """A commit with its files, and what stands above the first of them."""

    commit: Commit
    files: list[_File]

    @property
    def raw(self) -> bytes:
        return b"".join(file.raw for file in self.files)


def _edit_commit(series: Series, commit: Commit, edits: Sequence[Edit]) -> _Piece:
    files = []
    for change in commit.files:
        own = [edit for edit in edits if edit.path == change.path]
        if not own:
            files.append(_File(change, change.raw, []))
            continue
        _refuse_when_changed_later(series, commit, change)
        made = _edit_file(change, own)
        if made is not None:
            files.append(made)
    if not files:
        raise Conflict("This would leave nothing of a commit. Send a version without it instead.")
    return _Piece(commit, files)


def _refuse_when_changed_later(series: Series, commit: Commit, change: FileChange) -> None:
    for later in series.commits:
        if later.position <= commit.position:
            continue
        if any(change.path in (each.path, each.old_path) for each in later.files):
            raise Conflict(
                f"Commit {later.position} changes “{change.path}” as well, so it would no longer "
                "apply. Make this version in your repository and send it."
            )


def _edit_file(change: FileChange, edits: Sequence[Edit]) -> _File | None:
    """The file with the edits; None where nothing is left of its change."""
    hunks: list[Hunk] = []
    shift, done = 0, 0
    for hunk in change.hunks:
        own = [edit for edit in edits if _is_within(edit, hunk)]
        done += len(own)
        rows = _edit_rows(hunk, own)
        if any(sign != CONTEXT for sign, _ in rows):
            hunks.append(_hunk(hunk, rows, shift))
        added = sum(sign != REMOVED for sign, _ in rows)
        shift += added - hunk.new_lines
    if done < len(edits):
        raise Conflict(f"Not all of the lines in “{change.path}” are in the diff any more.")
    only_content = change.status == PatchFile.Status.MODIFIED and not change.old_mode
    if not hunks and only_content:
        return None
    return _File(change, _INDEX.sub(b"", change.header), hunks)


def _is_within(edit: Edit, hunk: Hunk) -> bool:
    return hunk.new_start <= edit.start and edit.end < hunk.new_start + hunk.new_lines


def _edit_rows(hunk: Hunk, edits: Sequence[Edit]) -> list[Row]:
    """The rows of a hunk with the edits, from the last one up so that places stay."""
    rows = list(hunk.rows)
    for edit in sorted(edits, key=lambda each: -each.start):
        first, end = _places(hunk, rows, edit)
        replaced = [text for sign, text in rows[first:end] if sign != REMOVED]
        start, stop = _changed_around(rows, first, end)
        old = [text for sign, text in rows[start:stop] if sign != ADDED]
        above = [text for sign, text in rows[start:first] if sign != REMOVED]
        below = [text for sign, text in rows[end:stop] if sign != REMOVED]
        rows[start:stop] = _compared(old, [*above, *_as_bytes(edit, replaced), *below])
    return rows


def _places(hunk: Hunk, rows: Sequence[Row], edit: Edit) -> tuple[int, int]:
    """From which row up to which one the lines of an edit stand, the last not included."""
    numbers: list[int] = []
    number = hunk.new_start
    for sign, _ in rows:
        numbers.append(0 if sign == REMOVED else number)
        number += sign != REMOVED
    return numbers.index(edit.start), numbers.index(edit.end) + 1


def _changed_around(rows: Sequence[Row], first: int, end: int) -> tuple[int, int]:
    """The same rows with what is changed right above and below: what was removed there may be what
    comes back."""
    while first and rows[first - 1][0] != CONTEXT:
        first -= 1
    while end < len(rows) and rows[end][0] != CONTEXT:
        end += 1
    return first, end


def _compared(old: Sequence[bytes], new: Sequence[bytes]) -> list[Row]:
    """Rows that make the new lines of the old ones."""
    found: list[Row] = []
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            found += [(CONTEXT, text) for text in old[i1:i2]]
        else:
            found += [(REMOVED, text) for text in old[i1:i2]]
            found += [(ADDED, text) for text in new[j1:j2]]
    return found


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


def _hunk(hunk: Hunk, rows: Sequence[Row], shift: int) -> Hunk:
    """A hunk of these rows, its new side `shift` lines further down than it was."""
    old_lines = sum(sign != ADDED for sign, _ in rows)
    new_lines = sum(sign != REMOVED for sign, _ in rows)
    new_start = hunk.new_start + shift
    # git counts an empty side from the line before it.
    if not new_lines and hunk.new_lines:
        new_start -= 1
    heading = b" " + hunk.heading if hunk.heading else b""
    numbers = (hunk.old_start, old_lines, new_start, new_lines)
    header = b"@@ -%d,%d +%d,%d @@%b\n" % (*numbers, heading)
    body = b"".join(sign + _with_end(text) for sign, text in rows)
    return Hunk(*numbers, header + body)


def _with_end(text: bytes) -> bytes:
    return text if text.endswith(b"\n") else text + b"\n\\ No newline at end of file\n"


def _assemble(version: PatchVersion, series: Series, pieces: Sequence[_Piece]) -> ParsedPatch:
    ids = patch_ids([piece.raw for piece in pieces])
    commits, offset = [], 0
    for piece, patch_id in zip(pieces, ids, strict=True):
        commits.append(_commit(piece, patch_id, offset))
        offset += len(piece.raw)
    return ParsedPatch(
        text=b"".join(piece.raw for piece in pieces),
        commits=commits,
        content=content_of(ids),
        base_commit=version.base_commit,
    )


def _commit(piece: _Piece, patch_id: str, offset: int) -> ParsedCommit:
    files, at = [], offset
    for file in piece.files:
        files.append(_file(file, at))
        at += len(file.raw)
    own = piece.commit
    return ParsedCommit(
        offset=offset,
        length=at - offset,
        files=files,
        subject=own.subject,
        message=own.message,
        author_name=own.author_name,
        author_email=own.author_email,
        authored_at=own.authored_at,
        patch_id=patch_id,
    )


def _file(file: _File, offset: int) -> ParsedFile:
    change = file.change
    at = offset + len(file.header)
    hunks = file.hunks
    if not hunks:
        # Untouched: its header is all of it.
        at = offset + len(change.header)
        hunks = list(change.hunks) if len(file.header) == len(change.raw) else []
    placed = []
    for hunk in hunks:
        numbers = (hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines)
        placed.append(ParsedHunk(*numbers, at, len(hunk.raw)))
        at += len(hunk.raw)
    rows = [sign for hunk in hunks for sign, _ in hunk.rows]
    return ParsedFile(
        path=change.path,
        old_path=change.old_path,
        status=PatchFile.Status(change.status),
        offset=offset,
        length=len(file.raw),
        added=rows.count(ADDED),
        removed=rows.count(REMOVED),
        is_binary=change.is_binary,
        old_mode=change.old_mode,
        new_mode=change.new_mode,
        hunks=placed,
    )
