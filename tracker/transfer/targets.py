"""Where an archive is written: a folder or a tar file, under another name until it is whole."""

from __future__ import annotations

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from tracker.transfer.manifest import BadArchive

PIECE_BYTES = 1024 * 1024


class Target(Protocol):
    """Takes the files of an archive one after the other."""

    # A folder of its own for files whose length is not known before they are written.
    desk: Path

    def take(self, name: str, path: Path) -> None:
        """Move a finished file from the desk into the archive, under `name`."""

    def copy(self, name: str, source: IO[bytes], size: int) -> None:
        """Add `size` bytes under `name`. Raises `BadArchive` when there are fewer."""


class FolderTarget:
    """A folder."""

    def __init__(self, folder: Path, desk: Path) -> None:
        self.folder, self.desk = folder, desk

    def take(self, name: str, path: Path) -> None:
        path.rename(self.folder / name)

    def copy(self, name: str, source: IO[bytes], size: int) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            shutil.copyfileobj(source, file, PIECE_BYTES)


class TarTarget:
    """A tar file. Owners, times and modes are the same for all, so that the bytes are."""

    def __init__(self, tar: tarfile.TarFile, desk: Path) -> None:
        self.tar, self.desk = tar, desk

    def take(self, name: str, path: Path) -> None:
        with path.open("rb") as file:
            self.copy(name, file, path.stat().st_size)
        path.unlink()

    def copy(self, name: str, source: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o644
        try:
            self.tar.addfile(member, source)
        except OSError as error:
            raise BadArchive(f"{name} could not be written: {error}") from None


@contextmanager
def new_target(path: Path) -> Iterator[Target]:
    """A tar file for a name that ends in .tar, else a folder; there only when all went well.

    Raises `BadArchive` when something has that name already, or its folder is not there.
    """
    if path.exists() or path.is_symlink():
        raise BadArchive(f"{path} is there already: name something new, or move it away.")
    if not path.absolute().parent.is_dir():
        raise BadArchive(f"{path.absolute().parent} is no folder: make it first.")
    try:
        # It holds addresses: only its owner may look into it.
        room = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.absolute().parent))
    except OSError as error:
        raise BadArchive(f"{path} cannot be written: {error.strerror}.") from None
    try:
        yield from _fill(path, room)
    except OSError as error:
        raise BadArchive(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _fill(path: Path, room: Path) -> Iterator[Target]:
    desk, whole = room / "desk", room / "archive"
    desk.mkdir()
    if path.suffix == ".tar":
        descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with (
            os.fdopen(descriptor, "wb") as file,
            tarfile.open(fileobj=file, mode="w:", format=tarfile.PAX_FORMAT) as tar,
        ):
            yield TarTarget(tar, desk)
    else:
        whole.mkdir(0o700)
        yield FolderTarget(whole, desk)
    whole.rename(path)
