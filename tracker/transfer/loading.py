"""Reading an archive into an empty instance: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from accounts.transfer.registry import BadRow, Table, registry
from tracker.transfer.columns import Column, columns_of, is_named_by_id
from tracker.transfer.files import Placed, place_files
from tracker.transfer.lines import at_line, read_lines
from tracker.transfer.manifest import BadArchive, Manifest
from tracker.transfer.sources import Source, open_archive, read_manifest, verify

BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 8 * 1024 * 1024
Say = Callable[[str], None]
# Lines with the decoded values of their fields.
Batch = list[tuple[int, dict[str, Any]]]
# table -> what a key stands for: the id of the row.
Known = dict[str, dict[tuple[Any, ...], int]]


def import_archive(path: Path, say: Say = lambda line: None) -> list[str]:
    """Store what an archive holds; returns remarks for the operator. Nobody is told of anything.

    Raises `BadArchive` with the place of the first fault, or when this instance is not empty.
    Nothing is kept then.
    """
    with open_archive(path) as source:
        said = read_manifest(source)
        _check_kind(said)
        refuse_unless_empty()
        verify(source, said)
        say("The archive is whole.")
        with _placed() as placed, transaction.atomic():
            _lock()
            refuse_unless_empty()
            remarks = _load_all(source, said, placed, say)
    for words, finish in registry.after_commit.items():
        say(f"{words} …")
        finish()
    return remarks


def _check_kind(said: Manifest) -> None:
    if said.is_public:
        raise BadArchive(
            "This archive holds what everybody may see and no addresses, so nobody could sign in. "
            "Export without --public to move."
        )
    tables = {table.name for table in registry.tables.values()}
    if tables != said.tables.keys():
        strange = ", ".join(sorted(tables ^ said.tables.keys()))
        raise BadArchive(
            f"The archive and this Groundswell do not have the same tables: {strange}."
        )


def refuse_unless_empty() -> None:
    """Raises `BadArchive` when any table that an archive fills has a row."""
    found = [
        table.name.replace("_", " ")
        for table in registry.in_order()
        if table.model._default_manager.exists()  # noqa: SLF001
    ]
    if found:
        raise BadArchive(
            f"This instance is not empty: it has {', '.join(found)}. Import into a fresh one: set "
            "DATA_DIR to a new folder (or DATABASE_URL to an empty database), run "
            "`manage.py migrate`, and import before anybody signs up."
        )


def _lock() -> None:
    """Nobody adds a row until the import is over; SQLite's write lock does it alone."""
    if connection.vendor == "postgresql":
        names = ", ".join(
            connection.ops.quote_name(t.model._meta.db_table)  # noqa: SLF001
            for t in registry.in_order()
        )
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")


@contextmanager
def _placed() -> Iterator[Placed]:
    """Files that are taken away again unless the block succeeds, its commit included."""
    placed = Placed()
    try:
        yield placed
    except BaseException:
        placed.remove()
        raise


def _load_all(source: Source, said: Manifest, placed: Placed, say: Say) -> list[str]:
    known: Known = {}
    for table in registry.in_order():
        rows = Loader(table, known).load(source)
        if rows != said.tables[table.name].rows:
            raise BadArchive(f"{table.name}.jsonl has {rows:,} rows, and the manifest says "
                             f"{said.tables[table.name].rows:,}.")  # fmt: skip
        say(f"{rows:>12,} {table.name.replace('_', ' ')}")
    place_files(source, said, placed)
    say(f"{said.files:>12,} files, {said.file_bytes:,} bytes")
    restart_counters()
    remarks = []
    for hook in registry.after_loading:
        try:
            remarks += hook()
        except BadRow as reason:
            raise BadArchive(f"problems.jsonl: {reason}.") from None
    return remarks


def restart_counters() -> None:
    """What is added next gets an id of its own. SQLite counts on by itself."""
    models = [table.model for table in registry.in_order()]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


