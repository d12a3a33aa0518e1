"""Mails as mailboxes hold them: split, decoded with what can be trusted of their headers, threaded.

Every message may lie about its encoding, be cut off or nest parts without end; one that does costs
its own text or files at the most.
"""

from __future__ import annotations

import email
import email.errors
import email.header
import email.utils
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from email.message import Message
from html.parser import HTMLParser
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from tracker.importing.source import Author, Reading, SourceFile, UnreadableFile
from tracker.text import clean_line

# A mail longer than this is cut; what it attaches would be too large to keep anyway.
LARGEST_MAIL: Final = 64 * 1024 * 1024
LONGEST_LINE: Final = 1024 * 1024
MOST_PARTS: Final = 200
# "From rita@example.org Mon Mar  2 10:00:00 2020", or nothing but the sender.
_ENVELOPE: Final = re.compile(rb"From (?:.{0,500}\d{1,2}:\d\d|\S+\s*$)")
_HEADER: Final = re.compile(rb">?[!-9;-~]+[ \t]*:|>From ")
_QUOTED_FROM: Final = re.compile(rb"^>(>*From )", re.MULTILINE)
_REPLY: Final = re.compile(r"^\s*(?:(?:re|aw|sv|antw|fwd?)\s*(?:\[\d+\])?\s*:\s*)+", re.IGNORECASE)
_ID: Final = re.compile(r"<([^<>\s]{1,500})>")


class Place(NamedTuple):
    """Where a message stands in its file, in bytes, and the line (from 1) it begins in."""

    start: int
    size: int
    line: int


@dataclass
class Mail:
    """What an import needs of a message."""

    key: str
    references: list[str]
    subject: str
    author: Author
    # ISO 8601, "" when it cannot be read.
    at: str
    text: str
    # Names of headers in lower case -> their values.
    headers: dict[str, list[str]]
    files: list[SourceFile] = field(default_factory=list)

    def header(self, name: str) -> str:
        """All values of a header, in one line."""
        return " ".join(self.headers.get(name, []))


def places(path: Path) -> Iterator[Place]:
    """Where each message of a mailbox is: from a line that begins one to the next."""
    before: Place | None = None
    try:
        with path.open("rb") as file:
            for place in _beginnings(file):
                if before:
                    yield before._replace(size=place.start - before.start)
                before = place
            end = file.tell()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None
    if before is None:
        raise UnreadableFile(f"{path.name} has no line that begins a mail (“From ...”).")
    yield before._replace(size=end - before.start)


def _beginnings(file: BinaryIO) -> Iterator[Place]:
    """Where each message begins, its size left at 0.

    Not every program puts a ">" before those lines of a text that begin with "From ", so it takes
    more than that to begin a message behind the first: a time of day or nothing but the sender,
    and a header in the next line.
    """
    maybe: Place | None = None
    position, line, after_blank, is_first = 0, 0, True, True
    # A line longer than that is read in pieces, of which only the first counts as one.
    while piece := file.readline(LONGEST_LINE):
        line += 1
        if maybe and _HEADER.match(piece):
            yield maybe
        maybe = None
        if after_blank and piece.startswith(b"From ") and (is_first or _ENVELOPE.match(piece)):
            maybe = Place(position, 0, line)
            if is_first:
                yield maybe
                maybe, is_first = None, False
        after_blank = not piece.strip()
        position += len(piece)


def message_at(path: Path, place: Place, most: int = LARGEST_MAIL) -> bytes:
    """The bytes of a message without its "From " line, its quoted ones as they were."""
    with path.open("rb") as file:
        file.seek(place.start)
        raw = file.read(min(place.size, most))
    return _QUOTED_FROM.sub(rb"\1", raw.partition(b"\n")[2])


def parse(raw: bytes, reading: Reading | None) -> Mail:
    """A message; without `reading` only its headers are looked at."""
    if reading is None:
        raw = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0][:LONGEST_LINE] + b"\n\n"
    try:
        message = email.message_from_bytes(raw)
    except (RecursionError, email.errors.MessageError, ValueError):
        message = email.message_from_bytes(raw.partition(b"\n\n")[0] + b"\n\n")
        if reading is not None:
            reading.left_out["texts of mails that nest parts without end"] += 1
    headers = _headers(message)
    mail = Mail(
        key="", references=_references(headers),
        subject=clean_line(" ".join(headers.get("subject", []))),
        author=author_of(" ".join(headers.get("from", []))), at=_time(headers),
        text="", headers=headers,
    )  # fmt: skip
    mail.key = _key(mail, raw)
    if reading is not None:
        _read_body(message, mail, reading)
    return mail


