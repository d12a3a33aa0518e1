"""What a comment on lines says, and which lines it proposes instead.

A fence called `suggestion` holds the lines that are to stand where the thread's are:

    ```suggestion
    if (m == NULL)
    ```

An empty one proposes to take the lines away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from patches.reading.colours import Patience
from patches.reading.lines import ADDED, REMOVED
from patches.reading.painting import Painted, Wanted, paint

_FENCE: Final = re.compile(
    r"^(?P<mark>`{3,}|~{3,})suggestion[ \t]*\n(?P<lines>(?:.*\n)*?)(?P=mark)[ \t]*(?:\n|\Z)", re.M
)


@dataclass(frozen=True)
class Segment:
    """A part of a comment: words, or lines that it proposes (None where these are words)."""

    words: str = ""
    lines: tuple[str, ...] | None = None


def segments(text: str) -> list[Segment]:
    """A comment in its parts, in order."""
    found, at = [], 0
    for fence in _FENCE.finditer(text):
        found.append(Segment(words=text[at : fence.start()]))
        found.append(Segment(lines=tuple(fence["lines"].split("\n")[:-1])))
        at = fence.end()
    found.append(Segment(words=text[at:]))
    return [part for part in found if part.lines is not None or part.words.strip()]


def proposed(text: str) -> tuple[str, ...] | None:
    """The lines of the first suggestion of a comment, None where it has none."""
    return next((part.lines for part in segments(text) if part.lines is not None), None)


def fenced(lines: str) -> str:
    """A suggestion of these lines, to be edited."""
    longest = max((len(run) for run in re.findall(r"`{3,}", lines)), default=2)
    mark = "`" * (longest + 1)
    return f"{mark}suggestion\n{lines}\n{mark}\n"


def as_diff(
    old: Sequence[str], new: Sequence[str], language: str = "", patience: Patience | None = None
) -> Painted:
    """A suggestion as a small diff."""
    rows = [f"{REMOVED}{line}\n" for line in old] + [f"{ADDED}{line}\n" for line in new]
    painted, _ = paint(Wanted("".join(rows).encode(errors="replace"), language), patience)
    return painted
