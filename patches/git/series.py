"""A version with the text of its diffs, in the shape in which git's part of patches works on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from patches.models import PatchFile, PatchVersion
from patches.parsed import ParsedFile, ParsedPatch

INDEX = re.compile(rb"^index ([0-9a-f]+)\.\.([0-9a-f]+)(?: ([0-7]{6}))?$", re.MULTILINE)
HEADING = re.compile(rb"^@@ -[0-9, +]+@@ ?(.*)$")
FILE = "100644"

# One line of a hunk: its sign (b" ", b"-", b"+"), and its bytes with the end of line, if any.
Row = tuple[bytes, bytes]


@dataclass(frozen=True)
class Hunk:
    """Line numbers from 1 as in its header; `raw` are all its bytes, from the header on."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    raw: bytes

    @property
    def heading(self) -> bytes:
        """What the header says after the numbers: a line somewhere above, cut off."""
        match = HEADING.match(self.raw.partition(b"\n")[0])
        return match[1] if match else b""

    @cached_property
    def rows(self) -> list[Row]:
        """Its lines in order. Where the file does not end in a newline, nor does its last line."""
        found: list[Row] = []
        missing = self.old_lines + self.new_lines
        for line in self.raw.split(b"\n")[1:]:
            if line.startswith(b"\\"):
                sign, text = found[-1] if found else (b" ", b"")
                found[-1:] = [(sign, text.removesuffix(b"\n"))]
            elif missing > 0:
                # Mailers cut the one blank of an empty line.
                sign = line[:1] or b" "
                found.append((sign, line[1:] + b"\n"))
                missing -= 2 if sign == b" " else 1
        return found

    @property
    def offset(self) -> int:
        """How many lines of the old file stand above it."""
        return self.old_start - 1 if self.old_lines else self.old_start


@dataclass(frozen=True)
class FileChange:
    """What one commit does to one file; `raw` is its part of the diff. Of an added file `old_path`
    is "", as of a deleted one `path` is the name that it had."""

    path: str
    old_path: str
    status: str
    is_binary: bool
    old_mode: str
    new_mode: str
    raw: bytes
    hunks: Sequence[Hunk]

    @property
    def header(self) -> bytes:
        """What stands above its hunks, or above its binary data."""
        end = self.raw.find(b"\n@@ ")
        return self.raw if end < 0 else self.raw[: end + 1]

    @property
    def source(self) -> str:
        """Where the file was before."""
        return self.old_path or self.path

    @cached_property
    def index(self) -> tuple[str, str, str]:
        """The blobs before and after and the mode, as the index line has them; "" for none."""
        match = INDEX.search(self.header)
        if match is None:
            return "", "", ""
        before, after, mode = (part.decode() if part else "" for part in match.groups())
        return before, after, mode

    @property
    def modes(self) -> tuple[str, str]:
        """Six octal digits before and after, a plain file's where nothing says."""
        usual = self.index[2] or FILE
        return self.old_mode or usual, self.new_mode or self.old_mode or usual


@dataclass(frozen=True)
class Commit:
    """One commit of a series, `position` from 1."""

    position: int
    subject: str
    message: str
    author_name: str
    author_email: str
    authored_at: datetime | None
    patch_id: str
    diff: bytes
    files: Sequence[FileChange]

    @property
    def words(self) -> str:
        """Subject, an empty line and what stands below, as git has it."""
        return "\n\n".join(part for part in (self.subject, self.message.strip("\n")) if part)


@dataclass(frozen=True)
class Series:
    """All commits of one version."""

    commits: Sequence[Commit]

    @cached_property
    def context(self) -> int:
        """How many unchanged lines its hunks have around the changed ones, at most."""
        return max((_context(h) for c in self.commits for f in c.files for h in f.hunks), default=0)


def _context(hunk: Hunk) -> int:
    """Two changes have twice as many lines between them at most, and are one hunk then."""
    signs = b"".join(sign for sign, _ in hunk.rows)
    inside = max(map(len, re.findall(rb" +", signs.strip(b" "))), default=0)
    above, below = len(signs) - len(signs.lstrip(b" ")), len(signs) - len(signs.rstrip(b" "))
    return max(above, below, (inside + 1) // 2)


def series_of(version: PatchVersion) -> Series:
    """The version as it is stored; three queries, and its file is read."""
    with version.file.open("rb") as stored:
        text = stored.read()
    files: dict[int, list[PatchFile]] = {}
    for file in version.files.order_by("commit", "position"):
        files.setdefault(file.commit_id, []).append(file)
    return Series(
        [
            Commit(
                row.position,
                row.subject,
                row.message,
                row.author_name,
                row.author_email,
                row.authored_at,
                row.patch_id,
                text[row.offset : row.offset + row.length],
                [_file(text, file, file.hunks) for file in files.get(row.pk, [])],
            )
            for row in version.commits.order_by("position")
        ]
    )


def series_of_parsed(parsed: ParsedPatch) -> Series:
    """The same of what is not stored yet."""
    return Series(
        [
            Commit(
                position,
                commit.subject,
                commit.message,
                commit.author_name,
                commit.author_email,
                commit.authored_at,
                commit.patch_id,
                parsed.text[commit.offset : commit.offset + commit.length],
                [_file(parsed.text, f, [h.as_list() for h in f.hunks]) for f in commit.files],
            )
            for position, commit in enumerate(parsed.commits, 1)
        ]
    )


def _file(text: bytes, file: PatchFile | ParsedFile, hunks: Iterable[Sequence[int]]) -> FileChange:
    return FileChange(
        file.path,
        file.old_path,
        str(file.status),
        file.is_binary,
        file.old_mode,
        file.new_mode,
        text[file.offset : file.offset + file.length],
        [Hunk(h[0], h[1], h[2], h[3], text[h[4] : h[4] + h[5]]) for h in hunks],
    )
