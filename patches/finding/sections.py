"""What a diff does to one file, with the text that is kept of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from patches.finding.hunks import Hunk
from patches.finding.paths import quoted, text_of
from patches.models import PatchFile
from patches.parsed import ParsedFile, ParsedHunk

Status = PatchFile.Status


@dataclass
class Section:
    """One file of a diff. `old` and `new` are paths without prefix, b"" where there is none.

    `body` is what stands between the header and the hunks: a binary patch.
    """

    old: bytes
    new: bytes
    status: Status
    header: bytes
    hunks: Sequence[Hunk] = field(default_factory=list)
    body: bytes = b""
    is_binary: bool = False
    old_mode: str = ""
    new_mode: str = ""

    @property
    def path(self) -> bytes:
        return self.new or self.old

    @property
    def is_empty_binary(self) -> bool:
        """Whether it says that a file differs, and not how."""
        return self.is_binary and b"GIT binary patch" not in self.body

    def write(self, into: list[bytes], offset: int) -> tuple[ParsedFile, int]:
        """Add its text to `into`, which has `offset` bytes; (what it is, how many it has then)."""
        start = offset
        into += [self.header, self.body]
        offset += len(self.header) + len(self.body)
        hunks = []
        for hunk in self.hunks:
            hunks.append(
                ParsedHunk(
                    hunk.old_start,
                    hunk.old_lines,
                    hunk.new_start,
                    hunk.new_lines,
                    offset,
                    len(hunk.text),
                )
            )
            into.append(hunk.text)
            offset += len(hunk.text)
        return self._parsed(start, offset - start, hunks), offset

    def _parsed(self, offset: int, length: int, hunks: Sequence[ParsedHunk]) -> ParsedFile:
        moved = self.status in (Status.RENAMED, Status.COPIED)
        return ParsedFile(
            path=text_of(self.path),
            old_path=text_of(self.old) if moved else "",
            status=self.status,
            offset=offset,
            length=length,
            added=sum(hunk.added for hunk in self.hunks),
            removed=sum(hunk.removed for hunk in self.hunks),
            is_binary=self.is_binary,
            old_mode=self.old_mode,
            new_mode=self.new_mode,
            hunks=hunks,
        )


def made_header(old: bytes, new: bytes, extended: Sequence[bytes], has_names: bool) -> bytes:
    """A header as git writes it, from paths without prefix; b"" is /dev/null."""
    lines = [b"diff --git " + _name(b"a/", old or new) + b" " + _name(b"b/", new or old)]
    lines += extended
    if has_names:
        lines.append(b"--- " + (_tabbed(b"a/", old) if old else b"/dev/null"))
        lines.append(b"+++ " + (_tabbed(b"b/", new) if new else b"/dev/null"))
    return b"\n".join(lines) + b"\n"


def _name(prefix: bytes, path: bytes) -> bytes:
    return quoted(prefix + path)


def _tabbed(prefix: bytes, path: bytes) -> bytes:
    """Names with blanks end in a tab, so that `patch` knows where."""
    return _name(prefix, path) + (b"\t" if b" " in path else b"")
