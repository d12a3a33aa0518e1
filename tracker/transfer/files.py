"""Stored files on their way from an archive to where this instance keeps its own."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.files.base import File
from django.core.files.storage import Storage

from accounts.transfer.registry import Part, Stored, Table
from tracker.transfer.columns import digest_of_name
from tracker.transfer.manifest import BadArchive, Manifest
from tracker.transfer.sources import PIECE_BYTES, Source

CHUNK: Final = 500


@dataclass
class Placed:
    """The files that were written, so that they can be taken away again."""

    names: list[tuple[Storage, str]] = field(default_factory=list)

    def remove(self) -> None:
        for storage, name in self.names:
            with contextlib.suppress(OSError):
                storage.delete(name)


def storage_of(table: Table, stored: Stored) -> Storage:
    """Where the files of a table are."""
    found: Storage = table.model._meta.get_field(stored.field).storage  # type: ignore[union-attr]  # noqa: SLF001
    return found


def place_files(source: Source, said: Manifest, placed: Placed) -> None:
    """Store the files of all rows. Raises `BadArchive` for one that is not there, and for files
    that belong to none.
    """
    missing = set(said.missing)
    done: set[str] = set()
    for table, stored in Part().files():
        done |= _place_all(source, table, stored, missing, placed)
    if len(done) != said.files:
        raise BadArchive(f"{said.files - len(done):,} stored files belong to nothing.")


def _place_all(
    source: Source, table: Table, stored: Stored, missing: set[str], placed: Placed
) -> set[str]:
    """The digests of the files of one table, now stored."""
    rows = table.model._default_manager.exclude(**{stored.field: ""}).order_by("pk")  # noqa: SLF001
    storage, done, last = storage_of(table, stored), set[str](), 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        for row in chunk:
            name = getattr(row, stored.field).name
            digest = digest_of_name(name)
            if digest not in missing:
                _check(source, table, stored, row, digest)
                if digest not in done:
                    done.add(digest)
                    _place(source, storage, name, placed)
        last = chunk[-1].pk
    return done


def _name_in_archive(sha256: str) -> str:
    return f"files/{sha256[:2]}/{sha256}"


def _check(source: Source, table: Table, stored: Stored, row: Any, digest: str) -> None:
    called = f"{table.model._meta.verbose_name} {row.pk}"  # noqa: SLF001
    size = source.sizes.get(_name_in_archive(digest))
    if size is None:
        raise BadArchive(
            f"{table.name}.jsonl: the file {digest} of {called} is not in the archive."
        )
    length = getattr(row, stored.size) if stored.size else size
    if size != length:
        raise BadArchive(
            f"{table.name}.jsonl: {called} has {length:,} bytes there and {size:,} in the archive."
        )


def _place(source: Source, storage: Storage, name: str, placed: Placed) -> None:
    """Under the name that its digest gives; what lies there already must be the same."""
    digest = digest_of_name(name)
    if storage.exists(name):
        with storage.open(name, "rb") as file:
            if _digest(file) != digest:
                raise BadArchive(f"A damaged file has the name {name} here: move it away first.")
        return
    with source.open(_name_in_archive(digest)) as data:
        placed.names.append((storage, name))
        stored = storage.save(name, File(data, name))
    if stored != name:
        placed.names.append((storage, stored))
        raise BadArchive(f"Another program has just made {name}: is this instance empty?")


def _digest(file: File[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
