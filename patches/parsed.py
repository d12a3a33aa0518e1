"""What a patch is made of, before it is a row: the shape in which every door hands it on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from patches.models import PatchFile


class NotAPatch(Exception):
    """Nothing that has the look of a patch."""

    # For who meant to send one.
    ADVICE: Final = (
        "There is no patch in it. Send a diff as “git diff” or “diff -u” make it, or what "
        "“git format-patch” writes."
    )


class Unreadable(NotAPatch):
    """It has the look of a patch and cannot be taken as one; `reason` is a sentence that says why
    and, where there is something to do, what."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ParsedHunk:
    """Line numbers from 1 as the header has them; bytes within the whole text of the version."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    offset: int
    length: int

    def as_list(self) -> list[int]:
        """As `PatchFile.hunks` keeps it."""
        return [
            self.old_start,
            self.old_lines,
            self.new_start,
            self.new_lines,
            self.offset,
            self.length,
        ]


@dataclass(frozen=True)
class ParsedFile:
    """What one commit does to one file. Paths are relative, have `/` and no `..`."""

    path: str
    old_path: str
    status: PatchFile.Status
    offset: int
    length: int
    added: int = 0
    removed: int = 0
    is_binary: bool = False
    old_mode: str = ""
    new_mode: str = ""
    hunks: Sequence[ParsedHunk] = ()


@dataclass(frozen=True)
class ParsedCommit:
    """One commit; of a bare diff the words are empty. `patch_id` is git's."""

    offset: int
    length: int
    files: Sequence[ParsedFile]
    subject: str = ""
    message: str = ""
    author_name: str = ""
    author_email: str = ""
    authored_at: datetime | None = None
    patch_id: str = ""


@dataclass(frozen=True)
class ParsedPatch:
    """One version: `text` holds the diffs as git writes them, one commit after the other, and all
    offsets count in it. `original` are the bytes that it was made of, b"" where they are the same.

    `content` is what two versions have in common that change the same in the same way.
    """

    text: bytes
    commits: Sequence[ParsedCommit]
    content: str
    original: bytes = b""
    # The words of a cover letter, or of the one commit, or above a diff in a mail.
    title: str = ""
    description: str = ""
    base_commit: str = ""
    # The number in `[PATCH v3 ...]`; 0 where there is none.
    version: int = 0
    # "2/5" of one that came alone: the part that it is, and how many there are. 0 for all others;
    # `parts` is set for a whole series, too.
    part: int = 0
    parts: int = 0
    message_id: str = ""
    # The Message-IDs that it answers, the latest last.
    answers: Sequence[str] = ()
    author_name: str = ""
    author_email: str = ""
    # Problems of this tracker that the words name as fixed ("Fixes: #12", "PR: 12").
    named_problems: Sequence[int] = ()

    @property
    def is_series(self) -> bool:
        """Whether it came as commits rather than as one bare diff."""
        return len(self.commits) > 1 or any(commit.subject for commit in self.commits)

    @property
    def paths(self) -> list[str]:
        """Every path that it touches, old names too, sorted."""
        files = [file for commit in self.commits for file in commit.files]
        return sorted({path for f in files for path in (f.path, f.old_path) if path})
