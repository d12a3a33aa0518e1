"""The releases of a product in their lines of development, and which came from which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cached_property

from tracker.models import Release

MAIN = ""


def age(release: Release) -> tuple[int, int]:
    """What orders releases: the higher, the newer."""
    return release.position, release.pk


class Lines:
    """Releases of one product. A line is the releases of one branch; "" is the main line.

    A branch was cut from the main line before its own first release came out, so what was said of
    the main line until then holds for the branch as well.
    """

    def __init__(self, releases: Iterable[Release]) -> None:
        self.newest_first = sorted(releases, key=age, reverse=True)
        self._lines: dict[str, list[Release]] = defaultdict(list)
        for release in self.newest_first:
            self._lines[release.branch].append(release)

    def behind(self, release: Release) -> list[Release]:
        """`release` and all that it came from, the nearest first."""
        line = self._lines[release.branch]
        own = line[line.index(release) :]
        if release.branch == MAIN:
            return own
        cut = age(line[-1])
        return own + [main for main in self._lines.get(MAIN, []) if age(main) < cut]

    def out_after(self, day: date) -> list[Release]:
        """The releases that are known to have come out on a later day."""
        return [r for r in self.newest_first if r.released_on is not None and r.released_on > day]

    def carried(self, said: Mapping[int, str]) -> dict[int, str]:
        """Release -> the nearest thing said, going back from it; releases without are left out."""
        found: dict[int, str] = {}
        for line, cut_from in self._steps:
            now = found.get(cut_from)
            for release in line:
                now = said.get(release, now)
                if now is not None:
                    found[release] = now
        return found

    @cached_property
    def _steps(self) -> list[tuple[list[int], int]]:
        """The ids of each line, the oldest first, and the release that it was cut from (0: none).

        The main line comes first.
        """
        found = []
        for branch in sorted(self._lines, key=lambda name: name != MAIN):
            line = [release.pk for release in reversed(self._lines[branch])]
            older = self.behind(self._lines[branch][-1])[1:]
            found.append((line, older[0].pk if older else 0))
        return found
