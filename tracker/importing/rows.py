"""One record of an export -> the values of one problem, or the reason why it cannot be one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.utils import timezone
from django.utils.text import slugify

from tracker.importing.dates import parse_time
from tracker.importing.source import (
    NOBODY,
    Author,
    Record,
    SourceComment,
    SourceEvent,
    SourceFile,
)
from tracker.importing.tables import ANYWHERE, NOTHING
from tracker.importing.words import Words
from tracker.models import (
    SYNOPSIS_CHARS,
    TEXT_CHARS,
    Kind,
    ReleaseStatus,
    Resolution,
    Severity,
    State,
)
from tracker.text import clean_line, clean_text

# A number beyond this is no number that people type, and would use up the sequence.
HIGHEST_NUMBER: Final = 2_000_000_000
KEY_CHARS: Final = 100
_LINE_CHARS: Final = 20_000
_WHY_CHARS: Final = 20_000
_CUT: Final = "\n\n(cut here; the whole text is attached)"


class BadRow(Exception):
    """The row cannot be imported; the message goes on after "line N: "."""


@dataclass(slots=True)
class ImportComment:
    """A comment to be."""

    key: str
    author: Author
    at: datetime
    text: str


@dataclass(slots=True)
class ImportEvent:
    """An entry of the history to be."""

    author: Author
    at: datetime
    changes: list[dict[str, Any]]
    note: str


@dataclass(slots=True)
class ImportRow:
    """The values of a problem to be, in words; `changes` and `notes` go into its history."""

    place: str
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
    how_to_repeat: str = ""
    kind: Kind = Kind.DEFECT
    severity: Severity = Severity.NORMAL
    component: str = ""
    release: str = ""
    fixed_in: str = ""
    # Of releases beside these two: `ReleaseStatus.Status` by name.
    marks: dict[str, str] = field(default_factory=dict)
    architecture: str = ""
    hardware: str = ""
    is_confidential: bool = False
    reporter: Author = NOBODY
    assignee: Author = NOBODY
    comments: list[ImportComment] = field(default_factory=list)
    files: list[SourceFile] = field(default_factory=list)
    events: list[ImportEvent] = field(default_factory=list)
    same_as: list[str] = field(default_factory=list)
    relations: dict[str, list[str]] = field(default_factory=dict)
    # Whole texts of which the problem can hold only the beginning: (file name, text, comment key).
    long_texts: list[tuple[str, str, str]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def became(self, name: str, old: str, new: str) -> None:
        """Keep the word of the other tracker beside what it was taken for."""
        if old:
            self.changes.append({"field": name, "old": old[:200], "new": new})

    @property
    def weight(self) -> int:
        """About how many bytes it holds while it waits for its batch."""
        texts = len(self.description) + sum(len(comment.text) for comment in self.comments)
        return 2_000 + texts + sum(len(text) for _, text, _ in self.long_texts)


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
        place=record.place, origin=origin, names=names, number=number, synopsis=synopsis,
        description=clean_text(record.first("description")), state=state, resolution=resolution,
        how_to_repeat=clean_text(record.first("how_to_repeat")),
        created_at=created, changed_at=changed, closed_at=closed, notes=[*notes, *record.notes],
        reporter=_author(record.reporter), assignee=_author(record.assignee),
        same_as=[clean_line(key[:_LINE_CHARS]) for key in record.same_as],
        relations=record.relations, files=record.files,
    )  # fmt: skip
    row.became("state", _line(record, "status"), state)
    row.became("resolution", _line(record, "resolution"), resolution or "")
    _seal(row, record, words)
    _classify(row, record, words)
    _place(row, record, words)
    _take_comments(row, record)
    for file in row.files:
        file.key, file.comment = _key(file.key), _key(file.comment)
    _take_events(row, record, words)
    _fit_texts(row)
    return row


def _line(record: Record, name: str) -> str:
    return clean_line(record.first(name)[:_LINE_CHARS])


def _names(record: Record) -> tuple[str, list[str], int | None]:
    """(origin, every name, number). A key like HADOOP-17890 is what people know; so it goes first.

    The number is the one of that key, or else the id.
    """
    key, issue_id = (_line(record, name) for name in ("key", "id"))
    origin = key or issue_id
    if not origin or len(origin) > KEY_CHARS:
        raise BadRow("has no id" if not origin else f"has an id of {len(origin):,} characters")
    number = None
    digits = re.search(r"(?:^|[^0-9])#?([0-9]{1,18})$", origin) if record.has_number else None
    if digits is not None and 0 < int(digits[1]) <= HIGHEST_NUMBER:
        number = int(digits[1])
    return origin, [name for name in (key, issue_id) if name], number


def _state(record: Record, words: Words) -> tuple[State, Resolution | None]:
    status, said = (_line(record, name) for name in ("status", "resolution"))
    state = words.states.get(status.lower())
    if state is None:
        words.unknown["state", status[:100]] += 1
        raise BadRow(
            f"has the status “{status[:40]}”, which is not known; say what it means with "
            f"--state '{status[:40]}=open' or another state"
        )
    if state != State.CLOSED:
        return state, None
    word = "" if said.lower() in NOTHING else said.lower()
    resolution = words.resolutions.get(word)
    if resolution is None:
        words.unknown["resolution", word[:100]] += 1
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
        created = min([*known, *_times_inside(record)], default=timezone.now())
        notes.append("When it was reported is not in the export.")
    changed = max([created, *known])
    if found["changed"] is None:
        changed = max([changed, *_times_inside(record)])
    closed = None
    if state == State.CLOSED:
        # Clocks of exports have been seen to run backwards by minutes.
        closed = max(found["resolved"] or _last_closing(record) or changed, created)
        changed = max(changed, closed)
    return created, changed, closed, notes


def _times_inside(record: Record) -> list[datetime]:
    """When things were added to it, as far as that can be read."""
    entries: list[SourceComment | SourceEvent] = [*record.comments, *record.events]
    return [at for at in (_readable(entry.at) for entry in entries) if at is not None]


def _last_closing(record: Record) -> datetime | None:
    closings = [
        _readable(event.at)
        for event in record.events
        if event.field == "state" and event.new.lower() == record.first("status").strip().lower()
    ]
    return closings[-1] if closings else None


def _readable(text: str) -> datetime | None:
    try:
        return parse_time(text[:100]) if text.strip() else None
    except ValueError:
        return None


def _time(record: Record, name: str) -> datetime | None:
    text = record.first(name)[:_LINE_CHARS]
    if text.strip().lower() in NOTHING:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadRow(f"has a wrong time under “{name}”: {error}") from None


def _author(author: Author) -> Author:
    """Cleaned; somebody who stands for nobody is nobody."""
    name, key = clean_line(author.name[:1000])[:200], clean_line(author.key[:1000])[:254]
    nobody = NOTHING | {"nobody", "unassigned"}
    if key.lower() in nobody and name.lower() in nobody:
        return NOBODY
    return Author(name, key)


def _seal(row: ImportRow, record: Record, words: Words) -> None:
    """Confidential is what only some may see there, unless those groups were called public."""
    groups = [clean_line(group[:_LINE_CHARS])[:100] for group in record.groups]
    limited = [group for group in groups if group.lower() not in words.public_groups]
    row.is_confidential = words.all_confidential or bool(limited and "*" not in words.public_groups)


def _classify(row: ImportRow, record: Record, words: Words) -> None:
    """Kind and severity; a word that no table has is kept in the history and changes nothing."""
    kind, severity, priority = (_line(record, name) for name in ("kind", "severity", "priority"))
    if severity.lower() in ("enhancement", "wishlist"):
        kind = kind or severity
    row.kind = words.kinds.get(kind.lower(), Kind.DEFECT)
    if kind and kind.lower() not in words.kinds:
        words.unknown["kind", kind[:100]] += 1
    row.became("kind", kind, row.kind)
    weight = severity if severity.lower() not in NOTHING else priority
    row.severity = words.severities.get(weight.lower(), Severity.NORMAL)
    if weight.lower() not in NOTHING:
        row.became("severity", weight, row.severity)
        if weight.lower() not in words.severities:
            words.unknown["severity", weight[:100]] += 1
    if weight == severity and priority.lower() not in NOTHING:
        row.notes.append(f"Priority there: {priority[:40]}.")


def _place(row: ImportRow, record: Record, words: Words) -> None:
    components = split_names(record.cells.get("component", []))
    row.component = components[0] if components else ""
    row.component = words.components.get(row.component.lower(), row.component)
    _note_others(row, "components", components)
    versions = split_names(record.cells.get("version", []))
    row.release = versions[0] if versions else ""
    _note_others(row, "versions", versions)
    fixes = split_names(record.cells.get("fixed_in", []))
    # In an export of open ones this column says what is planned.
    if row.resolution == Resolution.FIXED and fixes:
        row.fixed_in = fixes[0]
        _note_others(row, "fix versions", fixes)
        row.marks = dict.fromkeys(fixes[1:], ReleaseStatus.Status.FIXED)
    if row.fixed_in or row.resolution is None:
        # Closed without a word of where, a mark would say that it is not fixed anywhere.
        affected = dict.fromkeys(versions[1:], ReleaseStatus.Status.AFFECTED)
        row.marks = {name: mark for name, mark in affected.items() if name not in fixes} | row.marks
    row.architecture, row.hardware = (
        "" if text.lower() in ANYWHERE else text
        for text in (_line(record, "architecture")[:50], _line(record, "hardware")[:200])
    )


def _note_others(row: ImportRow, what: str, names: list[str]) -> None:
    if len(names) > 1:
        row.notes.append(f"All {what} there: {', '.join(names)[:500]}.")


def _take_comments(row: ImportRow, record: Record) -> None:
    """A time that cannot be read is that of the comment before it: the order tells as much."""
    at, unreadable = row.created_at, 0
    for comment in record.comments:
        text = clean_text(comment.text)
        found = _readable(comment.at)
        unreadable += bool(comment.at.strip()) and found is None
        at = found or at
        if text.strip():
            row.comments.append(ImportComment(_key(comment.key), _author(comment.author), at, text))
    if unreadable:
        row.notes.append(f"{unreadable} comments had times that cannot be read.")


def _key(key: str) -> str:
    key = clean_line(key[:_LINE_CHARS])
    return key if len(key) <= KEY_CHARS else hashlib.sha256(key.encode()).hexdigest()


def _take_events(row: ImportRow, record: Record, words: Words) -> None:
    at = row.created_at
    for event in record.events:
        at = _readable(event.at) or at
        old, new = (clean_line(word[:_LINE_CHARS])[:200] for word in (event.old, event.new))
        if event.field == "state":
            old, new = (str(words.states.get(word.lower(), word)) for word in (old, new))
        changes = [{"field": event.field[:30], "old": old, "new": new}]
        why = clean_text(event.why)
        if len(why) > _WHY_CHARS:
            why = why[: _WHY_CHARS - 1] + "…"
        row.events.append(ImportEvent(_author(event.author), at, changes, why))


def _fit_texts(row: ImportRow) -> None:
    if len(row.synopsis) > SYNOPSIS_CHARS:
        row.description = f"{row.synopsis}\n\n{row.description}".strip("\n")
        row.synopsis = row.synopsis[: SYNOPSIS_CHARS - 1].rstrip() + "…"
        row.notes.append("The summary was cut; the description begins with the whole of it.")
    for name in ("description", "how_to_repeat"):
        text = getattr(row, name)
        if len(text) > TEXT_CHARS:
            row.long_texts.append((f"{name}.txt", text, ""))
            setattr(row, name, _cut(text))
            called = name.replace("_", " ")
            row.notes.append(f"The {called} was cut; the whole of it is attached.")
    for comment in row.comments:
        if len(comment.text) > TEXT_CHARS:
            row.long_texts.append(("comment.txt", comment.text, comment.key))
            comment.text = _cut(comment.text)


def _cut(text: str) -> str:
    return text[: TEXT_CHARS - len(_CUT)] + _CUT


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
