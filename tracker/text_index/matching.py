"""Which problems hold which words, for search: conditions and an order.

Nothing here asks rights: everything starts at `tracker.policies.visible_problems`, as ever.

    held = Held(terms_of_query("panics in ifconfig"))
    rows = visible_problems(viewer).filter(held.found())
    best = held.ranked().filter(Exists(rows.filter(pk=OuterRef("problem"))))
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

from django.db.models import (
    BigIntegerField,
    Case,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.db.models.lookups import IsNull

from tracker.text_index.keys import ALL, key_of
from tracker.text_index.models import Frequency, Posting
from tracker.text_index.terms import words_of_query

# What a word counts in the order of a search when only comments have it; a word of a synopsis of
# usual length has some 700, one that a description has once some 400.
IN_COMMENTS: Final = 150
MOST_WORDS: Final = 40
MOST_JOINED: Final = 4


def terms_of_query(text: str) -> list[str]:
    """The terms of one word or phrase.

    Empty when there are only words that say nothing ("the"), or none. At most `MOST_WORDS`.
    """
    return words_of_query(text)[:MOST_WORDS]


class Held:
    """The problems that hold every one of some terms.

    How common each is, is asked in one query, when it first matters.
    """

    def __init__(self, terms: Iterable[str]) -> None:
        self.keys = list(dict.fromkeys(key_of(term) for term in terms))

    @cached_property
    def counts(self) -> Mapping[int, int]:
        """In how many public problems of all products each term stands, and at `ALL` their
        number; what none has is left out.
        """
        rows = Frequency.objects.filter(term__in=[ALL, *self.keys]).values("term")
        return dict(rows.annotate(total=Sum("problems")).values_list("term", "total"))

    @property
    def rarest(self) -> int:
        """How many problems hold the rarest term."""
        return min((self.counts.get(key, 0) for key in self.keys), default=0)

    def found(self) -> Q:
        """The condition on `Problem` rows, answered from the rows of the rarest term."""
        return Q(pk__in=self._rows().values("problem")) if self.keys else Q()

    def looked_up(self) -> Q:
        """The same, answered by asking each `Problem` row that the rest of the query comes to."""
        return _all_there(_at_this_problem(key) for key in self._rarest_first)

    def ranked(self) -> QuerySet[Posting]:
        """`problem` and `score`, as in `score`, of the problems; not in order. Not for no term."""
        first, *others = self._rarest_first
        total = self._telling(first) * _speaks()
        for key in others:
            spoken = Subquery(_beside(key).annotate(speaks=_speaks()).values("speaks")[:1])
            total = total + self._telling(key) * spoken
        return self._rows().annotate(score=ExpressionWrapper(total, BigIntegerField()))

    def score(self) -> Combinable:
        """How well a `Problem` row matches: a whole number, 0 for none.

        The sum of BM25F over the terms, each weighed by ln(1 + problems / those that hold it) to a
        tenth, so that a list keeps its order from one page to the next while reports come in.
        """
        total: Combinable = Value(0, output_field=BigIntegerField())
        for key in self.keys:
            found = _at_this_problem(key).annotate(speaks=_speaks()).values("speaks")
            total = total + self._telling(key) * Coalesce(Subquery(found[:1]), 0)
        return total

    @cached_property
    def _rarest_first(self) -> list[int]:
        if len(self.keys) < 2:
            return self.keys
        return sorted(self.keys, key=lambda key: self.counts.get(key, 0))

    def _rows(self) -> QuerySet[Posting]:
        first, *others = self._rarest_first
        return Posting.objects.filter(_all_there(map(_beside, others)), term=first)

    def _telling(self, key: int) -> int:
        ratio = self.counts.get(ALL, 1) / max(1, self.counts.get(key, 0))
        return round(10 * math.log(1 + ratio))


def count_together(many: Iterable[Held]) -> None:
    """Ask once how common the terms of many are, instead of once for each."""
    known = list(many)
    every = Held(())
    every.keys = list({key for held in known for key in held.keys})
    for held in known:
        held.counts = every.counts


def _speaks() -> Case:
    """How much a posting's problem speaks of its term."""
    return Case(
        When(weight=0, then=IN_COMMENTS), default=F("weight"), output_field=BigIntegerField()
    )


def _all_there(postings: Iterable[QuerySet[Posting]]) -> Q:
    """Whether each of these exists, the rarest first.

    PostgreSQL takes EXISTS for a join, which is quick for a few; but for twenty it lost itself in
    plans, and answered after 50 seconds. Beyond the first each is looked up row by row.
    """
    condition = Q()
    for place, posting in enumerate(postings):
        if place < MOST_JOINED:
            condition &= Q(Exists(posting))
        else:
            condition &= Q(IsNull(Subquery(posting.values("weight")[:1]), False))
    return condition


def _beside(key: int) -> QuerySet[Posting]:
    """The posting of the outer posting's problem."""
    return Posting.objects.filter(term=key, shelf=OuterRef("shelf"), problem=OuterRef("problem"))


def _at_this_problem(key: int) -> QuerySet[Posting]:
    """The posting of the outer `Problem` row, which stands on one of its product's two shelves."""
    public = OuterRef("product_id") * 2
    return Posting.objects.filter(term=key, shelf__in=[public, public + 1], problem=OuterRef("pk"))
