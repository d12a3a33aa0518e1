"""Syntax colours: what each piece of a line is, as one of a few classes of the style sheet.

Pygments does the reading; a lexer that fails, loses a character or takes too long costs the
colours, never the page.
"""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from pygments.lexer import Lexer
from pygments.lexers import find_lexer_class, get_all_lexers
from pygments.token import Comment, Keyword, Name, Number, String, Token

from patches.reading.languages import LANGUAGES

# A longer line stays plain, and so does a hunk of more bytes.
COLOUR_CHARS: Final = 1000
COLOUR_BYTES: Final = 200_000
# Seconds of work that the colours of one page may take when none of them is kept. Not of the clock
# on the wall: a page of a busy server has its colours, too.
PATIENCE: Final = 0.6
# Between two looks at the clock.
_PIECES_A_LOOK: Final = 16

# (class, text); the class is "" for what has no colour.
Piece = tuple[str, str]

# The kinds that are told apart, by the class that the sheet has for them. The narrower ones first.
_CLASSES: Final[dict[Any, str]] = {
    Comment.Preproc: "p",
    Comment.PreprocFile: "p",
    Comment: "r",
    Keyword.Type: "t",
    Keyword.Constant: "m",
    Keyword: "k",
    String.Doc: "r",
    String: "s",
    Number: "m",
    Name.Function: "f",
    Name.Class: "f",
    Name.Decorator: "p",
    Name.Builtin: "t",
    Name.Tag: "k",
    Name.Attribute: "t",
    Name.Exception: "t",
}

# Comments of these languages are /* … */, in the midst of which a hunk may begin.
_SLASH_STAR: Final = frozenset(
    {"c", "cpp", "objective-c", "java", "javascript", "typescript", "go", "rust", "swift"}
    | {"kotlin", "scala", "csharp", "css", "scss", "d", "dart", "groovy", "php"}
)


@dataclass
class Patience:
    """How much work colours may still be, in seconds of this thread."""

    left: float = PATIENCE

    @property
    def is_over(self) -> bool:
        return self.left <= 0


def colours(
    lines: Sequence[str], language: str, patience: Patience | None = None
) -> list[list[Piece]] | None:
    """The pieces of each line; None where they have no colours. `language` is from `language_of`.

    A line that is too long for colours is one piece without. What it takes comes off `patience`.
    """
    if not language or sum(map(len, lines)) > COLOUR_BYTES:
        return None
    patience = patience or Patience()
    short = [line if len(line) <= COLOUR_CHARS else "" for line in lines]
    began = time.thread_time()
    try:
        found = _rows(short, language, began + patience.left)
    except Exception:
        # Whatever a lexer does wrong, the diff is shown.
        return None
    finally:
        patience.left -= time.thread_time() - began
    if len(found) != len(short) or not _is_whole(found, short):
        return None
    return [
        row if row or not line else [("", line)] for row, line in zip(found, lines, strict=True)
    ]


def _rows(lines: Sequence[str], language: str, until: float) -> list[list[Piece]]:
    opening = "/*\n" if language in _SLASH_STAR and _begins_in_comment(lines) else ""
    text = opening + "".join(f"{line}\n" for line in lines)
    pieces: list[Piece] = []
    for count, (_, kind, piece) in enumerate(_lexer(language).get_tokens_unprocessed(text)):
        pieces.append((_class_of(kind), piece))
        if count % _PIECES_A_LOOK == 0 and time.thread_time() > until:
            return []
    return _by_line(pieces)[bool(opening) :]


def _by_line(pieces: list[Piece]) -> list[list[Piece]]:
    """Pieces by line; neighbours of the same colour become one."""
    found: list[list[Piece]] = [[]]
    for kind, text in pieces:
        first, *others = text.split("\n")
        _add(found[-1], kind, first)
        for other in others:
            found.append([])
            _add(found[-1], kind, other)
    if not found[-1]:
        found.pop()
    return found


def _add(row: list[Piece], kind: str, text: str) -> None:
    if not text:
        return
    if row and (row[-1][0] == kind or text.isspace()):
        row[-1] = (row[-1][0], row[-1][1] + text)
    else:
        row.append((kind, text))


def _is_whole(found: list[list[Piece]], lines: Sequence[str]) -> bool:
    """Whether the pieces are the lines, character by character."""
    return all(
        "".join(text for _, text in row) == line for row, line in zip(found, lines, strict=True)
    )


def _begins_in_comment(lines: Sequence[str]) -> bool:
    """Whether the first lines look like the inside of /* … */."""
    for line in lines:
        start, end = line.find("/*"), line.find("*/")
        if end >= 0 and not 0 <= start < end:
            return True
        if start >= 0:
            return False
        if line.strip():
            return bool(re.match(r"\s+\*(\s|$)", line))
    return False


@lru_cache(maxsize=256)
def _class_of(kind: Any) -> str:
    while kind is not Token:
        if kind in _CLASSES:
            return _CLASSES[kind]
        kind = kind.parent
    return ""


# ---- which language a file is in


@lru_cache(maxsize=1)
def _languages() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Names by ending, and patterns of whole names, of the languages that are coloured."""
    endings: dict[str, str] = {}
    patterns: list[tuple[re.Pattern[str], str]] = []
    known = {alias: globs for _, aliases, globs, _ in get_all_lexers() for alias in aliases[:1]}
    for alias, more in LANGUAGES.items():
        for glob in (*more, *known.get(alias, ())):
            if re.fullmatch(r"\*\.[\w+-]+", glob):
                endings.setdefault(glob[2:].lower(), alias)
            else:
                patterns.append((re.compile(fnmatch.translate(glob)), alias))
    return endings, patterns


@lru_cache(maxsize=2048)
def language_of(name: str) -> str:
    """The language of a file by its name without folders, "" where it has no colours."""
    endings, patterns = _languages()
    for pattern, alias in patterns:
        if pattern.match(name):
            return alias
    _, dot, ending = name[-100:].rpartition(".")
    return endings.get(ending.lower(), "") if dot else ""


@lru_cache(maxsize=64)
def _lexer(language: str) -> Lexer:
    for name, aliases, _, _ in get_all_lexers():
        if language in aliases[:1]:
            lexer: Lexer = find_lexer_class(name)(stripnl=False, ensurenl=False)
            return lexer
    raise LookupError(language)
