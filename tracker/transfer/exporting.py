"""Writing an archive: one state of the tracker, row by row, while it runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.core.files.storage import Storage
from django.db import connection, transaction
from django.db.models import Model

from accounts.models import Person
from accounts.transfer.registry import Part, Row, Stored, Table, registry
from tracker.models import Product
from tracker.transfer import manifest
from tracker.transfer.columns import (
    Column,
    columns_of,
    digest_of_name,
    is_named_by_id,
    key_parts,
)
from tracker.transfer.files import storage_of
from tracker.transfer.manifest import BadArchive, FileEntry, Manifest
from tracker.transfer.targets import Target, new_target

# Rows with two long texts each are held at once.
CHUNK: Final = 500
PIECE_BYTES: Final = 1024 * 1024
Say = Callable[[str], None]
_encoder: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def export(
    path: Path, *, product: str = "", is_public: bool = False, skip_missing: bool = False,
    say: Say = lambda line: None,
) -> Manifest:  # fmt: skip
    """Write everything, or the given part, to a new folder or .tar file.

    The same state gives the same bytes. Raises `BadArchive`; nothing is left behind then.
    """
    with new_target(path) as target, snapshot():
        if product and not Product.objects.filter(slug=product).exists():
            known = ", ".join(Product.objects.values_list("slug", flat=True)[:20]) or "none yet"
            raise BadArchive(f"There is no product {product!r}; there are: {known}.")
        part = Part(product, is_public)
        found = Manifest(product=product, is_public=is_public)
        for table in part.tables():
            entry = found.tables[table.name] = _write_table(table, part, target)
            say(f"{entry.rows:>12,} {table.name.replace('_', ' ')}")
        _write_files(part, target, found, skip_missing=skip_missing)
        say(f"{found.files:>12,} files, {found.file_bytes:,} bytes")
        whole = target.desk / manifest.NAME
        whole.write_bytes(found.encode())
        target.take(manifest.NAME, whole)
        return found


@contextmanager
def snapshot() -> Iterator[None]:
    """All reads inside see one state, and nobody who writes waits for them.

    Inside a transaction it is that one that decides.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            # Django's own transactions take the write lock. This one begins with its first read.
            cursor.execute("BEGIN DEFERRED")
            try:
                cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def _write_table(table: Table, part: Part, target: Target) -> FileEntry:
    path = target.desk / f"{table.name}.jsonl"
    digest, rows = hashlib.sha256(), 0
    with path.open("wb") as file:
        for chunk in chunks(table, part):
            data = "".join(f"{_encoder.encode(row)}\n" for row in chunk).encode()
            file.write(data)
            digest.update(data)
            rows += len(chunk)
    target.take(path.name, path)
    return FileEntry(rows, digest.hexdigest())


def chunks(table: Table, part: Part) -> Iterator[list[Row]]:
    """The rows of a table in the order of their ids, a few hundred at a time.

    By key instead of with a cursor: SQLite, PostgreSQL and a pool before it all keep memory flat.
    """
    columns = columns_of(table, part)
    rows = part.rows(table.model).values_list("pk", *(column.field.attname for column in columns))
    last: Any = None
    while found := list((rows.filter(pk__gt=last) if last is not None else rows)[:CHUNK]):
        values = [
            _encoded(part, column, [row[place] for row in found])
            for place, column in enumerate(columns, start=1)
        ]
        names = [column.name for column in columns]
        chunk = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
        _correct(table, part, columns, chunk)
        yield chunk
        last = found[-1][0]


def _encoded(part: Part, column: Column, values: list[Any]) -> list[Any]:
    """The values of one column as JSON."""
    if column.target is not None and not is_named_by_id(column.target):
        names = _names(part, column.target, {value for value in values if value is not None})
        return [names.get(value) for value in values]
    return values if column.encode is None else [column.encode(value) for value in values]


def _names(part: Part, table: Table, ids: set[int]) -> dict[int, Any]:
    """id -> key. Each is looked up once and remembered.

    With a join instead SQLite may begin at the joined table, and read and sort all rows for each
    few hundred.
    """
    known: dict[int, Any] = part.memory.setdefault(f"names of {table.name}", {})
    missing = ids - known.keys()
    if missing:
        lookups = [lookup for lookup, _ in key_parts(table)]
        rows = table.model._default_manager.filter(pk__in=missing).order_by()  # noqa: SLF001
        for pk, *key in rows.values_list("pk", *lookups):
            known[pk] = key[0] if len(key) == 1 else key
    return known


def _correct(table: Table, part: Part, columns: list[Column], rows: list[Row]) -> None:
    """In an archive of a part no row refers to what is not in it."""
    if part.is_whole:
        return
    people: type[Model] = Person
    if table.model is people:
        part.kept[people] = part.kept.get(people, set()) | {row["handle"] for row in rows}
    for name in [c.name for c in columns if c.target and c.target.model is people]:
        for row in rows:
            if row[name] not in part.kept[people]:
                row[name] = None
    for change in registry.rewrites.get(table.model, []):
        change(part, rows)


def _write_files(part: Part, target: Target, found: Manifest, *, skip_missing: bool) -> None:
    """The stored files, each once, table by table in the order of their rows."""
    done: set[bytes] = set()
    for table, stored in part.files():
        storage = storage_of(table, stored)
        for size, name in _stored(table, stored, part):
            sha256 = digest_of_name(name)
            if sha256.encode() not in done:
                done.add(sha256.encode())
                _write_file(storage, target, found, (sha256, size, name), skip_missing)


def _stored(table: Table, stored: Stored, part: Part) -> Iterator[tuple[int | None, str]]:
    """(size, name) of each file; None where the rows do not say how large it is."""
    columns = ("pk", stored.field, *([stored.size] if stored.size else []))
    rows = part.rows(table.model).exclude(**{stored.field: ""}).values_list(*columns)
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        for _, name, *size in chunk:
            yield size[0] if size else None, name
        last = chunk[-1][0]


def _write_file(
    storage: Storage,
    target: Target,
    found: Manifest,
    row: tuple[str, int | None, str],
    skip: bool,
) -> None:
    sha256, size, name = row
    length = _length(storage, name, sha256)
    if length is None or size not in {length, None}:
        if not skip:
            raise BadArchive(
                f"The stored file {name} is lost or damaged. Bring it back from a backup, or "
                "say --skip-missing-files to leave such files behind."
            )
        found.missing.append(sha256)
        return
    with storage.open(name, "rb") as file:
        target.copy(f"files/{sha256[:2]}/{sha256}", file, length)
    found.files += 1
    found.file_bytes += length


def _length(storage: Storage, name: str, sha256: str) -> int | None:
    """In bytes; None for a file that is not there, or not what it was."""
    digest, length = hashlib.sha256(), 0
    try:
        with storage.open(name, "rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                length += len(piece)
    except OSError:
        return None
    return length if digest.hexdigest() == sha256 else None