class Loader:
    """Stores the rows of one table. `known` holds the ids of those that are named by a key."""

    def __init__(self, table: Table, known: Known) -> None:
        self.table, self.known = table, known
        self.columns = columns_of(table)
        self.names = {column.name for column in self.columns}
        # References to rows of the same table that come later: the key -> the line.
        self.awaited: dict[Any, int] = {}

    def load(self, source: Source) -> int:
        """The number of rows. Raises `BadArchive`."""
        batch: Batch = []
        size = rows = 0
        with source.open(f"{self.table.name}.jsonl") as file:
            for line, length, row in read_lines(self.table.name, file):
                batch.append((line, self._decoded(line, row)))
                size, rows = size + length, line
                if len(batch) >= BATCH_ROWS or size >= BATCH_BYTES:
                    self._store(batch)
                    batch, size = [], 0
        self._store(batch)
        self._settle_awaited()
        return rows

    def _fail(self, line: int, reason: object) -> BadArchive:
        return at_line(self.table.name, line, reason)

    def _decoded(self, line: int, row: dict[str, Any]) -> dict[str, Any]:
        if row.keys() != self.names:
            missing, unknown = sorted(self.names - row.keys()), sorted(row.keys() - self.names)
            parts = [f"lacks {', '.join(missing)}"] if missing else []
            parts += [f"has unknown fields: {', '.join(unknown)[:200]}"] if unknown else []
            raise self._fail(line, " and ".join(parts))
        column = self.columns[0]
        try:
            values = {}
            for column in self.columns:
                values[column.name] = column.decode(row[column.name])
        except BadRow as reason:
            raise self._fail(line, f"{column.name} {reason}") from None
        return values

    def _store(self, batch: Batch) -> None:
        if not batch:
            return
        keys = self._keys(batch)
        for column in self.columns:
            if column.target is not None:
                self._resolve(column, column.target, batch)
        rows = [(line, self._made(line, values)) for line, values in batch]
        self._insert(rows)
        self._remember(rows, keys)

    def _resolve(self, column: Column, target: Table, batch: Batch) -> None:
        """Turn the keys into ids; every one must be there."""
        keys = {values[column.name] for _, values in batch} - {None}
        ids = self._ids(target, keys)
        own = target is self.table
        for line, values in batch:
            key = values.pop(column.name)
            if key is not None and key not in ids:
                if not own:
                    raise self._fail(line, f"{column.name} names {_words(key)}, which is not in "
                                           f"{target.name}.jsonl")  # fmt: skip
                self.awaited.setdefault(key, line)
                ids[key] = key[0]
            values[column.field.attname] = None if key is None else ids[key]

    def _ids(self, target: Table, keys: set[tuple[Any, ...]]) -> dict[tuple[Any, ...], int]:
        if not is_named_by_id(target):
            known = self.known.get(target.name, {})
            return {key: known[key] for key in keys if key in known}
        found = target.model._default_manager.filter(pk__in=[key[0] for key in keys])  # noqa: SLF001
        return {(pk,): pk for pk in found.order_by().values_list("pk", flat=True)}

    def _made(self, line: int, values: dict[str, Any]) -> Model:
        row = self.table.model(**values)
        if row.pk is not None and type(row.pk) is int and row.pk < 1:
            raise self._fail(line, f"{row.pk} is no id")
        if self.table.prepare is not None:
            try:
                self.table.prepare(row)
            except BadRow as reason:
                raise self._fail(line, reason) from None
        return row

    def _insert(self, rows: list[tuple[int, Model]]) -> None:
        try:
            with transaction.atomic():
                self.table.model._default_manager.bulk_create([row for _, row in rows])  # noqa: SLF001
        except (DatabaseError, OverflowError):
            self._find_fault(rows)

    def _find_fault(self, rows: list[tuple[int, Model]]) -> None:
        """One by one, to tell which line the database refuses."""
        for line, row in rows:
            row._state.adding = True  # noqa: SLF001
            try:
                row.validate_unique()
                row.validate_constraints()
                with transaction.atomic():
                    self.table.model._default_manager.bulk_create([row])  # noqa: SLF001
            except ValidationError as error:
                raise self._fail(line, " ".join(error.messages).rstrip(".")) from None
            except (DatabaseError, OverflowError) as error:
                raise self._fail(line, f"the database refuses it: {error}".strip()) from None

    def _remember(self, rows: list[tuple[int, Model]], keys: list[tuple[Any, ...]]) -> None:
        if keys:
            known = self.known.setdefault(self.table.name, {})
            known.update((key, row.pk) for key, (_, row) in zip(keys, rows, strict=True))
        elif self.awaited:
            for _, row in rows:
                self.awaited.pop((row.pk,), None)

    def _keys(self, batch: Batch) -> list[tuple[Any, ...]]:
        """By what others name each row; none where they name it by its id."""
        if not self.table.key or is_named_by_id(self.table):
            return []
        columns = {column.name: column for column in self.columns}
        return [
            tuple(
                part
                for name in self.table.key
                for part in (values[name] if columns[name].target else (values[name],))
            )
            for _, values in batch
        ]

    def _settle_awaited(self) -> None:
        if self.awaited:
            key, line = min(self.awaited.items(), key=lambda item: item[1])
            raise self._fail(line, f"names {_words(key)}, which is not in {self.table.name}.jsonl")


def _words(key: tuple[Any, ...]) -> str:
    return " ".join(str(part)[:100] for part in key)