def plain_subject(subject: str) -> str:
    """Without what replies put before it."""
    return _REPLY.sub("", subject).strip() or "(no subject)"


def short_key(key: str) -> str:
    """`key` where it is short enough to be kept, else what stands for it."""
    return key if len(key) <= 90 else hashlib.sha256(key.encode()).hexdigest()


def author_of(text: str) -> Author:
    """ "Rita Rose <rita@example.org>" in any of the ways of writing that."""
    name, address = email.utils.parseaddr(text.replace("\n", " ")[:1000])
    if "@" in address:
        return Author(clean_line(name), address)
    return Author(clean_line(name), clean_line(address or text)[:200])


def decoded(data: bytes, charset: str = "") -> str:
    """Text in the charset that is claimed, if that is true; else UTF-8 or Latin-1."""
    for encoding in (charset, "utf-8"):
        try:
            if encoding:
                return data.decode(encoding)
        except (LookupError, ValueError, UnicodeError):
            continue
    return data.decode("latin-1")


def _headers(message: Message) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in message.items()[:1000]:
        found.setdefault(name.lower(), []).append(_header(str(value)[:20_000]))
    return found


def _header(value: str) -> str:
    """With encoded words decoded, raw bytes taken as UTF-8 or Latin-1."""
    raw = value.encode("utf-8", "surrogateescape")
    value = decoded(raw)
    try:
        pieces = email.header.decode_header(value)
    except (email.errors.HeaderParseError, ValueError):
        return value
    words = [
        piece if isinstance(piece, str) else decoded(piece, charset or "")
        for piece, charset in pieces
    ]
    return "".join(words)


def _references(headers: dict[str, list[str]]) -> list[str]:
    said = " ".join(headers.get("references", []) + headers.get("in-reply-to", []))
    return [short_key(key) for key in dict.fromkeys(_ID.findall(said)[:100])]


def _time(headers: dict[str, list[str]]) -> str:
    try:
        at = email.utils.parsedate_to_datetime(headers["date"][0])
    except (KeyError, ValueError, OverflowError, TypeError, IndexError):
        return ""
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat()


def _key(mail: Mail, raw: bytes) -> str:
    found = _ID.search(mail.header("message-id"))
    if found:
        return short_key(found[1])
    told = f"{mail.author.key} {mail.at} {mail.subject}".encode()
    return hashlib.sha256(told + raw[:2000]).hexdigest()[:40]


def _read_body(message: Message, mail: Mail, reading: Reading) -> None:
    texts: list[str] = []
    html = ""
    try:
        parts = list(message.walk())
    except RecursionError:
        parts = [message]
    if len(parts) > MOST_PARTS:
        reading.left_out["parts of mails beyond the first 200"] += len(parts) - MOST_PARTS
    for part in parts[:MOST_PARTS]:
        kind = part.get_content_type()
        if part.is_multipart() or kind in ("application/pgp-signature", "message/rfc822"):
            continue
        data = _payload(part)
        charset = str(part.get_content_charset("") or "")
        if _is_file(part):
            _add_file(mail, part, data, reading)
        elif kind == "text/html":
            html = html or decoded(data, charset)
        else:
            texts.append(decoded(data, charset))
    mail.text = "\n\n".join(text for text in texts if text.strip()) or _text_of(html)


def _payload(part: Message) -> bytes:
    try:
        data = part.get_payload(decode=True)
    except (ValueError, AssertionError):
        data = None
    return data if isinstance(data, bytes) else b""


def _is_file(part: Message) -> bool:
    disposition = str(part.get("Content-Disposition", "")).strip().lower()
    if disposition.startswith("attachment") or part.get_filename():
        return True
    return part.get_content_maintype() != "text"


def _add_file(mail: Mail, part: Message, data: bytes, reading: Reading) -> None:
    number = len(mail.files) + 1
    try:
        name = _header(str(part.get_filename() or ""))
    except (ValueError, TypeError, LookupError):
        name = ""
    file = SourceFile(
        short_key(f"{mail.key}#{number}"), name or f"part-{number}", mail.author, mail.at
    )
    reading.fill(file, data)
    mail.files.append(file)


class _Words(HTMLParser):
    """The text of a page, a line for each block."""

    _BLOCKS: Final = frozenset({"p", "br", "div", "li", "tr", "pre", "blockquote", "h1", "h2"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        if tag in self._BLOCKS:
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text.append(data)


def _text_of(html: str) -> str:
    words = _Words()
    # The parser of the standard library takes quadratic time on some unclosed tags.
    words.feed(html[:200_000])
    return re.sub(r"\n{3,}", "\n\n", "".join(words.text)).strip()
