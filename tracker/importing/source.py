"""What every format is read into: records of problems with their comments, files and history.

Times are text as the other tracker wrote it, words are its words; `rows` judges both.
"""

from __future__ import annotations

import base64
import binascii
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from django.conf import settings

# Files larger than this wait on disk until their batch is stored.
IN_MEMORY: Final = 128 * 1024
# What is longer than this is no text that people wrote: it is cut while it is read.
LONGEST_TEXT: Final = 20_000_000


class UnreadableFile(Exception):
    """Nothing can be taken from the file; the message says why and what to do."""


class Author(NamedTuple):
    """Somebody there: a name that may be shown, and the address or login that may not."""

    name: str = ""
    key: str = ""


NOBODY: Final = Author()


@dataclass(slots=True)
class SourceComment:
    """A comment; `key` tells it apart from the others of its problem, in later exports too."""

    key: str
    author: Author
    at: str
    text: str


@dataclass(slots=True)
class SourceFile:
    """An attachment. Where `fault` is not "", it says why the content cannot be kept."""

    key: str
    name: str
    author: Author = NOBODY
    at: str = ""
    content: Blob | None = None
    fault: str = ""
    # The key of the comment it came with, "" for the report itself.
    comment: str = ""


@dataclass(slots=True)
class SourceEvent:
    """A change of one field in the words of the other tracker; "" where nothing was said."""

    at: str
    author: Author
    field: str
    old: str
    new: str
    why: str = ""


@dataclass(slots=True)
class Record:
    """One problem there: where it stands in the file, and field -> its non-empty cells.

    The fields are those of `tables.FIELD_OF_HEADER`, whatever the format.
    """

    place: str
    cells: dict[str, list[str]] = field(default_factory=dict)
    # Why nothing can be made of it; "" when there is no such reason.
    fault: str = ""
    reporter: Author = NOBODY
    assignee: Author = NOBODY
    comments: list[SourceComment] = field(default_factory=list)
    files: list[SourceFile] = field(default_factory=list)
    events: list[SourceEvent] = field(default_factory=list)
    # Names of those that alone may see it there.
    groups: list[str] = field(default_factory=list)
    # Keys of problems that it is the same as.
    same_as: list[str] = field(default_factory=list)
    # How it hangs together with others ("Blocks") -> their keys.
    relations: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    # Whether the last digits of its key are a number that people know it by.
    has_number: bool = True

    def first(self, name: str) -> str:
        """The first non-empty cell of a field, or ""."""
        return self.cells.get(name, [""])[0]

    def put(self, name: str, *values: str) -> None:
        """Add cells, passing over empty ones."""
        kept = [value for value in values if value.strip()]
        if kept:
            self.cells.setdefault(name, []).extend(kept)


@dataclass
class Blob:
    """The bytes of a file: in memory while they are few, else in a file of the scratch folder."""

    size: int
    data: bytes = b""
    path: Path | None = None

    def read(self) -> bytes:
        return self.path.read_bytes() if self.path is not None else self.data

    def discard(self) -> None:
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@dataclass
class Reading:
    """One pass over a file: what had to be assumed, what was left out, and where bytes wait.

    `keep_files` is False while the file is only looked at: contents are checked and dropped.
    """

    scratch: Path
    keep_files: bool = True
    # A file with the comments of all problems, where a format keeps them apart.
    comments: Path | None = None
    said: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def say(self, sentence: str) -> None:
        if sentence not in self.said:
            self.said.append(sentence)

    def blob(self, data: bytes) -> Blob:
        """`data` set aside until it is stored."""
        if not self.keep_files:
            return Blob(len(data))
        if len(data) <= IN_MEMORY:
            return Blob(len(data), data)
        with tempfile.NamedTemporaryFile(dir=self.scratch, delete=False) as file:
            file.write(data)
        return Blob(len(data), path=Path(file.name))

    def fill(self, file: SourceFile, data: bytes) -> None:
        """Give `file` its content, or the reason why it is too large."""
        if len(data) > settings.ATTACHMENT_BYTES:
            file.fault = too_large(len(data))
        else:
            file.content = self.blob(data)


def too_large(size: int) -> str:
    return f"has {size:,} bytes; at most {settings.ATTACHMENT_BYTES:,} are taken"


class Base64Text:
    """Base64 that comes in pieces, decoded as it comes and dropped once it is too large."""

    def __init__(self) -> None:
        self._rest = ""
        self._pieces: list[bytes] = []
        self.size = 0
        self.fault = ""

    def feed(self, text: str) -> None:
        whole = self._rest + re.sub(r"\s+", "", text)
        end = len(whole) // 4 * 4
        self._rest = whole[end:]
        self._take(whole[:end])

    def _take(self, text: str) -> None:
        if self.fault or not text:
            return
        try:
            piece = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            self._pieces, self.fault = [], "is not valid base64"
            return
        self.size += len(piece)
        if self.size <= settings.ATTACHMENT_BYTES:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def finish(self, file: SourceFile, reading: Reading) -> None:
        """Give `file` what came, or the fault."""
        if self._rest and not self.fault:
            self.fault = "is not valid base64"
        if self.fault:
            file.fault = self.fault
        elif self.size > settings.ATTACHMENT_BYTES:
            file.fault = too_large(self.size)
        else:
            file.content = reading.blob(b"".join(self._pieces))


class KeyMaker:
    """Keys for things that have none: what they are made of, and which of several such it is.

    A later export gives the same keys as long as nothing was taken out there.
    """

    def __init__(self) -> None:
        self._seen: dict[str, int] = defaultdict(int)

    def key(self, stem: str) -> str:
        stem = stem[:90]
        self._seen[stem] += 1
        return stem if self._seen[stem] == 1 else f"{stem}/{self._seen[stem]}"


@dataclass(frozen=True)
class Format:
    """A way in which a tracker writes problems down.

    `family` is what can be told from content alone; formats of one family differ in words. `read`
    gives the records of one file and raises `UnreadableFile`, which ends the import.
    """

    name: str
    title: str
    # Whose words for states it speaks: a key of `tables.STATES`.
    system: str
    family: str
    read: Callable[[Path, Reading], Iterator[Record]]
    # Files that another file of the same folder brings along, by the end of their name.
    companions: tuple[str, ...] = ()
