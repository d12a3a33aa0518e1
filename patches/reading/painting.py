"""Hunks ready to be put on a page: colours, words that differ, and what stands beside what.

What a hunk looks like depends on its bytes and on nothing else, so it is kept under their digest,
for whichever version and patch has the same.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache

from patches.reading.characters import trailing, visible
from patches.reading.colours import PATIENCE, Patience, Piece, colours
from patches.reading.lines import ADDED, CONTEXT, REMOVED, Line, lines_of
from patches.reading.words import Budget, Pair, Range, differences, pairs

# Part of every key: another number makes all that is kept worthless.
_LOOK: Final = 1
KEPT_SECONDS: Final = 24 * 60 * 60
# The begin or end of what may go on over several lines, in any language.
_GOES_ON: Final = re.compile(
    r"""/\*|\*/|\"\"\"|'''|`|<!--|-->|\{-|-\}|<<[-~]?[\w'"]|^=|\\$|\[=*\[|\]=*\]"""
)
_WHOLE_COMMENT: Final = re.compile(r"/\*.*?\*/")


@dataclass(frozen=True, slots=True)
class Row:
    """One line with its sign, as HTML. `ends` is what its end has to tell: "" or "cut" or "open",
    the latter for a file that ends without a line's end."""

    sign: str
    html: str
    ends: str = ""


@dataclass(frozen=True, slots=True)
class Painted:
    """A hunk: its rows in the order of a unified diff, and which two stand side by side."""

    rows: tuple[Row, ...]
    beside: tuple[Pair, ...]


@dataclass(frozen=True)
class Wanted:
    """A hunk to be painted: the bytes below its header, the language, whether blanks are seen."""

    data: bytes
    language: str = ""
    blanks: bool = False

    @property
    def key(self) -> str:
        """Under which it is kept."""
        said = f"{_LOOK}:{self.language}:{self.blanks:d}:".encode()
        return f"hunk:{hashlib.sha256(said + self.data).hexdigest()}"


def paint_all(wanted: Sequence[Wanted]) -> list[Painted]:
    """Each hunk in its order; those that were painted before come from the cache, in one look."""
    keys = [each.key for each in wanted]
    kept = cache.get_many(keys)
    patience = Patience()
    found: list[Painted] = []
    fresh: dict[str, bytes] = {}
    for key, each in zip(keys, wanted, strict=True):
        painted = _unpacked(kept.get(key))
        if painted is None:
            painted, is_final = paint(each, patience)
            if is_final:
                fresh[key] = _packed(painted)
        found.append(painted)
    if fresh:
        cache.set_many(fresh, KEPT_SECONDS)
    return found


def paint(wanted: Wanted, patience: Patience | None = None) -> tuple[Painted, bool]:
    """The hunk, and whether it is as it will always be: False where others had used up the time
    for its colours."""
    patience = patience or Patience()
    before = patience.left
    lines = lines_of(wanted.data)
    pieces = _coloured(lines, wanted.language, patience)
    is_final = not patience.is_over or before - patience.left > PATIENCE / 2
    beside, marks = compare(lines)
    # One line without its end would be all that a reader sees of a change of line ends.
    ends = {line.text.endswith("\r") for line in lines}
    rows = tuple(
        Row(
            line.sign,
            _html(line, pieces[i], marks.get(i, ()), blanks=wanted.blanks, cr=len(ends) > 1),
            "cut" if line.is_cut else "open" if line.is_open_end else "",
        )
        for i, line in enumerate(lines)
    )
    return Painted(rows, tuple(beside)), is_final


# ---- the cache


def _packed(painted: Painted) -> bytes:
    flat = [(row.sign, row.html, row.ends) for row in painted.rows]
    return zlib.compress(json.dumps([flat, painted.beside]).encode(), 1)


def _unpacked(kept: bytes | None) -> Painted | None:
    if kept is None:
        return None
    flat, beside = json.loads(zlib.decompress(kept))
    return Painted(tuple(Row(*each) for each in flat), tuple((i, j) for i, j in beside))


# ---- colours


