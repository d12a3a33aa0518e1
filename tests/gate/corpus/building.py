"""How a sample is put together."""

from __future__ import annotations

import base64
import quopri
from dataclasses import dataclass

from notifications.gate.marker import REPLY_ABOVE

# In every line that the sender did not write.
OTHERS = "ZITAT"
SENDER = "bela@example.org"
OURS = "reply+abcdefgh@problems.example.org"


@dataclass(frozen=True)
class Sample:
    """A message and what must come out; None is not compared."""

    name: str
    raw: bytes
    own: str | None = None
    files: tuple[str, ...] = ()
    # A part of the reason; "" when a person wrote it.
    automatic: str = ""
    is_bounce: bool = False
    subject: str | None = None
    sender: str | None = SENDER
    # A word that one of its faults must have.
    fault: str = ""


def head(**others: str) -> bytes:
    """The headers of an answer; a name without a value is left out, "_" stands for "-"."""
    lines = {
        "Return-Path": f"<{SENDER}>",
        "Received": "from mail.example.org (mail.example.org [192.0.2.7]) by mx.example.net",
        "Message-ID": "<answer-1@mail.example.org>",
        "Date": "Mon, 23 Nov 2026 10:11:12 +0100",
        "From": f"Bela Test <{SENDER}>",
        "To": f"Groundswell <{OURS}>",
        "Subject": "Re: [#7] The printer stops",
        "In-Reply-To": "<event-1.2@problems.example.org>",
        "References": "<problem-7@problems.example.org> <event-1.2@problems.example.org>",
        "MIME-Version": "1.0",
    }
    for name, value in others.items():
        lines[name.replace("_", "-")] = value
    return "".join(f"{name}: {value}\n" for name, value in lines.items() if value).encode()


def part(
    content: str | bytes,
    kind: str = "text/plain; charset=utf-8",
    encoding: str = "",
    *more: str,
) -> bytes:
    """One part with its headers."""
    body = content.encode() if isinstance(content, str) else content
    lines = [f"Content-Type: {kind}"] if kind else []
    if encoding:
        lines.append(f"Content-Transfer-Encoding: {encoding}")
        body = encoded(body, encoding)
    return "\n".join([*lines, *more, "", ""]).encode() + body


def encoded(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return base64.encodebytes(body)
    if encoding == "quoted-printable":
        return quopri.encodestring(body)
    return body


def multipart(kind: str, *parts: bytes, boundary: str = "", more: str = "") -> bytes:
    """Parts in one. A boundary has no other in it."""
    boundary = boundary or f"=_{kind.replace('/', '-')}_{sum(map(len, parts))}"
    opened = b"".join(f"\n--{boundary}\n".encode() + each for each in parts)
    kind = f'Content-Type: multipart/{kind}; boundary="{boundary}"{more}\n'
    return kind.encode() + opened + f"\n--{boundary}--\n".encode()


def answer(text: str, **headers: str) -> bytes:
    """An answer in plain text."""
    return head(**headers) + part(text)


def our_mail(sign: str = "> ") -> str:
    """The mail of ours that is answered, each line with a sign before it."""
    lines = [REPLY_ABOVE, "", f"Ada Test commented {OTHERS}:", "", f"Which {OTHERS} version?", ""]
    lines += [f"You get this mail because you reported it {OTHERS}."]
    return "\n".join((sign + line).rstrip() for line in lines)


def quoted(*lines: str, sign: str = "> ") -> str:
    """Lines of others without the marker, as from somebody who cut it away."""
    given = lines or (f"Which {OTHERS} version?", "", f"And on which {OTHERS} machine?")
    return "\n".join((sign + line).rstrip() for line in given)
