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
_LETTERS: Final = re.compile(r"ss|.", re.DOTALL)
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
    first, *others = (_letters(word) for word in words)
    ends = "" if _DENSE.match(words[-1][-1]) else r"(?!\w)"
    return r"\W+".join([_beginning(words[0], first), *map("".join, others)]) + ends


def _beginning(word: str, letters: list[str]) -> str:
    """The first word, with no other letter before it.

    That is asked after the first letter, by which Python leaps through a text: five times as fast
    as asking at each place.
    """
    if _DENSE.match(word):
        return "".join(letters)
    if word.startswith("ss"):
        return r"(?<!\w)" + "".join(letters)
    return letters[0] + r"(?<!\w.)" + "".join(letters[1:])


def stem_pattern(stem: str) -> str:
    """What stands where a word with this stem does: `happi` is the stem of `happy`."""
    return "".join(_letters(stem.rstrip("i") or stem))


def _letters(word: str) -> list[str]:
    """What each letter looks like; a double s is one."""
    classes = _classes()
    sharp = classes["s"] * 2
    return [
        f"(?:{sharp}|[ßẞ])" if letter == "ss" else classes.get(letter, letter)
        for letter in _LETTERS.findall(word)
    ]


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