def _coloured(lines: Sequence[Line], language: str, patience: Patience) -> list[list[Piece] | None]:
    """The pieces of each line; None for a line without colours."""
    found: list[list[Piece] | None] = [None] * len(lines)
    if not language or patience.is_over:
        return found
    for places in _readings(lines):
        read = colours([lines[i].text for i in places], language, patience)
        for place, pieces in zip(places, read or (), strict=bool(read)):
            found[place] = pieces
    return found


def _readings(lines: Sequence[Line]) -> list[list[int]]:
    """Which lines are read together: all of them, or each side by itself where a removed line may
    begin or end what goes on over several lines. The later reading of a line holds."""
    removed = [line.text for line in lines if line.sign == REMOVED]
    if not any(_GOES_ON.search(_WHOLE_COMMENT.sub("", text)) for text in removed):
        return [list(range(len(lines)))]
    return [[i for i, line in enumerate(lines) if line.sign != absent] for absent in "+-"]


# ---- what differs


def compare(lines: Sequence[Line]) -> tuple[list[Pair], dict[int, list[Range]]]:
    """What stands side by side, by places in `lines`, and what differs within those lines."""
    budget = Budget()
    beside: list[Pair] = []
    marks: dict[int, list[Range]] = {}
    for block in _blocks(lines):
        if lines[block[0]].sign == CONTEXT:
            beside += [(i, i) for i in block]
        else:
            beside += _compare_block(lines, block, budget, marks)
    return beside, marks


def _blocks(lines: Sequence[Line]) -> Iterable[range]:
    """Runs of context, and runs of removed and then added lines."""
    start = 0
    for i in range(1, len(lines) + 1):
        if i == len(lines) or _begins_block(lines[i - 1].sign, lines[i].sign):
            yield range(start, i)
            start = i


def _begins_block(before: str, sign: str) -> bool:
    return before != sign and (before, sign) != (REMOVED, ADDED)


def _compare_block(
    lines: Sequence[Line], block: range, budget: Budget, marks: dict[int, list[Range]]
) -> list[Pair]:
    old = [i for i in block if lines[i].sign == REMOVED]
    new = [i for i in block if lines[i].sign == ADDED]
    found: list[Pair] = []
    for i, j in pairs([lines[i].text for i in old], [lines[j].text for j in new], budget):
        one, other = None if i is None else old[i], None if j is None else new[j]
        found.append((one, other))
        if one is None or other is None:
            continue
        differing = differences(lines[one].text, lines[other].text, budget)
        if differing is not None:
            marks[one], marks[other] = differing
    return found


# ---- HTML


def _html(
    line: Line, pieces: list[Piece] | None, marks: Sequence[Range], *, blanks: bool, cr: bool
) -> str:
    text = line.text
    if text.endswith("\r") and not (cr or blanks):
        text = text[:-1]
    inked = trailing(text) if line.sign == ADDED else len(text)
    if pieces is None and not marks and inked == len(text):
        return visible(text, blanks=blanks)
    html, at = [], 0
    for kind, piece in pieces or [("", text)]:
        piece = piece[: len(text) - at]  # noqa: PLW2901 - without the line's end that is not shown
        html.append(_piece(kind, piece, at, _within(marks, at, inked, len(text)), blanks=blanks))
        at += len(piece)
    return "".join(html)


def _within(marks: Sequence[Range], at: int, inked: int, end: int) -> list[tuple[int, int, str]]:
    found = [(start, min(stop, inked), "w") for start, stop in marks if start < inked]
    if inked < end:
        found.append((inked, end, "trail"))
    return [each for each in found if each[1] > at]


def _piece(
    kind: str, text: str, at: int, marks: Sequence[tuple[int, int, str]], *, blanks: bool
) -> str:
    """One piece of a line that begins at `at`, cut where marks begin and end."""
    end, html = at + len(text), []
    here = at
    for start, stop, name in marks:
        if start >= end:
            break
        start, stop = max(start, here), min(stop, end)  # noqa: PLW2901 - the part in this piece
        html.append(visible(text[here - at : start - at], blanks=blanks))
        html.append(f'<b class="{name}">{visible(text[start - at : stop - at], blanks=blanks)}</b>')
        here = stop
    html.append(visible(text[here - at :], blanks=blanks))
    inner = "".join(html)
    return f'<i class="{kind}">{inner}</i>' if kind and inner else inner
