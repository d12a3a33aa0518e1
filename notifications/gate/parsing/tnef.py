"""winmail.dat: what Exchange and Outlook put a message into for one another ([MS-OXTNEF]).

Every count in it is the sender's to choose, so nothing is looped over that its bytes cannot hold.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from notifications.gate.parsing import limits

_SIGNATURE: Final = b"\x78\x9f\x3e\x22"
_BODY, _RENDER, _TITLE, _DATA = 0x800C, 0x9002, 0x8010, 0x800F
_ATTACHMENT, _PROPERTIES, _CODEPAGE = 0x9005, 0x9003, 0x9007
_P_BODY, _P_HTML, _P_CODEPAGE = 0x1000, 0x1013, 0x3FDE
_P_NAME, _P_LONG_NAME, _P_TYPE, _P_DATA = 0x3704, 0x3707, 0x370E, 0x3701
_FIXED: Final = {2: 4, 3: 4, 4: 4, 5: 8, 6: 8, 7: 8, 0xA: 4, 0xB: 4, 0x14: 8, 0x40: 8, 0x48: 16}
_SIZED: Final = {0x0D, 0x1E, 0x1F, 0x102}
_UTF16: Final = 0x1F
_OBJECT: Final = 0x0D


class _BrokenOff(Exception):
    """What its lengths promise is not there."""


@dataclass
class Attached:
    """One file in it."""

    name: bytes | str = b""
    content_type: bytes | str = b""
    content: bytes = b""


@dataclass
class Winmail:
    """What was in it; letters of bytes are those of `charset`."""

    charset: str = ""
    body: bytes | str = b""
    html: bytes | str = b""
    files: list[Attached] = field(default_factory=list)
    # Not broken off, nor otherwise unreadable after what is here.
    is_whole: bool = True


def is_winmail(content: bytes) -> bool:
    return content.startswith(_SIGNATURE)


def read_winmail(content: bytes) -> Winmail:
    """What is in a winmail.dat, up to where it is broken."""
    mail = Winmail()
    if not is_winmail(content) or len(content) > limits.TNEF_BYTES:
        return Winmail(is_whole=False)
    budget = iter(range(limits.TNEF_PROPERTIES))
    try:
        for name, data in _objects(memoryview(content)):
            _take(mail, name, data, budget)
    except _BrokenOff:
        mail.is_whole = False
    return mail


def _take(mail: Winmail, name: int, data: memoryview, budget: Iterator[int]) -> None:
    if name == _RENDER:
        mail.files.append(Attached())
    elif name == _BODY:
        mail.body = bytes(data).rstrip(b"\x00")
    elif name == _CODEPAGE and len(data) >= 4:
        mail.charset = mail.charset or f"cp{_number(data, 0)}"
    elif name == _PROPERTIES:
        _take_properties(mail, data, budget)
    elif mail.files and name == _TITLE:
        mail.files[-1].name = mail.files[-1].name or bytes(data).rstrip(b"\x00")
    elif mail.files and name == _DATA:
        mail.files[-1].content = bytes(data)
    elif mail.files and name == _ATTACHMENT:
        _take_file(mail.files[-1], data, budget)


def _take_properties(mail: Winmail, data: memoryview, budget: Iterator[int]) -> None:
    for name, kind, value in _properties(data, budget):
        if name == _P_CODEPAGE and len(value) >= 4:
            page = _number(value, 0)
            mail.charset = "utf-8" if page == 65001 else f"cp{page}"
        elif name == _P_BODY:
            mail.body = _letters(kind, value)
        elif name == _P_HTML:
            mail.html = _letters(kind, value)


def _take_file(file: Attached, data: memoryview, budget: Iterator[int]) -> None:
    for name, kind, value in _properties(data, budget):
        if name == _P_LONG_NAME or (name == _P_NAME and not file.name):
            file.name = _letters(kind, value)
        elif name == _P_TYPE:
            file.content_type = _letters(kind, value)
        elif name == _P_DATA:
            # An object begins with the identifier of its kind.
            file.content = bytes(value[16:] if kind == _OBJECT else value)


def _letters(kind: int, value: memoryview) -> bytes | str:
    if kind == _UTF16:
        return bytes(value).decode("utf-16-le", "replace").rstrip("\x00")
    return bytes(value).rstrip(b"\x00")


def _objects(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(name, data) of each: a level, a name with its kind, a length, the data, a checksum."""
    at = 6
    for _ in range(limits.TNEF_OBJECTS):
        if at + 11 > len(view):
            return
        length = _number(view, at + 5)
        if at + 9 + length > len(view):
            raise _BrokenOff
        yield _number(view, at + 1) & 0xFFFF, view[at + 9 : at + 9 + length]
        at += 11 + length


def _properties(view: memoryview, budget: Iterator[int]) -> Iterator[tuple[int, int, memoryview]]:
    """(name, kind, value) of each MAPI property; of several values the first.

    `budget` has an element for each property and value that may still be read of the message.
    """
    if len(view) < 4:
        return
    at = 4
    for _ in islice(budget, _number(view, 0)):
        if at + 4 > len(view):
            return
        both = _number(view, at)
        name, kind = both >> 16, both & 0xFFFF
        at = _past_name(view, at + 4, name)
        values: list[memoryview] = []
        at = _past_values(view, at, kind, values, budget)
        if values:
            yield name, kind & 0xFFF, values[0]


def _past_name(view: memoryview, at: int, name: int) -> int:
    """Past the long name that properties of programs have."""
    if name < 0x8000:
        return at
    is_word = _number(view, at + 16) != 0
    if not is_word:
        return at + 24
    return at + 24 + _padded(_number(view, at + 20))


def _past_values(
    view: memoryview, at: int, kind: int, values: list[memoryview], budget: Iterator[int]
) -> int:
    many, kind = bool(kind & 0x1000), kind & 0xEFFF
    count = 1
    if many or kind in _SIZED:
        count = _number(view, at)
        at += 4
    if kind not in _SIZED and kind not in _FIXED:
        raise _BrokenOff
    for _ in islice(budget, count):
        length = _FIXED.get(kind, 0)
        if kind in _SIZED:
            length = _number(view, at)
            at += 4
        if at + length > len(view):
            raise _BrokenOff
        values.append(view[at : at + length])
        at += _padded(length)
    return at


def _padded(length: int) -> int:
    return length + -length % 4


def _number(view: memoryview, at: int) -> int:
    try:
        return int(struct.unpack_from("<I", view, at)[0])
    except struct.error as exc:
        raise _BrokenOff from exc
