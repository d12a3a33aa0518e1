"""What is packed into something else: compressed files, uuencoded ones, shell archives."""

from __future__ import annotations

import binascii
import bz2
import lzma
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from patches.finding.diffs import has_look, may_have_diff
from patches.finding.limits import DEPTH, INNER_FILES, MOST_BYTES
from patches.finding.other_shapes import refuse_archive
from patches.parsed import Unreadable

# So much is unpacked to see whether the rest is worth it.
_FIRST: Final = 2**18
_MEMORY: Final = 128 * 2**20
_UU: Final = re.compile(rb"^begin(-base64)? [0-7]{3,4} \S[^\n]*\n", re.M)
_SHAR: Final = re.compile(
    rb"^(?:[ \t]*(?:sed|cat)\b)(?=[^\n]{0,1000}<<)(?=[^\n]{0,1000}>)([^\n]{1,1000})\n", re.M
)
_STRIPPED: Final = re.compile(rb"s/\^(\S)//")
_MARK: Final = re.compile(rb"<<[ \t]*\\?['\"]?([^\s'\"&;]{1,200})")
_SHELL: Final = re.compile(rb"^#.{0,20}(?:shell archive|shar)|^#! ?/bin/sh", re.M | re.I)


class _Unpacker(Protocol):
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def _unpacker(data: bytes) -> _Unpacker | None:
    if data[:3] == b"\x1f\x8b\x08":
        return zlib.decompressobj(31)
    if data[:3] == b"BZh":
        return bz2.BZ2Decompressor()
    if data.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
        return lzma.LZMADecompressor(memlimit=_MEMORY)
    return None


@dataclass
class Room:
    """How much may still be taken out of one text: what is packed in it may hold more that is."""

    size: int = MOST_BYTES
    files: int = INNER_FILES
    depth: int = 0

    @property
    def is_deepest(self) -> bool:
        return self.depth >= DEPTH

    @contextmanager
    def deeper(self) -> Iterator[None]:
        """While a file is read that stands in the text. Raises `Unreadable` for too many."""
        if not self.files:
            raise Unreadable(f"It holds more than {INNER_FILES:,} files: send them in parts.")
        self.files -= 1
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def unpacked(self, data: bytes) -> bytes:
        """The content of a compressed file, b"" for one without a diff; all else as it is."""
        if _unpacker(data) is None:
            return data
        try:
            head, is_whole = self._unpack(data, _FIRST)
            if is_whole:
                return head
            refuse_archive(head)
            if b"\0" in head[:8_000] or not (may_have_diff(head) or _UU.search(head)):
                return b""
            # The head of it comes once more.
            self.size += len(head)
            text, is_whole = self._unpack(data, MOST_BYTES)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError):
            return b""
        if not is_whole and has_look(text[:_FIRST]):
            raise Unreadable(f"It has more than {MOST_BYTES // 2**20} MB: send it in parts.")
        return text if is_whole else b""

    def _unpack(self, data: bytes, most: int) -> tuple[bytes, bool]:
        """So much of the content as there is room for, and whether that is all of it."""
        unpacker = _unpacker(data)
        most = min(most, self.size)
        text = unpacker.decompress(data, most + 1) if unpacker else data
        self.size -= min(len(text), most)
        return text[:most], len(text) <= most


def inner(text: bytes) -> list[bytes]:
    """The files that a text carries: uuencoded, or in a shell archive. Raises `Unreadable`."""
    if _SHELL.search(text[:10_000]) and (found := _shell_archive(text)):
        return found
    return _uuencoded(text)


def _uuencoded(text: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while mark := _UU.search(text, at):
        last = b"====" if mark[1] else b"end"
        stop = text.find(b"\n" + last, mark.end() - 1)
        if stop < 0:
            # What only talks of "begin 644 x" has no line of content behind it.
            if _decoded(text[mark.end() : mark.end() + 100].partition(b"\n")[0], bool(mark[1])):
                raise Unreadable("The uuencoded file in it is not whole: its end is missing.")
            return found
        lines = text[mark.end() : stop + 1].split(b"\n")
        found.append(b"".join(_decoded(line.rstrip(b"\r"), bool(mark[1])) for line in lines))
        at = stop + 1
    return found


def _decoded(line: bytes, is_base64: bool) -> bytes:
    try:
        return binascii.a2b_base64(line) if is_base64 else binascii.a2b_uu(line) if line else b""
    except binascii.Error:
        return b""


def _shell_archive(text: bytes) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while start := _SHAR.search(text, at):
        mark = _MARK.search(start[1])
        if mark is None:
            at = start.end()
            continue
        # The text may be empty, and its end the very next line.
        stop = text.find(b"\n" + mark[1] + b"\n", start.end() - 1)
        body = text[start.end() : stop + 1 if stop >= 0 else len(text)]
        if stripped := _STRIPPED.search(start[1]):
            body = re.sub(rb"^" + re.escape(stripped[1]), b"", body, flags=re.M)
        if stop < 0:
            if has_look(body):
                raise Unreadable("The shell archive is not whole: the end of a file is missing.")
            return found
        found.append(body)
        at = stop + 1 + len(mark[1])
    return found
