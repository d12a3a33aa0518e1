"""A note, on this machine, of which mails had their last line sent when their worker died.

The database says that a mail is being handed over; a moment later its last line goes out. A
worker that is killed between the two leaves a row of which nobody knows. Here it is known: the
note is one store into mapped memory, which outlives the process, and the send is the next thing it
does. Neither lets another thread run in between: what is left to chance is a microsecond.

Each process keeps one file in `DATA_DIR/handover` and holds a lock on it for as long as it lives. A
file whose lock is free is that of a dead process, and its notes can be believed. After the machine
itself went down they cannot, so files carry the id of the boot.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, Final

from django.conf import settings

SLOTS: Final = 1024
# A claim, the message, and one byte that says how far it is.
_NAMES: Final = struct.Struct(">16sQ")
SLOT_BYTES: Final = _NAMES.size + 1
FREE, OPEN, SENT, HEARD = 0, 1, 2, 3


class Journal:
    """The notes of one living process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        # Held until the process ends; the operating system lets go of it whatever happens.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, SLOTS * SLOT_BYTES)
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, SLOTS * SLOT_BYTES)
        self._free = list(range(SLOTS))
        self._lock = threading.Lock()

    @contextmanager
    def slots(self, claim: uuid.UUID, pks: Sequence[int]) -> Iterator[dict[int, Slot]]:
        """A place for each message of a claim, for as long as this process works on them."""
        with self._lock:
            if len(self._free) < len(pks):
                raise RuntimeError(f"{len(pks)} more mails than one process may have under way")
            taken = [self._free.pop() * SLOT_BYTES for _ in pks]
        for at, pk in zip(taken, pks, strict=True):
            _NAMES.pack_into(self._map, at, claim.bytes, pk)
            self._map[at + _NAMES.size] = OPEN
        try:
            yield {pk: Slot(self._map, at + _NAMES.size) for at, pk in zip(taken, pks, strict=True)}
        finally:
            for at in taken:
                self._map[at + _NAMES.size] = FREE
            with self._lock:
                self._free += [at // SLOT_BYTES for at in taken]


class Slot:
    """How far one mail is. Only `mark` stands between the database and the wire."""

    def __init__(self, notes: mmap.mmap, at: int) -> None:
        self._notes = notes
        self._at = at

    def mark(self) -> None:
        """The last line goes out next; without a mark nothing was sent."""
        self._notes[self._at] = SENT

    def heard(self) -> None:
        """The server has said that it has the mail; its row will say so in a moment."""
        self._notes[self._at] = HEARD

    @property
    def is_marked(self) -> bool:
        """Whether the server may have the mail."""
        return self._notes[self._at] >= SENT


# A message under a claim: (claim, primary key).
Name = tuple[uuid.UUID, int]


@dataclass
class Verdicts:
    """What the processes of this machine have noted: how far each mail of a dead one was.

    `alive` are the mails on which a living one still works.
    """

    how_far: dict[Name, int] = field(default_factory=dict)
    alive: set[Name] = field(default_factory=set)
    files: list[Path] = field(default_factory=list)

    def names(self, state: int) -> list[Name]:
        """The mails of the dead that were just so far."""
        return [name for name, found in self.how_far.items() if found == state]

    def forget(self) -> None:
        """Remove the files once everything in them was acted on."""
        for path in self.files:
            path.unlink(missing_ok=True)


def journal() -> Journal:
    """This process's own."""
    return _journal_of(os.getpid(), _folder())


@lru_cache(maxsize=2)
def _journal_of(pid: int, folder: Path) -> Journal:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Journal(folder / f"{_boot_id()}.{pid}.{uuid.uuid4().hex}")


def read() -> Verdicts:
    """Read the files of this boot, and collect those of earlier ones."""
    found = Verdicts()
    for path in sorted(_folder().glob("*.*.*")):
        content, is_dead = _read(path)
        if is_dead:
            found.files.append(path)
        if not path.name.startswith(f"{_boot_id()}."):
            continue
        if is_dead:
            found.how_far |= dict(_entries(content))
        else:
            found.alive |= {name for name, _ in _entries(content)}
    return found


def _read(path: Path) -> tuple[bytes, bool]:
    """The notes, and whether their process is gone: then nobody holds the lock any more."""
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return file.read(), False
            return file.read(), True
    except FileNotFoundError:
        return b"", False


def _entries(content: bytes) -> Iterator[tuple[Name, int]]:
    for at in range(0, len(content) - SLOT_BYTES + 1, SLOT_BYTES):
        state = content[at + _NAMES.size]
        if state != FREE:
            claim, pk = _NAMES.unpack_from(content, at)
            yield (uuid.UUID(bytes=claim), pk), state


@contextmanager
def alone_on_this_machine(seconds: float) -> Iterator[None]:
    """Wait for the other processes that are in such a block, but no longer than so many seconds."""
    until = time.monotonic() + seconds
    _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with (_folder() / "lock").open("ab") as file:
        while not _has_lock(file) and time.monotonic() < until:
            time.sleep(0.002)
        yield


def _has_lock(file: BinaryIO) -> bool:
    """The operating system lets go of it when the file is closed or its process ends."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "handover"


@lru_cache(maxsize=1)
def _boot_id() -> str:
    """Changes when the machine starts; without one, no note of an earlier process is believed."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return uuid.uuid4().hex
