"""Diffs as git and Mercurial (`--git`) write them, kept byte for byte where they are whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from patches.finding.hunks import Hunk, check_order, is_hunk, read_hunk
from patches.finding.paths import DEV_NULL, check, plain_pair, quoted_pair, shown, unquoted
from patches.finding.plain_diffs import Names
from patches.finding.sections import Section, Status, made_header
from patches.parsed import Unreadable

_EXTENDED: Final = re.compile(
    rb"((?:old|new|deleted file|new file) mode(?= [0-7]{6}$)|(?:copy|rename) (?:from|to)"
    rb"|(?:dis)?similarity index(?= \d{1,3}%$)"
    rb"|index(?= [0-9a-f]{1,64}\.\.[0-9a-f]{1,64}(?: [0-7]{6})?$)) (.+)"
)
_MODE: Final = re.compile(rb"[0-7]{6}")
# Without it git does not know to what binary content it applies.
_FULL_INDEX: Final = re.compile(rb"[0-9a-f]{40,64}\.\.[0-9a-f]{40,64}")
_BINARY: Final = re.compile(rb"Binary files .* and .* differ")
_BASE85: Final = re.compile(rb"[A-Za-z][0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+")
_PIECE: Final = re.compile(rb"(?:literal|delta) \d+")
# As git sets them with diff.mnemonicPrefix, and in both directions.
_PREFIX: Final = re.compile(rb"[abciow12]/")
# A file of no bytes, as git names it.
_EMPTY: Final = (
    b"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
    b"473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813",
)
_AS_GIT: Final = (b"a/", b"b/")
_Pair = tuple[bytes, bytes]


@dataclass
class _Head:
    """The header of one file's part. Paths are without prefix, b"" for /dev/null."""

    old: bytes
    new: bytes
    lines: list[bytes]
    extended: dict[bytes, bytes]
    # Whether the names are given again, above the hunks.
    has_names: bool
    is_as_git_writes: bool

    @property
    def status(self) -> Status:
        if b"rename to" in self.extended:
            return Status.RENAMED
        if b"copy to" in self.extended:
            return Status.COPIED
        if not self.old:
            return Status.ADDED
        return Status.MODIFIED if self.new else Status.DELETED

    @property
    def modes(self) -> tuple[str, str]:
        """Before and after; "" where it does not say, or there is no file."""
        get = self.extended.get
        both = get(b"index", b"").partition(b" ")[2]
        old = get(b"old mode") or get(b"deleted file mode") or both
        new = get(b"new mode") or get(b"new file mode") or both
        return _mode(old) if self.old else "", _mode(new) if self.new else ""

    @property
    def needs_lines(self) -> bool:
        """Whether its content changes, as the line `index` says."""
        old, dots, new = self.extended.get(b"index", b"").partition(b" ")[0].partition(b"..")
        if not dots:
            return False
        if self.status == Status.ADDED:
            return not _is_empty(new)
        return not _is_empty(old) if self.status == Status.DELETED else old != new

    def text(self) -> bytes:
        if self.is_as_git_writes:
            return b"\n".join(self.lines) + b"\n"
        extended = [b" ".join(item) for item in self.extended.items()]
        return made_header(self.old, self.new, extended, self.has_names)


def _is_empty(blob: bytes) -> bool:
    return any(each.startswith(blob) for each in _EMPTY)


def _mode(given: bytes) -> str:
    return given.decode() if _MODE.fullmatch(given) else ""


def read_git(lines: list[bytes], at: int, first: int) -> tuple[Section, int] | None:
    """The part whose `diff --git` line is `lines[at]`, and the index behind it; None for prose."""
    head, at = _read_head(lines, at)
    if head is None:
        return None
    path = head.new or head.old
    hunks: list[Hunk] = []
    body = b""
    if at < len(lines) and lines[at].rstrip(b"\r") == b"GIT binary patch":
        body, at = _binary_patch(lines, at, first, path)
        if not _FULL_INDEX.match(head.extended.get(b"index", b"")):
            raise Unreadable(
                f"The whole “index” line of the binary file “{shown(path)}” is missing."
            )
    elif at < len(lines) and _BINARY.match(lines[at]):
        body, at = lines[at].rstrip(b"\r") + b"\n", at + 1
    else:
        while at < len(lines) and is_hunk(lines[at]):
            hunk, at = read_hunk(lines, at, first, path)
            hunks.append(hunk)
    if not hunks and not body and (head.has_names or head.needs_lines):
        raise Unreadable(f"The change of “{shown(path)}” has no lines: the patch is not whole.")
    if not (hunks or body or head.extended):
        return None
    return _section(head, hunks, body), at


def _section(head: _Head, hunks: list[Hunk], body: bytes) -> Section:
    for path in (head.old or head.new, head.new or head.old):
        check(path)
    old_mode, new_mode = head.modes
    return Section(
        head.old,
        head.new,
        head.status,
        head.text(),
        check_order(hunks, head.new or head.old),
        body,
        is_binary=bool(body),
        old_mode=old_mode,
        new_mode=new_mode,
    )


