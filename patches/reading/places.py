"""Names of lines in addresses: `<commit>:<path>:<side>:<start>-<end>`.

As "2:sys/net/if.c:new:12-14", or with one number for a single line, 0 for the file as a whole. The
path may hold colons. It is "" for the message of the commit. "all" stands for the number of the
commit in a diff of all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from patches.models import PATH_CHARS, Side

_PLACE: Final = re.compile(r"(\d{1,9}|all):(.*):(old|new):(\d{1,9})(?:-(\d{1,9}))?", re.S)
# A file alone: the commit and the path.
_FILE: Final = re.compile(r"(\d{1,9}|all):(.*)", re.S)


@dataclass(frozen=True)
class Place:
    """Lines of one side of a file in a commit of a version; both ends included, from 1. From 0 to
    0 is the file as a whole."""

    commit: int
    path: str
    side: Side
    start: int
    end: int

    def __str__(self) -> str:
        lines = f"{self.start}" if self.start == self.end else f"{self.start}-{self.end}"
        return f"{self.commit or 'all'}:{self.path}:{self.side.value}:{lines}"

    @property
    def is_whole(self) -> bool:
        """Whether it is a file as a whole."""
        return self.start == 0

    @property
    def lines_words(self) -> str:
        """As a sentence has it: "line 12", "lines 12 to 14"; lines of before say so."""
        if self.is_whole:
            return "the file as a whole"
        many = self.start != self.end
        words = f"lines {self.start} to {self.end}" if many else f"line {self.start}"
        return f"{words} of before" if self.side == Side.OLD else words


def read_place(text: str) -> Place | None:
    """The place that an address names; None where it names none."""
    found = _PLACE.fullmatch(text[: PATH_CHARS + 50])
    # No path has a NUL, and PostgreSQL takes none.
    if not found or "\0" in text:
        return None
    start = int(found[4])
    end = int(found[5] or start)
    is_whole = bool(found[2]) and start == end == 0
    if min(start, end) < 1 and not is_whole:
        return None
    return Place(_commit(found[1]), found[2], Side(found[3]), min(start, end), max(start, end))


def read_file(text: str) -> tuple[int, str] | None:
    """The commit (its position, 0 for all) and path of "2:sys/net/if.c"."""
    found = _FILE.fullmatch(text[: PATH_CHARS + 50])
    return (_commit(found[1]), found[2]) if found else None


def _commit(word: str) -> int:
    return 0 if word == "all" else int(word)


def in_address(text: str) -> str:
    """For a query, readable: slashes and colons stay."""
    return quote(text, safe="/:,-._~")
