"""Context diffs and normal diffs, as unified hunks in git's shape.

`whatthepatch` reads normal diffs. Its reader of context diffs loses added lines at the end of a
file, and ranges of one line stop it, so those are read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, Final

import whatthepatch
from whatthepatch.exceptions import WhatThePatchException

from patches.finding.hunks import Hunk
from patches.finding.limits import FOREIGN_LINE, FOREIGN_LINES
from patches.finding.paths import check, shown
from patches.finding.plain_diffs import Names, read_names, section_of
from patches.finding.sections import Section
from patches.parsed import Unreadable

_STARS: Final = b"***************"
_BEGIN: Final = re.compile(rb"\*\*\* \d")
_OLD: Final = re.compile(rb"\*\*\* (\d{1,9})(?:,(\d{1,9}))? \*\*\*\*\s*")
_NEW: Final = re.compile(rb"--- (\d{1,9})(?:,(\d{1,9}))? ----\s*")
_NORMAL: Final = re.compile(rb"(\d{1,9})(?:,(\d{1,9}))?([acd])(\d{1,9})(?:,(\d{1,9}))?\s*")
_ED: Final = re.compile(rb"\d{1,9}(?:,\d{1,9})?[acd]\s*")
_COMMAND: Final = re.compile(rb"diff (?:-\S+ )*(\S{1,1000}) (\S{1,1000})\s*")
# What str.splitlines takes for line ends, and diffs do not.
_LINE_ENDS: Final = {code: 0xE000 + code for code in (0x0B, 0x0C, 0x0D, 0x1C, 0x1D, 0x1E, 0x85)}
_BACK: Final = {to: code for code, to in _LINE_ENDS.items()}


@dataclass(frozen=True)
class _Line:
    """A line of one side: its sign, and whether the file ends behind it without a line end."""

    sign: bytes
    text: bytes
    is_last: bool = False


# Context diffs


def is_context(lines: list[bytes], at: int) -> bool:
    """Whether a context diff of one file begins there."""
    return (
        at + 3 < len(lines)
        and lines[at].startswith(b"*** ")
        and lines[at + 1].startswith(b"--- ")
        and lines[at + 2].startswith(_STARS)
        and _BEGIN.match(lines[at + 3]) is not None
    )


def read_context(
    lines: list[bytes], at: int, first: int, index: bytes = b""
) -> tuple[Section, int]:
    """The part whose `*** ` line is `lines[at]`, and the index behind it. Raises `Unreadable`."""
    names = read_names(lines[at], lines[at + 1], index)
    path = check(names.path)
    hunks: list[Hunk] = []
    at += 2
    while at + 1 < len(lines) and lines[at].startswith(_STARS) and _OLD.fullmatch(lines[at + 1]):
        hunk, at = _context_hunk(lines, at + 1, first, path)
        hunks.append(hunk)
    if not hunks:
        raise _not_whole(first + at, path)
    return section_of(names, path, hunks), at


def _context_hunk(lines: list[bytes], at: int, first: int, path: bytes) -> tuple[Hunk, int]:
    number = first + at
    old_start, old_count = _range(_OLD, lines[at])
    if at + 1 < len(lines) and _NEW.fullmatch(lines[at + 1]):
        old, at = None, at + 1
    else:
        old, at = _side(lines, at + 1, old_count, b"-")
    if at >= len(lines) or not _NEW.fullmatch(lines[at]):
        raise _not_whole(number, path)
    new_start, new_count = _range(_NEW, lines[at])
    kept = [line for line in old or () if line.sign == b" "]
    is_left_out = old is not None and len(kept) == new_count and not _has(old, b"!")
    if is_left_out:
        new, at = kept, at + 1
    else:
        new, at = _side(lines, at + 1, new_count, b"+")
    if old is None:
        old = [line for line in new if line.sign == b" "]
    if (len(old), len(new)) != (old_count, new_count):
        raise _not_whole(number, path)
    return _merged(old, new, (old_start, new_start), number, path), at


def _has(lines: list[_Line], sign: bytes) -> bool:
    return any(line.sign == sign for line in lines)


def _range(pattern: re.Pattern[bytes], line: bytes) -> tuple[int, int]:
    """(first line, how many) of `*** 3,7 ****`."""
    found = pattern.fullmatch(line)
    if found is None:
        return 0, 0
    start = int(found[1])
    return start, int(found[2]) - start + 1 if found[2] else min(start, 1)


def _side(lines: list[bytes], at: int, count: int, sign: bytes) -> tuple[list[_Line], int]:
    """Up to `count` lines of one side, whose changed lines have `sign` or "!"."""
    found: list[_Line] = []
    while at < len(lines) and len(found) < count:
        line = lines[at]
        if line[:2] in (b"  ", b"! ", sign + b" "):
            found.append(_Line(line[:1], line[2:]))
        elif line in (b"", b" ", b"!", sign):
            # Blanks at the end of lines were lost on the way.
            found.append(_Line(line or b" ", b""))
        else:
            break
        at += 1
    if found and at < len(lines) and lines[at].startswith(b"\\ "):
        found[-1] = replace(found[-1], is_last=True)
        at += 1
    return found, at


def _merged(
    old: list[_Line], new: list[_Line], starts: tuple[int, int], number: int, path: bytes
) -> Hunk:
    body: list[tuple[bytes, _Line]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        if i < len(old) and old[i].sign != b" ":
            body.append((b"-", old[i]))
            i += 1
        elif j < len(new) and new[j].sign != b" ":
            body.append((b"+", new[j]))
            j += 1
        elif i < len(old) and j < len(new) and old[i].text == new[j].text:
            body.append((b" ", old[i]))
            i, j = i + 1, j + 1
        else:
            raise _not_whole(number, path)
    return _unified(body, starts)


def _unified(body: list[tuple[bytes, _Line]], starts: tuple[int, int]) -> Hunk:
    old = sum(1 for sign, _ in body if sign != b"+")
    new = sum(1 for sign, _ in body if sign != b"-")
    lines = [b"@@ -%d,%d +%d,%d @@" % (starts[0], old, starts[1], new)]
    for sign, line in body:
        lines.append(sign + line.text)
        if line.is_last:
            lines.append(b"\\ No newline at end of file")
    added = sum(1 for sign, _ in body if sign == b"+")
    removed = sum(1 for sign, _ in body if sign == b"-")
    text = b"\n".join(lines) + b"\n"
    return Hunk(starts[0], old, starts[1], new, text, added, removed, is_as_given=False)


def _not_whole(number: int, path: bytes) -> Unreadable:
    return Unreadable(
        f"The hunk of line {number} (“{shown(path)}”) is not whole, or was changed on the way. "
        "Send a unified diff (diff -u), as an attachment."
    )


# Normal diffs


def named_by(line: bytes) -> bytes:
    """The name of the file that a `diff old new` line is about; b"" where it says none."""
    found = _COMMAND.fullmatch(line[:2_100])
    return Names(found[1], found[2]).path if found else b""


def is_normal(lines: list[bytes], at: int) -> bool:
    """Whether a hunk of a normal diff begins there."""
    if at + 1 >= len(lines) or lines[at + 1][:2] not in (b"< ", b"> ", b"<", b">"):
        return False
    return _NORMAL.fullmatch(lines[at]) is not None


def is_ed(lines: list[bytes], at: int) -> bool:
    """Whether a command of an ed script stands there."""
    return _ED.fullmatch(lines[at]) is not None


def read_normal(lines: list[bytes], at: int, first: int, name: bytes) -> tuple[Section, int]:
    """The part that begins with a hunk at `lines[at]`. Raises `Unreadable`."""
    if not name:
        raise Unreadable(
            f"Line {first + at} begins a diff that does not say of which file: send a unified diff "
            "(diff -u)."
        )
    path = check(name)
    end = at
    while end < len(lines) and (
        lines[end][:1] in (b"<", b">") or lines[end].rstrip() == b"---"
        or lines[end].startswith(b"\\ ") or is_normal(lines, end)
    ):  # fmt: skip
        end += 1
    part = lines[at:end]
    if len(part) > FOREIGN_LINES or any(len(line) > FOREIGN_LINE for line in part):
        raise Unreadable(
            "A normal diff is read only if it is short: send a unified diff (diff -u)."
        )
    return section_of(Names(path, path), path, _normal_hunks(part, first + at, path)), end


def _normal_hunks(part: list[bytes], number: int, path: bytes) -> list[Hunk]:
    commands = [found for line in part if (found := _NORMAL.fullmatch(line))]
    lasts = _last_lines(part)
    hunks: list[Hunk] = []
    for _, group in groupby(enumerate(_changes(part)), key=lambda item: item[1].hunk):
        body = [
            (
                b"-" if change.new is None else b"+",
                _Line(b"", change.line.translate(_BACK).encode("latin-1"), at in lasts),
            )
            for at, change in group
        ]
        command = commands[len(hunks)] if len(hunks) < len(commands) else None
        if command is None or not _has_lines(command, body):
            raise _not_whole(number, path)
        hunks.append(_unified(body, (int(command[1]), int(command[4]))))
    if len(hunks) != len(commands):
        raise _not_whole(number, path)
    return hunks


def _changes(part: list[bytes]) -> list[Any]:
    """Each taken or added line in its order, with the hunk that it is in; [] where it is none."""
    text = b"\n".join(line for line in part if not line.startswith(b"\\ "))
    try:
        found = list(whatthepatch.parse_patch(text.decode("latin-1").translate(_LINE_ENDS)))
    except (WhatThePatchException, ValueError, TypeError, IndexError):
        return []
    return list(found[0].changes or ()) if len(found) == 1 else []


def _has_lines(command: re.Match[bytes], body: list[tuple[bytes, _Line]]) -> bool:
    """Whether there are as many lines as `3,4c3` says."""
    old = int(command[2] or command[1]) - int(command[1]) + 1 if command[3] != b"a" else 0
    new = int(command[5] or command[4]) - int(command[4]) + 1 if command[3] != b"d" else 0
    signs = [sign for sign, _ in body]
    return (signs.count(b"-"), signs.count(b"+")) == (old, new)


def _last_lines(part: list[bytes]) -> set[int]:
    """Which of the changed lines, counted from 0, end their file without a line end."""
    lasts, count = set(), 0
    for line in part:
        if line[:1] in (b"<", b">"):
            count += 1
        elif line.startswith(b"\\ "):
            lasts.add(count - 1)
    return lasts
