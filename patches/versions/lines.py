"""Lines of a version, read from its file: those that somebody comments on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from patches.models import PatchFile, PatchVersion, Side
from patches.reading.lines import ADDED, REMOVED, body, hunks_of
from patches.reading.lines import lines_of as hunk_lines
from tracker.drafts import Faults
from tracker.text import clean_text

LINES_AT_ONCE: Final = 1000


def lines_of(
    version: PatchVersion, commit: int, path: str, side: str, start: int, end: int, faults: Faults
) -> str:
    """The lines, without the signs of the diff. What is wrong with the place is added to `faults`.

    From 0 to 0 is the file as a whole, of which no lines are given. Else every one of them must
    stand in a hunk: others are not in the diff, so nobody could see them.
    """
    if side not in Side.values:
        faults.add("side", f"Choose one of: {', '.join(Side.values)}.")
    is_whole = bool(path) and start == end == 0
    if not is_whole and not 1 <= start <= end:
        faults.add("start", "Lines are counted from 1, the first of them before the last.")
    elif end - start >= LINES_AT_ONCE:
        faults.add("end", f"Comment on {LINES_AT_ONCE:,} lines at once at the most.")
    if faults.errors:
        return ""
    if not path:
        return _of_message(version, commit, start, end, faults)
    at = version.files.filter(commit__position=commit, path=path)
    file = None if "\0" in path else at.first()
    if file is None:
        faults.add("path", f"Commit {commit} of version {version.number} changes no file “{path}”.")
        return ""
    if is_whole:
        return ""
    found = dict(numbered(version, file, Side(side), start, end))
    if len(found) != end - start + 1:
        faults.add("start", f"Not all of the lines {start} to {end} are in the diff of “{path}”.")
        return ""
    return clean_text("\n".join(found[number] for number in range(start, end + 1)))


def _of_message(version: PatchVersion, commit: int, start: int, end: int, faults: Faults) -> str:
    """Of a commit's message as git shows it: the subject, an empty line, the rest."""
    row = version.commits.filter(position=commit).first()
    lines = message_lines(row.subject, row.message) if row else []
    if end > len(lines):
        faults.add("start", f"The message of commit {commit} has no such line.")
        return ""
    return clean_text("\n".join(lines[start - 1 : end]))


def message_lines(subject: str, message: str) -> list[str]:
    """The lines by which a commit's message is counted."""
    if not subject and not message:
        return []
    return [subject, *(["", *message.split("\n")] if message else [])]


def numbered(
    version: PatchVersion, file: PatchFile, side: Side, start: int, end: int
) -> Iterator[tuple[int, str]]:
    """(number, line) of the lines on one side of a file that stand in its hunks."""
    other = ADDED if side == Side.OLD else REMOVED
    with version.file.open("rb") as text:
        for hunk in hunks_of(file.hunks):
            number, count = hunk.new_start, hunk.new_lines
            if side == Side.OLD:
                number, count = hunk.old_start, hunk.old_lines
            if number > end or number + count <= start:
                continue
            text.seek(hunk.offset)
            for line in hunk_lines(body(text.read(hunk.length))):
                if line.sign == other:
                    continue
                if start <= number <= end:
                    yield number, line.text
                number += 1
