"""Files of a version, or of a diff that was made of it, all in one shape."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from patches.models import PatchFile, PatchVersion
from patches.parsed import ParsedFile
from patches.reading.lines import HunkAt, hunks_of

ALL: Final = 0
# What modes mean, by their first digits.
_KINDS: Final = {"120": "symbolic link", "160": "submodule", "040": "folder"}


@dataclass(frozen=True)
class FileDiff:
    """What one commit does to one file. `commit` is its position, `ALL` in a diff of all of them;
    `rows` how many rows it has when it is shown unified. `key` tells it from others of the page."""

    key: str
    commit: int
    position: int
    path: str
    old_path: str
    status: PatchFile.Status
    is_binary: bool
    old_mode: str
    new_mode: str
    added: int
    removed: int
    length: int
    hunks: tuple[HunkAt, ...]

    @property
    def rows(self) -> int:
        both = sum(hunk.old_lines + hunk.new_lines for hunk in self.hunks)
        return (both + self.added + self.removed) // 2 + len(self.hunks)

    @property
    def anchor(self) -> str:
        """The id of the file on a page."""
        return f"file-{self.key}"

    @property
    def lines_anchor(self) -> str:
        """What the ids of its lines begin with: "f12n34" is line 34 as it will be."""
        return f"f{self.key}"

    @property
    def name(self) -> str:
        """As an address names it: "2:sys/net/if.c"."""
        return f"{self.commit or 'all'}:{self.path}"

    @property
    def words(self) -> list[str]:
        """What happened to it beside its lines, in a few words each."""
        said = []
        if self.status in {PatchFile.Status.RENAMED, PatchFile.Status.COPIED}:
            said.append(f"{self.status.value} from {self.old_path}")
        elif self.status != PatchFile.Status.MODIFIED:
            kind = kind_of(self.new_mode or self.old_mode)
            said.append(self.status.value if kind == "file" else f"{kind} {self.status.value}")
        if self.is_binary:
            said.append("binary")
        return [*said, *self._mode_words()]

    def _mode_words(self) -> list[str]:
        old, new = self.old_mode, self.new_mode
        if self.status == PatchFile.Status.ADDED:
            return ["executable"] if new == "100755" else []
        if not old or not new or old == new:
            return []
        if {old, new} == {"100644", "100755"}:
            return ["now executable" if new == "100755" else "no longer executable"]
        if kind_of(old) != kind_of(new):
            return [f"was a {kind_of(old)}, is a {kind_of(new)}"]
        return [f"mode {old} became {new}"]


def kind_of(mode: str) -> str:
    """What a mode of git stands for."""
    return _KINDS.get(mode[:3], "file")


def files_of(version: PatchVersion, commit: int = ALL) -> list[FileDiff]:
    """The files of one commit, or of all of them, in their order. One query."""
    rows = PatchFile.objects.filter(version=version)
    if commit:
        rows = rows.filter(commit__position=commit)
    columns = rows.order_by("commit__position", "position").values_list(
        "pk", "commit__position", "position", "path", "old_path", "status", "is_binary",
        "old_mode", "new_mode", "added", "removed", "length", "hunks",
    )  # fmt: skip
    return [
        FileDiff(*_checked(*said[:-1]), hunks=tuple(hunks_of(said[-1])))  # type: ignore[misc]
        for said in columns
    ]


def _checked(*said: Any) -> tuple[Any, ...]:
    return (str(said[0]), *said[1:5], PatchFile.Status(said[5]), *said[6:])


def made_of(files: Iterable[ParsedFile]) -> list[FileDiff]:
    """The files of a diff that is no commit of the version."""
    return [
        FileDiff(
            f"all{number}", ALL, number, file.path, file.old_path, file.status, file.is_binary,
            file.old_mode, file.new_mode, file.added, file.removed, file.length,
            tuple(hunks_of(hunk.as_list() for hunk in file.hunks)),
        )
        for number, file in enumerate(files, 1)
    ]  # fmt: skip


class Source(Protocol):
    """Where the bytes of a diff are."""

    def read(self, offset: int, length: int) -> bytes: ...


@dataclass(frozen=True)
class Bytes:
    """A diff in memory."""

    data: bytes

    def read(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length]


class Stored:
    """The file of a version, opened at the first look; close it afterwards."""

    def __init__(self, version: PatchVersion) -> None:
        self._file = version.file

    def read(self, offset: int, length: int) -> bytes:
        if self._file.closed:
            self._file.open("rb")
        self._file.seek(offset)
        return bytes(self._file.read(length))

    def __enter__(self) -> Stored:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
