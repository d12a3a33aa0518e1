"""CSV files: their encoding, their rows with the line that each begins in, and pairs of issues."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tracker.importing.source import UnreadableFile

__all__ = ["UnreadableFile", "encoding_of", "read_pairs", "read_rows"]

LARGEST_CELL: Final = 64 * 1024 * 1024
_PIECE: Final = 1024 * 1024
_ASCII: Final = bytes(range(128))
# Where the letters of Latin-1 begin, and what Windows-1252 has nothing for.
_LATIN_1: Final = 0xA0
_NOT_WINDOWS: Final = frozenset({0x81, 0x8D, 0x8F, 0x90, 0x9D})


def read_pairs(path: Path) -> tuple[list[tuple[str, str]], list[tuple[int, str]]]:
    """Pairs (issue, the issue named as its duplicate), and (line, reason) of rows that are none.

    The second column may name several, with commas or spaces between them.
    """
    rows = read_rows(path)
    _, header = next(rows, (0, []))
    if len(header) != 2:
        raise UnreadableFile(
            f"{path.name} must have two columns, “Issue id” and “Duplicate id”; "
            f"its first line has {len(header)}."
        )
    pairs: list[tuple[str, str]] = []
    faults: list[tuple[int, str]] = []
    for line, cells in rows:
        others = re.split(r"[\s,;]+", cells[1].strip()) if len(cells) == 2 else []
        if not others or not cells[0].strip() or "" in others:
            faults.append((line, "does not name an issue and its duplicates"))
            continue
        pairs += [(cells[0].strip(), other) for other in others]
    return pairs, faults


def encoding_of(path: Path) -> tuple[str, str]:
    """(codec, what to call it) of a whole file, read in pieces. Raises `UnreadableFile`."""
    try:
        with path.open("rb") as file:
            return _encoding(path.name, iter(lambda: file.read(_PIECE), b""))
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None


def _encoding(name: str, pieces: Iterator[bytes]) -> tuple[str, str]:
    utf8 = codecs.getincrementaldecoder("utf-8")()
    is_utf8, blank, lines, first, high = True, True, 1, True, set[int]()
    for piece in pieces:
        if first and piece[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            return "utf-16", "UTF-16"
        first = False
        if b"\0" in piece:
            line = lines + piece[: piece.index(b"\0")].count(b"\n")
            raise UnreadableFile(
                f"{name} has a NUL byte in line {line}, so it is no text file, or not in UTF-8. "
                "Export it again in UTF-8."
            )
        lines += piece.count(b"\n")
        blank = blank and not piece.strip()
        is_utf8 = is_utf8 and _decodes(utf8, piece)
        high.update(piece.translate(None, _ASCII))
    if blank:
        raise UnreadableFile(f"{name} is empty.")
    if is_utf8 and _decodes(utf8, b"", final=True):
        return "utf-8-sig", "UTF-8"
    # What Windows-1252 has quotation marks for are controls in Latin-1, which nobody writes.
    if min(high) < _LATIN_1 and not high & _NOT_WINDOWS:
        return "cp1252", "Windows-1252"
    return "latin-1", "Latin-1"


def _decodes(decoder: codecs.IncrementalDecoder, piece: bytes, *, final: bool = False) -> bool:
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError:
        return False
    return True


def read_rows(path: Path, encoding: str = "") -> Iterator[tuple[int, list[str]]]:
    """(first line, cells) of every row that is not blank. Raises `UnreadableFile`."""
    encoding = encoding or encoding_of(path)[0]
    csv.field_size_limit(LARGEST_CELL)
    line = 1
    try:
        with path.open(encoding=encoding, newline="") as file:
            first_line = file.readline(_PIECE)
            file.seek(0)
            delimiter = max(",;\t", key=first_line.count)
            reader = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in reader:
                if any(cell.strip() for cell in cells):
                    yield line, cells
                line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(_broken(path.name, line, str(error))) from None
    except UnicodeError:
        raise UnreadableFile(
            f"{path.name} begins as {encoding.upper()} but goes on otherwise; save it as UTF-8."
        ) from None


def _broken(name: str, line: int, error: str) -> str:
    if "unexpected end" in error:
        what = "has a quotation mark that is never closed"
    elif "expected after" in error:
        what = "has text after a closing quotation mark; a quotation mark inside is written twice"
    else:
        what = f"cannot be read ({error})"
    return f"{name}: the row that begins in line {line} {what}. Repair it there; nothing was read."
