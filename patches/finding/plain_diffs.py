"""Unified diffs of `diff`, Subversion, CVS, Mercurial and others, brought into git's shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from patches.finding.hunks import Hunk, check_order, is_hunk, read_hunk
from patches.finding.limits import PATH_BYTES
from patches.finding.paths import DEV_NULL, check, unquoted
from patches.finding.sections import Section, Status, made_header

_TIME: Final = re.compile(
    rb"\s+(?:\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:|\d{1,2} \w{3} \d{4} "
    rb"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\w* "
    rb"|\((?:revision|working copy|nonexistent|local|rev|r\d)).{0,80}$"
)
_EPOCH: Final = re.compile(
    rb"\s(?:1970-01-01 |1969-12-31 |(?:Thu )?Jan +1 [\d:]+ 1970|(?:Wed )?Dec 31 [\d:]+ 1969"
    rb"|1 Jan 1970 |31 Dec 1969 )"
)
_NOWHERE: Final = re.compile(rb"\((?:nonexistent|revision 0)\)|\t0{40}")
_SUFFIX: Final = re.compile(rb"(?:\.(?:orig|old|bak|new|dist|orig\.\w+)|~|[.,]\d{1,2})$")
# `cvs rdiff` puts it behind the name.
_REVISION: Final = re.compile(rb":\d{1,5}(?:\.\d{1,5}){1,9}$")
_ONE_LETTER: Final = re.compile(rb"[abciow12]/")
_DOTS: Final = re.compile(rb"(?:\./)+")


@dataclass(frozen=True)
class Names:
    """What stands above the hunks of one file: both sides, and an `Index:` line if there is one."""

    old: bytes
    new: bytes
    index: bytes = b""
    is_old_nowhere: bool = False
    is_new_nowhere: bool = False

    @property
    def path(self) -> bytes:
        """The name without the prefix that only one of the two trees has."""
        if DEV_NULL in (self.old, self.new):
            name = self.old if self.new == DEV_NULL else self.new
            if self.index and name.endswith(self.index):
                return self.index
            return _ONE_LETTER.sub(b"", name, count=1)
        return _common(self.old, self.new) or self.index or _better(self.old, self.new)


def _common(old: bytes, new: bytes) -> bytes:
    """What two names of one file share behind the first folder, or without an ending; or b""."""
    if old == new:
        return new
    for one, two in ((old, new), (new, old)):
        if _SUFFIX.sub(b"", one) == two:
            return two
    old_top, _, old_rest = old.partition(b"/")
    new_top, _, new_rest = new.partition(b"/")
    if (
        old_top
        and new_top
        and old_rest
        and _SUFFIX.sub(b"", old_rest) == _SUFFIX.sub(b"", new_rest)
    ):
        return min(old_rest, new_rest, key=len)
    return b""


def _better(old: bytes, new: bytes) -> bytes:
    """Of two names the one that is more likely in the tree: as `patch` chooses it."""
    return min(new, old, key=lambda name: (name.count(b"/"), len(name.rpartition(b"/")[2])))


def read_names(old_line: bytes, new_line: bytes, index: bytes = b"") -> Names:
    """From the two lines with their signs, `--- a` and `+++ b`."""
    old, new = old_line[4:].rstrip(b"\r"), new_line[4:].rstrip(b"\r")
    return Names(_name(old), _name(new), _DOTS.sub(b"", index, count=1), _gone(old), _gone(new))


def _name(rest: bytes) -> bytes:
    if rest.startswith(b'"'):
        return unquoted(rest)
    name = rest.partition(b"\t")[0]
    if name == rest:
        name = _TIME.sub(b"", rest[-200:]) if len(rest) <= 200 else rest
    name = _REVISION.sub(b"", name.rstrip()[-PATH_BYTES - 100 :])
    return name[_end(name) :]


def _end(name: bytes) -> int:
    found = _DOTS.match(name)
    return found.end() if found else 0


def _gone(rest: bytes) -> bool:
    stamp = rest[-200:]
    return rest.startswith(DEV_NULL) or bool(_EPOCH.search(stamp) or _NOWHERE.search(stamp))


def is_plain(lines: list[bytes], at: int) -> bool:
    """Whether a unified diff of one file begins there."""
    return (
        at + 2 < len(lines)
        and lines[at].startswith(b"--- ")
        and lines[at + 1].startswith(b"+++ ")
        and is_hunk(lines[at + 2])
    )


def read_plain(lines: list[bytes], at: int, first: int, index: bytes = b"") -> tuple[Section, int]:
    """The part whose `--- ` line is `lines[at]`, and the index behind it. Raises `Unreadable`."""
    names = read_names(lines[at], lines[at + 1], index)
    path = check(names.path)
    hunks: list[Hunk] = []
    at += 2
    while at < len(lines) and is_hunk(lines[at]):
        hunk, at = read_hunk(lines, at, first, path)
        hunks.append(hunk)
    return section_of(names, path, hunks), at


def section_of(names: Names, path: bytes, hunks: list[Hunk]) -> Section:
    """One file in git's shape."""
    check_order(hunks, path)
    only = hunks[0] if len(hunks) == 1 else None
    if only and not only.old_lines and (names.is_old_nowhere or not only.old_start):
        header = made_header(b"", path, [b"new file mode 100644"], has_names=True)
        return Section(b"", path, Status.ADDED, header, hunks, new_mode="100644")
    if only and not only.new_lines and (names.is_new_nowhere or not only.new_start):
        header = made_header(path, b"", [b"deleted file mode 100644"], has_names=True)
        return Section(path, b"", Status.DELETED, header, hunks, old_mode="100644")
    return Section(path, path, Status.MODIFIED, made_header(path, path, [], True), hunks)
