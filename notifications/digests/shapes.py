"""The shape of a digest: sections of problems and patches, for one stretch of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from notifications.deeds import Deed
from patches.models import Patch
from tracker.models import Problem

# Enough to choose from; the rest is behind a link. What only stands there gets fewer, so that a
# digest is one screen.
LINES: Final = 5
FEW: Final = 3


@dataclass(frozen=True)
class Line:
    """One problem in a section. `gained` counts its new voters, the reporter not among them.

    `said` is what happened to it, in words, the latest last.
    """

    problem: Problem
    gained: int = 0
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class PatchLine:
    """One patch in a section, what is said of it, and what its reader may do by a link."""

    patch: Patch
    said: tuple[str, ...]
    deeds: tuple[Deed, ...]


@dataclass(frozen=True)
class Section:
    """Some lines of `total`, or some patches; `url` leads to all.

    `is_news` makes a digest worth sending.
    `others` are numbers of problems that are named without a line of their own.
    """

    key: str
    title: str
    lines: list[Line]
    total: int
    url: str
    is_news: bool
    others: tuple[int, ...] = ()
    patches: tuple[PatchLine, ...] = ()

    @property
    def has_lines(self) -> bool:
        """Whether there is anything in it to read."""
        return bool(self.lines or self.patches)

    @property
    def left_out(self) -> int:
        """How many there are beside those that are named."""
        return max(self.total - len(self.lines) - len(self.patches) - len(self.others), 0)


@dataclass(frozen=True)
class Window:
    """The stretch of time that a digest covers: after `start`, up to and with `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Digest:
    """Sections in the order in which they are read; those without lines are left out.

    `tells` are the keys of the tellings that it makes true, `tells_of_patches` those of patches.
    """

    window: Window
    sections: list[Section]
    tells: tuple[int, ...] = ()
    tells_of_patches: tuple[int, ...] = ()

    @property
    def is_worth_sending(self) -> bool:
        """Whether something happened or waits: lists that only stand are no news."""
        return any(section.is_news for section in self.sections)

    def count(self, key: str) -> int:
        """How many the section of that name has, shown or not."""
        return sum(section.total for section in self.sections if section.key == key)
