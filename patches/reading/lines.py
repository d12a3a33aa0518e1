"""The lines of a hunk, from the bytes that git wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

# What is shown of a line; the rest is a way to the whole line.
LINE_CHARS: Final = 2000
# In UTF-8 a character has four bytes at most.
_LINE_BYTES: Final = 4 * LINE_CHARS

_HEADER: Final = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)")

CONTEXT: Final = " "
REMOVED: Final = "-"
ADDED: Final = "+"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its sign, what it says without the sign and its end, whether it was cut, and
    whether the file ends here without a line's end."""

    sign: str
    text: str
    is_cut: bool = False
    is_open_end: bool = False


@dataclass(frozen=True, slots=True)
class HunkAt:
    """A hunk as `PatchFile.hunks` has it: lines from 1, bytes from its header on."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    offset: int
    length: int


def hunks_of(lists: Iterable[list[int]]) -> list[HunkAt]:
    """The hunks of a file from their column."""
    return [HunkAt(*numbers) for numbers in lists]


def heading(data: bytes) -> str:
    """What a hunk's header says after its numbers: often the function that it is in."""
    found = _HEADER.match(data[:1000].partition(b"\n")[0])
    return decoded(found[5])[0] if found else ""


def body(data: bytes) -> bytes:
    """The hunk without its header."""
    return data.partition(b"\n")[2]


def lines_of(data: bytes) -> list[Line]:
    """The lines of a hunk's body. What is no line of a diff is left out."""
    found: list[Line] = []
    for raw in _split(data):
        sign = raw[:1]
        if sign == b"\\":
            if found:
                found[-1] = _open_ended(found[-1])
        elif sign in {b" ", b"+", b"-"}:
            text, is_cut = decoded(raw[1:])
            found.append(Line(sign.decode(), text, is_cut))
        elif not raw:
            # Some mailers strip the blank of an empty line.
            found.append(Line(CONTEXT, ""))
    return found


def _open_ended(line: Line) -> Line:
    return Line(line.sign, line.text, line.is_cut, is_open_end=True)


def _split(data: bytes) -> Iterator[bytes]:
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    yield from lines


def decoded(raw: bytes) -> tuple[str, bool]:
    """A line as text, what is not UTF-8 as U+FFFD, and whether it was cut."""
    text = raw[:_LINE_BYTES].decode(errors="replace")
    return text[:LINE_CHARS], len(raw) > _LINE_BYTES or len(text) > LINE_CHARS
