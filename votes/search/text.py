"""Words and phrases as conditions on problems, and how well problems match them.

The index (`tracker.text_index`) tells which problems hold a word. What it does not tell, the order
of the words of a phrase and where a word stands, is looked up in the text of those problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from django.db.models import (
    BinaryField,
    BooleanField,
    Case,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    Value,
    When,
)
from django.db.models.expressions import Combinable

from tracker.models import Comment
from tracker.text_index.keys import key_of, pack
from tracker.text_index.matching import Held, terms_of_query
from tracker.text_index.models import IndexedText
from votes.search.language import Word
from votes.search.phrases import pattern_of, stem_pattern

NOTHING: Final = Q(pk__in=())
# Of a word that more problems have than this, one in a few problems has it.
COMMON: Final = 20_000
# More than any text can match.
NAMED: Final = 1_000_000_000
_LARGEST_NUMBER: Final = 2**63 - 1


@dataclass
class Text:
    """What a search says in words, taken apart; `fields` are those named by `in:`, none for all."""

    words: Sequence[Word]
    fields: frozenset[str] = frozenset()
    terms: dict[Word, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.terms = {word: terms_of_query(word.text) for word in self.words}

    @property
    def wanted(self) -> list[Word]:
        """What must be found, without the idle words."""
        return [word for word in self.words if not word.is_negated and self.terms[word]]

    @property
    def unwanted(self) -> list[Word]:
        return [word for word in self.words if word.is_negated and self.terms[word]]

    @property
    def idle(self) -> list[Word]:
        """Words that are not in the index, because every text has them or they are none."""
        return [word for word in self.words if not self.terms[word]]

    @property
    def wanted_terms(self) -> list[str]:
        return list(dict.fromkeys(term for word in self.wanted for term in self.terms[word]))

    @cached_property
    def held(self) -> Held:
        """All that must be found, as the index sees it."""
        return Held(self.wanted_terms)

    @property
    def numbers(self) -> list[int]:
        """Of the problems that numbers among the words name."""
        return [number for word in self.wanted if (number := number_of(word)) is not None]

    @property
    def is_plain(self) -> bool:
        """Whether the index alone answers."""
        return not self.fields and not any(word.is_phrase for word in self.wanted)


def condition(text: Text, *, open_only: bool) -> Q:
    """The problems that hold every wanted word and no unwanted one.

    One query, or none where nothing is wanted. A search for idle words alone finds nothing.
    """
    found = Q()
    if text.wanted:
        found &= _wanted(text, open_only=open_only)
    elif any(not word.is_negated for word in text.words):
        return NOTHING
    for word in text.unwanted:
        found &= ~(Held(text.terms[word]).looked_up() & _where(word, text))
    return found


def relevance(text: Text) -> Combinable:
    """How well a problem matches: a whole number, to order by.

    The problem that a number among the words names comes before all that only say the number.
    """
    return text.held.score() + Case(When(pk__in=text.numbers, then=NAMED), default=0)


def _wanted(text: Text, *, open_only: bool) -> Q:
    # The orders have indexes of open problems. Where so many of those have the word that a page is
    # soon full, it is quicker to walk along and to ask each.
    is_walk = open_only and text.is_plain and len(text.held.keys) == 1
    found = text.held.looked_up() if is_walk and text.held.rarest > COMMON else text.held.found()
    for word in text.wanted:
        found &= _where(word, text)
    for word in text.wanted:
        if (number := number_of(word)) is not None:
            others = [term for each in text.wanted if each != word for term in text.terms[each]]
            found |= Q(pk=number) & Held(others).looked_up()
    return found


def number_of(word: Word) -> int | None:
    """The problem that a plain number, or one behind a number sign, names."""
    digits = word.text.removeprefix("#")
    if word.is_phrase or word.is_negated or not (digits.isascii() and digits.isdigit()):
        return None
    return int(digits) if len(digits) < 20 and int(digits) <= _LARGEST_NUMBER else None


def _where(word: Word, text: Text) -> Q:
    """What the index alone does not tell of a word."""
    if word.is_phrase:
        return _phrase(pattern_of(word.text), text.fields)
    if not text.fields:
        return Q()
    found = NOTHING
    if "synopsis" in text.fields:
        found |= _in_title(text.terms[word])
    if "comments" in text.fields:
        found |= _in_comments([stem_pattern(term) for term in text.terms[word]])
    return found


def _phrase(pattern: str, fields: frozenset[str]) -> Q:
    found = NOTHING
    if not fields or "synopsis" in fields:
        found |= Q(synopsis__regex=pattern)
    if not fields:
        found |= Q(description__regex=pattern) | Q(how_to_repeat__regex=pattern)
    if not fields or "comments" in fields:
        found |= _in_comments([pattern])
    return found


def _in_comments(patterns: Iterable[str]) -> Q:
    """One comment has all of it."""
    rows = Comment.objects.filter(problem=OuterRef("pk"))
    for pattern in patterns:
        rows = rows.filter(text__regex=pattern)
    return Q(Exists(rows.order_by()))


def _in_title(terms: Iterable[str]) -> Q:
    rows = IndexedText.objects.filter(problem=OuterRef("pk"))
    for term in terms:
        rows = rows.filter(_Contains(F("title"), Value(pack([key_of(term)]), BinaryField())))
    return Q(Exists(rows))


class _Contains(Func):
    """Whether some bytes, the second, stand in others, the first."""

    output_field = BooleanField()

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return self.as_sql(compiler, connection, template="INSTR(%(expressions)s) > 0", **extra)

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        whole, part = self.get_source_expressions()
        turned = self.copy()
        turned.set_source_expressions([part, whole])
        return turned.as_sql(
            compiler, connection, template="POSITION(%(expressions)s) > 0", arg_joiner=" IN "
        )
