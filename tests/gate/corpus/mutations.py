"""What happens to messages on their way, and what somebody may do to them on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.gate.corpus.building import Sample

Mutation = Callable[[bytes, random.Random], bytes]
_CHARSETS = (b"utf-8", b"us-ascii", b"iso-8859-1", b"windows-1251", b"koi8-r", b"x-nothing", b"")
_STRANGE = (b"utf-16", b"utf-7", b"idna", b"zip", b"iso-2022-jp", b"gb2312", b"punycode", b"rot13")
_INSERTED = (
    b"\x00", b"\r", b"\n", b"\r\n\r\n", b"\xff\xfe", b"--", b">", b"=?utf-8?b?", b"?=", b";", b'"',
    b"<", b"<!--", b"<table>", b"</", b"&#xD800;", b"=\n", b"+2AA-", b"\x1b$B", b"begin 644 x\n",
    b"-----BEGIN PGP SIGNED MESSAGE-----\n", b"Content-Type: multipart/mixed\n\n", b"-- \n",
)  # fmt: skip


def _at(raw: bytes, chance: random.Random) -> int:
    return chance.randrange(len(raw) + 1)


def flip(raw: bytes, chance: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(chance.choice((1, 1, 5, 50))):
        if changed:
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(raw: bytes, chance: random.Random) -> bytes:
    return raw[: _at(raw, chance)]


def cut_out(raw: bytes, chance: random.Random) -> bytes:
    start = _at(raw, chance)
    return raw[:start] + raw[start + chance.choice((1, 10, 100, 1000)) :]


def repeat(raw: bytes, chance: random.Random) -> bytes:
    start = _at(raw, chance)
    piece = raw[start : start + chance.choice((5, 50, 500))]
    return raw[:start] + piece * chance.choice((2, 3, 200)) + raw[start:]


def insert(raw: bytes, chance: random.Random) -> bytes:
    start = _at(raw, chance)
    return raw[:start] + chance.choice(_INSERTED) * chance.choice((1, 2, 50)) + raw[start:]


def shuffle_lines(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def swallow_line(raw: bytes, chance: random.Random) -> bytes:
    lines = raw.split(b"\n")
    del lines[chance.randrange(len(lines))]
    return b"\n".join(lines)


def strange_letters(raw: bytes, chance: random.Random) -> bytes:
    return raw.replace(b"charset=utf-8", b"charset=" + chance.choice(_STRANGE))


def other_encoding(raw: bytes, chance: random.Random) -> bytes:
    named = [b"base64", b"quoted-printable", b"7bit", b"x-uuencode"]
    return raw.replace(chance.choice(named), chance.choice(named))


def shuffle_headers(raw: bytes, chance: random.Random) -> bytes:
    """The headers of the message in another order, folded lines with theirs."""
    head, blank, body = raw.partition(b"\n\n")
    lines: list[bytes] = []
    for line in head.split(b"\n"):
        if line[:1] in b" \t" and lines:
            lines[-1] += b"\n" + line
        else:
            lines.append(line)
    if any(b":" not in line for line in lines):
        return raw
    chance.shuffle(lines)
    return b"\n".join(lines) + blank + body


def trace(raw: bytes, chance: random.Random) -> bytes:
    """What servers on the way write above."""
    line = b"Received: from a.example.org by b.example.org\n\twith ESMTP id 1\nX-Spam-Score: 0.1\n"
    return line * chance.randrange(1, 30) + raw


def crlf(raw: bytes, _: random.Random) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def double_boundaries(raw: bytes, _: random.Random) -> bytes:
    lines: list[bytes] = []
    for line in raw.split(b"\n"):
        is_boundary = line.startswith(b"--=_") and not line.endswith(b"--")
        lines += [line, line] if is_boundary else [line]
    return b"\n".join(lines)


def other_letters(raw: bytes, chance: random.Random) -> bytes:
    """Letters that have all of ASCII in common."""
    return raw.replace(b"charset=utf-8", b"charset=" + chance.choice(_CHARSETS))


# After these, what belongs to whom can still be told.
HARMLESS: tuple[Mutation, ...] = (trace, crlf, double_boundaries, other_letters, shuffle_headers)
HARMFUL: tuple[Mutation, ...] = (
    flip, cut, cut_out, repeat, insert, shuffle_lines, swallow_line, strange_letters, other_encoding,
)  # fmt: skip


def mutate(sample: Sample, chance: random.Random) -> tuple[bytes, bool]:
    """(a changed message, whether it can still be told who wrote what)."""
    is_harmless = chance.random() < 0.3
    raw = sample.raw
    for _ in range(chance.randrange(1, 4)):
        raw = chance.choice(HARMLESS if is_harmless else HARMFUL + HARMLESS)(raw, chance)
    return raw, is_harmless
