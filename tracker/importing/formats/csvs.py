"""CSV as Bugzilla and JIRA export it, and as tools around them do."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from tracker.importing.csvfile import encoding_of, read_rows
from tracker.importing.dates import parse_time
from tracker.importing.source import (
    Author,
    Format,
    KeyMaker,
    Reading,
    Record,
    SourceComment,
    UnreadableFile,
)
from tracker.importing.tables import FIELD_OF_HEADER, NOTHING, STATES

# So many rows tell whose words a file speaks.
_LOOK_AT: Final = 5_000
# "30/Sep/21 5:20 PM;jdoe;text", as JIRA writes a comment into a cell.
_JIRA_COMMENT: Final = re.compile(r"\s*([^;\n]{6,40});([^;\n]{1,200});(.*)", re.DOTALL)


def read(path: Path, reading: Reading) -> Iterator[Record]:
    """The records of an export."""
    encoding, called = encoding_of(path)
    if called != "UTF-8":
        reading.say(f"It is not in UTF-8; it was read as {called}.")
    rows = read_rows(path, encoding)
    _, header = next(rows, (0, []))
    fields = [FIELD_OF_HEADER.get(_normal(cell), "") for cell in header]
    _require_columns(path.name, header, fields)
    passed_over = [cell for cell, name in zip(header, fields, strict=True) if not name]
    if passed_over:
        names = ", ".join(dict.fromkeys(passed_over))
        reading.say(f"Columns passed over: {names[:500]}.")
    for line, cells in rows:
        yield _record(line, cells, fields)


def system_of(path: Path) -> str:
    """ "bugzilla" or "jira": the one whose words the file speaks, "" when that cannot be told.

    Raises `UnreadableFile` for what is no export as CSV.
    """
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    fields = [FIELD_OF_HEADER.get(_normal(cell), "") for cell in header]
    _require_columns(path.name, header, fields)
    first = next(rows, None)
    if first is None:
        raise UnreadableFile(f"{path.name} has a header and no rows.")
    if "key" in fields:
        return "jira"
    column = fields.index("status")
    looked_at = [first, *islice(rows, _LOOK_AT)]
    spoken = {cells[column].strip() for _, cells in looked_at if len(cells) > column}
    spoken.discard("")
    # Bugzilla shouts its states; JIRA, which shares some of them, does not.
    shouted = {word for word in spoken if word.isupper()}
    bugzilla = len({word.lower() for word in shouted} & STATES["bugzilla"].keys())
    jira = len({word.lower() for word in spoken - shouted} & STATES["jira"].keys())
    if bugzilla == jira:
        return ""
    return "bugzilla" if bugzilla > jira else "jira"


def _normal(header: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", header.lower()).strip()


def _require_columns(name: str, header: list[str], fields: list[str]) -> None:
    missing = [wanted.title() for wanted in ("summary", "status") if wanted not in fields]
    if not {"id", "key"} & set(fields):
        missing.insert(0, "Bug ID (or Issue id, or Issue key)")
    if missing:
        found = ", ".join(cell.strip()[:40] for cell in header[:20])
        raise UnreadableFile(
            f"{name} has no column {' and no column '.join(missing)}. Its first line is: {found}. "
            "(It was taken for CSV, because it is like nothing else that can be read.)"
        )


def _record(line: int, cells: list[str], fields: list[str]) -> Record:
    record = Record(f"line {line}")
    if len(cells) != len(fields):
        record.fault = f"has {len(cells)} cells where the header has {len(fields)}"
        return record
    found: dict[str, list[str]] = defaultdict(list)
    for name, cell in zip(fields, cells, strict=True):
        if name and cell.strip():
            found[name].append(cell)
    record.reporter, record.assignee = (
        Author(found.pop(f"{role}_name", [""])[0], found.pop(role, [""])[0])
        for role in ("reporter", "assignee")
    )
    record.same_as = [key.strip() for key in found.pop("same_as", [])]
    record.comments = _comments(found.pop("comment", []))
    groups = (group.strip() for cell in found.pop("groups", []) for group in cell.split(","))
    record.groups = [group for group in groups if group.lower() not in NOTHING | {"no", "public"}]
    record.cells = dict(found)
    return record


def _comments(cells: list[str]) -> list[SourceComment]:
    keys = KeyMaker()
    found = []
    for cell in cells:
        match = _JIRA_COMMENT.fullmatch(cell)
        if match is None or not _is_time(match[1]):
            found.append(SourceComment(keys.key("comment"), Author(), "", cell))
            continue
        at, who, text = match[1].strip(), match[2].strip(), match[3]
        found.append(SourceComment(keys.key(at), Author(key=who), at, text))
    return found


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except ValueError:
        return False
    return True


BUGZILLA: Final = Format("bugzilla-csv", "Bugzilla's CSV", "bugzilla", "csv", read)
JIRA: Final = Format("jira-csv", "JIRA's CSV", "jira", "csv", read)
