"""A message's parts, found by their boundaries in the bytes as they came.

Python's own parser takes every line through every level of nesting, so that a small message can
keep it busy for minutes; and it decodes all bytes first. Here each level is searched for its
boundary, and the bytes of all searches together are bounded.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from notifications.gate.parsing import limits
from notifications.gate.parsing.headers import Headers, parameters, read_headers, words

_TYPE: Final = re.compile(r"([A-Za-z0-9!#$&^_.+-]{1,100})/([A-Za-z0-9!#$&^_.+-]{1,100})")
_ANY_BOUNDARY: Final = re.compile(rb"(?:^|\n)--([!-~][!-~ ]{0,68}[!-~])[ \t]*\r?\n")
_NOT_BASE64: Final = bytes(set(range(256)) - set(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
))  # fmt: skip
_FOOTER: Final = re.compile(rb"\n[^\n]*[^A-Za-z0-9+/=\s][^\n]*")
TOO_DEEP: Final = "The mail is nested too deeply; what is inside was not read."
TOO_MANY: Final = "The mail has too many parts; only the first were read."
BROKEN: Final = "The mail is not put together as it says; some of it may be missing."


@dataclass
class Part:
    """One part: its headers, where its body lies in the message, and the parts in it."""

    headers: Headers
    raw: bytes = field(repr=False)
    start: int
    end: int
    content_type: str
    children: list[Part] = field(default_factory=list)

    @property
    def main_type(self) -> str:
        return self.content_type.partition("/")[0]

    @property
    def disposition(self) -> str:
        """ "attachment", "inline", or ""."""
        given = self.headers.get("content-disposition").lower()
        found = re.match(r"[a-z]+", given.lstrip())
        if found is None:
            return ""
        # RFC 2183, section 2.8: what is unknown is to be treated as an attachment.
        return "inline" if found[0] == "inline" else "attachment"

    @property
    def name(self) -> str:
        """The name it was given as a file, or ""; it may be a path."""
        named = parameters(self.headers.get("content-disposition"), "filename")
        return (named or parameters(self.headers.get("content-type"), "name"))[:500]

    @property
    def is_part_of_text(self) -> bool:
        """Whether other parts show it by its name: a picture of a signature, say."""
        return self.disposition != "attachment" and "content-id" in self.headers

    def parameter(self, name: str) -> str:
        return parameters(self.headers.get("content-type"), name)

    def bytes(self, most: int = limits.MESSAGE_BYTES) -> bytes:
        """Its body without its transfer encoding; about `most` bytes of it are read."""
        encoding = words(self.headers.get("content-transfer-encoding")).lower().strip("\"' ")
        body = self.raw[self.start : min(self.end, self.start + most * 4)]
        return _without_encoding(body, encoding)[:most]


@dataclass
class Tree:
    """A message taken apart, and what was wrong with it."""

    root: Part
    faults: list[str] = field(default_factory=list)

    def walk(self) -> Iterator[Part]:
        """All parts, each before those in it."""
        waiting = [self.root]
        while waiting:
            part = waiting.pop()
            yield part
            waiting += reversed(part.children)


def read_tree(raw: bytes) -> Tree:
    """Take a message apart; whatever cannot be is one part. Never raises."""
    head = raw[: limits.HEADER_BYTES]
    if b"\n" not in head and b"\r" in head:
        raw = raw.replace(b"\r", b"\n")
    start = re.match(rb"[\r\n\xef\xbb\xbf]{0,20}", raw)
    root = _read_part(raw, start.end() if start else 0, len(raw), "text/plain")
    reader = _Reader(Tree(root))
    reader.read()
    return reader.tree


def _read_part(raw: bytes, start: int, end: int, otherwise: str) -> Part:
    headers, body = read_headers(raw, start, end)
    found = _TYPE.match(words(headers.get("content-type")).strip("\"' "))
    return Part(headers, raw, body, end, found[0].lower() if found else otherwise)


class _Reader:
    """What one reading has spent."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.parts = 1
        self.scanned = 0
        self.boundaries = 0
        self.headed = 0

    def read(self) -> None:
        waiting = [(self.tree.root, 0)]
        while waiting:
            part, depth = waiting.pop()
            if part.main_type != "multipart":
                continue
            if depth >= limits.DEPTH or self.scanned > limits.SCANNED_BYTES:
                self._note(TOO_DEEP)
                continue
            self._split(part)
            waiting += [(child, depth + 1) for child in reversed(part.children)]

    def _split(self, part: Part) -> None:
        boundary = part.parameter("boundary").encode("utf-8").rstrip()
        places = list(self._places(part, boundary)) if boundary else []
        if not places:
            places = self._guessed_places(part)
        if not places:
            part.content_type = "text/plain"
            self._note(BROKEN)
            return
        if self.boundaries >= limits.BOUNDARIES:
            # Where the part below ends was not looked for.
            places[-1] = (*places[-1][:2], True)
            self._note(TOO_MANY)
        if not places[-1][2]:
            self._note(BROKEN)
        otherwise = "message/rfc822" if part.content_type == "multipart/digest" else "text/plain"
        for start, end in _between(places, part.end):
            if self.parts >= limits.PARTS or self.headed > limits.ALL_HEADER_BYTES:
                self._note(TOO_MANY)
                return
            child = _read_part(part.raw, start, end, otherwise)
            self.headed += min(child.start - start, limits.HEADER_BYTES)
            # A boundary that stands there twice encloses nothing.
            if child.headers.pairs or part.raw[child.start : min(end, child.start + 200)].strip():
                part.children.append(child)
                self.parts += 1

    def _places(self, part: Part, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
        """(where its line begins, where the next begins, whether it is the last) of each."""
        needle = b"--" + boundary
        self.scanned += part.end - part.start
        at = part.raw.find(needle, part.start, part.end)
        while at >= 0 and self.boundaries < limits.BOUNDARIES:
            self.boundaries += 1
            found = _boundary_line(part.raw, at, at + len(needle), part.start, part.end)
            if found is not None:
                yield found
                if found[2]:
                    return
            at = part.raw.find(needle, at + len(needle), part.end)

    def _guessed_places(self, part: Part) -> list[tuple[int, int, bool]]:
        """Where the boundary got lost, the first line that looks like one and has headers below."""
        window = part.raw[part.start : min(part.end, part.start + limits.HEADER_BYTES)]
        found = _ANY_BOUNDARY.search(window)
        if found is None:
            return []
        below = window[found.end() : found.end() + 20].lower()
        if not below.startswith(b"content-"):
            return []
        self._note(BROKEN)
        return list(self._places(part, found[1].removesuffix(b"--")))

    def _note(self, fault: str) -> None:
        if fault not in self.tree.faults:
            self.tree.faults.append(fault)


def _boundary_line(
    raw: bytes, at: int, after: int, start: int, end: int
) -> tuple[int, int, bool] | None:
    """The line of a boundary that was found at `at`, unless it only looks like one."""
    if at > start and raw[at - 1 : at] != b"\n":
        return None
    stop = raw.find(b"\n", after, end)
    following = stop + 1 if stop >= 0 else end
    rest = raw[after : min(following, after + 200)].strip()
    if rest not in {b"", b"--"}:
        return None
    # The line break before a boundary belongs to it.
    begin = at - 1 if at > start else at
    begin -= begin > start and raw[begin - 1 : begin] == b"\r"
    return begin, following, rest == b"--"


def _between(places: list[tuple[int, int, bool]], end: int) -> Iterator[tuple[int, int]]:
    for here, (_, start, is_last) in enumerate(places):
        if is_last:
            return
        stop = places[here + 1][0] if here + 1 < len(places) else end
        yield start, max(start, stop)


def _without_encoding(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return _base64(body)
    if encoding in {"quoted-printable", "quoted_printable", "quotedprintable"}:
        return _quoted_printable(body)
    if encoding in {"x-uuencode", "uuencode", "x-uue", "uue"}:
        return _uuencoded(body)
    return body


def _base64(body: bytes) -> bytes:
    """What base64 says, also where it was cut, mended, or put together from padded pieces."""
    tail = body[-4_000:]
    footer = _FOOTER.search(tail)
    if footer is not None and not re.search(rb"[A-Za-z0-9+/]{50}", tail[footer.start() :]):
        # A list wrote its footer below letters that it did not understand.
        body = body[: len(body) - len(tail) + footer.start()]
    letters = body.translate(None, _NOT_BASE64)
    pieces = letters.split(b"=") if letters.count(b"=") < 1_000 else [letters.replace(b"=", b"")]
    return b"".join(_base64_piece(piece) for piece in pieces if piece)


def _base64_piece(letters: bytes) -> bytes:
    # One letter left over says nothing.
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def _quoted_printable(body: bytes) -> bytes:
    return binascii.a2b_qp(body)


def _uuencoded(body: bytes) -> bytes:
    read: list[bytes] = []
    most = len(body) // limits.UU_LINE + limits.UU_BROKEN
    broken = 0
    for given in body.split(b"\n", most)[:most]:
        line = given.rstrip(b"\r")
        if line.startswith(b"begin ") or not line.strip():
            continue
        if line.strip() == b"end" or broken > limits.UU_BROKEN:
            break
        try:
            read.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some programs pad too much; the first letter says how much is meant.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                read.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                broken += 1
    return b"".join(read)
