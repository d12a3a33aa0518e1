"""Bugzilla's XML (`show_bug.cgi?ctype=xml`): problems with comments and attachments.

The shape is that of `bugzilla.dtd` of Bugzilla 5. Expat reads it piece by piece; entities of the
file's own are refused, because a few lines of them expand to gigabytes, and nothing is fetched.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from xml.parsers import expat

from tracker.importing.dates import parse_time
from tracker.importing.source import (
    LONGEST_TEXT,
    NOBODY,
    Author,
    Base64Text,
    Format,
    Reading,
    Record,
    SourceComment,
    SourceFile,
    UnreadableFile,
)

_PIECE: Final = 256 * 1024
# bugzilla > bug > attachment > data is four.
_DEEPEST: Final = 30

# Element -> field of `tables.FIELD_OF_HEADER`.
_FIELDS: Final = {
    "bug_id": "id", "short_desc": "summary", "bug_status": "status", "resolution": "resolution",
    "creation_ts": "created", "delta_ts": "changed", "cf_last_resolved": "resolved",
    "priority": "priority", "bug_severity": "severity", "component": "component",
    "version": "version", "bug_type": "kind", "rep_platform": "architecture", "op_sys": "hardware",
}  # fmt: skip
_RELATIONS: Final = {"dependson": "Depends on", "blocked": "Blocks", "see_also": "See also"}


@dataclass
class _Element:
    """An element that is being read, with its text so far."""

    name: str
    attributes: dict[str, str]
    text: list[str] = field(default_factory=list)
    chars: int = 0


@dataclass
class _Part:
    """A comment or attachment that is being read: element -> its text."""

    said: dict[str, str] = field(default_factory=dict)
    author: Author = NOBODY
    is_private: bool = False
    content: Base64Text | None = None


def read(path: Path, reading: Reading) -> Iterator[Record]:
    """The bugs of a file, in its order."""
    bugs = _Bugs(path.name, reading)
    try:
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                bugs.feed(piece)
                yield from bugs.take()
            bugs.feed(b"", final=True)
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None
    yield from bugs.take()
    if not bugs.count:
        raise UnreadableFile(f"{path.name} has no <bug>; there is nothing to import.")


class _Bugs:
    """Builds records from the events of the parser."""

    def __init__(self, name: str, reading: Reading) -> None:
        self.name = name
        self.reading = reading
        self.count = 0
        self._last = ""
        self._done: list[Record] = []
        self._stack: list[_Element] = []
        self._record: Record | None = None
        self._part: _Part | None = None
        self._parts: list[tuple[str, _Part]] = []
        self._parser = self._make_parser()

    def _make_parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.EntityDeclHandler = self._refuse_entity
        parser.SkippedEntityHandler = lambda name, is_parameter: self._characters(f"&{name};")
        return parser

    def feed(self, piece: bytes, *, final: bool = False) -> None:
        try:
            self._parser.Parse(piece, final)
        except expat.ExpatError as error:
            raise UnreadableFile(self._broken(error)) from None
        except (LookupError, ValueError) as error:
            raise UnreadableFile(
                f"{self.name} cannot be decoded: {error}. Convert it to UTF-8, and say so in its "
                "first line."
            ) from None

    def take(self) -> list[Record]:
        done, self._done = self._done, []
        return done

    def _broken(self, error: expat.ExpatError) -> str:
        why = expat.ErrorString(error.code)
        place = f"line {error.lineno}, column {error.offset + 1}"
        after = f" after {self._last}" if self._last else ""
        if self._stack and error.code in (
            expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
            expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
            expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
        ):
            return (
                f"{self.name} ends in {place}{after}, inside <{self._stack[-1].name}>: it is cut "
                "off. Export it again."
            )
        return f"{self.name} is no well-formed XML: {why} in {place}{after}. Repair it there."

    def _refuse_entity(self, name: str, *args: Any) -> None:
        raise UnreadableFile(
            f"{self.name} declares the entity “{name[:40]}” in line "
            f"{self._parser.CurrentLineNumber}. Bugzilla's exports have none, and a few can expand "
            "to gigabytes, so the file is refused; take the declaration out."
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if not self._stack and name != "bugzilla":
            raise UnreadableFile(
                f"{self.name} begins with <{name[:40]}> and not <bugzilla>, so it is not what "
                "Bugzilla exports as XML."
            )
        if len(self._stack) >= _DEEPEST:
            raise UnreadableFile(
                f"{self.name} nests elements {_DEEPEST} deep in line {line}; Bugzilla's exports "
                "are four deep."
            )
        self._stack.append(_Element(name, attributes))
        depth = len(self._stack)
        if depth == 2 and name == "bug":
            self._record, self._parts = Record(f"line {line}"), []
        elif depth == 3 and name in ("long_desc", "attachment"):
            self._part = _Part(is_private=attributes.get("isprivate") == "1")
        elif depth == 4 and name == "data" and self._part is not None:
            self._part.content = Base64Text()

    def _characters(self, text: str) -> None:
        if not self._stack:
            return
        element = self._stack[-1]
        if element.name == "data" and self._part is not None and self._part.content is not None:
            self._part.content.feed(text)
            return
        if element.chars < LONGEST_TEXT:
            element.text.append(text[: LONGEST_TEXT - element.chars])
            element.chars += len(text)

    def _end(self, name: str) -> None:
        element = self._stack.pop()
        depth = len(self._stack)
        if self._record is None:
            return
        text = "".join(element.text)
        if depth == 1:
            self._end_bug(self._record, element.attributes)
        elif depth == 2:
            self._end_field(self._record, element, text)
        elif depth == 3 and self._part is not None:
            self._end_part_field(self._part, element, text)

    def _end_field(self, record: Record, element: _Element, text: str) -> None:
        name, attributes = element.name, element.attributes
        if self._part is not None and name in ("long_desc", "attachment"):
            self._parts.append((name, self._part))
            self._part = None
        elif name in _FIELDS:
            record.put(_FIELDS[name], _decoded(text, attributes))
        elif name == "reporter":
            record.reporter = _author(attributes, text)
        elif name == "assigned_to":
            record.assignee = _author(attributes, text)
        elif name == "group" and text.strip():
            record.groups.append(text.strip())
        elif name == "dup_id" and text.strip():
            record.same_as.append(text.strip())
        elif name in _RELATIONS and text.strip():
            record.relations.setdefault(_RELATIONS[name], []).append(text.strip())
        elif name == "votes" and text.strip("0 \n"):
            record.notes.append(f"Votes there: {text.strip()[:20]}.")

    def _end_part_field(self, part: _Part, element: _Element, text: str) -> None:
        if element.name in ("who", "attacher"):
            part.author = _author(element.attributes, text)
        elif element.name != "data":
            part.said[element.name] = _decoded(text, element.attributes)

    def _end_bug(self, record: Record, attributes: dict[str, str]) -> None:
        self._record = None
        self.count += 1
        number = record.first("id").strip()[:40]
        record.place = f"bug {number or '(without an id)'}, {record.place}"
        self._last = record.place
        if error := attributes.get("error"):
            record.fault = _ERRORS.get(error, f"is an error there, “{error[:40]}”")
        self._add_comments(record)
        for part in (part for name, part in self._parts if name == "attachment"):
            self._add_file(record, part)
        self._done.append(record)

    def _add_comments(self, record: Record) -> None:
        parts = [part for name, part in self._parts if name == "long_desc"]
        # Whoever exported may like the newest first. Old versions do not count comments.
        parts.sort(key=_age)
        for position, part in enumerate(parts):
            text = part.said.get("thetext", "")
            if position == 0:
                record.put("description", text)
                if part.is_private:
                    record.groups.append("private description")
            elif part.is_private:
                self.reading.left_out["private comments, which there is no place for here"] += 1
            else:
                key = part.said.get("commentid", "").strip() or f"c{position}"
                at = part.said.get("bug_when", "")
                record.comments.append(SourceComment(f"comment {key}"[:100], part.author, at, text))
                self._tie_file(part)

    def _tie_file(self, comment: _Part) -> None:
        """Remember with which comment an attachment came."""
        number = comment.said.get("attachid", "").strip()
        key = comment.said.get("commentid", "").strip()
        for name, part in self._parts:
            if number and name == "attachment" and part.said.get("attachid", "").strip() == number:
                part.said["comment"] = f"comment {key}"

    def _add_file(self, record: Record, part: _Part) -> None:
        if part.is_private:
            self.reading.left_out["private attachments, which there is no place for here"] += 1
            return
        number = part.said.get("attachid", "").strip() or str(len(record.files) + 1)
        name = part.said.get("filename", "") or f"attachment-{number}"
        at, comment = part.said.get("date", ""), part.said.get("comment", "")
        file = SourceFile(f"attachment {number}"[:100], name, part.author, at, comment=comment)
        if part.content is None:
            file.fault = "has no content in the export"
        else:
            part.content.finish(file, self.reading)
        record.files.append(file)


_ERRORS: Final = {
    "NotFound": "was not found there",
    "NotPermitted": "may not be seen there by whoever exported it",
    "InvalidBugId": "has no valid id there",
}


def _age(comment: _Part) -> tuple[int, datetime]:
    count = comment.said.get("comment_count", "").strip()
    try:
        at = parse_time(comment.said.get("bug_when", "")[:100])
    except ValueError:
        at = datetime.max.replace(tzinfo=UTC)
    return int(count[:9]) if count.isdecimal() else 0, at


def _author(attributes: dict[str, str], text: str) -> Author:
    return Author(attributes.get("name", "").strip()[:1000], text.strip()[:1000])


def _decoded(text: str, attributes: dict[str, str]) -> str:
    """Bugzilla writes what XML cannot hold as base64."""
    if attributes.get("encoding") != "base64":
        return text
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text


FORMAT: Final = Format("bugzilla-xml", "Bugzilla's XML", "bugzilla", "bugzilla-xml", read)
