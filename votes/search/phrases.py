"""Phrases as regular expressions that Python and PostgreSQL read alike.

The words of a phrase follow each other in the text, whatever blanks, line ends and marks stand
between them. Case and accents do not matter: each letter becomes the class of all characters
that fold to it, so that no database has to know how to fold (in the C locale PostgreSQL knows
ASCII alone, and SQLite always).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

MAX_CHARS: Final = 200

_MARKS: Final = re.compile("[\u0300-\u036f]")
_WORDS: Final = re.compile(r"\w+")
# Latin, Greek, Cyrillic, Armenian and their extensions, and the wide and narrow forms.
_RANGES: Final = (range(0x41, 0x2000), range(0x2C60, 0x2E00), range(0xA640, 0xA800),
                  range(0xFF00, 0xFFF0))  # fmt: skip
# Written without blanks between words: what stands beside is no boundary.
_DENSE: Final = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
                           "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f]")  # fmt: skip


def fold(text: str) -> str:
    """Without case and accents."""
    plain = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", _MARKS.sub("", plain)).casefold()


def words_of(phrase: str) -> list[str]:
    """The words of a phrase, folded."""
    return _WORDS.findall(fold(phrase[:MAX_CHARS]))


@lru_cache(maxsize=500)
def pattern_of(phrase: str) -> str:
    """What `phrase` looks like in a text; "" for one that has no word."""
    words = words_of(phrase)
    if not words:
        return ""
    before = "" if _DENSE.match(words[0]) else r"(?:^|\W)"
    after = "" if _DENSE.match(words[-1][-1]) else r"(?:\W|$)"
    return before + r"\W+".join(_letters(word) for word in words) + after


def stem_pattern(stem: str) -> str:
    """What stands where a word with this stem does: `happi` is the stem of `happy`."""
    return _letters(stem.rstrip("i") or stem)


def _letters(word: str) -> str:
    classes = _classes()
    letters = [classes.get(letter, letter) for letter in word]
    sharp = classes["s"] * 2
    return "".join(letters).replace(sharp, f"(?:{sharp}|[ßẞ])")


@cache
def _classes() -> Mapping[str, str]:
    """letter -> the class of those that fold to it."""
    found: dict[str, set[str]] = defaultdict(set)
    for codes in _RANGES:
        for char in map(chr, codes):
            folded = fold(char)
            if len(folded) == 1 and folded.isalpha():
                found[folded].add(char)
    return {
        letter: f"[{''.join(sorted(chars | {letter}))}]"
        for letter, chars in found.items()
        if chars - {letter}
    }
