"""The lines above a message or part: their names, and what their values say."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any, Final

from notifications.gate.parsing import limits
from notifications.gate.parsing.charsets import decode

_NAME: Final = re.compile(rb"([!-9;-~]{1,200})[ \t]*:")
_WORD: Final = re.compile(
    r"=\?([A-Za-z0-9._:+-]{1,60})(?:\*[^?\s]{0,20})?\?([bBqQ])\?([^?\r\n]*)\?="
)
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_SPACES: Final = re.compile(r"\s+")
_ID: Final = re.compile(r"<([^<>\s]{1,250})>")
_ADDRESS: Final = re.compile(r"[^\s<>()\[\],;:\\\"@]{1,200}@[^\s<>()\[\],;:\\\"@]{1,250}")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_COMMENT: Final = re.compile(r"\([^()]*\)")
# A message has thousands of headers, and telling letters apart takes a millisecond.
_SAMPLE: Final = 400


@dataclass(frozen=True)
class Headers:
    """(name in lower case, value as bytes with its folding undone), in their order."""

    pairs: tuple[tuple[str, bytes], ...] = ()
    _texts: dict[bytes, str] = field(default_factory=dict, compare=False, repr=False)

    def all(self, name: str) -> list[str]:
        """Every value of this name, letters read, encoded words left as they are."""
        return [self._text(value) for given, value in self.pairs if given == name]

    def get(self, name: str) -> str:
        """The first value, or ""."""
        return next(iter(self.all(name)), "")

    def __contains__(self, name: str) -> bool:
        return any(given == name for given, _ in self.pairs)

    def _text(self, value: bytes) -> str:
        if value not in self._texts:
            self._texts[value] = decode(value, sample=_SAMPLE)[0].strip()
        return self._texts[value]


def read_headers(raw: bytes, start: int, end: int) -> tuple[Headers, int]:
    """The headers that begin at `start`, and where the body begins.

    What is no header ends them, as a blank line does: so does text that has none at all.
    """
    pairs: list[tuple[str, list[bytes]]] = []
    at = start
    while at < end:
        stop = raw.find(b"\n", at, end)
        following = stop + 1 if stop >= 0 else end
        line = raw[at : min(following, at + limits.HEADER_VALUE)].rstrip(b"\r\n")
        if not line.strip(b" \t"):
            return _headers(pairs), following
        if line[:1] in b" \t" and pairs:
            pairs[-1][1].append(line)
        elif found := _NAME.match(line):
            pairs.append((found[1].decode("ascii").lower(), [line[found.end() :]]))
        elif not _is_envelope(raw, line, following):
            return _headers(pairs), at
        at = following
        if at - start > limits.HEADER_BYTES or len(pairs) > limits.HEADERS:
            return _headers(pairs), _after_blank_line(raw, at, end)
    return _headers(pairs), end


def _is_envelope(raw: bytes, line: bytes, following: int) -> bool:
    """Whether it is the line with which a mailbox begins a message, with headers below."""
    below = _NAME.match(raw, following)
    return line.startswith((b"From ", b">From ")) and below is not None


def _after_blank_line(raw: bytes, start: int, end: int) -> int:
    """Where the body begins when `start` is where some header does."""
    places = [(raw.find(blank, start - 1, end), len(blank)) for blank in (b"\n\n", b"\n\r\n")]
    return min((place + length for place, length in places if place >= 0), default=end)


def _headers(pairs: list[tuple[str, list[bytes]]]) -> Headers:
    return Headers(
        tuple(
            (name, b"".join(lines)[: limits.HEADER_VALUE].replace(b"\x00", b""))
            for name, lines in pairs[: limits.HEADERS]
        )
    )


def words(value: str) -> str:
    """A value as a reader sees it: encoded words read, on one line, without control characters.

    Neighbours in the same letters are joined before they are read, because some programs cut in
    the middle of a letter.
    """
    read: list[str] = []
    waiting, letters, at = b"", "", 0
    for found in _WORD.finditer(value):
        between = value[at : found.start()]
        if between.strip() or found[1].lower() != letters:
            read += [decode(waiting, letters, sample=0)[0]]
            read += [between if between.strip() else ""]
            waiting, letters = b"", found[1].lower()
        waiting += _word_bytes(found[2], found[3])
        at = found.end()
    read += [decode(waiting, letters, sample=0)[0], value[at:]]
    return _SPACES.sub(" ", _CONTROLS.sub("", "".join(read))).strip()


def _word_bytes(encoding: str, text: str) -> bytes:
    content = text.encode("utf-8")
    if encoding in "bB":
        content = re.sub(rb"[^A-Za-z0-9+/]", b"", content)
        content = content[: len(content) - (len(content) % 4 == 1)]
        return binascii.a2b_base64(content + b"=" * (-len(content) % 4))
    return binascii.a2b_qp(content.replace(b" ", b"_"), header=True)


def parameters(header: str, name: str) -> str:
    """A parameter of Content-Type or Content-Disposition, or "": RFC 2231, encoded words, raw."""
    # What carries no parameter of this name need not be taken apart.
    if name not in header.lower():
        return ""
    pieces = header[: limits.PARAMETER_LETTERS].split(";", limits.PARAMETERS + 1)
    header = ";".join(pieces[: limits.PARAMETERS + 1])
    try:
        found = next((said for key, said in _parameters(header) if key.lower() == name), "")
        value = _rfc2231(found) if isinstance(found, tuple) else str(found)
    except Exception:  # the standard library fails in many ways on broken parameters
        match = re.search(rf"{name}\*?[\d*]*=\s*\"?([^\";]*)", header, re.IGNORECASE)
        value = match[1] if match else ""
    return words(value)


# Several are asked for of one header after the other.
@lru_cache(maxsize=16)
def _parameters(header: str) -> tuple[tuple[str, Any], ...]:
    message = Message()
    message["Content-Type"] = header.replace("\r", " ").replace("\n", " ")
    return tuple(message.get_params([], unquote=True))


def _rfc2231(found: tuple[str | None, str | None, str]) -> str:
    letters, _, value = found
    return decode(value.encode("latin-1", "replace"), letters or "")[0]


def addresses(headers: Headers, name: str) -> tuple[list[str], str]:
    """(addresses in lower case, the name of the first) of all headers of this name.

    Only what stands in angle brackets, or alone, is an address: one in a name, a comment or an
    encoded word is somebody's claim. Several in one place are all named, so that nobody is taken
    for one of them.
    """
    found: list[str] = []
    shown = ""
    for value in headers.all(name)[: limits.ADDRESSES]:
        for entry in _entries(value[: limits.ADDRESS_BYTES]):
            here, called = _entry(entry)
            if here and not found:
                shown = called
            found += [address for address in here if address not in found]
    return found[: limits.ADDRESSES], shown


def addresses_in(values: Iterable[str]) -> list[str]:
    """The addresses in some values, as `addresses` reads them.

    Python's own functions call themselves for every bracket that is opened.
    """
    pairs = [("", value.encode("utf-8", "surrogateescape")) for value in values]
    return addresses(Headers(tuple(pairs)), "")[0]


def _entries(value: str) -> list[str]:
    """The entries of a list, cut at commas that are in no quotes, comment or brackets."""
    kept = _QUOTED.sub(lambda quoted: re.sub(r"[,;<>()@:]", "\x01", quoted[0]), value)
    for _ in range(5):
        kept = _COMMENT.sub(lambda comment: "\x02" * len(comment[0]), kept)
    entries, start, depth = [], 0, 0
    for at, letter in enumerate(kept):
        depth += (letter == "<") - (letter == ">")
        if letter in ",;" and depth <= 0:
            entries.append((start, at))
            start = at + 1
    entries.append((start, len(kept)))
    return [
        kept[begin:stop] + "\x00" + value[begin:stop]
        for begin, stop in entries[: limits.ADDRESSES]
        if value[begin:stop].strip()
    ]


def _entry(entry: str) -> tuple[list[str], str]:
    plain, _, given = entry.partition("\x00")
    plain = plain.replace("\x02", " ")
    bracketed = re.findall(r"<([^<>]*)>", plain)
    places = bracketed or [plain.rpartition(":")[2]]
    here = [place.strip().lower() for place in places if _ADDRESS.fullmatch(place.strip())]
    called = re.sub(r"<[^<>]*>", " ", given) if bracketed else ""
    return here, words(called.strip().strip('"').replace('\\"', '"'))[:200]


def identifiers(headers: Headers, *names: str) -> tuple[str, ...]:
    """The Message-IDs in these headers, each once, without their angle brackets."""
    found: dict[str, None] = {}
    for name in names:
        for value in headers.all(name):
            given = _ID.findall(value) or _bare_id(value)
            found.update(dict.fromkeys(given))
    return tuple(found)[-limits.REFERENCES :]


def _bare_id(value: str) -> list[str]:
    token = value.strip("<> \t")
    return [token] if "@" in token and re.fullmatch(r"[^<>\s]{3,250}", token) else []


def date(headers: Headers) -> datetime | None:
    """When it says that it was written; None for what no calendar has."""
    try:
        found = parsedate_to_datetime(headers.get("date")[:100])
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC) if found.year >= 1970 else None
    except (TypeError, ValueError, OverflowError, IndexError, AttributeError):
        return None
