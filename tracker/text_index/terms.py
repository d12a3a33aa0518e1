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
_WORDS: Final = re.compile(r"[-._+'’]+")
_DENSE_RUN: Final = re.compile(f"[{_DENSE}]+")
# parseHTTPHeader2 -> parse, HTTP, Header, 2
_HUMPS: Final = re.compile(r"[^\W\d_]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|\d+")
_MARKS: Final = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u200b-\u200f\u00ad]")
_VERSION: Final = re.compile(r"\d+(?:\.\d+)+")
_NUMBERS: Final = re.compile(r"[\d:.\-/+TZ]*")
_ADDRESS: Final = re.compile(r"0[xX][0-9a-fA-F]+|[0-9a-fA-F]{16}")
_POSSESSIVE: Final = re.compile(r"['’]s?$")


def terms_of(text: str) -> Counter[str]:
    """term -> how often it stands in the text."""
    found: Counter[str] = Counter()
    for token in tokens_of(text):
        found.update(_terms_of_token(token) if len(token) <= LONGEST_NAME else _cut(token))
        if len(found) > MOST_TERMS:
            break
    return found


def words_of_query(text: str) -> list[str]:
    """The plain terms of what somebody searches for: those that every spelling of it has."""
    found: list[str] = []
    for token in tokens_of(text[:1000]):
        for segment in _SEGMENTS.split(token):
            found += [word for word in _words_of_segment(segment) if word]
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
    """Whole, by segments, by words; each form once."""
    if _NUMBERS.fullmatch(token) and not _VERSION.fullmatch(token) and not token.isdigit():
        return ()
    segments = _SEGMENTS.split(token)
    found = [token.casefold()] if len(segments) > 1 and not segments[-1].isdigit() else []
    if len(segments) > 2 and segments[-1].isdigit():
        # file.c:123 is the file; where in it changes with every release.
        segments.pop()
    for segment in segments:
        found += _terms_of_segment(segment)
    return tuple(dict.fromkeys(found))


def _terms_of_segment(segment: str) -> list[str]:
    words = [word for word in _words_of_segment(segment) if word]
    whole = segment.casefold()
    if _WORDS.search(segment) and len(words) > 1:
        words.append(whole)
    if words and len(_HUMPS.findall(segment)) > 1 and "." not in segment:
        # One spelling for readAhead, read_ahead and read-ahead.
        words.append(_WORDS.sub("", whole))
    return words


def _words_of_segment(segment: str) -> Iterator[str]:
    if _ADDRESS.fullmatch(segment):
        return
    version = _VERSION.search(segment)
    if version:
        yield version[0]
        segment = segment.replace(version[0], " ")
    for part in _WORDS.split(segment):
        for word in [part] if part.isdigit() else _HUMPS.findall(part) or [part]:
            yield from _word(word)


def _word(word: str) -> Iterator[str]:
    folded = word.casefold()
    if not folded.isascii() and _DENSE_RUN.search(folded):
        yield from _pairs(folded)
    elif folded.isdigit():
        if len(folded) <= 9:
            yield folded
    elif 2 <= len(folded) <= LONGEST_WORD and folded not in STOP_WORDS:
        yield stem(folded)


def _pairs(text: str) -> Iterator[str]:
    """Neighbouring characters; a character that stands alone is itself."""
    for match in _DENSE_RUN.finditer(text):
        run = match[0]
        if len(run) == 1:
            yield run
        for start in range(len(run) - 1):
            yield run[start : start + 2]
