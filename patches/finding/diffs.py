"""All diffs in a text, in their order, and the words around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from patches.finding import older
from patches.finding.git_diffs import read_git
from patches.finding.limits import MOST_FILES, MOST_HUNKS, MOST_LINES
from patches.finding.logs import begin_above
from patches.finding.paths import check, shown
from patches.finding.plain_diffs import is_plain, read_names, read_plain
from patches.finding.sections import Section, Status, made_header
from patches.parsed import Unreadable

# What every diff has a line of.
_SIGNS: Final = re.compile(
    rb"^(?:diff --(?:git|cc|combined) |--- \S|Index: \S|Binary file|\*\*\* \S"
    rb"|\d{1,9}(?:,\d{1,9})?[acd]\d)",
    re.M,
)
# What hardly anything else has.
_LOOK: Final = re.compile(
    rb"^(?:diff --(?:git|cc|combined) \S|--- \S[^\n]{0,2000}\n\+\+\+ \S[^\n]{0,2000}\n@@ -\d"
    rb"|\*\*\* \S[^\n]{0,2000}\n--- \S[^\n]{0,2000}\n\*{15})",
    re.M,
)
_INDENT: Final = re.compile(
    rb"^([ \t]{1,16})(?:diff --git \S|--- \S[^\n]{0,2000}\n\1\+\+\+ \S[^\n]{0,2000}\n\1@@ -\d)",
    re.M,
)
_INDEX: Final = re.compile(rb"Index: (.{1,1000})")
_BINARY: Final = re.compile(rb"(?:Binary files|Files) (.{1,1000}) and (.{1,1000}) differ")
_HG_BINARY: Final = re.compile(rb"Binary file (.{1,1000}) has changed")
_SVN_BINARY: Final = b"Cannot display: file marked as a binary type."
_NOISE: Final = re.compile(
    rb"(?:diff |Index: |={20,}|RCS file: |retrieving revision |Only in |_{20,}"
    rb"|Property changes on: |Added: svn:|Deleted: svn:|Modified: svn:|## "
    rb"|Cannot display: |svn:\w+ = |=== \w+ file "
    rb"|\\ No newline)"
)


@dataclass
class Found:
    """What a text has: `words` above the first diff, `below` what stands between and behind."""

    sections: list[Section] = field(default_factory=list)
    words: list[bytes] = field(default_factory=list)
    below: list[bytes] = field(default_factory=list)
    hunks: int = 0
    # The index of the line behind the last diff; 0 where there is none.
    end: int = 0

    def add(self, section: Section) -> None:
        self.sections.append(section)
        self.hunks += len(section.hunks)
        if len(self.sections) > MOST_FILES:
            raise Unreadable(f"It has more than {MOST_FILES:,} files: send it in parts.")
        if self.hunks > MOST_HUNKS:
            raise Unreadable(f"It has more than {MOST_HUNKS:,} hunks: send it in parts.")


def may_have_diff(text: bytes) -> bool:
    """A quick look that no text with a diff fails."""
    return _SIGNS.search(text) is not None


def has_look(text: bytes) -> bool:
    """Whether it has what hardly any text has but one with a diff."""
    return _LOOK.search(text) is not None


def begin_of(text: bytes) -> int | None:
    """Where in a text its first diff begins, with the lines of tools above it and what a log says
    of the commit."""
    found = _LOOK.search(text)
    if found is None:
        return None
    begin = found.start()
    while begin:
        before = text.rfind(b"\n", 0, begin - 1) + 1
        if not _NOISE.match(text, before, begin):
            return begin_above(text, begin)
        begin = before
    return 0


def dedented(text: bytes) -> bytes | None:
    """A text in which a diff is indented, as below a list or as code, without that; or None."""
    found = _INDENT.search(text)
    if found is None:
        return None
    return re.sub(rb"^" + re.escape(found[1]), b"", text, flags=re.M)


def find(text: bytes, first: int = 1) -> Found:
    """Every diff of a text. `first` is the number of its first line. Raises `Unreadable`."""
    found = Found()
    if (too_many := _too_many(text)) is not None:
        if has_look(text):
            raise too_many
        return found
    lines = lines_of(text)
    at, index = 0, b""
    while at < len(lines):
        line = lines[at]
        if line[:5] in (b"Index", b"diff "):
            index = _named_by(line) or index
        section, end = _section_at(lines, at, first, index)
        if section is not None:
            found.add(section)
            index, found.end = b"", end
        elif not _NOISE.match(line):
            (found.below if found.sections else found.words).append(line)
        at = end
    return found


def _too_many(text: bytes) -> Unreadable | None:
    """Why it is not even begun with: counting costs hardly anything."""
    for what, most, sign in (
        ("lines", MOST_LINES, b"\n"),
        ("files", MOST_FILES, b"\ndiff --git "),
        ("hunks", MOST_HUNKS, b"\n@@ -"),
    ):
        if text.count(sign) > most:
            return Unreadable(f"It has more than {most:,} {what}: send it in parts.")
    return None


def _named_by(line: bytes) -> bytes:
    """The file that an `Index:` line or a command names, for a diff that does not itself."""
    found = _INDEX.match(line)
    return found[1].rstrip() if found else older.named_by(line)


def lines_of(text: bytes) -> list[bytes]:
    """Lines without their ends."""
    lines = text.split(b"\n")
    if not lines[-1]:
        del lines[-1]
    return lines


def _section_at(
    lines: list[bytes], at: int, first: int, index: bytes
) -> tuple[Section | None, int]:
    """The part that begins at a line, and where it ends; (None, next line) where none does."""
    line = lines[at]
    start = line[:4]
    if start == b"diff":
        _refuse_merges(line)
        if line.startswith(b"diff --git ") and (read := read_git(lines, at, first)):
            return read
    elif start == b"--- ":
        if is_plain(lines, at):
            return read_plain(lines, at, first, index)
    elif start == b"*** ":
        if older.is_context(lines, at):
            return older.read_context(lines, at, first, index)
    elif line[:1].isdigit():
        return _normal_at(lines, at, first, index)
    elif start in (b"Bina", b"File", b"Cann") and (names := _binary_names(line, index)):
        return _plain_binary(*names), at + 1
    return None, at + 1


def _binary_names(line: bytes, index: bytes) -> tuple[bytes, bytes] | None:
    """Both names in a line that only says that a file differs."""
    line = line.rstrip(b"\r")
    if found := _BINARY.fullmatch(line):
        return found[1], found[2]
    if found := _HG_BINARY.fullmatch(line):
        return found[1], found[1]
    return (index, index) if index and line.startswith(_SVN_BINARY) else None


def _normal_at(lines: list[bytes], at: int, first: int, index: bytes) -> tuple[Section | None, int]:
    if older.is_normal(lines, at):
        return older.read_normal(lines, at, first, index)
    if index and older.is_ed(lines, at):
        raise Unreadable(
            "It is a script for ed, which does not say what it takes away: send a unified diff "
            "(diff -u)."
        )
    return None, at + 1


def _refuse_merges(line: bytes) -> None:
    if line.startswith((b"diff --cc ", b"diff --combined ")):
        raise Unreadable(
            f"It shows a merge against several parents (“{shown(line[5:])}”): send it against one, "
            "as git format-patch makes it."
        )


def _plain_binary(old: bytes, new: bytes) -> Section:
    path = check(read_names(b"--- " + old, b"+++ " + new).path)
    body = b"Binary files a/%b and b/%b differ\n" % (path, path)
    header = made_header(path, path, [], has_names=False)
    return Section(path, path, Status.MODIFIED, header, body=body, is_binary=True)


def has_content(sections: Sequence[Section]) -> bool:
    """Whether anything can be applied."""
    return any(not section.is_empty_binary for section in sections)
