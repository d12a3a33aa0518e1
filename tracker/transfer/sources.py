"""Where an archive is read from. Nothing in it becomes a path: files are found by known names."""

from __future__ import annotations

import hashlib
import re
import stat
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, Protocol

from tracker.transfer import manifest
from tracker.transfer.manifest import BadArchive, Manifest

PIECE_BYTES: Final = 1024 * 1024
_KNOWN: Final = re.compile(r"manifest\.json|[a-z_]+\.jsonl|files/([0-9a-f]{2})/\1[0-9a-f]{62}")
_FILE: Final = re.compile(r"files/../([0-9a-f]{64})")


class Source(Protocol):
    """The files of an archive: name -> size, and the bytes of each."""

    @property
    def sizes(self) -> Mapping[str, int]: ...

    def open(self, name: str) -> IO[bytes]:
        """A file of `sizes`, from its beginning."""


class FolderSource:
    """A folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sizes: dict[str, int] = {}
        for path in sorted(folder.rglob("*")):
            name, kind = str(path.relative_to(folder)), path.lstat().st_mode
            if stat.S_ISDIR(kind) and re.fullmatch(r"files(/[0-9a-f]{2})?", name):
                continue
            _check(name, is_plain=stat.S_ISREG(kind))
            self.sizes[name] = path.stat().st_size

    def open(self, name: str) -> IO[bytes]:
        return (self.folder / name).open("rb")


class TarSource:
    """A tar file that is read where it lies; nothing is unpacked."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self.tar = tar
        self.members: dict[str, tarfile.TarInfo] = {}
        for member in tar:
            if member.isdir() and re.fullmatch(r"\.?|files(/[0-9a-f]{2})?", member.name):
                continue
            _check(member.name, is_plain=member.isreg() and not member.issparse())
            if member.name in self.members:
                raise BadArchive(f"{member.name} is twice in the archive.")
            self.members[member.name] = member
        self.sizes = {name: member.size for name, member in self.members.items()}

    def open(self, name: str) -> IO[bytes]:
        found = self.tar.extractfile(self.members[name])
        if found is None:
            raise BadArchive(f"{name} is no plain file.")
        return found


def _check(name: str, *, is_plain: bool) -> None:
    shown = name if len(name) <= 100 else f"{name[:100]}…"
    if not is_plain:
        raise BadArchive(f"{shown!r} is a link, device or folder; an archive has plain files only.")
    if not _KNOWN.fullmatch(name):
        raise BadArchive(f"{shown!r} does not belong into an archive: take it out, or export anew.")


@contextmanager
def open_archive(path: Path) -> Iterator[Source]:
    """A folder or a tar file. Raises `BadArchive` for all else, and for what cannot be read."""
    try:
        if path.is_dir():
            yield FolderSource(path)
        elif not path.is_file():
            raise BadArchive(f"There is no folder or file {path}.")
        else:
            with tarfile.open(path, "r:") as tar:
                yield TarSource(tar)
    except tarfile.TarError as error:
        raise BadArchive(
            f"{path} is neither a folder nor an undamaged tar file as `manage.py export` writes "
            f"them ({error}). Unpack it first where something has packed it again."
        ) from None
    except OSError as error:
        raise BadArchive(f"{path} cannot be read: {error.strerror or error}.") from error


def read_manifest(source: Source) -> Manifest:
    """Raises `BadArchive`."""
    if source.sizes.get(manifest.NAME, manifest.LARGEST_BYTES + 1) > manifest.LARGEST_BYTES:
        raise BadArchive(f"There is no {manifest.NAME}, or one that is none: this is no archive.")
    with source.open(manifest.NAME) as file:
        return manifest.decode(file.read())


def verify(source: Source, said: Manifest) -> None:
    """Read every byte once and compare with the manifest. Raises `BadArchive`."""
    tables = {f"{name}.jsonl": entry.sha256 for name, entry in said.tables.items()}
    files = {name: found[1] for name in source.sizes if (found := _FILE.fullmatch(name))}
    for name in tables.keys() - source.sizes.keys():
        raise BadArchive(f"{name} is missing.")
    for name in source.sizes.keys() - tables.keys() - files.keys() - {manifest.NAME}:
        raise BadArchive(f"{manifest.NAME} does not know {name}.")
    size = sum(source.sizes[name] for name in files)
    if (len(files), size) != (said.files, said.file_bytes):
        raise BadArchive(
            f"There are {len(files):,} stored files with {size:,} bytes; {manifest.NAME} says "
            f"{said.files:,} with {said.file_bytes:,}."
        )
    for name, sha256 in (tables | files).items():
        if digest_of(source, name) != sha256:
            raise BadArchive(f"{name} is damaged or was changed: its SHA-256 is another one.")


def digest_of(source: Source, name: str) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with source.open(name) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
