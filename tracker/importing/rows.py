"""One record of an export -> the values of one problem, or the reason why it cannot be one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.text import slugify

from tracker.importing.csvfile import Export, Record
from tracker.importing.dates import parse_time
from tracker.importing.tables import ANYWHERE, KINDS, NOTHING, SEVERITIES, STATES
from tracker.models import SYNOPSIS_CHARS, TEXT_CHARS, Kind, Resolution, Severity, State
from tracker.text import clean_line, clean_text

# A number beyond this is no number that people type, and would use up the sequence.
HIGHEST_NUMBER: Final = 2_000_000_000


class BadRow(Exception):
    """The row cannot be imported; the message goes on after "line N: "."""


@dataclass
class Words:
    """What states and resolutions of the other tracker mean here: lower-case word -> ours."""

    system: str
    states: Mapping[str, State]
    resolutions: Mapping[str, Resolution]


@dataclass
class ImportRow:
    """The values of a problem to be, in words; `changes` and `notes` go into its history."""

    line: int
    # The key there: unique in the product. `names` are all by which a pair may name it.
    origin: str
    names: list[str]
    # The number it had, where it is one that can be kept.
    number: int | None
    synopsis: str
    description: str
    state: State
    resolution: Resolution | None
    created_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    kind: Kind = Kind.DEFECT
    severity: Severity = Severity.NORMAL
    component: str = ""
    release: str = ""
    fixed_in: str = ""
    architecture: str = ""
    hardware: str = ""
    reporter: str = ""
    assignee: str = ""
    # The whole description where the problem can hold only its beginning.
    long_text: str = ""
    changes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def became(self, name: str, old: str, new: str) -> None:
        """Keep the word of the other tracker beside what it was taken for."""
        if old:
            self.changes.append({"field": name, "old": old[:200], "new": new})


def choose_system(export: Export) -> str:
    """ "bugzilla" or "jira": the one whose words the file speaks, "" when that cannot be told."""
    spoken = {record.first("status").strip() for record in export.records} - {""}
    if "key" in export.fields:
        return "jira"
    # Bugzilla shouts its states; JIRA, which shares some of them, does not.
    shouted = {word for word in spoken if word.isupper()}
    bugzilla = len({word.lower() for word in shouted} & STATES["bugzilla"].keys())
    jira = len({word.lower() for word in spoken - shouted} & STATES["jira"].keys())
    if bugzilla == jira:
        return ""
    return "bugzilla" if bugzilla > jira else "jira"


def read_row(record: Record, words: Words) -> ImportRow:
    """The values of one record. Raises `BadRow` with the first reason that forbids it."""
    if record.fault:
        raise BadRow(record.fault)
    origin, names, number = _names(record)
    synopsis = clean_line(record.first("summary"))
    if not synopsis:
        raise BadRow("has no summary")
    state, resolution = _state(record, words)
    created, changed, closed, notes = _times(record, state)
    row = ImportRow(
        line=record.line, origin=origin, names=names, number=number, synopsis=synopsis,
        description=clean_text(record.first("description")), state=state, resolution=resolution,
        created_at=created, changed_at=changed, closed_at=closed, notes=notes,
    )  # fmt: skip
    row.became("state", record.first("status").strip(), state)
    row.became("resolution", record.first("resolution").strip(), resolution or "")
    _fit_texts(row)
    _classify(row, record)
    _place(row, record)
    return row


def _names(record: Record) -> tuple[str, list[str], int | None]:
    """(origin, every name, number). A key like HADOOP-17890 is what people know; so it goes first.

    The number is the one of that key, or else the id.
    """
    key, issue_id = (clean_line(record.first(name)) for name in ("key", "id"))
    origin = key or issue_id
    if not origin or len(origin) > 100:
        raise BadRow("has no id" if not origin else f"has an id of {len(origin)} characters")
    digits = re.search(r"(?:^|[^0-9])#?([0-9]{1,18})$", origin)
    number = int(digits[1]) if digits and digits[1] else None
    if number is not None and not 0 < number <= HIGHEST_NUMBER:
        number = None
    return origin, [name for name in (key, issue_id) if name], number


def _state(record: Record, words: Words) -> tuple[State, Resolution | None]:
    status, said = (clean_line(record.first(name)) for name in ("status", "resolution"))
    state = words.states.get(status.lower())
    if state is None:
        raise BadRow(
            f"has the status “{status[:40]}”, which is not known; say what it means with "
            f"--state '{status[:40]}=open' or another state"
        )
    if state != State.CLOSED:
        return state, None
    word = "" if said.lower() in NOTHING else said.lower()
    resolution = words.resolutions.get(word)
    if resolution is None:
        what = f"the resolution “{said[:40]}”, which is not known" if word else "no resolution"
        raise BadRow(f"is closed with {what}; say what it means with --resolution '{word}=fixed'")
    return state, resolution


def _times(record: Record, state: State) -> tuple[datetime, datetime, datetime | None, list[str]]:
    """(created, changed, closed, notes). What is missing is taken from what is there."""
    found = {name: _time(record, name) for name in ("created", "changed", "resolved")}
    known = [at for at in found.values() if at is not None]
    notes = []
    created = found["created"]
    if created is None:
        created = min(known, default=timezone.now())
        notes.append("When it was reported is not in the export.")
    changed = max([created, *known])
    closed = None
    if state == State.CLOSED:
        # Clocks of exports have been seen to run backwards by minutes.
        closed = max(found["resolved"] or changed, created)
    return created, changed, closed, notes


def _time(record: Record, name: str) -> datetime | None:
    text = record.first(name)
    if text.strip().lower() in NOTHING:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadRow(f"has a wrong time under “{name}”: {error}") from None


def _fit_texts(row: ImportRow) -> None:
    if len(row.synopsis) > SYNOPSIS_CHARS:
        row.description = f"{row.synopsis}\n\n{row.description}".strip("\n")
        row.synopsis = row.synopsis[: SYNOPSIS_CHARS - 1].rstrip() + "…"
        row.notes.append("The summary was cut; the description begins with the whole of it.")
    if len(row.description) > TEXT_CHARS:
        row.long_text = row.description
        end = "\n\n(cut here; the whole text is attached)"
        row.description = row.description[: TEXT_CHARS - len(end)] + end
        row.notes.append("The description was cut; the whole of it is attached.")


def _classify(row: ImportRow, record: Record) -> None:
    """Kind and severity; a word that no table has is kept in the history and changes nothing."""
    kind, severity, priority = (
        clean_line(record.first(name)) for name in ("kind", "severity", "priority")
    )
    if severity.lower() == "enhancement":
        kind = kind or severity
    row.kind = KINDS.get(kind.lower(), Kind.DEFECT)
    row.became("kind", kind, row.kind)
    weight = severity if severity.lower() not in NOTHING else priority
    row.severity = SEVERITIES.get(weight.lower(), Severity.NORMAL)
    if weight.lower() not in NOTHING:
        row.became("severity", weight, row.severity)
    if weight == severity and priority.lower() not in NOTHING:
        row.notes.append(f"Priority there: {priority[:40]}.")


def _place(row: ImportRow, record: Record) -> None:
    components = split_names(record.cells.get("component", []))
    row.component = components[0] if components else ""
    _note_others(row, "components", components)
    versions = split_names(record.cells.get("version", []))
    row.release = versions[0] if versions else ""
    _note_others(row, "versions", versions)
    fixes = split_names(record.cells.get("fixed_in", []))
    # In an export of open ones this column says what is planned.
    if row.resolution == Resolution.FIXED and fixes:
        row.fixed_in = fixes[0]
        _note_others(row, "fix versions", fixes)
    row.architecture, row.hardware = (
        "" if text.lower() in ANYWHERE else text
        for text in (
            clean_line(record.first("architecture"))[:50],
            clean_line(record.first("hardware"))[:200],
        )
    )
    row.reporter, row.assignee = (
        "" if text.lower() in NOTHING | {"nobody", "unassigned"} else text
        for text in (clean_line(record.first(name))[:254] for name in ("reporter", "assignee"))
    )


def _note_others(row: ImportRow, what: str, names: list[str]) -> None:
    if len(names) > 1:
        row.notes.append(f"All {what} there: {', '.join(names)[:500]}.")


def split_names(cells: Iterable[str]) -> list[str]:
    """The names in repeated columns or in one with commas, each once, at most 50 characters."""
    names = (clean_line(name)[:50] for cell in cells for name in cell.split(","))
    return [name for name in dict.fromkeys(names) if name.lower() not in NOTHING]


def component_slug(name: str) -> str:
    """The slug under which a component of that name is kept; "" when it gives none."""
    return slugify(name)[:50].strip("-_")


def version_key(name: str) -> list[tuple[int, int, str]]:
    """Orders versions as people do: 2.9 before 2.10; a named line (thirdparty-1.0) is older."""
    parts = re.findall(r"\d{1,18}|[^\d.\s_-]+", name.lower())
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]
