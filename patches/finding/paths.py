"""Names of files in the headers of diffs."""

from __future__ import annotations

import re
from typing import Final

from patches.finding.limits import PATH_BYTES
from patches.parsed import Unreadable

DEV_NULL: Final = b"/dev/null"
_ESCAPE: Final = re.compile(rb"\\([0-7]{1,3}|.)", re.S)
_LETTERS: Final = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
}  # fmt: skip
_QUOTED: Final = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.S)
# Those of both tables, ends of lines, and marks that turn the direction of what follows.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
_SPECIAL: Final = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_DRIVE: Final = re.compile(rb"[A-Za-z]:[\\/]")
# What Windows and macOS take for the folder of git: CVE-2014-9390 and those after it.
_SEPARATOR: Final = re.compile(r"[/\\]")
_OF_GIT: Final = re.compile(r"(?:\.git|git~1)[ .]*(?::.*)?", re.I)
_UNSEEN: Final = re.compile("[\u200c-\u200f\u206a-\u206f\ufeff]")
_SHOWN: Final = 80


def unquoted(name: bytes) -> bytes:
    """A name as it is, where it is quoted as C does; others come back as they are."""
    found = _QUOTED.match(name)
    return _ESCAPE.sub(_unescaped, found[1]) if found else name


def _unescaped(found: re.Match[bytes]) -> bytes:
    given = found[1]
    if given[:1].isdigit():
        return bytes([int(given, 8) & 0xFF])
    return _LETTERS.get(given, given)


def quoted(name: bytes) -> bytes:
    """A name as git writes it in a header."""
    if not _SPECIAL.search(name):
        return name
    return b'"' + _SPECIAL.sub(_escaped, name) + b'"'


def _escaped(found: re.Match[bytes]) -> bytes:
    given = found[0]
    return b"\\" + given if given in (b'"', b"\\") else b"\\%03o" % given[0]


def quoted_pair(rest: bytes) -> tuple[bytes, bytes] | None:
    """Both names of a `diff --git` line of which at least one is quoted."""
    first = _QUOTED.match(rest)
    if first:
        return unquoted(rest), unquoted(rest[first.end() :].strip())
    at = rest.find(b' "')
    return (rest[:at], unquoted(rest[at + 1 :])) if at > 0 else None


def plain_pair(rest: bytes) -> tuple[bytes, bytes] | None:
    """Both names of a `diff --git` line: the same behind the prefix, or without blanks."""
    half = len(rest) // 2
    if len(rest) % 2 and rest[half : half + 1] == b" ":
        old, new = rest[:half], rest[half + 1 :]
        if old == new or old.partition(b"/")[2] == new.partition(b"/")[2]:
            return old, new
    if rest.count(b" ") == 1:
        old, _, new = rest.partition(b" ")
        return old, new
    return None


def shown(path: bytes) -> str:
    """A name for a sentence: short, and without what a page or terminal would obey."""
    text = text_of(path[: 4 * _SHOWN])
    plain = "".join(letter if letter.isprintable() else "?" for letter in text[: _SHOWN + 1])
    return plain if len(plain) <= _SHOWN else f"{plain[:_SHOWN]}…"


def _is_of_git(part: str) -> bool:
    """Whether some system takes it for `.git`, as `git apply` itself refuses it."""
    return _OF_GIT.fullmatch(_UNSEEN.sub("", part)) is not None


def text_of(path: bytes) -> str:
    """A name as text that every database takes; bytes that are no UTF-8 as `\\xe4`."""
    return path.decode("utf-8", "backslashreplace")


def check(path: bytes) -> bytes:
    """A name that stays within the tree; `Unreadable` for every other."""
    name = shown(path)
    if len(path) > PATH_BYTES or len(text_of(path)) > PATH_BYTES:
        raise Unreadable(f"The name of a file is too long: “{name}”.")
    if _CONTROL.search(text_of(path)):
        raise Unreadable(f"The name of a file has control characters: “{name}”.")
    if path.startswith(b"/") or _DRIVE.match(path):
        raise Unreadable(
            f"“{name}” is an absolute path: make the diff at the top of the source tree, "
            "with relative names."
        )
    parts = path.split(b"/")
    if b".." in parts:
        raise Unreadable(
            f"“{name}” leads out of the source tree: make the diff at its top, without “..”."
        )
    if not path or b"" in parts or b"." in parts:
        raise Unreadable(f"“{name}” is not the name of a file.")
    if any(_is_of_git(part) for part in _SEPARATOR.split(text_of(path))):
        raise Unreadable(f"“{name}” is inside of git's own folder.")
    return path
