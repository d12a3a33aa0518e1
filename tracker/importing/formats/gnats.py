"""GNATS: problem reports as `send-pr` makes them and the database keeps them.

A report is a mail header and then fields, each beginning with `>Name:`; one or many to a file. The
audit trail holds changes ("State-Changed-From-To:" and what follows it) and the mails that came in.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tracker.importing.formats.mails import author_of, decoded, parse, short_key
from tracker.importing.source import (
    LONGEST_TEXT,
    Author,
    Format,
    KeyMaker,
    Reading,
    Record,
    SourceComment,
    SourceEvent,
    UnreadableFile,
)
from tracker.text import clean_line

_LONGEST_LINE: Final = 1024 * 1024
# Those of GNATS 3 and 4; anything else behind a ">" is a line of somebody's text.
_NAMES: Final = frozenset({
    "number", "category", "synopsis", "confidential", "severity", "priority", "responsible",
    "state", "quarter", "keywords", "date-required", "class", "submitter-id", "arrival-date",
    "closed-date", "last-modified", "originator", "organization", "release", "environment",
    "description", "how-to-repeat", "fix", "release-note", "audit-trail", "unformatted",
    "notify-list",
})  # fmt: skip
_LAST: Final = (b">Fix:", b">Release-Note:", b">Audit-Trail:", b">Unformatted:")
_FIELD: Final = re.compile(r"^>([A-Za-z][A-Za-z-]{1,30}):(.*)$")
_HEADER_LINE: Final = re.compile(rb"^(?:From |[A-Za-z][A-Za-z0-9-]{0,60}:|[ \t]+\S)")
_CHANGE: Final = re.compile(r"^([A-Z]\w+)-Changed-(From-To|By|When|Why):[ \t]*(.*)$")
_CELLS: Final = {
    "number": "id", "synopsis": "summary", "state": "status", "severity": "severity",
    "priority": "priority", "category": "component", "class": "kind", "release": "version",
    "arrival-date": "created", "last-modified": "changed", "closed-date": "resolved",
}  # fmt: skip
_FIELDS_CHANGED: Final = {"state": "state", "responsible": "assignee"}
# What the class of a closed report says about how it ended.
_ENDED_AS: Final = frozenset({"duplicate", "mistaken"})
_DIFF: Final = re.compile(r"^(?:--- |\+\+\+ |@@ |diff |Index: |\*\*\* )", re.MULTILINE)


@dataclass
class _Report:
    """The lines of one report: where it begins, its mail header, its fields."""

    line: int
    header: str
    fields: dict[str, str]


def read(path: Path, reading: Reading) -> Iterator[Record]:
    """The reports of a file."""
    count = 0
    for line, header, body in _split(path):
        count += 1
        yield _record(path, _parse(line, header, body), reading)
    if not count:
        raise UnreadableFile(f"{path.name} has no “>Number:” or “>Synopsis:” field.")


def _split(path: Path) -> Iterator[tuple[int, bytes, bytes]]:
    """(line, mail header, fields) of each report.

    `>Number:` begins a report where the one before has come to its last fields; the mail header of
    the new one stands at the end of it. A number in between is text that somebody pasted.
    """
    lines: list[bytes] = []
    first, size, line, begun, ending = 1, 0, 0, False, False
    try:
        with path.open("rb") as file:
            while piece := file.readline(_LONGEST_LINE):
                line += 1
                if piece.startswith(b">Number:") and ending:
                    kept, header = _take_header(lines)
                    yield (first, *_at_fields(kept))
                    lines, size, first, ending = header, 0, line - len(header), False
                begun = begun or piece.startswith((b">Number:", b">Synopsis:"))
                ending = ending or piece.startswith(_LAST)
                if size < LONGEST_TEXT:
                    lines.append(piece)
                    size += len(piece)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None
    if begun:
        yield (first, *_at_fields(lines))


def _take_header(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """(what belongs to the report before, the mail header of the next)."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    start = end
    while start and _HEADER_LINE.match(lines[start - 1]) and not lines[start - 1].startswith(b">"):
        start -= 1
    return lines[:start], lines[start:]


def _at_fields(lines: list[bytes]) -> tuple[bytes, bytes]:
    for position, line in enumerate(lines):
        if line.startswith(b">") and _FIELD.match(line.decode("latin-1").rstrip()):
            return b"".join(lines[:position]), b"".join(lines[position:])
    return b"".join(lines), b""


def _parse(line: int, header: bytes, body: bytes) -> _Report:
    fields: dict[str, list[str]] = {}
    current: list[str] = []
    for text in decoded(body).replace("\r\n", "\n").split("\n"):
        match = _FIELD.match(text)
        name = match[1].lower() if match else ""
        # A report that quotes another one has its fields once more.
        if match and name in _NAMES and name not in fields:
            current = fields[name] = [match[2].strip()]
        else:
            current.append(text)
    joined = {name: "\n".join(lines).strip("\n") for name, lines in fields.items()}
    return _Report(line, decoded(header), joined)


