"""Attached files on their way from an archive to where this instance keeps its own."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, field
from typing import Final

from django.core.files.base import File
from django.core.files.storage import Storage

from tracker.models import Attachment, attachment_path
from tracker.transfer.manifest import BadArchive, Manifest
from tracker.transfer.sources import PIECE_BYTES, Source

CHUNK: Final = 500


@dataclass
class Placed:
    """The files that were written, so that they can be taken away again."""

    names: list[str] = field(default_factory=list)

    def remove(self) -> None:
        for name in self.names:
            with contextlib.suppress(OSError):
                _storage().delete(name)


def _storage() -> Storage:
    found: Storage = Attachment._meta.get_field("file").storage  # noqa: SLF001
    return found


def place_files(source: Source, said: Manifest, placed: Placed) -> None:
    """Store the file of every attachment. Raises `BadArchive` for one that is not there, and for
    files that belong to none.
    """
    missing = set(said.missing)
    done: set[bytes] = set()
    last = 0
    while chunk := list(Attachment.objects.filter(pk__gt=last).order_by("pk")[:CHUNK]):
        for attachment in chunk:
            digest = bytes.fromhex(attachment.sha256)
            if attachment.sha256 not in missing:
                _check(source, attachment)
                if digest not in done:
                    done.add(digest)
                    _place(source, attachment, placed)
        last = chunk[-1].pk
    if len(done) != said.files:
        raise BadArchive(f"{said.files - len(done):,} attached files belong to no attachment.")


def _name_in_archive(sha256: str) -> str:
    return f"files/{sha256[:2]}/{sha256}"


def _check(source: Source, attachment: Attachment) -> None:
    size = source.sizes.get(_name_in_archive(attachment.sha256))
    if size is None:
        raise BadArchive(
            f"attachments.jsonl: the file {attachment.sha256} of attachment {attachment.pk} is "
            "not in the archive."
        )
    if size != attachment.size:
        raise BadArchive(
            f"attachments.jsonl: attachment {attachment.pk} has {attachment.size:,} bytes there "
            f"and {size:,} in the archive."
        )


def _place(source: Source, attachment: Attachment, placed: Placed) -> None:
    """Under the name that its digest gives; what lies there already must be the same."""
    storage, name = _storage(), attachment_path(attachment, attachment.name)
    if storage.exists(name):
        with storage.open(name, "rb") as file:
            if _digest(file) != attachment.sha256:
                raise BadArchive(f"A damaged file has the name {name} here: move it away first.")
        return
    with source.open(_name_in_archive(attachment.sha256)) as data:
        placed.names.append(name)
        stored = storage.save(name, File(data, name))
    if stored != name:
        placed.names.append(stored)
        raise BadArchive(f"Another program has just made {name}: is this instance empty?")


def _digest(file: File[bytes]) -> str:
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest.hexdigest()
