"""Which files are on which page of a diff, and which rows of a file that fills pages by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from patches.reading.files import FileDiff, Source
from patches.reading.lines import ADDED, CONTEXT, LINE_CHARS, REMOVED, HunkAt, body, heading

ROWS = 6000
# Long lines fill a page sooner.
BYTES = 600_000
# A larger file is not read unless it is asked for, however little of its lines would be shown.
_READ_BYTES: Final = 4_000_000
# What the head of a file costs, so that thousands of empty files are paged as well.
_HEAD_ROWS: Final = 4


@dataclass(frozen=True)
class Part:
    """Lines of a hunk as a page shows them: the numbers of the first on either side, the words of
    its header, and the bytes of its lines. `is_first` unless a page before has its beginning."""

    old_start: int
    new_start: int
    heading: str
    data: bytes
    is_first: bool = True


@dataclass(frozen=True)
class FileOnPage:
    """A file of a page. Too big for a page of several it is folded: without rows."""

    file: FileDiff
    is_folded: bool


@dataclass(frozen=True)
class PageOfFiles:
    """One page of a diff; `number` counts from 1."""

    number: int
    files: Sequence[FileOnPage]


def is_too_big(file: FileDiff) -> bool:
    """Whether it gets pages of its own, behind a link."""
    return file.rows > ROWS or _shown_bytes(file) > BYTES or file.length > _READ_BYTES


def _shown_bytes(file: FileDiff) -> int:
    """At most so much of it is shown: long lines are cut."""
    return min(file.length, file.rows * LINE_CHARS)


def pages_of(files: Sequence[FileDiff]) -> list[PageOfFiles]:
    """All files in their order, so many on a page as fit; one empty page where there are none."""
    pages: list[list[FileOnPage]] = [[]]
    rows = size = 0
    for file in files:
        folded = is_too_big(file)
        costs = _HEAD_ROWS + (0 if folded else file.rows)
        length = 0 if folded else _shown_bytes(file)
        if pages[-1] and (rows + costs > ROWS or size + length > BYTES):
            pages.append([])
            rows = size = 0
        pages[-1].append(FileOnPage(file, folded))
        rows, size = rows + costs, size + length
    return [PageOfFiles(number, page) for number, page in enumerate(pages, 1)]


def page_with(pages: Sequence[PageOfFiles], commit: int, path: str) -> int:
    """The number of the page that has a file, by its path before or after; 1 where none has."""
    for page in pages:
        for each in page.files:
            if each.file.commit == commit and path in {each.file.path, each.file.old_path}:
                return page.number
    return 1


# ---- the rows of one file


def parts_of(file: FileDiff, source: Source) -> list[Part]:
    """All hunks of a file."""
    return [_whole(hunk, source) for hunk in file.hunks]


def _whole(hunk: HunkAt, source: Source) -> Part:
    data = source.read(hunk.offset, hunk.length)
    return Part(hunk.old_start, hunk.new_start, heading(data), body(data))


@dataclass(frozen=True)
class PageOfFile:
    """Some rows of a file: the parts of hunks, its number from 1 and how many there are."""

    parts: Sequence[Part]
    number: int
    count: int


def page_of_file(
    file: FileDiff, source: Source, number: int = 1, line: tuple[str, int] | None = None
) -> PageOfFile:
    """A page of one file. `line` ("old" or "new", and its number) leads to the page that has it.

    The text of the file is walked through from its beginning, which for the largest that a patch
    may have (32 MB) takes a fraction of a second.
    """
    cuts = [part for hunk in file.hunks for part in _cut(_whole(hunk, source))]
    pages: list[list[Part]] = [[]]
    rows = size = 0
    for part in cuts:
        height = part.data.count(b"\n")
        if pages[-1] and (rows + height > ROWS or size + len(part.data) > BYTES):
            pages.append([])
            rows = size = 0
        pages[-1].append(part)
        rows, size = rows + height, size + len(part.data)
    if line:
        number = next((n for n, parts in enumerate(pages, 1) if _has(parts, *line)), number)
    number = min(max(number, 1), len(pages))
    return PageOfFile(pages[number - 1], number, len(pages))


def _cut(part: Part) -> list[Part]:
    """A hunk in pieces that fit on a page."""
    if part.data.count(b"\n") <= ROWS and len(part.data) <= BYTES:
        return [part]
    found: list[Part] = []
    start = rows = at = 0
    old, new = part.old_start, part.new_start
    begun = (old, new)
    while at < len(part.data):
        end = part.data.find(b"\n", at) + 1 or len(part.data)
        sign = part.data[at : at + 1].decode("latin-1")
        # What says that the line above has no end stays with it.
        if sign != "\\" and at > start and (rows >= ROWS or end - start > BYTES):
            found.append(_piece(part, *begun, start, at))
            start, rows, begun = at, 0, (old, new)
        rows += 1
        old += sign in {CONTEXT, REMOVED, "\n"}
        new += sign in {CONTEXT, ADDED, "\n"}
        at = end
    found.append(_piece(part, *begun, start, len(part.data)))
    return found


def _piece(part: Part, old: int, new: int, start: int, end: int) -> Part:
    return replace(
        part, old_start=old, new_start=new, data=part.data[start:end], is_first=start == 0
    )


def _has(parts: Sequence[Part], side: str, line: int) -> bool:
    return any(_lines(part, side) and line in _lines(part, side) for part in parts)


def _lines(part: Part, side: str) -> range:
    """The numbers that a part has on a side."""
    other = b"+" if side == "old" else b"-"
    text = b"\n" + part.data
    rows = part.data.count(b"\n") + (not part.data.endswith(b"\n"))
    count = rows - text.count(b"\n" + other) - text.count(b"\n\\")
    start = part.old_start if side == "old" else part.new_start
    return range(start, start + count)
