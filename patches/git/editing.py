"""Lines of one commit replaced by others, with all that follows from it in the commits after it.

Which line of a commit is which of a later one is known from putting the series together, so the
later hunks get the new lines as what they show or take away. That is the text of a series again,
with the context and headings that it had; no repository is needed. Where a later commit does
something to a part of the replaced lines alone, only a person can say what is meant: refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import groupby

from patches.git.made import Added, Composed, Content, DoesNotCompose, Identity, compose
from patches.git.series import Commit, FileChange, Hunk, Row, Series
from patches.models import PatchFile

KEPT, REMOVED, ADDED = b" ", b"-", b"+"
# The blobs that git names there are no longer those of the diff.
INDEX = re.compile(rb"^index [^\n]*\n", re.MULTILINE)
Status = PatchFile.Status
# difflib is quadratic: so many pairs of lines at once.
PAIRS = 100_000


class CannotEdit(Exception):
    """`reason` is a sentence for who wanted it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class LineEdit:
    """Lines `start` to `end` of the new side, from 1 and both included, become `lines`, which have
    their ends with them."""

    commit: int
    path: str
    start: int
    end: int
    lines: Sequence[bytes]


def edit_series(series: Series, edits: Sequence[LineEdit]) -> Series:
    """The series with the edits made; all of them count lines as they are now. Raises CannotEdit.

    Commits are edited from the last one down, so that those that wait still have their numbers.
    """
    for commit in sorted({edit.commit for edit in edits}, reverse=True):
        for path in sorted({edit.path for edit in edits if edit.commit == commit}):
            own = [edit for edit in edits if (edit.commit, edit.path) == (commit, path)]
            series = _edit_file(series, commit, path, own)
    return series


def _edit_file(series: Series, commit: int, path: str, edits: Sequence[LineEdit]) -> Series:
    try:
        made = compose(series, is_traced=True)
    except DoesNotCompose as error:
        raise CannotEdit(
            f"The commits do not follow from each other: {error.reason} Make this version in your "
            "repository and send it."
        ) from error
    file = _file(series, commit, path)
    traces = made.traces[commit - 1].get(path, [])
    runs = [run for edit in edits for run in _runs(file, traces, edit)]
    change = _Change(series, made, commit, runs)
    return Series(list(change.commits(path)))


def _file(series: Series, commit: int, path: str) -> FileChange:
    files = series.commits[commit - 1].files if 0 < commit <= len(series.commits) else ()
    for file in files:
        if file.path == path:
            return file
    raise CannotEdit(f"Commit {commit} changes no file “{path}”.")


# What is replaced by what


@dataclass(frozen=True)
class Run:
    """Lines that follow upon each other, and those that take their place."""

    old: Sequence[Identity]
    new: Sequence[Identity]


def _runs(file: FileChange, traces: Sequence[Sequence[Identity]], edit: LineEdit) -> Iterator[Run]:
    for hunk, trace in zip(file.hunks, traces, strict=True):
        if hunk.new_start <= edit.start and edit.end < hunk.new_start + hunk.new_lines:
            side = [
                (identity, text)
                for (sign, text), identity in zip(hunk.rows, trace, strict=True)
                if sign != REMOVED
            ]
            yield from _differences(side[edit.start - hunk.new_start :][: _size(edit)], edit)
            return
    raise CannotEdit(f"Not all of the lines in “{file.path}” are in the diff.")


def _size(edit: LineEdit) -> int:
    return edit.end - edit.start + 1


