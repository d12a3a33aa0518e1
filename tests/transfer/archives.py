"""Archives of small instances, made, emptied and changed by tests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.core.management.color import no_style
from django.db import connection

from accounts.transfer.registry import registry
from tracker.transfer import manifest
from tracker.transfer.exporting import export

Rows = list[dict[str, Any]]


def exported(path: Path, **options: Any) -> Path:
    """The folder, or .tar file, with an archive of the database as it is."""
    export(path, **options)
    return path


def rows_of(folder: Path, table: str) -> Rows:
    """The rows of a table in an archive; none where it has no such file."""
    path = folder / f"{table}.jsonl"
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def digests_in(folder: Path, *tables: str) -> set[str]:
    """The SHA-256 of every file that rows of an archive name; of these tables, if any are given."""
    names = {"attachments": ("sha256",), "patch_versions": ("file", "original")}
    return {
        row[name]
        for table in tables or names
        for row in rows_of(folder, table)
        for name in names[table]
        if row[name]
    }


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def empty_instance() -> None:
    """Take every row of ours away, so that an archive can come."""
    tables = [table.model for table in registry.in_order()]
    for model in (EmailAddress, *registry.models_left_out, *reversed(tables)):
        rows = model._default_manager.all()
        rows._raw_delete(rows.db)


def fresh_counters() -> None:
    """Number from 1 on, whatever other tests have numbered before."""
    sequences = connection.introspection.sequence_list()
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_by_name_sql(no_style(), sequences):
            cursor.execute(statement)


def is_empty() -> bool:
    """Whether no table has a row that an archive would bring."""
    return not any(table.model._default_manager.exists() for table in registry.in_order())


def rewrite(folder: Path, table: str, change: Callable[[bytes], bytes]) -> None:
    """Change a table's file and have the manifest agree with it."""
    path = folder / f"{table}.jsonl"
    path.write_bytes(change(path.read_bytes()))
    document = json.loads((folder / manifest.NAME).read_text())
    entry = document["tables"][path.name]
    entry["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    entry["rows"] = path.read_bytes().count(b"\n")
    (folder / manifest.NAME).write_text(json.dumps(document))


def rewrite_row(folder: Path, table: str, index: int, **fields: Any) -> None:
    """Set fields of one row, from 0; the callable ... takes a field away."""

    def change(data: bytes) -> bytes:
        rows = [json.loads(line) for line in data.decode().split("\n")[:-1]]
        rows[index] |= fields
        for name in [name for name, value in fields.items() if value is ...]:
            del rows[index][name]
        return "".join(json.dumps(row) + "\n" for row in rows).encode()

    rewrite(folder, table, change)
