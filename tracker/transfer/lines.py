"""The lines of a table's file as rows, with the place of every fault."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final, NoReturn

from accounts.transfer.registry import BadRow
from tracker.transfer.manifest import BadArchive

# More than a history row takes that holds the old and the new of two texts of the longest kind.
LONGEST_LINE: Final = 16 * 1024 * 1024
# What JSON can spell and no database keeps: the character 0, and halves of surrogate pairs.
_SUSPECT: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")


def at_line(name: str, line: int, reason: object) -> BadArchive:
    """The fault with its place."""
    return BadArchive(f"{name}.jsonl, line {line}: {reason}.")


def read_lines(name: str, file: IO[bytes]) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """(line from 1, its bytes, its row). Raises `BadArchive` with the place."""
    number = 0
    while data := file.readline(LONGEST_LINE + 1):
        number += 1
        try:
            yield number, len(data), _row(data)
        except BadRow as reason:
            raise at_line(name, number, reason) from None


def _row(data: bytes) -> dict[str, Any]:
    if len(data) > LONGEST_LINE:
        raise BadRow(f"is longer than {LONGEST_LINE:,} bytes, which no row is")
    if not data.endswith(b"\n"):
        raise BadRow("ends without a line end: the file is cut off")
    try:
        text = data.decode()
        row = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise BadRow(f"is not UTF-8 at byte {error.start + 1}") from None
    except RecursionError:
        raise BadRow("is nested too deeply") from None
    except ValueError as error:
        raise error if isinstance(error, BadRow) else BadRow(f"is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise BadRow("is not an object")
    if _SUSPECT.search(text):
        _refuse_unkept(row)
    return row


def _refuse(word: str) -> NoReturn:
    raise BadRow(f"{word} is not a number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise BadRow(f"names {next(n for n in names if names.count(n) > 1)!r} twice")
    return found


def _refuse_unkept(value: Any) -> None:
    if isinstance(value, dict):
        for key, each in value.items():
            _refuse_unkept(key)
            _refuse_unkept(each)
    elif isinstance(value, list):
        for each in value:
            _refuse_unkept(each)
    elif isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
        raise BadRow("holds a character that no text can hold (U+0000, or half of a pair)")
