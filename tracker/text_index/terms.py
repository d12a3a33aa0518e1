"""Text -> the terms that it is found by, alike on every database.

Reports mix prose with the names that programs have, so both are taken apart: prose becomes stems
without stop words; a name (`nsHttpChannel::OnStop`, `sys/dev/e1000/if_em.c:123`, `read_ahead`,
`14.3-RELEASE`) is kept whole, by its segments, and by the words it is made of. Writing without
blanks between words (Chinese, Japanese, Thai and so on) becomes pairs of neighbouring characters.
Addresses in memory, times of day and lines of marks say nothing and are dropped.

Every step is linear in the length of the text, and no text yields more than `MOST_TERMS` terms.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from tracker.text_index.stems import STOP_WORDS, stem

# Characters looked at, different terms kept, and characters of the longest name kept whole.
LOOKED_AT: Final = 100_000
MOST_TERMS: Final = 4_000
LONGEST_NAME: Final = 80
LONGEST_WORD: Final = 40

# Written without blanks: Thai to Myanmar, Khmer, kana, CJK ideographs. Hangul has blanks, but
# particles grow onto its words, so pairs serve it better, too.
_DENSE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f"
)
# Vowel signs of India and Tibet belong to words, though Python's \w leaves them out.
_LETTER: Final = r"\w\u0900-\u0dff\u0f00-\u0fff"
_TOKEN: Final = re.compile(f"[{_LETTER}]+(?:[-.:/\\\\+#@$~'’]+[{_LETTER}]+)*")
_SEGMENTS: Final = re.compile(r"[/\\:#@$~]+")
_WORDS: Final = re.compile(r"[-_+'’]+")
_DENSE_RUN: Final = re.compile(f"[{_DENSE}]+")
# parseHTTPHeader2 -> parse, HTTP, Header, 2
_HUMPS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MARKS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u200b-\u200f\u00ad]")
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")
# Times, dates and line numbers: digits with anything but points between them.
_NUMBERS: Final = re.compile(r"\d[\d:.\-/+TZ]*[:\-/][\d:.\-/+TZ]*")
_POSSESSIVE: Final = re.compile("['’]s$")
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]+|[0-9a-fA-F]{16}")


def terms_of(text: str) -> Counter[str]:
    """term -> how often it stands in the text."""
    found: Counter[str] = Counter()
    for token in tokens_of(text):
        found.update(_terms_of_token(token) if len(token) <= LONGEST_NAME else _cut(token))
        if len(found) > MOST_TERMS:
            break
    return found


def words_of_query(text: str) -> list[str]:
    """The terms that every text has which says this: of a name in one piece that name, of others
    their words.
    """
    found: list[str] = []
    for token in tokens_of(text[:1000]):
        for name in _names_of(token):
            words = _terms_of_name(name)
            pieces = len(words) if _DENSE_RUN.search(name) else 1
            if _WORDS.search(name) and "_" not in name:
                found += words[:-1] or words
            else:
                found += words[-pieces:]
    return list(dict.fromkeys(found))


def tokens_of(text: str) -> Iterator[str]:
    """Words and names as they stand there."""
    plain = text[:LOOKED_AT]
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain)[: 2 * LOOKED_AT]
        plain = unicodedata.normalize("NFC", _MARKS.sub("", plain))
    for match in _TOKEN.finditer(plain):
        yield match[0]


def _cut(token: str) -> Iterator[str]:
    """The terms of a name that is too long to be kept whole: those of its segments."""
    for segment in _SEGMENTS.split(token[:LOOKED_AT]):
        if len(segment) <= LONGEST_NAME:
            yield from _terms_of_token(segment)
        elif not segment.isascii():
            yield from _pairs(segment.casefold())


@lru_cache(maxsize=50_000)
def _terms_of_token(token: str) -> tuple[str, ...]:
    """The words, the names they make, the file that a path ends in, and the whole; each once."""
    if _NUMBERS.fullmatch(token):
        return ()
    segments = _segments_of(token)
    found: list[str] = []
    for segment in segments:
        names = _names_of_segment(segment)
        for name in names:
            found += _terms_of_name(name)
        if len(names) > 1:
            found.append(segment.casefold())
    if len(segments) > 1:
        found.append("/".join(segments).casefold())
    return tuple(dict.fromkeys(found))


def _segments_of(token: str) -> list[str]:
    segments = _SEGMENTS.split(token)
    # file.c:123 is the file; where in it changes with every release.
    return segments[:-1] if len(segments) > 1 and segments[-1].isdigit() else segments


def _names_of(token: str) -> Iterator[str]:
    if not _NUMBERS.fullmatch(token):
        for segment in _segments_of(token):
            yield from _names_of_segment(segment)


def _names_of_segment(segment: str) -> list[str]:
    """Parts between points; a version is one of them."""
    if _ADDRESS.fullmatch(segment):
        return []
    version = _VERSION.search(segment)
    if version is None:
        return [name for name in segment.split(".") if name]
    before, after = segment[: version.start()], segment[version.end() :]
    names = [*before.split("."), version[0], *after.split(".")]
    return [name for name in names if name.strip("-_+'’")]


def _terms_of_name(name: str) -> list[str]:
    """The words of a name, and last its one spelling: readAhead, read_ahead, read-ahead."""
    if _VERSION.fullmatch(name):
        return [name]
    parts = [part for part in _WORDS.split(_POSSESSIVE.sub("", name)) if part]
    pieces = [piece for part in parts for piece in _pieces_of(part)]
    found = [term for piece in pieces for term in _terms_of_word(piece)]
    if len(pieces) > 1:
        whole = "".join(parts).casefold()
        if len(whole) > 1 and whole not in STOP_WORDS:
            found.append(whole)
    return found


def _pieces_of(part: str) -> list[str]:
    return _HUMPS.findall(part) if part.isascii() else [part]


def _terms_of_word(word: str) -> list[str]:
    folded = word.casefold()
    if not folded.isascii() and _DENSE_RUN.search(folded):
        return list(_pairs(folded))
    if folded.isdigit():
        return [folded] if len(folded) <= 9 else []
    if not 2 <= len(folded) <= LONGEST_WORD or folded in STOP_WORDS:
        return []
    return [stem(folded)]


def _pairs(text: str) -> Iterator[str]:
    """Neighbouring characters; a character that stands alone is itself."""
    for match in _DENSE_RUN.finditer(text):
        run = match[0]
        if len(run) == 1:
            yield run
        for start in range(len(run) - 1):
            yield run[start : start + 2]
