"""Statements about many rows at once, which name them in one value.

`pk__in` of 250 rows is 250 values, each of which is checked, adapted and put into the statement by
itself, which is then another statement for each number of rows. At a thousand mails a second that
is a tenth of all work.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BigAutoField, CharField, Lookup, Model, Transform
from django.db.models.sql.compiler import SQLCompiler

Sql = tuple[str, list[str | int]]

# Of any database the fewest.
MOST_VALUES: Final = 900


@BigAutoField.register_lookup
class AnyOf(Lookup):  # type: ignore[type-arg]
    """`pk__any_of=numbers`: what `pk__in` says, in a statement that is always the same."""

    lookup_name = "any_of"
    rhs: Any

    def get_prep_lookup(self) -> list[int]:
        return [int(number) for number in self.rhs]

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        column, values = self.process_lhs(compiler, connection)
        sql = f"{column} IN (SELECT value FROM json_each(%s))"  # noqa: S608 - a column's name
        return sql, [*values, json.dumps(self.rhs)]

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Sql:
        column, values = self.process_lhs(compiler, connection)
        named = "{" + ",".join(map(str, self.rhs)) + "}"
        return f"{column} = ANY(%s::bigint[])", [*values, named]


@CharField.register_lookup
class Unindexed(Transform):
    """`state__unindexed="sent"`: what `state="sent"` says of rows found by another column.

    While a run goes out each row changes its state three times, and an index by state is full of
    rows that are dead. Those that plan statements do not know it, take the index for short and go
    through all of it for each group of mails.
    """

    lookup_name = "unindexed"

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> Sql:
        column, values = compiler.compile(self.get_source_expressions()[0])
        return f"+{column}", [*values]

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any
    ) -> Sql:
        column, values = compiler.compile(self.get_source_expressions()[0])
        return f"({column} || '')", [*values]


def insert_alike(pattern: Model, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Store rows that are as `pattern` but for the fields of these names, whose values they hold.

    `Model.objects.bulk_create` asks each field of each row how it is stored: for a message that
    takes longer than to store it. The values are taken as they are. Nothing is stored in a row
    that is there already: that is an `IntegrityError`.
    """
    meta = pattern._meta  # noqa: SLF001 - the way to a model's columns
    fields = {field.name: field for field in meta.concrete_fields if not field.primary_key}
    apart = [fields.pop(name) for name in names]
    same = list(fields.values())
    values = [f.get_db_prep_save(f.pre_save(pattern, add=True), connection) for f in same]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column or "") for field in (*apart, *same))
    # PostgreSQL takes a column in which all is NULL for text.
    given = [
        f"CAST(column{n} AS {field.db_type(connection)})" if field.is_relation else f"column{n}"
        for n, field in enumerate(apart, 1)
    ]
    chosen = ", ".join([*given, *["%s"] * len(same)])
    row = "(" + ", ".join(["%s"] * len(apart)) + ")"
    left = [tuple(each) for each in rows]
    at_once = (MOST_VALUES - len(same)) // len(apart)
    with connection.cursor() as cursor:
        for at in range(0, len(left), at_once):
            some = left[at : at + at_once]
            lines = ", ".join([row] * len(some))
            cursor.execute(
                f"INSERT INTO {quote(meta.db_table)} ({columns})"  # noqa: S608 - names of columns
                f" SELECT {chosen} FROM (VALUES {lines}) AS given",
                [*values, *(value for each in some for value in each)],
            )
