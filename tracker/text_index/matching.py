"""Which problems hold which words, for search: conditions and an order, both for `Problem` rows.

Nothing here asks rights: everything starts at `tracker.policies.visible_problems`, as ever.

    words = terms_of_query("panics in ifconfig")
    rows = visible_problems(viewer).filter(holds(words))
    rows = rows.annotate(score=score(words)).order_by("-score", "-number")

and the numbers alone, where a subquery is needed: `matching(words)`, `numbers_with(word)`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.db.models import (
    BigIntegerField,
    Case,
    Exists,
    F,
    IntegerField,
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

from tracker.text_index.keys import ALL, key_of
from tracker.text_index.models import Frequency, Posting
from tracker.text_index.terms import words_of_query

# What a word counts in the order of a search when only comments have it; a word of a synopsis of
# usual length has some 700, one that a description has once some 400.
IN_COMMENTS: Final = 150
# Up to so many problems with the rarest word, it leads the query; with more, the other conditions
# and the order of the list do, and each row is asked for its words.
FEW: Final = 3_000
MOST_WORDS: Final = 40


def terms_of_query(text: str) -> list[str]:
    """The terms of one word or phrase, as `holds`, `matching` and `score` take them.

    Empty when there are only words that say nothing ("the"), or none. At most `MOST_WORDS`.
    """
    return words_of_query(text)[:MOST_WORDS]


def holds(all_of: Sequence[str]) -> Q:
    """The condition on `Problem` rows to hold every term; no condition for no term. One query.

    It is written by how common the terms are, so that it costs little among any number of rows.
    """
    keys = list(dict.fromkeys(key_of(term) for term in all_of))
    if not keys:
        return Q()
    counts = frequencies(keys)
    keys.sort(key=lambda key: counts.get(key, 0))
    condition = Q()
    if counts.get(keys[0], 0) <= FEW:
        condition = Q(pk__in=Posting.objects.filter(term=keys.pop(0)).values("problem"))
    for key in keys:
        condition &= Q(Exists(_at_this_problem(key)))
    return condition


def matching(all_of: Sequence[str]) -> QuerySet[Posting, int]:
    """Numbers of the problems that hold every term, as a subquery; none for no term. One query."""
    keys = list(dict.fromkeys(key_of(term) for term in all_of))
    if not keys:
        return Posting.objects.none().values_list("problem", flat=True)
    counts = frequencies(keys)
    first, *others = sorted(keys, key=lambda key: counts.get(key, 0))
    found = Posting.objects.filter(term=first)
    for key in others:
        beside = Posting.objects.filter(
            term=key, shelf=OuterRef("shelf"), problem=OuterRef("problem")
        )
        found = found.filter(Exists(beside))
    return found.values_list("problem", flat=True)


def numbers_with(term: str) -> QuerySet[Posting, int]:
    """Numbers of the problems that hold the term, as a subquery: exclude it for `-word`."""
    return Posting.objects.filter(term=key_of(term)).values_list("problem", flat=True)


def lacks(term: str) -> Q:
    """The condition on `Problem` rows not to hold the term."""
    return ~Q(Exists(_at_this_problem(key_of(term))))


def score(any_of: Sequence[str]) -> Combinable:
    """How well a `Problem` row matches, to annotate and to order by: a whole number, 0 for none.

    The sum of BM25F over the terms, each weighed by ln(1 + problems / those that hold it) to a
    tenth, so that a list keeps its order from one page to the next while reports come in. One
    query, and one look-up per row and term where it is used.
    """
    keys = list(dict.fromkeys(key_of(term) for term in any_of))
    if not keys:
        return Value(0, output_field=IntegerField())
    counts = frequencies([ALL, *keys])
    total: Combinable = Value(0, output_field=BigIntegerField())
    for key in keys:
        speaks = Case(
            When(weight=0, then=IN_COMMENTS), default=F("weight"), output_field=BigIntegerField()
        )
        found = Subquery(_at_this_problem(key).annotate(speaks=speaks).values("speaks")[:1])
        telling = round(10 * math.log(1 + counts.get(ALL, 1) / max(1, counts.get(key, 0))))
        total = total + telling * Coalesce(found, 0)
    return total


def frequencies(keys: Iterable[int]) -> Mapping[int, int]:
    """In how many public problems of all products each term stands; what none has is left out."""
    rows = Frequency.objects.filter(term__in=list(keys)).values("term")
    return dict(rows.annotate(total=Sum("problems")).values_list("term", "total"))


def _at_this_problem(key: int) -> QuerySet[Posting]:
    """The posting of the outer `Problem` row, which stands on one of its product's two shelves."""
    public = OuterRef("product_id") * 2
    return Posting.objects.filter(term=key, shelf__in=[public, public + 1], problem=OuterRef("pk"))
