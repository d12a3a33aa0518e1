"""What of a text matches a search: spans in a line, and the piece of a long text that shows most.

Words match as in the index, so "crashes" marks "crash"; spans count characters, from 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from django.db.models.functions import Substr
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from tracker.models import Comment, Problem
from tracker.text_index.terms import terms_of
from votes.search.language import Word
from votes.search.phrases import pattern_of
from votes.search.text import Text

SNIPPET_CHARS: Final = 200
_BEFORE: Final = 50
_LOOKED_AT: Final = 20_000
_COMMENT_CHARS: Final = 4_000
_MOST_COMMENTS: Final = 500
_MOST_SPANS: Final = 200

# Versions in one piece, words otherwise; what is written without blanks goes by pairs.
_TOKEN: Final = re.compile(r"\d+(?:\.\d+)+|\w+")

Span = tuple[int, int]


@dataclass(frozen=True)
class Marked:
    """A text and the spans of it that match, in order and apart from each other."""

    text: str
    spans: tuple[Span, ...] = ()

    @property
    def html(self) -> SafeString:
        """Escaped, with <mark> around the spans."""
        pieces, at = [], 0
        for start, end in self.spans:
            pieces += [escape(self.text[at:start]), "<mark>", escape(self.text[start:end])]
            pieces.append("</mark>")
            at = end
        # Every piece of the text is escaped; the marks are ours.
        return mark_safe("".join([*pieces, escape(self.text[at:])]))  # noqa: S308


@dataclass(frozen=True)
class Match:
    """How a problem matches: its synopsis, and a piece of its text ("" where only that does)."""

    synopsis: Marked
    snippet: Marked


class Marker:
    """Finds what matches the wanted words of a search."""

    def __init__(self, text: Text) -> None:
        words = [word for word in text.wanted if not word.is_phrase]
        self.terms = frozenset(term for word in words for term in text.terms[word])
        self.phrases = [re.compile(pattern_of(word.text)) for word in _phrases(text.wanted)]

    def __bool__(self) -> bool:
        return bool(self.terms or self.phrases)

    def mark(self, text: str) -> Marked:
        """All of `text` with its spans."""
        return Marked(text, tuple(joined(span for span, _ in self._found(text))))

    def snippet(self, text: str) -> Marked:
        """The piece of `text` in which most of the words stand; no text where none does."""
        line = " ".join(text[:_LOOKED_AT].split())
        found = self._found(line)
        if not found:
            return Marked("")
        start, end = _window(line, _best_start(found))
        piece = ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")
        moved = start - (1 if start else 0)
        inside = [(a - moved, b - moved) for (a, b), _ in found if a >= start and b <= end]
        return Marked(piece, tuple(joined(inside)))

    def _found(self, text: str) -> list[tuple[Span, str]]:
        """Spans, each with what it matches, by where they begin."""
        found: list[tuple[Span, str]] = []
        for pattern in self.phrases:
            found += [(_trimmed(text, *m.span()), pattern.pattern) for m in pattern.finditer(text)]
        for match in _TOKEN.finditer(text):
            found += self._in_token(match[0], match.start())
            if len(found) > _MOST_SPANS:
                break
        return sorted(found)

    def _in_token(self, token: str, at: int) -> Iterator[tuple[Span, str]]:
        hit = self.terms & _terms_of(token)
        if not hit:
            return
        pairs = [(i, token[i : i + 2]) for i in range(len(token)) if token[i : i + 2] in hit]
        if pairs and not token.isascii():
            for i, pair in pairs:
                yield (at + i, at + i + len(pair)), pair
        else:
            yield (at, at + len(token)), min(hit)


def _phrases(words: Iterable[Word]) -> Iterator[Word]:
    return (word for word in words if word.is_phrase and pattern_of(word.text))


@lru_cache(maxsize=20_000)
def _terms_of(token: str) -> frozenset[str]:
    return frozenset(terms_of(token))


def _trimmed(text: str, start: int, end: int) -> Span:
    """Without the character on either side that only shows that the phrase ends there."""
    while start < end and not (text[start].isalnum() or text[start] == "_"):
        start += 1
    while start < end and not (text[end - 1].isalnum() or text[end - 1] == "_"):
        end -= 1
    return start, end


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans that touch are one."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        elif start < end:
            joined.append((start, end))
    return joined


def _best_start(found: Sequence[tuple[Span, str]]) -> int:
    """Where the piece begins that shows most different words, the first of several."""
    best, most = found[0][0][0], 0
    for i, ((start, _), _) in enumerate(found):
        room = start + SNIPPET_CHARS - _BEFORE
        shown = {what for (_, end), what in found[i : i + 30] if end <= room}
        if len(shown) > most:
            best, most = start, len(shown)
    return best


def _window(line: str, hit: int) -> Span:
    """From a blank before the hit to a blank behind it, where there are any near."""
    start = max(0, hit - _BEFORE)
    if start:
        blank = line.find(" ", start, hit)
        start = blank + 1 if blank >= 0 else start
    end = min(len(line), start + SNIPPET_CHARS)
    if end < len(line):
        blank = line.rfind(" ", hit, end)
        end = blank if blank > hit + SNIPPET_CHARS // 3 else end
    return start, end


def matches(text: Text, problems: Sequence[Problem]) -> dict[int, Match]:
    """How each of `problems` matches; empty for a search without words. Two queries at the most.

    The problems are those of one page, which the reader may see.
    """
    marker = Marker(text)
    if not marker or not problems:
        return {}
    snippets = _snippets(marker, [problem.pk for problem in problems])
    return {
        problem.pk: Match(marker.mark(problem.synopsis), snippets.get(problem.pk, Marked("")))
        for problem in problems
    }


def _snippets(marker: Marker, numbers: Sequence[int]) -> dict[int, Marked]:
    found: dict[int, Marked | None] = {}
    columns = [Substr(name, 1, _LOOKED_AT) for name in ("description", "how_to_repeat")]
    for number, *texts in Problem.objects.filter(pk__in=numbers).values_list("pk", *columns):
        for each in texts:
            found[number] = found.get(number) or _or_none(marker.snippet(each))
    missing = [number for number in numbers if not found.get(number)]
    if missing:
        rows = Comment.objects.filter(problem__in=missing).order_by("problem", "id")
        comments = rows.values_list("problem", Substr("text", 1, _COMMENT_CHARS))
        for number, each in comments[:_MOST_COMMENTS]:
            found[number] = found.get(number) or _or_none(marker.snippet(each))
    return {number: snippet for number, snippet in found.items() if snippet}


def _or_none(marked: Marked) -> Marked | None:
    return marked if marked.text else None
