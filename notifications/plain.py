"""Plain text for mail: paragraphs that fit 72 columns, and logs left as they are."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Final

COLUMNS = 72

# Letters that take two columns; between those of Chinese and Japanese a line may end, but none
# begins with a mark that closes.
_IDEOGRAPHS: Final = (
    "\u2e80-\ua4cf\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003fffd"
)
_WIDE: Final = re.compile(f"[\u1100-\u115f\uac00-\ud7a3\U0001f300-\U0001faff{_IDEOGRAPHS}]")
_CLOSING: Final = "、。，．：；！？）］｝」』】〉》〕・ー々"
_PIECE: Final = re.compile(rf"[{_IDEOGRAPHS}][{_CLOSING}]*\s*|[^\s{_IDEOGRAPHS}]+\s*|\s+")


def width(text: str) -> int:
    """The columns that a line takes on a terminal."""
    return len(text) if text.isascii() else len(text) + len(_WIDE.findall(text))


def shorten(text: str, columns: int) -> str:
    """One line of so many columns at the most, cut between words unless little would be left."""
    line = " ".join(text.split())
    if width(line) <= columns:
        return line
    ends = accumulate(map(width, line))
    kept = line[: sum(end <= columns - 2 for end in ends)]
    return f"{kept if line[len(kept)] == ' ' else _words(kept)} …"


def excerpt(text: str, most: int) -> str:
    """The beginning of a text, of so many characters at the most, with all its lines."""
    return text if len(text) <= most else f"{_words(text[:most])} …"


def _words(kept: str) -> str:
    """Without the last word, which was cut; but not where little would be left."""
    words = kept.rpartition(" ")[0]
    return words if 2 * len(words) > len(kept) else kept


def wrap(text: str, columns: int = COLUMNS) -> str:
    """Break lines that are too long, except where breaking would spoil what was pasted."""
    return "\n".join(_wrapped(text.split("\n"), columns))


def _wrapped(lines: Iterable[str], columns: int) -> Iterator[str]:
    is_fenced = False
    for line in lines:
        if line.lstrip().startswith(("```", "~~~")):
            is_fenced = not is_fenced
        if is_fenced or width(line) <= columns or line.startswith(("    ", "\t", "|")):
            yield line
            continue
        indent = line[: len(line) - len(line.lstrip(" >*-"))]
        if len(indent) > columns // 2:
            # No paragraph; and each line that it is broken into would begin with all of that.
            yield line
            continue
        below = indent if ">" in indent else " " * len(indent)
        if _WIDE.search(line):
            yield from _wrapped_wide(line, columns, below)
            continue
        yield from textwrap.wrap(
            line,
            columns,
            subsequent_indent=below,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _wrapped_wide(line: str, columns: int, indent: str) -> Iterator[str]:
    row, taken = "", 0
    for piece in _PIECE.findall(line):
        if row.strip() and taken + width(piece.rstrip()) > columns:
            yield row.rstrip()
            row, taken = indent, len(indent)
        row += piece
        taken += width(piece)
    yield row.rstrip()


def paragraphs(parts: Iterable[str]) -> str:
    """The parts that say something, a blank line between them."""
    return "\n\n".join(part for part in parts if part) + "\n"
