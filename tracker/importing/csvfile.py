"""A CSV file as records: which line each begins in, and its cells by what they mean."""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tracker.importing.tables import FIELD_OF_HEADER

LARGEST_CELL: Final = 64 * 1024 * 1024


class UnreadableFile(Exception):
    """Nothing can be taken from the file; the message says why and what to do."""


@dataclass
class Record:
    """One row: the line (from 1) in which it begins, and field -> its non-empty cells."""

    line: int
    cells: dict[str, list[str]]
    # Why nothing can be made of it; "" when there is no such reason.
    fault: str = ""

    def first(self, name: str) -> str:
        """The first non-empty cell of a field, or ""."""
        return self.cells.get(name, [""])[0]


@dataclass
class Export:
    """The records of a file, and what its reading had to assume."""

    records: list[Record]
    fields: set[str]
    encoding: str
    # Headers that this import has no use for.
    passed_over: list[str] = field(default_factory=list)


def read_export(path: Path) -> Export:
    """All records of an export. Raises `UnreadableFile`."""
    text, encoding = read_text(path)
    rows = _rows(path.name, text)
    _, header = next(rows, (0, []))
    fields = [FIELD_OF_HEADER.get(_normal(cell), "") for cell in header]
    _require_columns(path.name, header, fields)
    records = [_record(line, cells, fields) for line, cells in rows]
    if not records:
        raise UnreadableFile(f"{path.name} has a header and no rows.")
    passed_over = [cell for cell, name in zip(header, fields, strict=True) if not name]
    return Export(records, set(fields) - {""}, encoding, list(dict.fromkeys(passed_over)))


def read_pairs(path: Path) -> tuple[list[tuple[str, str]], list[tuple[int, str]]]:
    """Pairs (issue, the issue named as its duplicate), and (line, reason) of rows that are none.

    The second column may name several, with commas or spaces between them.
    """
    text, _ = read_text(path)
    rows = _rows(path.name, text)
    _, header = next(rows, (0, []))
    if len(header) != 2:
        raise UnreadableFile(
            f"{path.name} must have two columns, “Issue id” and “Duplicate id”; "
            f"its first line has {len(header)}."
        )
    pairs: list[tuple[str, str]] = []
    faults: list[tuple[int, str]] = []
    for line, cells in rows:
        others = re.split(r"[\s,;]+", cells[1].strip()) if len(cells) == 2 else []
        if not others or not cells[0].strip() or "" in others:
            faults.append((line, "does not name an issue and its duplicates"))
            continue
        pairs += [(cells[0].strip(), other) for other in others]
    return pairs, faults


def read_text(path: Path) -> tuple[str, str]:
    """The text of a file and the name of its encoding. Raises `UnreadableFile`."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None
    if not data.strip():
        raise UnreadableFile(f"{path.name} is empty.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _decode(path, data, "utf-16"), "UTF-16"
    if b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise UnreadableFile(
            f"{path.name} has a NUL byte in line {line}, so it is no text file, or not in UTF-8. "
            "Export it again as CSV in UTF-8."
        )
    try:
        return data.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1"


def _decode(path: Path, data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise UnreadableFile(
            f"{path.name} begins as UTF-16 but goes on otherwise; save it as UTF-8."
        ) from None


def _rows(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of every row that is not blank."""
    csv.field_size_limit(LARGEST_CELL)
    first_line = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(_broken(name, line, str(error))) from None


def _broken(name: str, line: int, error: str) -> str:
    if "unexpected end" in error:
        what = "has a quotation mark that is never closed"
    elif "expected after" in error:
        what = "has text after a closing quotation mark; a quotation mark inside is written twice"
    else:
        what = f"cannot be read ({error})"
    return f"{name}: the row that begins in line {line} {what}. Repair it there; nothing was read."


def _normal(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", header.lower()).strip()


def _require_columns(name: str, header: list[str], fields: list[str]) -> None:
    missing = [wanted.title() for wanted in ("summary", "status") if wanted not in fields]
    if not {"id", "key"} & set(fields):
        missing.insert(0, "Bug ID (or Issue id, or Issue key)")
    if missing:
        found = ", ".join(cell.strip()[:40] for cell in header[:20])
        raise UnreadableFile(
            f"{name} has no column {' and no column '.join(missing)}. Its first line is: {found}."
        )


def _record(line: int, cells: list[str], fields: list[str]) -> Record:
    if len(cells) != len(fields):
        fault = f"has {len(cells)} cells where the header has {len(fields)}"
        return Record(line, {}, fault)
    found: dict[str, list[str]] = defaultdict(list)
    for name, cell in zip(fields, cells, strict=True):
        if name and cell.strip():
            found[name].append(cell)
    return Record(line, dict(found))
