"""Headers of mails, as far as a patch needs them. Nothing in them stops the reading."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import UTC, datetime
from email.errors import MessageError
from email.header import decode_header, make_header
from email.utils import parsedate_to_datetime
from typing import Final

from patches.finding.limits import HEADER_LINE, HEADER_LINES
from tracker.text import clean_line

_FIELD: Final = re.compile(rb"([A-Za-z][\w-]{0,60})[ \t]*:[ \t]*(.*)", re.S)
_ANGLED: Final = re.compile(r"(.*)<\s*([^<>\s]+)\s*>\s*$", re.S)
_WITH_NAME: Final = re.compile(r"([^\s()]+@[^\s()]+)\s*\(([^()]*)\)\s*$")
_IDENTIFIER: Final = re.compile(r"<([^<>\s]{1,255})>")
_MOST_ANSWERED: Final = 50
NAME_CHARS: Final = 200
ADDRESS_CHARS: Final = 254


class Headers:
    """The fields of one message by their names in lower case; the first of each."""

    def __init__(self, fields: dict[str, str]) -> None:
        self._fields = fields

    def __contains__(self, name: str) -> bool:
        return name in self._fields

    def raw(self, name: str) -> str:
        return self._fields.get(name, "")

    def words(self, name: str) -> str:
        """One line, with RFC 2047 decoded."""
        return decoded(self.raw(name))

    @property
    def author(self) -> tuple[str, str]:
        return author_of(self.raw("from"))

    @property
    def date(self) -> datetime | None:
        return date_of(self.raw("date"))

    @property
    def message_id(self) -> str:
        found = _IDENTIFIER.search(self.raw("message-id"))
        return clean_line(found[1]) if found else ""

    @property
    def answers(self) -> list[str]:
        """What it answers, the latest last."""
        named = _IDENTIFIER.findall(self.raw("references"))[-_MOST_ANSWERED:]
        named += _IDENTIFIER.findall(self.raw("in-reply-to"))[:1]
        # The last mention of each stays.
        return list(dict.fromkeys(clean_line(each) for each in reversed(named)))[::-1]


def read_headers(data: bytes) -> tuple[Headers, int]:
    """The fields at the beginning of `data`, and the index of what stands behind the blank line.

    The index is 0 where there are none.
    """
    fields: dict[str, str] = {}
    name, at = "", 0
    for number in range(HEADER_LINES):
        end = data.find(b"\n", at)
        line = data[at : end if end >= 0 else len(data)].rstrip(b"\r")
        if not line:
            return Headers(fields), (end + 1 if end >= 0 else len(data)) if fields else 0
        if line[:1] in b" \t" and name:
            fields[name] = (fields[name] + " " + _text(line.strip()))[:HEADER_LINE]
        elif found := _FIELD.fullmatch(line[:HEADER_LINE]):
            name = found[1].decode().lower()
            fields.setdefault(name, _text(found[2]))
        elif number or not line.startswith((b"From ", b">From ")):
            return Headers({}), 0
        if end < 0:
            break
        at = end + 1
    return Headers({}), 0


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


def decoded(value: str) -> str:
    """A value with its encoded words read, in one line."""
    value = value[:2_000]
    if "=?" in value:
        with suppress(MessageError, LookupError, ValueError):
            value = str(make_header(decode_header(value)))
    return clean_line(value.encode("utf-8", "replace").decode())


def author_of(value: str) -> tuple[str, str]:
    """(name, address) of `Ann Bell <ann@example.org>`."""
    value = value[:2_000]
    if found := _ANGLED.match(value):
        name, address = decoded(found[1]).strip().strip('"').strip(), found[2]
    elif found := _WITH_NAME.match(value.strip()):
        name, address = decoded(found[2]), found[1]
    else:
        bare = decoded(value)
        name, address = ("", bare) if "@" in bare and " " not in bare else (bare, "")
    address = clean_line(address)
    return name[:NAME_CHARS], address if len(address) <= ADDRESS_CHARS else ""


def date_of(value: str) -> datetime | None:
    """A date with its zone, UTC where it has none; None where it cannot be read."""
    try:
        found = parsedate_to_datetime(value[:200])
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        # Years before 1 and after 9999 are reached by zones.
        return found.astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