def _record(path: Path, report: _Report, reading: Reading) -> Record:
    fields = report.fields
    number = fields.get("number", "").strip() or (path.name if path.name.isdecimal() else "")
    record = Record(f"{_name(fields, number)}, {path.name} line {report.line}")
    record.put("id", number)
    for name, cell in _CELLS.items():
        if name != "number":
            record.put(cell, fields.get(name, "").split("\n")[0])
    _put_header(record, report)
    confidential = fields.get("confidential", "").strip().lower()
    if confidential != "no":
        record.groups.append(confidential or "unsaid")
    if fields.get("class", "").strip().lower() in _ENDED_AS:
        record.put("resolution", fields["class"].strip())
    responsible = re.sub(r"\(.*\)", "", fields.get("responsible", "")).strip()
    record.assignee = Author(key=clean_line(responsible)[:254])
    _put_texts(record, fields)
    _read_trail(record, fields.get("audit-trail", ""))
    return record


def _name(fields: dict[str, str], number: str) -> str:
    category = clean_line(fields.get("category", ""))[:40]
    return f"{category}/{number}" if category else number or "a report without a number"


def _put_header(record: Record, report: _Report) -> None:
    header = report.header
    if header.startswith("From "):
        header = header.partition("\n")[2]
    mail = parse(header.encode(), None)
    name = clean_line(report.fields.get("originator", ""))
    sender = mail.author
    record.reporter = Author(sender.name or name, sender.key or name)
    if not record.cells.get("created"):
        record.put("created", mail.at)


def _put_texts(record: Record, fields: dict[str, str]) -> None:
    """Environment and fix have no field here that holds them, so the description does."""
    texts = [fields.get("description", "")]
    environment = fields.get("environment", "").strip()
    if "\n" in environment or len(environment) > 200:
        texts.append(f"Environment:\n\n{_fenced(environment)}")
    record.put("hardware", clean_line(environment)[:200])
    if fix := fields.get("fix", "").strip():
        texts.append(f"Fix:\n\n{_fenced(fix) if _DIFF.search(fix) else fix}")
    record.put("description", "\n\n".join(text for text in texts if text.strip()))
    record.put("how_to_repeat", fields.get("how-to-repeat", ""))


def _fenced(text: str) -> str:
    """As it was typed, whatever it looks like in Markdown."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}\n{text}\n{fence}"


@dataclass
class _Block:
    """A change of the audit trail, or a mail in it."""

    lines: list[str] = field(default_factory=list)
    # The field that was changed; "" for a mail.
    name: str = ""
    said: dict[str, str] = field(default_factory=dict)


def _read_trail(record: Record, trail: str) -> None:
    keys = KeyMaker()
    for block in _blocks(trail):
        if not block.name:
            _add_mail(record, block, keys)
            continue
        why = "\n".join(block.lines).strip()
        old, new = _from_to(block.said.get("From-To", ""))
        by = Author(key=clean_line(block.said.get("By", ""))[:254])
        changed = _FIELDS_CHANGED.get(block.name, block.name)
        at = block.said.get("When", "")
        record.events.append(SourceEvent(at, by, changed, old, new, why))


def _blocks(trail: str) -> list[_Block]:
    blocks: list[_Block] = []
    lines = trail.split("\n")
    for position, line in enumerate(lines):
        change = _CHANGE.match(line)
        if change and (change[2] == "From-To" or not blocks or not blocks[-1].name):
            blocks.append(_Block(name=change[1].lower(), said={change[2]: change[3]}))
        elif change and change[2] != "Why":
            blocks[-1].said[change[2]] = change[3]
        elif change:
            blocks[-1].lines = [change[3]]
        elif line.startswith("From: ") and _is_header(lines[position + 1 : position + 2]):
            blocks.append(_Block([line]))
        elif blocks:
            blocks[-1].lines.append(line)
        elif line.strip():
            blocks.append(_Block([line]))
    return blocks


def _is_header(lines: list[str]) -> bool:
    return bool(lines) and re.match(r"[A-Za-z-]{2,30}:|[ \t]+\S", lines[0]) is not None


def _from_to(text: str) -> tuple[str, str]:
    """ "open->closed", or "open-closed" as old versions wrote it."""
    old, arrow, new = text.partition("->")
    if not arrow:
        old, _, new = text.partition("-")
    return clean_line(old)[:200], clean_line(new)[:200]


def _add_mail(record: Record, block: _Block, keys: KeyMaker) -> None:
    """GNATS indents the text of a mail by a space, so that no line of it is a field."""
    whole = "\n".join(block.lines).strip("\n")
    if not whole.strip():
        return
    mail = parse(whole.encode(), None)
    head, _, body = whole.partition("\n\n")
    if not mail.author.key and not mail.headers:
        head, body = "", whole
    lines = body.split("\n")
    if all(line.startswith(" ") or not line for line in lines):
        lines = [line[1:] for line in lines]
    text = "\n".join(lines).strip("\n")
    known = mail.key if mail.headers.get("message-id") else ""
    stem = known or hashlib.sha256(f"{head}{text[:1000]}".encode()).hexdigest()[:40]
    author = mail.author if mail.headers else author_of("")
    record.comments.append(
        SourceComment(keys.key(short_key(stem)), author, mail.at, text or "(a mail without text)")
    )


FORMAT: Final = Format("gnats", "GNATS reports", "gnats", "gnats", read)
