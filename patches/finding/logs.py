"""What `git log -p`, `git show` and `hg export` print: commits with words above each diff."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from patches.finding.headers import author_of, date_of

# Of every format that names the author, and of those of one line.
_COMMIT: Final = re.compile(
    rb"^commit [0-9a-f]{7,64}\b[^\n]{0,1000}\n(?=[A-Z]\w{1,30}: |tree [0-9a-f]{40}|gpg: )", re.M
)
_LINE: Final = re.compile(
    rb"^[0-9a-f]{7,64} \S[^\n]{0,1000}\n(?=\n?(?:diff --git |---\n| \S[^\n]{0,1000} \| ))", re.M
)
EXPORTED: Final = re.compile(rb"^# HG changeset patch[ \t\r]*\n(?=# )", re.M)
# What else git puts above a diff: all other lines are somebody's own.
_GITS: Final = re.compile(
    rb"| .*|[A-Z]\w{1,30}: .*|Notes(?: \(.*\))?:|(?:tree|parent|author|committer|encoding|gpg\w*:?)"
    rb" .*|---|:[0-7]{6} .*|(?:\d+|-)\t(?:\d+|-)\t.*"
)
_FIRST: Final = re.compile(r"(?:commit )?[0-9a-f]{7,64}\b ?(.*)")
# So much of a diff tells that it begins there.
_SEEN: Final = len(b"diff --git ")
# Branches and tags stand before a subject, of `--format=reference` a date behind it.
_DECORATED: Final = re.compile(r"\((?:HEAD|tag: |refs/|origin/)[^()]*\) ")
_REFERENCE: Final = re.compile(r"\((.*), \d{4}-\d\d-\d\d\)")
_AUTHOR: Final = re.compile(r"Author: +(.*)|author (.*>) \d+ [+-]\d{4}")
_DATE: Final = re.compile(r"(?:Author)?Date: +(.*)|author .*> (\d{1,12}) [+-]\d{4}")
_ISO: Final = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d) ?(?:([+-]\d\d):?(\d\d)|Z)")


@dataclass(frozen=True)
class Said:
    """The words of one commit; `lines` begin with its subject."""

    lines: Sequence[str]
    author: tuple[str, str] = ("", "")
    date: datetime | None = None


def begin_of_commits(text: bytes) -> re.Pattern[bytes] | None:
    """How each commit of a log begins in a text that seems to have one."""
    return next((style for style in (_COMMIT, _LINE) if style.search(text)), None)


def begin_above(text: bytes, diff: int) -> int:
    """Where the words begin that git or Mercurial has put above the diff that begins at `diff`."""
    if exported := EXPORTED.search(text, 0, diff):
        return exported.start()
    style = begin_of_commits(text[: diff + _SEEN])
    marks = style.finditer(text, 0, diff + _SEEN) if style is not None else ()
    begins = [mark.start() for mark in marks if mark.start() < diff]
    if not begins or not is_of_git(text[begins[-1] : diff].split(b"\n")):
        return diff
    return begins[-1]


def is_of_git(words: Sequence[bytes]) -> bool:
    """Whether what stands above a diff is all git's: else it only speaks of a commit."""
    return all(_GITS.fullmatch(line) for line in words[1:])


def said_in(lines: Sequence[str]) -> Said:
    """What stands above the diff of one commit, from the line that begins it."""
    found = _FIRST.fullmatch(lines[0])
    if found is not None and not lines[0].startswith("commit "):
        subject = _DECORATED.sub("", found[1], count=1)
        reference = _REFERENCE.fullmatch(subject)
        return Said([reference[1] if reference else subject])
    return Said(
        [line[4:] for line in lines if line.startswith("    ") or not line],
        author_of(_first(_AUTHOR, lines)),
        _date(_first(_DATE, lines).strip()),
    )


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> str:
    named = (found[1] or found[2] for line in lines if (found := pattern.fullmatch(line)))
    return next(named, "") or ""


def _date(value: str) -> datetime | None:
    """RFC 2822 as git writes it, ISO 8601, or seconds since 1970."""
    with suppress(ValueError, OverflowError, OSError):
        if value.isdigit():
            return datetime.fromtimestamp(int(value), UTC)
        if iso := _ISO.fullmatch(value):
            zone = f"{iso[3]}:{iso[4]}" if iso[3] else "+00:00"
            return datetime.fromisoformat(f"{iso[1]}T{iso[2]}{zone}").astimezone(UTC)
    return date_of(value)
