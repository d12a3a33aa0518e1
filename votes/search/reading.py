"""A whole search, read and understood: text and parameters in, one condition for a reader out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

from django.db.models import Q
from django.db.models.expressions import Combinable

from accounts.policies import Viewer
from tracker.models import OPEN
from votes.search import text
from votes.search.language import MAX_FAULTS, Fault, Qualifier, Query
from votes.search.phrases import MAX_CHARS as PHRASE_CHARS
from votes.search.places import Named, Places
from votes.search.qualifiers import (
    CLOSED,
    FIELDS,
    QUALIFIERS,
    SORTS,
    Condition,
    is_about_state,
)
from votes.search.values import WrongValue, same_choice

# Terms of all words together. Each is a look-up in one expression, and SQLite takes 1,000 levels.
MAX_PARTS: Final = 80
# Releases that `affects:` and `fixed:` name: what is said of each is compared anew.
MAX_RELEASES: Final = 12
# The opposite of what a qualifier asks for, said so that the indexes of the orders serve it.
_OPPOSITE = {("is", "open"): CLOSED, ("is", "closed"): OPEN, ("state", "closed"): OPEN}


@dataclass
class Search:
    """What to find. `typed` is what the box says, `given` what parameters of an address add.

    Of what is typed each value must name something; an address may be older than a name, and then
    finds nothing. `faults` tell what makes no sense; a search that has some finds nothing either.
    """

    typed: Query = field(default_factory=Query)
    given: Query = field(default_factory=Query)
    places: Places = field(default_factory=Places)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        too_many = list(self._too_many_releases())
        self._conditions: list[Condition] = []
        if not too_many:
            self._conditions += self._read(self.typed, is_strict=True)
            self._conditions += self._read(self.given, is_strict=False)
        self.faults += [*too_many, *self._too_long()]
        del self.faults[MAX_FAULTS:]

    @cached_property
    def query(self) -> Query:
        """All of it as one tree."""
        return self.typed.plus(*self.given.terms)

    @cached_property
    def text(self) -> text.Text:
        """Its words, and where they have to stand."""
        return text.Text(self.query.words, frozenset(self._choices("in", FIELDS)))

    @cached_property
    def sort(self) -> str:
        """The order that it names last, or ""."""
        return (self._choices("sort", SORTS) or [""])[-1]

    @property
    def says_state(self) -> bool:
        """Whether it says itself which states are meant; otherwise the open ones are."""
        return any(is_about_state(each.name, each.values) for each in self.query.qualifiers)

    def condition(self, viewer: Viewer) -> Q:
        """What problems have to be for `viewer`; whether they may be seen is asked elsewhere."""
        if self.faults:
            return text.NOTHING
        found = Q() if self.says_state else OPEN
        for condition in self._conditions:
            found &= condition(viewer)
        return found & text.condition(self.text, open_only=self._is_open_only)

    @property
    def _is_open_only(self) -> bool:
        return not self.says_state or "is:open" in map(str, self.query.qualifiers)

    def relevance(self) -> Combinable:
        """How well a problem matches the words."""
        return text.relevance(self.text)

    def _too_many_releases(self) -> Iterator[Fault]:
        asked = dict.fromkeys(self.query.named("affects", "fixed"))
        releases = sum(len(set(each.values)) for each in asked)
        if releases > MAX_RELEASES:
            first = next(iter(asked))
            says = f"Ask about {MAX_RELEASES} releases at the most; these are {releases}."
            yield Fault(says, first.at, first.length)

    def _too_long(self) -> Iterator[Fault]:
        for word in self.query.words:
            if word.is_phrase and len(word.text) > PHRASE_CHARS:
                says = f"A phrase has {PHRASE_CHARS} characters at the most."
                yield Fault(says, word.at, len(word.text))
        parts = sum(len(terms) for terms in self.text.terms.values())
        if parts > MAX_PARTS:
            says = f"These words have {parts} parts; search for {MAX_PARTS} at the most."
            yield Fault(says, 0, 0)

    def _read(self, query: Query, *, is_strict: bool) -> Iterator[Condition]:
        products = self._positive("product")
        named = Named(self.places, [v for p in products for v in p.values], is_strict=is_strict)
        # Components are looked for in these products alone, and have the better indexes.
        is_said = len(products) == 1 and bool(self._positive("component"))
        # What is said twice means no more, and costs the database no more.
        for each in dict.fromkeys(query.qualifiers):
            try:
                condition = _condition(each, named)
            except WrongValue as wrong:
                self._fault(each, wrong)
            else:
                if not (is_said and each in products):
                    yield condition

    def _choices(self, name: str, choices: Collection[str]) -> list[str]:
        """The values of `name` that are among the choices."""
        values = [value for each in self.query.named(name) for value in each.values]
        return [found for value in values if (found := same_choice(value, choices))]

    def _positive(self, name: str) -> Sequence[Qualifier]:
        found = [*self.typed.named(name), *self.given.named(name)]
        return [each for each in found if not each.is_negated]

    def _fault(self, qualifier: Qualifier, wrong: WrongValue) -> None:
        place = f"“{qualifier.name}:” at character {qualifier.at + 1}: "
        self.faults.append(Fault(f"{place}{wrong}", qualifier.at, qualifier.length))


def _condition(qualifier: Qualifier, named: Named) -> Condition:
    """One of its values holds; or none, where it is negated."""
    name, values = qualifier.name, qualifier.values
    if qualifier.is_negated and name in {"in", "sort"}:
        raise WrongValue(f"leave the minus before “{name}” out.")
    condition = QUALIFIERS[name].read(values, named)
    if not qualifier.is_negated:
        return condition
    opposite = _OPPOSITE.get((name, values[0].lower())) if len(values) == 1 else None
    return lambda viewer: opposite or _not(condition(viewer))


def _not(condition: Q) -> Q:
    """What holds for all, an empty Q, is negated into what holds for none."""
    return ~condition if condition else text.NOTHING
