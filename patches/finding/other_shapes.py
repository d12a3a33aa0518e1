"""What holds a change in a shape of which no patch can be made, and what to send instead."""

from __future__ import annotations

import re
from typing import Final

from patches.finding.diffs import has_look
from patches.finding.limits import MOST_LINES
from patches.parsed import Unreadable

_ARCHIVED: Final = re.compile(rb"[\w)-]\.(?:patch|diff)")
_COLOURED: Final = re.compile(rb"^\x1b\[[\d;]*m(?:diff --git |--- \S)", re.M)
_PAGE: Final = re.compile(rb"\s{0,100}<(?:!doctype html|html)\b", re.I)
_DRAWN: Final = re.compile(rb"^[*|/\\_ ]{0,60}\| diff --git \S", re.M)
_DEPOT: Final = re.compile(rb"^==== //[^\n]{1,2000} ====[ \t\r]*\n\s{0,10}(?:@@ -|\*{15}|\d)", re.M)
_DARCS: Final = re.compile(rb"^\] ?(?:hunk|addfile|rmfile|replace|move) \./", re.M)
# Compressed in ways that cannot be read here.
_PACKED: Final = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a",
                  b"LZIP", b"\x1f\x9d")  # fmt: skip
_CALLED: Final = re.compile(r"\.(?:patch|diff)s?\b|^\d{4}-", re.I)
_BUNDLES: Final = (b"# v2 git bundle\n", b"# v3 git bundle\n",
                   b"HG10UN", b"HG10BZ", b"HG10GZ", b"HG20\0")  # fmt: skip

# Scripts for `ed` (diff -e) and of RCS (diff -n).
_ED: Final = re.compile(rb"\d{1,9}(?:,\d{1,9})?([acd])[ \t\r]*")
_RCS: Final = re.compile(rb"([ad])\d{1,9} (\d{1,9})[ \t\r]*")
_COMMANDED: Final = re.compile(
    rb"^diff -[^\n]{1,2000}\n(?:(\d{1,9}(?:,\d{1,9})?[acd])|([ad]\d{1,9} \d{1,9}))[ \t\r]*$", re.M
)
_LINE: Final = 100
_UNIFIED: Final = "send a unified diff (diff -u)."
_ONE_SIDED: Final = f"which does not say what it takes away: {_UNIFIED}"


def refuse_packed(name: str, data: bytes) -> None:
    """Raise `Unreadable` for what is called a patch and is compressed as nothing here reads it."""
    if data.startswith(_PACKED) and _CALLED.search(name):
        raise Unreadable(
            "It is compressed in a way that is not read here: send it as it is, or made small by "
            "gzip, bzip2 or xz."
        )


def refuse_archive(data: bytes) -> None:
    """Raise `Unreadable` for an archive with patches in it, of which this may be the beginning."""
    if (data[:4] == b"PK\x03\x04" or data[257:262] == b"ustar") and _ARCHIVED.search(data):
        raise Unreadable("There are patches in this archive: send them as files of their own.")


def refuse_other_shapes(data: bytes) -> None:
    """Raise `Unreadable` for what holds a patch in a shape of which none can be made."""
    refuse_archive(data)
    if data.startswith(_BUNDLES):
        raise Unreadable(
            "It is a bundle, which only a repository can read: send what git format-patch or "
            "hg export writes."
        )
    # Regular expressions cost more to try at each line than to look for what they need.
    if (b"mdiff --git " in data or b"m--- " in data) and _COLOURED.search(data):
        raise Unreadable(
            "It has the colours of a terminal in it: make it with git diff --no-color."
        )
    if b"| diff --git " in data and _DRAWN.search(data) and not has_look(data):
        raise Unreadable("Something stands before each of its lines: make it without --graph.")
    if _PAGE.match(data) and b"@@ -" in data:
        raise Unreadable(
            "It is a page of HTML, where a diff is not what it was: send the diff as text."
        )
    if b"==== //" in data and _DEPOT.search(data) and not has_look(data):
        raise Unreadable(
            "It is a diff of Perforce, which names no files of the source tree: " + _UNIFIED
        )
    if b"\nNew patches:\n" in data and _DARCS.search(data) and not has_look(data):
        raise Unreadable(
            "It is a bundle of darcs, which does not say what stands around a change: send what "
            "darcs diff -u writes."
        )


def refuse_scripts(data: bytes) -> None:
    """Raise `Unreadable` for what `diff -e` and `diff -n` print, below a command or alone."""
    commanded = _COMMANDED.search(data) if b"diff -" in data else None
    lines = [] if commanded else _short_lines(data.strip())
    if (commanded and commanded[1]) or _is_ed(lines):
        raise Unreadable(f"It is a script for ed, {_ONE_SIDED}")
    if commanded or _is_rcs(lines):
        raise Unreadable(f"It is a diff of RCS, {_ONE_SIDED}")


def _short_lines(data: bytes) -> list[bytes]:
    """All lines of a text that begins with a command; [] for all others."""
    first = data[:_LINE].partition(b"\n")[0]
    is_script = _ED.fullmatch(first) or _RCS.fullmatch(first)
    return data.split(b"\n") if is_script and data.count(b"\n") <= MOST_LINES else []


def _is_ed(lines: list[bytes]) -> bool:
    """Whether it is commands to the last line, and one of them adds something."""
    at, adds = 0, False
    while at < len(lines) and (found := _ED.fullmatch(lines[at])):
        at += 1
        if found[1] != b"d":
            adds = True
            while at < len(lines) and lines[at].rstrip() != b".":
                at += 1
            at += 1
    return adds and (at == len(lines) or lines[at:] in ([b"w"], [b"w", b"q"]))


def _is_rcs(lines: list[bytes]) -> bool:
    """The same; blank lines that it adds at its end may be lost."""
    at, adds = 0, False
    while at < len(lines) and (found := _RCS.fullmatch(lines[at])):
        at += 1
        if found[1] == b"a":
            adds = True
            at += int(found[2])
    return adds and at >= len(lines) > 1
