"""FreeBSD's MAINTAINERS.

The format has no description but the file itself, at the top of FreeBSD's source tree. It is read
like this:

- The head is prose for people. It ends with a line of the three words `subsystem`, `login` and
  `notes` and the rule of dashes below. A file without them has lines with tabs, and the rest is
  prose.
- Then each line has three fields with tabs between: a path, who looks after it, a note. In place
  of a tab, two spaces will do below the head. A line without a second field is prose.
- A line that begins with white space goes on with the one above. Single words with commas between
  are more logins, unless they begin as far to the right as the note did; other text is more of the
  note.
- Logins are parted by commas. Of what has more words the first is the login, and the rest a remark
  ("rmacklem is best for reviews"); what is in brackets is one too. `pkg@` is the same as `pkg`.
- A path counts from the top of the tree, and for all below it: `sys/netinet` covers
  `sys/netinet/tcp.c`, not `sys/netinet6/ip6.c`. With `*`, `?` or `[a-z]` it is a pattern of the
  shell, in which none of them matches a slash; `**` is any number of folders.
- The longest path that covers a file decides, and of several lines with that path all do.
- A page of the manual, such as `ath(4)`, says nothing about files, and is told as such.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from patches.owners.patterns import BadPattern, Covers, Pattern, read
from patches.owners.rules import Draft, Rule, Rules

_HEADER = re.compile(r"\s*subsystem\s+login\s+notes?\s*", re.IGNORECASE)
_RULE = re.compile(r"\s*-{5,}\s*")
_GAP_BELOW_THE_HEAD = re.compile(r"\t\s*|  \s*")
_GAP = re.compile(r"\t\s*")
_LOGIN = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._+-]*(?:@(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]*)?[.]?")
_PAGE = re.compile(r"\([0-9][a-zA-Z]*\)$")
_TAB: Final = 8


@dataclass
class _Entry:
    """A line and those that go on with it. `note_at` is the column of its note, if it has one."""

    line: int
    path: str
    logins: list[tuple[int, str]] = field(default_factory=list)
    note_at: int | None = None


def parse(text: str) -> Rules:
    """The rules of a whole file, and what cannot be followed in it."""
    draft = Draft()
    for entry in _entries(text.split("\n")):
        _read_entry(draft, entry)
    return Rules(draft.rules, draft.faults)


def _entries(lines: list[str]) -> list[_Entry]:
    first = _end_of_head(lines)
    gap = _GAP_BELOW_THE_HEAD if first else _GAP
    entries: list[_Entry] = []
    is_open = False
    for number, line in enumerate(lines[first:], start=first + 1):
        if not line.strip():
            is_open = False
        elif line[0] in " \t":
            if is_open:
                _go_on(entries[-1], number, line, gap)
        else:
            entry = _entry(number, line, gap)
            is_open = entry is not None
            entries += [entry] if entry else []
    return entries


def _end_of_head(lines: list[str]) -> int:
    """How many lines the head has; 0 where nothing marks its end."""
    for number, line in enumerate(lines):
        if _HEADER.fullmatch(line):
            has_rule = number + 1 < len(lines) and _RULE.fullmatch(lines[number + 1])
            return number + (2 if has_rule else 1)
    return 0


def _entry(number: int, line: str, gap: re.Pattern[str]) -> _Entry | None:
    path, *rest = gap.split(line.rstrip(), maxsplit=2)
    if not rest or path.startswith("#"):
        return None
    return _Entry(number, path, [(number, rest[0])], _note_at(line, gap) if rest[1:] else None)


def _note_at(line: str, gap: re.Pattern[str]) -> int:
    second = [found.end() for found in gap.finditer(line.strip("\r\n"))][1]
    return _column(line[:second])


def _column(before: str) -> int:
    return len(before.expandtabs(_TAB))


def _go_on(entry: _Entry, number: int, line: str, gap: re.Pattern[str]) -> None:
    words = line.strip()
    column = _column(line[: len(line) - len(line.lstrip())])
    logins, *note = gap.split(words, maxsplit=1)
    are_logins = all(_LOGIN.fullmatch(w) for w in re.split(r"\s*,\s*", logins) if w)
    if entry.note_at is not None:
        are_logins = are_logins and column < entry.note_at
    if are_logins:
        entry.logins.append((number, logins))
    if entry.note_at is None and (note or not are_logins):
        entry.note_at = column


def _read_entry(draft: Draft, entry: _Entry) -> None:
    names = [n for number, text in entry.logins for n in _names(draft, number, text)]
    try:
        pattern = read_path(entry.path)
    except BadPattern as bad:
        draft.fault(entry.line, f"“{entry.path[:80]}” {bad}")
        return
    draft.add(Rule(entry.line, entry.path, tuple(dict.fromkeys(names)), pattern))


def _names(draft: Draft, number: int, text: str) -> list[str]:
    names = []
    for part in re.sub(r"\([^)]*\)", " ", text).split(","):
        login, *_ = [*part.split(), ""]
        if _LOGIN.fullmatch(login):
            names.append(login.strip("@."))
        elif login:
            draft.fault(number, f"“{login[:80]}” is no login")
    return names


def read_path(text: str) -> Pattern:
    """The first field. Raises BadPattern, whose words follow on it."""
    if _PAGE.search(text):
        raise BadPattern("is a page of the manual and no path, so it covers no files")
    bare = text.removeprefix("./").strip("/")
    if not bare:
        raise BadPattern("names no path")
    covers = Covers.BELOW if text.endswith("/") else Covers.BOTH
    return read(bare, is_rooted=True, covers=covers, classes=True)
