"""The parts of one mail: multipart, base64, quoted-printable, format=flowed."""

from __future__ import annotations

import binascii
import quopri
import re
from dataclasses import dataclass
from typing import Final

from patches.finding.headers import Headers, decoded, read_headers
from patches.finding.limits import DEPTH, PARTS

_PARAMETER: Final = re.compile(r';\s*([\w-]{1,40})\*?\d{0,3}\*?\s*=\s*("[^"]*"?|[^\s;]+)')

_SIGNED: Final = re.compile(
    rb"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Z][\w-]*: [^\n]*\n)*\n", re.M
)
_SIGNATURE: Final = b"\n-----BEGIN PGP SIGNATURE-----\n"
_END: Final = b"\n-----END PGP SIGNATURE-----"


@dataclass(frozen=True)
class Part:
    """A leaf of a message, its bytes decoded."""

    content_type: str
    name: str
    charset: str
    is_attached: bool
    is_flowed: bool
    content: bytes

    @property
    def is_words(self) -> bool:
        """Whether it is shown as the text of the mail."""
        shown = ("text/plain", "text/x-patch", "text/x-diff", "")
        return self.content_type in shown and not self.is_attached and not self.name


def leaves(headers: Headers, body: bytes) -> list[Part]:
    """All parts that are no containers, in their order; at most `PARTS`."""
    found: list[Part] = []
    _collect(headers, body, 0, found)
    return found


def _collect(headers: Headers, body: bytes, depth: int, found: list[Part]) -> None:
    kind, parameters = _value_and_parameters(headers.raw("content-type"))
    boundary = parameters.get("boundary", "")
    if kind.startswith("multipart/") and boundary and depth < DEPTH:
        for piece in _pieces(body, boundary.encode("utf-8", "replace")):
            if len(found) >= PARTS:
                return
            inner, at = read_headers(piece)
            _collect(inner, piece[at:] if at else piece.removeprefix(b"\n"), depth + 1, found)
        return
    disposition, more = _value_and_parameters(headers.raw("content-disposition"))
    found.append(
        Part(
            kind,
            decoded(more.get("filename") or parameters.get("name", "")),
            parameters.get("charset", "").lower(),
            disposition == "attachment",
            parameters.get("format", "").lower() == "flowed",
            _decoded_body(body, headers.raw("content-transfer-encoding").strip().lower()),
        )
    )


def _value_and_parameters(value: str) -> tuple[str, dict[str, str]]:
    main = value.partition(";")[0].strip().lower()
    parameters: dict[str, str] = {}
    for name, given in _PARAMETER.findall(value[:4_000]):
        parameters.setdefault(name.lower(), given.strip('"'))
    return main, parameters


def _pieces(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the lines of a boundary; one that is not closed ends with the body."""
    line = re.compile(rb"^--" + re.escape(boundary) + rb"(--)?[ \t\r]*$", re.M)
    pieces: list[bytes] = []
    start = -1
    for mark in line.finditer(body):
        if start >= 0:
            # The line end before a boundary belongs to it.
            pieces.append(body[start : max(start, mark.start() - 1)] + b"\n")
        start = mark.end() + 1
        if mark[1] or len(pieces) > PARTS:
            return pieces
    return [*pieces, body[start:]] if start >= 0 else pieces


def _decoded_body(body: bytes, encoding: str) -> bytes:
    try:
        if encoding == "base64":
            return binascii.a2b_base64(body)
        if encoding == "quoted-printable":
            return quopri.decodestring(body)
    except (binascii.Error, ValueError):
        pass
    return body


def unsigned(text: bytes) -> bytes:
    """Text without the clear signature around it, and without the dashes that this puts before
    lines (RFC 9580, section 7)."""
    pieces: list[bytes] = []
    at = 0
    while begun := _SIGNED.search(text, at):
        stop = text.find(_SIGNATURE, begun.end() - 1)
        end = text.find(_END, stop) if stop >= 0 else -1
        if end < 0:
            break
        signed = text[begun.end() : stop + 1]
        pieces += [text[at : begun.start()], re.sub(rb"^- ", b"", signed, flags=re.M)]
        at = end + len(_END)
    return b"".join([*pieces, text[at:]])


def unstuffed(text: bytes) -> bytes:
    """format=flowed without the blank that was put before lines (RFC 3676, section 4.4)."""
    return re.sub(rb"^ ", b"", text, flags=re.M)


def joined(text: bytes) -> bytes:
    """The same with lines that end in a blank put together with the next."""
    return re.sub(rb"(?<!^--) \n ?(?=[^\n])", b" ", text, flags=re.M)
