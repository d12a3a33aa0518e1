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
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from django.conf import settings

SLOTS: Final = 256
# A claim and one byte that says how far it is.
SLOT_BYTES: Final = 17
FREE, OPEN, SENT = 0, 1, 2


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
    def slot(self, claim: uuid.UUID) -> Iterator[Slot]:
        """A place for one claim, for as long as this process works on it."""
        with self._lock:
            at = self._free.pop() * SLOT_BYTES
        self._map[at : at + 16] = claim.bytes
        self._map[at + 16] = OPEN
        try:
            yield Slot(self._map, at + 16)
        finally:
            self._map[at + 16] = FREE
            with self._lock:
                self._free.append(at // SLOT_BYTES)


class Slot:
    """How far one claim is. Only `mark` stands between the database and the wire."""

    def __init__(self, notes: mmap.mmap, at: int) -> None:
        self._notes = notes
        self._at = at

    def mark(self) -> None:
        """The last line goes out next; without a mark nothing was sent."""
        self._notes[self._at] = SENT

    @property
    def is_marked(self) -> bool:
        """Whether the server may have the mail."""
        return self._notes[self._at] == SENT


@dataclass
class Verdicts:
    """What dead processes of this machine have left: for each claim whether it was sent."""

    was_sent: dict[uuid.UUID, bool] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

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


def read_dead() -> Verdicts:
    """Read the files of this boot whose process is gone."""
    found = Verdicts()
    for path in sorted(_folder().glob("*.*.*")):
        content = _read_if_dead(path)
        if content is None:
            continue
        found.files.append(path)
        if path.name.startswith(f"{_boot_id()}."):
            found.was_sent |= dict(_entries(content))
    return found


def _read_if_dead(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file.read()
    except (BlockingIOError, FileNotFoundError):
        return None


def _entries(content: bytes) -> Iterator[tuple[uuid.UUID, bool]]:
    for at in range(0, len(content) - SLOT_BYTES + 1, SLOT_BYTES):
        state = content[at + 16]
        if state != FREE:
            yield uuid.UUID(bytes=content[at : at + 16]), state == SENT


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "handover"


@lru_cache(maxsize=1)
def _boot_id() -> str:
    """Changes when the machine starts; without one, no note of an earlier process is believed."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return uuid.uuid4().hex