def _differences(had: Sequence[tuple[Identity, bytes]], edit: LineEdit) -> Iterator[Run]:
    """Only what differs is replaced; what is put in between goes with the line beside it."""
    new = Added(list(edit.lines))
    matcher = SequenceMatcher(None, [text for _, text in had], new.lines, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        old = [identity for identity, _ in had[i1:i2]]
        made: list[Identity] = [(new, n) for n in range(j1, j2)]
        if tag == "insert":
            beside = had[i1 - 1][0] if i1 else had[0][0]
            yield Run([beside], [beside, *made] if i1 else [*made, beside])
        elif tag != "equal":
            yield Run(old, made)


class _Change:
    """What one set of runs does to a series, from its commit on."""

    def __init__(self, series: Series, made: Composed, commit: int, runs: Sequence[Run]) -> None:
        self.series = series
        self.made = made
        self.first = commit
        self.instead: dict[Identity, list[Identity]] = {}
        for run in runs:
            self._add(run)
        self.runs = runs

    def _add(self, run: Run) -> None:
        for identity in run.old:
            # Two insertions beside one line.
            if identity in self.instead:
                raise CannotEdit("Two edits are about the same line. Choose one of them.")
        self.instead[run.old[0]] = list(run.new)
        self.instead.update((identity, []) for identity in run.old[1:])

    def commits(self, path: str) -> Iterator[Commit]:
        """All commits, those changed where they have to be."""
        paths = {path}
        for commit in self.series.commits:
            if commit.position < self.first:
                yield commit
                continue
            touched = [
                file
                for file in commit.files
                if (file.path if commit.position == self.first else file.source) in paths
            ]
            files = [self._file(commit, f) if f in touched else f for f in commit.files]
            if commit.position > self.first:
                paths = _followed(paths, commit)
            left = [file for file in files if file is not None]
            if not left:
                raise CannotEdit(
                    "This would leave nothing of a commit. Send a version without it instead."
                )
            yield replace(commit, files=left, diff=b"".join(file.raw for file in left))

    def _file(self, commit: Commit, file: FileChange) -> FileChange | None:
        """The file as it has to be; None where nothing is left of its change."""
        if not file.hunks or (file.status == Status.ADDED and commit.position > self.first):
            return file
        is_first = commit.position == self.first
        before = self._positions(commit.position - 2, file.source) if not is_first else []
        after = self._positions(commit.position - 1, file.path)
        traces = self.made.traces[commit.position - 1][file.path]
        hunks = []
        for hunk, trace in zip(file.hunks, traces, strict=True):
            rows = self._rows(commit, file, hunk, trace)
            if all(sign == KEPT for sign, _ in rows):
                continue
            self._check_end(file, hunk, rows)
            start = hunk.offset + _shift(before, hunk.offset)
            end = _new_offset(hunk) + _shift(after, _new_offset(hunk))
            hunks.append(_hunk(hunk, rows, start, end))
        if not hunks and file.status == Status.MODIFIED and not _changes_mode(file):
            return None
        header = INDEX.sub(b"", file.header)
        raw = header + b"".join(hunk.raw for hunk in hunks)
        return replace(file, raw=raw, hunks=hunks)

    def _positions(self, state: int, path: str) -> list[tuple[int, int]]:
        """Where replaced lines are in a file after a commit, and by how many lines it grows there;
        indexes from 0, in order."""
        content = self.made.states[state].get(path) if state >= 0 else None
        return sorted(self._places(content)) if content else []

    def _places(self, content: Content) -> Iterator[tuple[int, int]]:
        at = 0
        for piece in content.pieces:
            for (source, n), new in self.instead.items():
                if source is piece.source and piece.start <= n < piece.end:
                    yield at + n - piece.start, len(new) - 1
            at += len(piece)

    def _rows(
        self, commit: Commit, file: FileChange, hunk: Hunk, trace: Sequence[Identity]
    ) -> list[Row]:
        if commit.position > self.first:
            self._check(commit, file, hunk, trace)
        if not any(identity in self.instead for identity in trace):
            return hunk.rows
        rows: list[Row] = []
        for (sign, text), identity in zip(hunk.rows, trace, strict=True):
            new = self.instead.get(identity)
            if new is None or (commit.position == self.first and sign == REMOVED):
                rows.append((sign, text))
            elif commit.position > self.first or sign == ADDED:
                rows += [(sign, _text(each, identity, text)) for each in new]
            else:
                rows += _replaced(identity, text, new)
        return _in_order(rows)

    def _check(
        self, commit: Commit, file: FileChange, hunk: Hunk, trace: Sequence[Identity]
    ) -> None:
        """Refuse what a later commit does to some of the lines that are replaced together."""
        places = {identity: n for n, identity in enumerate(trace)}
        for run in self.runs:
            at = [places[identity] for identity in run.old if identity in places]
            signs = {hunk.rows[n][0] for n in at}
            is_cut = REMOVED in signs and len(at) < len(run.old)
            is_torn = bool(at) and at[-1] - at[0] >= len(at)
            if len(signs) > 1 or is_cut or is_torn:
                raise CannotEdit(
                    f"Commit {commit.position} changes these lines of “{file.path}” as well. Make "
                    "this version in your repository and send it."
                )

    def _check_end(self, file: FileChange, hunk: Hunk, rows: Sequence[Row]) -> None:
        """git takes a change without a line below it for the end of the file."""
        had = _below(hunk.rows)
        if had and not _below(rows) and had >= min(3, self.made.context):
            raise CannotEdit(
                f"It is not known what stands below these lines of “{file.path}”. Make this "
                "version in your repository and send it."
            )


def _followed(paths: set[str], commit: Commit) -> set[str]:
    """The names that the file and its copies have after a later commit."""
    found = set(paths)
    for file in commit.files:
        if file.status in (Status.RENAMED, Status.DELETED, Status.ADDED):
            found.discard(file.source)
    moved = (Status.RENAMED, Status.COPIED)
    return found | {f.path for f in commit.files if f.status in moved and f.source in paths}


def _changes_mode(file: FileChange) -> bool:
    return bool(file.old_mode and file.new_mode and file.old_mode != file.new_mode)


def _text(identity: Identity, own: Identity, text: bytes) -> bytes:
    source, n = identity
    return source.lines[n] if isinstance(source, Added) and identity != own else text


def _replaced(own: Identity, text: bytes, new: Sequence[Identity]) -> Iterable[Row]:
    """A line that was there before, in the commit that is edited."""
    if own not in new:
        yield REMOVED, text
    for each in new:
        yield (KEPT, text) if each == own else (ADDED, _text(each, own, text))


def _in_order(rows: Sequence[Row]) -> list[Row]:
    """What is taken away stands above what comes instead; what is both is as it was."""
    found: list[Row] = []
    for is_kept, group in groupby(rows, key=lambda row: row[0] == KEPT):
        part = list(group)
        found += part if is_kept else _simplest(part)
    return found


def _simplest(rows: Sequence[Row]) -> Iterator[Row]:
    old = [text for sign, text in rows if sign == REMOVED]
    new = [text for sign, text in rows if sign == ADDED]
    if len(old) * len(new) > PAIRS:
        yield from ((REMOVED, text) for text in old)
        yield from ((ADDED, text) for text in new)
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from ((KEPT, text) for text in old[i1:i2])
        else:
            yield from ((REMOVED, text) for text in old[i1:i2])
            yield from ((ADDED, text) for text in new[j1:j2])


def _below(rows: Sequence[Row]) -> int:
    signs = b"".join(sign for sign, _ in rows)
    return len(signs) - len(signs.rstrip(KEPT))


def _shift(places: Sequence[tuple[int, int]], offset: int) -> int:
    return sum(growth for place, growth in places if place < offset)


def _new_offset(hunk: Hunk) -> int:
    return hunk.new_start - 1 if hunk.new_lines else hunk.new_start


def _hunk(hunk: Hunk, rows: Sequence[Row], before: int, after: int) -> Hunk:
    """A hunk of these rows, with so many lines of either side above it."""
    old_lines = sum(sign != ADDED for sign, _ in rows)
    new_lines = sum(sign != REMOVED for sign, _ in rows)
    old_start, new_start = before + bool(old_lines), after + bool(new_lines)
    heading = b" " + hunk.heading if hunk.heading else b""
    header = b"@@ -%d,%d +%d,%d @@%s\n" % (old_start, old_lines, new_start, new_lines, heading)
    body = b"".join(sign + _ended(text) for sign, text in rows)
    return Hunk(old_start, old_lines, new_start, new_lines, header + body)


def _ended(text: bytes) -> bytes:
    return text if text.endswith(b"\n") else text + b"\n\\ No newline at end of file\n"
