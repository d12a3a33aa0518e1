"""Which tables an archive holds. An app declares each of its own in one place, its `transfer`.

The archive itself is written and read by `tracker.transfer`, which knows the tables only from
here, so that apps above it can add theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Exists, Field, ForeignKey, Model, OuterRef, Q, QuerySet

Row = dict[str, Any]
# A table's rows that belong to a part: the name of the foreign key to what they hang on, or a
# condition; None for a table that every part holds whole.
Within = str | Callable[["Part"], Q] | None
Rewrite = Callable[["Part", list[Row]], None]
AfterLoading = Callable[[], list[str]]
AfterCommit = Callable[[], None]


class BadRow(ValueError):
    """A row that an archive must not hold; the message says why."""


@dataclass(frozen=True)
class Stored:
    """A file of each row, kept under a name whose last part is its SHA-256.

    field      the FileField; "" in it is no file
    size       the column that says how long it is, if there is one
    is_public  whether everybody may see it
    """

    field: str
    size: str = ""
    is_public: bool = False


@dataclass(frozen=True)
class Table:
    """One table of the archive: the file `<name>.jsonl`.

    key       the fields by which rows of other tables name one of its rows; none if they never do
    left_out  fields that stay behind, each with the reason
    public    the fields that everybody may see; a table without any is not in a public archive
    within    which rows belong to a part of the tracker
    of_people its rows say something about people and bring nobody into a part by themselves
    prepare   sets the fields that were left out on a row about to be stored, and raises `BadRow`
    files     the files of its rows, which travel with them
    """

    name: str
    model: type[Model]
    key: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    public: tuple[str, ...] = ()
    within: Within = None
    of_people: bool = False
    prepare: Callable[[Any], None] | None = None
    files: tuple[Stored, ...] = ()

    @property
    def fields(self) -> list[Field[Any, Any]]:
        """The fields that are written, as the model orders them."""
        return [f for f in self.model._meta.concrete_fields if f.name not in self.left_out]  # noqa: SLF001


@dataclass
class Registry:
    """All declarations.

    `after_loading` is run inside the transaction of an import, at its end: each makes or checks
    what follows from the rows, and returns remarks for the operator. `after_commit` is for what
    takes long and may be done later as well, under the words that name it.
    """

    tables: dict[type[Model], Table] = field(default_factory=dict)
    models_left_out: dict[type[Model], str] = field(default_factory=dict)
    rewrites: dict[type[Model], list[Rewrite]] = field(default_factory=dict)
    after_loading: list[AfterLoading] = field(default_factory=list)
    after_commit: dict[str, AfterCommit] = field(default_factory=dict)

    def add(self, *tables: Table) -> None:
        """Declare tables that an archive holds."""
        self.tables.update({table.model: table for table in tables})

    def leave_out(self, reason: str, *models: type[Model]) -> None:
        """Declare tables that stay behind."""
        self.models_left_out.update(dict.fromkeys(models, reason))

    def rewrite(self, model: type[Model], change: Rewrite) -> None:
        """Have the written rows of a table corrected in archives that hold only a part."""
        self.rewrites.setdefault(model, []).append(change)

    def in_order(self) -> list[Table]:
        """Each table after those that it refers to; by name where that leaves a choice."""
        waiting = sorted(self.tables.values(), key=lambda table: table.name)
        done: list[Table] = []
        while waiting:
            known = {table.model for table in done}
            ready = next(t for t in waiting if references(t) - {t.model} <= known)
            waiting.remove(ready)
            done.append(ready)
        return done


def references(table: Table) -> set[type[Model]]:
    """The models that a table's written fields refer to."""
    return {f.related_model for f in table.fields if isinstance(f, ForeignKey)}  # type: ignore[misc]


registry: Final = Registry()


@dataclass
class Part:
    """What an archive is to hold: everything, one product, what the public may see, or both.

    `rows(model)` are the rows that belong to it, in the order of their ids. `kept` and `memory`
    are for what writers and rewriters of the rows remember meanwhile.
    """

    product: str = ""
    is_public: bool = False
    kept: dict[type[Model], set[Any]] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        return not (self.product or self.is_public)

    def tables(self) -> list[Table]:
        """The tables of the archive, in its order."""
        tables = registry.in_order()
        return [table for table in tables if table.public] if self.is_public else tables

    def files(self) -> list[tuple[Table, Stored]]:
        """The files of the rows, by table, as this part has them."""
        return [
            (table, each)
            for table in self.tables()
            for each in table.files
            if each.is_public or not self.is_public
        ]

    def fields(self, table: Table) -> list[Field[Any, Any]]:
        """The fields of a table that are written."""
        return [f for f in table.fields if not self.is_public or f.name in table.public]

    def rows(self, model: type[Model]) -> QuerySet[Any]:
        table = registry.tables[model]
        rows = model._default_manager.order_by("pk")  # noqa: SLF001
        if self.is_whole or table.within is None:
            return rows
        return rows.filter(self.has(model, table.within) if isinstance(table.within, str)
                           else table.within(self))  # fmt: skip

    def has(self, model: type[Model], name: str) -> Q:
        """The condition that what the foreign key `name` of `model` refers to is in this part."""
        target: Any = model._meta.get_field(name).related_model  # noqa: SLF001
        return Q(Exists(self.rows(target).filter(pk=OuterRef(name)).order_by()))

    def mentioned(self, model: type[Model]) -> Q:
        """The condition that some row of this part refers to a row of `model`."""
        found = Q(pk__in=[])
        for table, name in self._mentions(model):
            rows = self.rows(table.model).filter(**{name: OuterRef("pk")})
            found |= Q(Exists(rows.order_by()))
        return found

    def _mentions(self, model: type[Model]) -> Iterator[tuple[Table, str]]:
        for table in self.tables():
            if not table.of_people:
                for each in self.fields(table):
                    if isinstance(each, ForeignKey) and each.related_model is model:
                        yield table, each.name