def _read_head(lines: list[bytes], at: int) -> tuple[_Head | None, int]:
    begin, at = at, at + 1
    extended: dict[bytes, bytes] = {}
    while at < len(lines) and (found := _EXTENDED.fullmatch(lines[at].rstrip(b"\r"))):
        extended[found[1]] = found[2]
        at += 1
    behind: _Pair | None = None
    if at + 1 < len(lines) and lines[at].startswith(b"--- ") and lines[at + 1].startswith(b"+++ "):
        behind = _name_in(lines[at]), _name_in(lines[at + 1])
        at += 2
    rest = lines[begin][len(b"diff --git ") :].rstrip(b"\r")
    names = quoted_pair(rest) if b'"' in rest else plain_pair(rest)
    if names is None and (moved := _moved(extended)):
        # Names with blanks, of which only these lines tell where the first one ends.
        end = rest.find(moved[0] + b" ") + len(moved[0])
        names = (rest[:end], rest[end + 1 :]) if rest.endswith(moved[1]) else moved
    return _head(lines[begin:at], names, extended, behind), at


def _name_in(line: bytes) -> bytes:
    return unquoted(line[4:].rstrip(b"\r").partition(b"\t")[0])


def _head(
    lines: list[bytes], names: _Pair | None, extended: dict[bytes, bytes], behind: _Pair | None
) -> _Head | None:
    moved = _moved(extended)
    prefixes = _prefixes(names or behind, moved)
    pair = moved or _without(prefixes, behind) or _without(prefixes, names)
    if pair is None:
        return None
    _check_names_agree(pair, _without(prefixes, names), _without(prefixes, behind))
    old, new = pair
    is_clean = not any(line.endswith(b"\r") for line in lines)
    if old and new and old != new and not moved:
        # As git diff --no-index writes of two files, x.c.orig and x.c.
        old = new = Names(old, new).path
        is_clean = False
    if b"new file mode" in extended:
        old = b""
    elif b"deleted file mode" in extended:
        new = b""
    elif behind and not (old and new):
        extended[b"deleted file mode" if old else b"new file mode"] = b"100644"
        is_clean = False
    is_as_git_writes = is_clean and prefixes == _AS_GIT
    return _Head(old, new, lines, extended, behind is not None, is_as_git_writes)


def _moved(extended: dict[bytes, bytes]) -> _Pair | None:
    """The names of a rename or copy, which have no prefix."""
    for word in (b"rename", b"copy"):
        source, target = extended.get(word + b" from"), extended.get(word + b" to")
        if source and target:
            return unquoted(source), unquoted(target)
    return None


def _prefixes(names: _Pair | None, moved: _Pair | None) -> _Pair:
    """What stands before the paths: a/ and b/, others of one letter, two folders, or nothing."""
    if names is None or names in ((names[0], names[0]), moved):
        return b"", b""
    if moved is not None:
        old, new = (n.removesuffix(path) for n, path in zip(names, moved, strict=True))
        return old, new
    if DEV_NULL in names:
        found = [_PREFIX.match(name) for name in names]
        old, new = (each[0] if each else b"" for each in found)
        return old, new
    (old, old_slash, old_rest), (new, new_slash, new_rest) = (n.partition(b"/") for n in names)
    is_prefixed = old_rest == new_rest or all(_PREFIX.match(name) for name in names)
    if old_slash and new_slash and is_prefixed:
        return old + b"/", new + b"/"
    return b"", b""


def _without(prefixes: _Pair, names: _Pair | None) -> _Pair | None:
    if names is None:
        return None
    old, new = (
        b"" if name == DEV_NULL else name.removeprefix(prefix)
        for name, prefix in zip(names, prefixes, strict=True)
    )
    return old, new


def _check_names_agree(pair: _Pair, *others: _Pair | None) -> None:
    """A header that names different files would show one and change another."""
    for other in others:
        for one, two in zip(pair, other or pair, strict=True):
            if one and two and one != two:
                raise Unreadable(
                    f"A header names different files, “{shown(one)}” and “{shown(two)}”."
                )


def _binary_patch(lines: list[bytes], at: int, first: int, path: bytes) -> tuple[bytes, int]:
    """The text of a binary patch, with the way back where it has that, and the index behind it."""
    kept = [lines[at].rstrip(b"\r")]
    begin, at = first + at, at + 1
    while at < len(lines) and _PIECE.fullmatch(lines[at].rstrip(b"\r")):
        kept.append(lines[at].rstrip(b"\r"))
        at += 1
        while at < len(lines) and _is_binary_line(line := lines[at].rstrip(b"\r")):
            kept.append(line)
            at += 1
        if at >= len(lines) or lines[at].strip():
            raise Unreadable(
                f"The binary content of “{shown(path)}” is damaged or not whole at line "
                f"{first + at}."
            )
        kept.append(b"")
        at += 1
    if len(kept) < 3:
        raise Unreadable(f"The binary content that should begin at line {begin} is missing.")
    return b"\n".join(kept) + b"\n", min(at, len(lines))


def _is_binary_line(line: bytes) -> bool:
    """Whether a line is as long as its first letter says, A to z for 1 to 52 bytes."""
    if not _BASE85.fullmatch(line):
        return False
    count = line[0] - (0x40 if line[0] < 0x60 else 0x46)
    return len(line) == 1 + 5 * ((count + 3) // 4)
