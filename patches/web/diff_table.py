"""The rows of a diff as HTML. Put together here and not by a template: there are thousands.

All text comes from `patches.reading`, which has escaped it; paths are quoted for addresses here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from patches.models import Side
from patches.reading.characters import visible
from patches.reading.lines import ADDED, CONTEXT, REMOVED
from patches.reading.paging import Part
from patches.reading.painting import Painted, Row
from patches.reading.places import in_address

# (side, line) -> what stands under that line, as HTML.
Under = Mapping[tuple[str, int], str]
# Browsers lay out so many at once.
ROWS_A_TABLE: Final = 250
_CLASSES: Final = {ADDED: "a", REMOVED: "d", CONTEXT: ""}
_OPEN_END: Final = '<span class="no-end">no line’s end here</span>'


@dataclass(frozen=True)
class Look:
    """How rows are shown. `comment` begins the addresses under which a line is commented on, ""
    for who may not; `whole` those of whole lines."""

    is_split: bool = False
    comment: str = ""
    whole: str = ""


@dataclass
class Table:
    """The rows of one file; `anchor` is its id and `name` its name in addresses."""

    anchor: str
    name: str
    look: Look
    under: Under
    placed: set[tuple[str, int]] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._comment = self.look.comment and f"{self.look.comment}{_quoted(self.name)}"

    @property
    def whole_file(self) -> SafeString:
        """The address under which the file as a whole is commented on, "" for who may not."""
        return mark_safe(self._comment and f"{self._comment}:new:0")  # noqa: S308 - it is quoted

    def message(self, painted: Painted) -> SafeString:
        """The rows of words: one number for each."""
        found: list[str] = []
        for line, row in enumerate(painted.rows, 1):
            number = self._number("n", line, is_link=True)
            found.append(f'<tr>{number}<td class="c">{row.html}</td></tr>')
            found.append(self._talk(2, (Side.NEW, line)))
        return mark_safe("".join(found))  # noqa: S308 - every piece of it is escaped

    def html(self, parts: Sequence[Part], painted: Sequence[Painted]) -> list[SafeString]:
        """The bodies of its tables. What it put under its lines is in `placed` afterwards.

        There are several, because browsers lay out only those in sight, and a table is all or
        nothing to them.
        """
        rows = self._split if self.look.is_split else self._unified
        tables: list[list[str]] = [[]]
        for part, paint in zip(parts, painted, strict=True):
            tables[-1].append(self._head(part, paint))
            for row in rows(part, paint):
                if len(tables[-1]) >= ROWS_A_TABLE:
                    tables.append([])
                tables[-1].append(row)
        # Every piece of it is escaped.
        return [mark_safe("".join(table)) for table in tables if table]  # noqa: S308

    def _head(self, part: Part, paint: Painted) -> str:
        old = sum(row.sign != ADDED for row in paint.rows)
        new = sum(row.sign != REMOVED for row in paint.rows)
        said = f"@@ −{part.old_start},{old} +{part.new_start},{new} @@"
        words = f"{said} {visible(part.heading)}" if part.is_first else "the lines go on"
        return f'<tr class="h"><td colspan="{4 if self.look.is_split else 3}">{words}</td></tr>'

    # ---- one column

    def _unified(self, part: Part, paint: Painted) -> Iterator[str]:
        for row, old, new in numbered(part, paint):
            left = self._number("o", old, is_link=row.sign == REMOVED) if old else _NO_NUMBER
            right = self._number("n", new, is_link=True) if new else _NO_NUMBER
            kind = _CLASSES[row.sign]
            code = f'<td class="c">{self._code(row, old, new)}</td>'
            talk = self._talk(3, (Side.OLD, old), (Side.NEW, new))
            start = f'<tr class="{kind}">' if kind else "<tr>"
            yield f"{start}{left}{right}{code}</tr>{talk}"

    # ---- two columns

    def _split(self, part: Part, paint: Painted) -> Iterator[str]:
        rows = list(numbered(part, paint))
        for left, right in paint.beside:
            one = rows[left] if left is not None else None
            other = rows[right] if right is not None else None
            lines = (one[1] if one else 0), (other[2] if other else 0)
            talk = self._talk(4, (Side.OLD, lines[0]), (Side.NEW, lines[1]))
            yield f"<tr>{self._half('o', one)}{self._half('n', other)}</tr>{talk}"

    def _half(self, side: str, numbered_row: Numbered | None) -> str:
        if numbered_row is None:
            return '<td class="n"></td><td class="c none"></td>'
        row, old, new = numbered_row
        kind = _CLASSES[row.sign]
        number = self._number(side, old if side == "o" else new, is_link=True, kind=kind)
        return f'{number}<td class="c{" " + kind if kind else ""}">{self._code(row, old, new)}</td>'

    # ---- parts of both

    def _number(self, side: str, line: int, *, is_link: bool, kind: str = "") -> str:
        name = f' id="{self.anchor}{side}{line}"'
        words = str(line)
        if is_link and self._comment:
            long = "old" if side == "o" else "new"
            words = f'<a href="{self._comment}:{long}:{line}">{line}</a>'
        return f'<td class="n{" " + kind if kind else ""}"{name}>{words}</td>'

    def _code(self, row: Row, old: int, new: int) -> str:
        if not row.ends:
            return row.html
        if row.ends == "open":
            return row.html + _OPEN_END
        place = f"{self.name}:old:{old}" if row.sign == REMOVED else f"{self.name}:new:{new}"
        address = f"{self.look.whole}{_quoted(place)}"
        return f'{row.html}… <a class="whole" href="{address}">the whole line</a>'

    def _talk(self, columns: int, *places: tuple[Side, int]) -> str:
        here = [(side.value, line) for side, line in places if (side.value, line) in self.under]
        if not here:
            return ""
        self.placed.update(here)
        inner = "".join(self.under[place] for place in here)
        return f'<tr class="talk-row"><td colspan="{columns}">{inner}</td></tr>'


_NO_NUMBER: Final = '<td class="n"></td>'
# A row, and its number before and after; 0 where it has none.
Numbered = tuple[Row, int, int]


def numbered(part: Part, paint: Painted) -> Iterator[Numbered]:
    """The rows of a part with their line numbers."""
    old, new = part.old_start, part.new_start
    for row in paint.rows:
        if row.sign == ADDED:
            yield row, 0, new
            new += 1
        elif row.sign == REMOVED:
            yield row, old, 0
            old += 1
        else:
            yield row, old, new
            old, new = old + 1, new + 1


def _quoted(text: str) -> str:
    return escape(in_address(text))


def plain_rows(lines: Iterable[str]) -> Painted:
    """Lines that are no code, such as a commit's message, as rows without signs."""
    rows = tuple(Row(CONTEXT, visible(line)) for line in lines)
    return Painted(rows, tuple((i, i) for i in range(len(rows))))
