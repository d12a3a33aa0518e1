"""The grammar of the search box. Text in, a tree out; `str` of a tree is text that reads the same.

    query     = { term }                          all of them must hold
    term      = [ "-" ] ( qualifier | phrase | word )
    qualifier = name ":" value { "," value }      one of its values must hold
    value     = '"' characters '"' | characters without blank and comma
    phrase    = '"' characters '"'                in quotation marks, \\" and \\\\ are " and \\
    word      = characters without blank

A name is letters only and stands directly before its colon. So `std::vector`, `http://x`, `12:30`,
`if_em.c:123` and `em0: link down` are words; `sevrity:high` is a mistake that `parse` names,
because whoever wrote it would otherwise wonder why nothing is found.

Reading is one pass, linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

MAX_CHARS: Final = 2000
MAX_WORDS: Final = 32
# Each is looked for in the text of everything else that was found.
MAX_EXCLUDED_PHRASES: Final = 4
MAX_QUALIFIERS: Final = 40
MAX_VALUES: Final = 50
MAX_FAULTS: Final = 5

_SPACE: Final = re.compile(r"\s*")
_WORD: Final = re.compile(r"\S+")
# "--verbose" is a word, and so is a dash that stands alone.
_MINUS: Final = re.compile(r"-[^\s-]")
# One letter before a colon is a drive of Windows, and "//", "\" and a second colon are no values.
_NAME: Final = re.compile(r"([A-Za-z]{2,}(?:[-_][A-Za-z]+)*):(?![:/\\])")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED: Final = re.compile(r'\\(["\\])')
_TO_ESCAPE: Final = re.compile(r'["\\]')
_BARE_VALUE: Final = re.compile(r"[^\s,]+")
# What telephones and word processors make of quotation marks.
_PLAIN_QUOTES: Final = str.maketrans("“”„‟", '""""')
# Words that other trackers read as operators.
_OPERATORS: Final = {
    "OR": "write the values of one qualifier with commas, such as state:new,open",
    "AND": "leave it out: all that is asked for must hold anyway",
    "NOT": "put a minus before what must not be found, such as -word or -is:confidential",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where: `at` and `length` count characters of the text, from 0."""

    says: str
    at: int
    length: int

    def __str__(self) -> str:
        return self.says


@dataclass(frozen=True)
class Word:
    """A word as it was typed, or a phrase, the words of which follow each other."""

    text: str
    is_phrase: bool = False
    is_negated: bool = False
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return ("-" if self.is_negated else "") + (
            _quoted(self.text) if self.is_phrase else self.text
        )


@dataclass(frozen=True)
class Qualifier:
    """`name` has one of `values`. `name` is the language's own, whatever alias was typed."""

    name: str
    values: tuple[str, ...]
    is_negated: bool = False
    at: int = field(default=0, compare=False)
    length: int = field(default=0, compare=False)

    def __str__(self) -> str:
        values = ",".join(_value(value) for value in self.values)
        return f"{'-' if self.is_negated else ''}{self.name}:{values}"


Term = Word | Qualifier


@dataclass(frozen=True)
class Query:
    """A whole search."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)

    @property
    def words(self) -> list[Word]:
        return [term for term in self.terms if isinstance(term, Word)]

    @property
    def qualifiers(self) -> list[Qualifier]:
        return [term for term in self.terms if isinstance(term, Qualifier)]

    def named(self, *names: str) -> list[Qualifier]:
        """Its qualifiers of these names."""
        return [term for term in self.qualifiers if term.name in names]

    def without(self, *dropped: Term) -> Query:
        """The search without these terms; of equal ones all go."""
        return Query(tuple(term for term in self.terms if term not in dropped))

    def plus(self, *more: Term) -> Query:
        """The search narrowed by further terms; one that it has already is not said twice."""
        return Query(self.terms + tuple(term for term in more if term not in self.terms))


def _quoted(text: str) -> str:
    return '"' + _TO_ESCAPE.sub(r"\\\g<0>", text) + '"'


def _value(text: str) -> str:
    is_bare = _BARE_VALUE.fullmatch(text) and text[0] not in '":/\\'
    return text if is_bare else _quoted(text)


def parse(
    text: str, names: Mapping[str, str], suggest: Collection[str] = ()
) -> tuple[Query, list[Fault]]:
    """The tree of `text` and what is wrong with it; the tree holds what could be read.

    `names` leads from what may be typed before a colon, in lower case, to the qualifier's name;
    `suggest` are those that a mistake is compared with.
    """
    if len(text) > MAX_CHARS:
        says = f"Search for {MAX_CHARS:,} characters at the most; these are {len(text):,}."
        return Query(), [Fault(says, 0, 0)]
    reader = _Reader(text.translate(_PLAIN_QUOTES), names, suggest or list(names))
    query = Query(tuple(reader.terms()))
    too_many = _too_many(query)
    # So much is not even looked up.
    return Query() if too_many else query, (too_many + reader.faults)[:MAX_FAULTS]


def _too_many(query: Query) -> list[Fault]:
    words, qualifiers = len(query.words), len(query.qualifiers)
    values = sum(len(each.values) for each in query.qualifiers)
    excluded = sum(word.is_negated and word.is_phrase for word in query.words)
    faults = []
    if excluded > MAX_EXCLUDED_PHRASES:
        says = f"Exclude {MAX_EXCLUDED_PHRASES} phrases at the most; these are {excluded}."
        faults.append(says)
    if words > MAX_WORDS:
        faults.append(f"Search for {MAX_WORDS} words at the most; these are {words}.")
    if qualifiers > MAX_QUALIFIERS:
        faults.append(f"Use {MAX_QUALIFIERS} qualifiers at the most; these are {qualifiers}.")
    if values > MAX_VALUES:
        faults.append(f"Give qualifiers {MAX_VALUES} values at the most; these have {values}.")
    return [Fault(says, 0, 0) for says in faults]


class _Reader:
    """One pass over the text."""

    def __init__(self, text: str, names: Mapping[str, str], suggest: Collection[str]) -> None:
        self.text, self.names, self.suggest = text, names, suggest
        self.at = 0
        self.faults: list[Fault] = []

    def terms(self) -> Iterator[Term]:
        while True:
            self.at = _end(_SPACE, self.text, self.at)
            if self.at >= len(self.text):
                return
            term = self._term()
            if term is not None:
                yield term

    def _term(self) -> Term | None:
        start = self.at
        is_negated = bool(_MINUS.match(self.text, start))
        self.at += is_negated
        if self.text[self.at] == '"':
            phrase = self._quoted()
            return None if phrase is None else Word(phrase, True, is_negated, start)
        name = _NAME.match(self.text, self.at)
        # "em0: timeout" and "panic: oops" are lines of a log; "severity: high" is a slip.
        if name and (name.end() < _end(_WORD, self.text, self.at) or name[1].lower() in self.names):
            return self._qualifier(name[1], is_negated, start)
        return self._word(is_negated, start)

    def _word(self, is_negated: bool, start: int) -> Word | None:
        end = _end(_WORD, self.text, self.at)
        word, self.at = self.text[self.at : end], end
        if word in _OPERATORS:
            self._fault(f"“{word}” {_place(start)} is no operator here: {_OPERATORS[word]}.", start)
            return None
        inner = _NAME.match(word.lstrip("("))
        if word.startswith("(") and inner and inner[1].lower() in self.names:
            says = f"The parenthesis {_place(start)} has no meaning here; leave it out."
            self._fault(says, start)
            return None
        return Word(word, False, is_negated, start)

    def _qualifier(self, typed: str, is_negated: bool, start: int) -> Qualifier | None:
        name = self.names.get(typed.lower(), "")
        value_at = self.at + len(typed) + 1
        self.at = value_at
        values = self._values(typed)
        if not name:
            self._unknown(typed, start + is_negated)
            return None
        if values is None:
            return None
        return Qualifier(name, tuple(values), is_negated, start, self.at - start)

    def _values(self, typed: str) -> list[str] | None:
        """What stands behind the colon; None after a fault, with the reader behind it."""
        values: list[str] = []
        while True:
            if self.text.startswith('"', self.at):
                value = self._quoted()
                if value is None:
                    return None
            else:
                end = _end(_BARE_VALUE, self.text, self.at)
                value, self.at = self.text[self.at : end], end
            if not value.strip():
                self._empty(typed)
                return None
            values.append(value)
            if not self.text.startswith(",", self.at):
                return values
            self.at += 1

    def _quoted(self) -> str | None:
        found = _QUOTED.match(self.text, self.at)
        if found is None:
            says = f"The quotation mark {_place(self.at)} is never closed: add another at the end."
            self._fault(says, self.at, 1)
            self.at = len(self.text)
            return None
        self.at = found.end()
        return _ESCAPED.sub(r"\1", found[1])

    def _empty(self, typed: str) -> None:
        if typed.lower() in self.names:
            says = f"“{typed}:” {_place(self.at)} lacks a value: write it directly behind the colon"
            self._fault(f"{says}, or put both into quotation marks to find them as words.", self.at)
        self.at = _end(_WORD, self.text, self.at)

    def _unknown(self, typed: str, at: int) -> None:
        found = nearest(typed.lower(), self.suggest)
        hint = f" Did you mean “{found}”?" if found else ""
        says = f"There is no qualifier “{typed}” ({_place(at)}).{hint}"
        whole = self.text[at : self.at].replace('"', "")
        quoting = f' To find it as a word, write "{whole[:40]}" with the quotation marks.'
        self._fault(says + quoting, at, len(typed))

    def _fault(self, says: str, at: int, length: int = 0) -> None:
        end = _end(_WORD, self.text, at) if at < len(self.text) else at
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(Fault(says, at, length or end - at))


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


def _place(at: int) -> str:
    return f"at character {at + 1}"


def nearest(word: str, choices: Collection[str]) -> str:
    """The choice that `word` was probably meant to be, or ""."""
    import difflib

    close = difflib.get_close_matches(word[:50], sorted(choices), n=1, cutoff=0.6)
    if close:
        return close[0]
    starting = [choice for choice in sorted(choices) if len(word) > 1 and choice.startswith(word)]
    return starting[0] if starting else ""
