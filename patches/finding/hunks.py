"""Hunks of unified diffs, in one pass over their lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from patches.finding.paths import shown
from patches.parsed import Unreadable

# How a hunk begins, whatever its numbers are.
_BEGIN: Final = re.compile(rb"@@ -\d")
_HEADER: Final = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
# Mail programs wrap at 72 to 80.
_WRAPPED_FROM: Final = 60
# Of a signature below a patch, or the next file of a diff without a command line.
_NO_MORE_LINES: Final = (b"-- ", b"--", b"--- ", b"---", b"-----")


@dataclass(frozen=True)
class Hunk:
    """Line numbers as in its header, and its bytes as they are kept."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    text: bytes
    added: int
    removed: int
    # Whether `text` is what was given.
    is_as_given: bool = True


def is_hunk(line: bytes) -> bool:
    return _BEGIN.match(line) is not None


def read_hunk(lines: list[bytes], at: int, first: int, path: bytes) -> tuple[Hunk, int]:
    """The hunk whose header is `lines[at]`, and the index of the line behind it.

    `first` is the number of `lines[0]` for people. Raises `Unreadable`.
    """
    found = _HEADER.match(lines[at])
    if found is None:
        raise _not_numbered(first + at)
    old = int(found[2]) if found[2] is not None else 1
    new = int(found[4]) if found[4] is not None else 1
    end, blanks = _end_of(lines, at, (old, new), first, path)
    _check_it_ends(lines, end, first, at)
    body = lines[at:end]
    if blanks:
        body = [line or b" " for line in body]
    added = sum(1 for line in body if line[:1] == b"+")
    removed = sum(1 for line in body if line[:1] == b"-")
    text = b"\n".join(body) + b"\n"
    return Hunk(int(found[1]), old, int(found[3]), new, text, added, removed, not blanks), end


def check_order(hunks: Sequence[Hunk], path: bytes) -> Sequence[Hunk]:
    """The hunks of one file, if each stands below the one before; `Unreadable` otherwise."""
    end = 0
    for hunk in hunks:
        if hunk.old_start < end:
            raise Unreadable(
                f"The hunks of “{shown(path)}” are not in order: the one of its line "
                f"{hunk.old_start} should stand higher. Make the diff anew."
            )
        end = hunk.old_start + hunk.old_lines
    return hunks


def _end_of(
    lines: list[bytes], at: int, counts: tuple[int, int], first: int, path: bytes
) -> tuple[int, int]:
    """(index behind the last line, how many lines lost the blank that they consisted of)."""
    old, new = counts
    end, blanks, last = at + 1, 0, len(lines)
    while old > 0 or new > 0:
        if end >= last:
            raise _truncated(first + at, path)
        sign = lines[end][:1]
        if sign == b" ":
            old, new = old - 1, new - 1
        elif sign == b"+":
            new -= 1
        elif sign == b"-":
            old -= 1
        elif not sign:
            blanks, old, new = blanks + 1, old - 1, new - 1
        elif sign != b"\\":
            raise _damaged(lines, end, first)
        end += 1
    if old or new:
        raise _miscounted(first + at)
    while end < last and lines[end][:2] == b"\\ ":
        end += 1
    return end, blanks


def _check_it_ends(lines: list[bytes], end: int, first: int, at: int) -> None:
    """What looks like further lines of the hunk says that it was edited, or wrapped."""
    if end < len(lines) and lines[end].startswith(b"@@") and not _HEADER.match(lines[end]):
        raise _not_numbered(first + end)
    if end < len(lines) and lines[end][:1] in (b"+", b"-", b" "):
        line = lines[end].rstrip(b"\r")
        is_next_file = line.startswith((b"--- ", b"-- "))
        if not is_next_file and line not in _NO_MORE_LINES and line.strip():
            raise _miscounted(first + at)


def _not_numbered(number: int) -> Unreadable:
    return Unreadable(
        f"Line {number} begins a hunk, and its numbers cannot be read: it was edited, or is not "
        "whole. Make the diff anew."
    )


def _truncated(number: int, path: bytes) -> Unreadable:
    return Unreadable(
        f"It ends in the middle of the hunk of line {number} (“{shown(path)}”): the rest is "
        "missing. Send it whole, as an attachment."
    )


def _miscounted(number: int) -> Unreadable:
    return Unreadable(
        f"The hunk of line {number} does not have as many lines as it says: it was edited, or is "
        "not whole. Make the diff anew."
    )


def _damaged(lines: list[bytes], at: int, first: int) -> Unreadable:
    number = first + at
    before = lines[at - 1]
    if len(before.rstrip()) >= _WRAPPED_FROM or before.startswith(b"@@ "):
        return Unreadable(
            f"Line {number - 1} was wrapped by a mail program; send it as an attachment."
        )
    return Unreadable(
        f"Line {number} does not begin with a blank, “+” or “-”: something on the way changed the "
        "white space. Send it as an attachment."
    )
