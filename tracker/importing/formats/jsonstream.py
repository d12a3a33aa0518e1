"""JSON files as a row of objects, one in memory at a time.

Taken are an array of objects, several arrays one after the other (what a client that pages through
an API writes), objects line by line, and one object that holds them under "issues".
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tracker.importing.csvfile import encoding_of
from tracker.importing.source import UnreadableFile

_PIECE: Final = 256 * 1024
# An issue with all its comments is shorter; reading on would only fill the memory.
_LONGEST: Final = 256 * 1024 * 1024
_SPACE: Final = re.compile(r"[ \t\r\n]*")


class Objects:
    """Reads the objects of a file; `line` is that in which the latest begins."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 1
        self._text = ""
        self._at = 0
        self._ended = False
        self._decoder = json.JSONDecoder()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        encoding, called = encoding_of(self.path)
        if called == "Latin-1":
            raise UnreadableFile(f"{self.path.name} is not in UTF-8, as JSON must be.")
        with self.path.open(encoding=encoding, newline="") as file:
            self._file = file
            yield from self._read()

    def _read(self) -> Iterator[dict[str, Any]]:
        depth = 0
        while (mark := self._next_mark()) != "":
            if mark == "{":
                yield from self._unwrap(self._object())
                continue
            if mark == "[" and depth == 0:
                depth = 1
            elif mark == "]" and depth == 1:
                depth = 0
            elif mark != "," or depth == 0:
                raise self._wrong(f"“{mark}” stands where an object should begin")
            self._at += 1
        if depth:
            raise UnreadableFile(
                f"{self.path.name} is cut off in line {self.line}: its list is never closed. "
                "Export it again."
            )

    def _next_mark(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            end = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            self.line += self._text.count("\n", self._at, end)
            self._at = end
            if end < len(self._text):
                return self._text[end]
            if not self._more():
                return ""

    def _more(self, size: int = _PIECE) -> bool:
        piece = "" if self._ended else self._file.read(size)
        self._ended = not piece
        self._text = self._text[self._at :] + piece
        self._at = 0
        return bool(piece)

    def _object(self) -> dict[str, Any]:
        size = _PIECE
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
                break
            except RecursionError:
                raise self._wrong("nests lists or objects too deep") from None
            except json.JSONDecodeError as error:
                cut_off = len(self._text) - error.pos < 16 or "Unterminated" in error.msg
                if len(self._text) - self._at > _LONGEST:
                    raise self._wrong(f"is longer than {_LONGEST:,} characters") from None
                if not cut_off or not self._more(size):
                    raise self._cut_or_wrong(error, cut_off=cut_off) from None
                size *= 2
            except ValueError as error:
                raise self._wrong(str(error)[:100]) from None
        self.line += self._text.count("\n", self._at, end)
        self._at = end
        if not isinstance(found, dict):
            raise self._wrong("is no object")
        return found

    def _unwrap(self, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
        inside = found.get("issues")
        if not isinstance(inside, list):
            yield found
            return
        for position, item in enumerate(inside, 1):
            if not isinstance(item, dict):
                raise self._wrong(f"has an entry {position} of “issues” that is no object")
            yield item

    def _cut_or_wrong(self, error: json.JSONDecodeError, *, cut_off: bool) -> UnreadableFile:
        line = self.line + self._text.count("\n", self._at, error.pos)
        if cut_off and self._ended:
            return UnreadableFile(
                f"{self.path.name} is cut off: the object that begins in line {self.line} is "
                "never closed. Export it again."
            )
        return UnreadableFile(f"{self.path.name}, line {line}: it is no JSON: {error.msg}.")

    def _wrong(self, what: str) -> UnreadableFile:
        return UnreadableFile(f"{self.path.name}, the object in line {self.line}: {what}.")
