"""The releases of a product in their lines of development, and which came from which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

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
