"""Keeping the counter of problem numbers ahead of numbers that are given by hand."""

from __future__ import annotations

from django.db import connection, transaction

from tracker.models import Problem

# Any number that no other code of this product uses.
_LOCK = 0x696D706F7274
_TABLE = Problem._meta.db_table  # noqa: SLF001 - Django documents _meta as public


def reserve_numbers(highest: int) -> None:
    """From now on nothing gets a number up to `highest` unless it asks for that very number.

    A report that is being stored at this moment has its number already: PostgreSQL waits for it,
    so that it is visible when the import looks which numbers are free. SQLite has one writer.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f'LOCK TABLE "{_TABLE}" IN SHARE ROW EXCLUSIVE MODE')
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [_TABLE, "number"])
            (sequence,) = cursor.fetchone()
            cursor.execute(
                "SELECT setval(%s::regclass, %s) "
                "WHERE coalesce(pg_sequence_last_value(%s::regclass), 0) < %s",
                [sequence, highest, sequence, highest],
            )
            return
        cursor.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, %s) WHERE name = %s", [highest, _TABLE]
        )
        if not cursor.rowcount:
            cursor.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [_TABLE, highest]
            )


def one_import_at_a_time() -> None:
    """Wait in the running transaction for other imports; SQLite's write lock does it alone."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
