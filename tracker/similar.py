"""Problems whose synopsis is like another: what to show before a report is sent.

A match of words, weighed so that rare ones say more than common ones. Only a bounded number of
rows is looked at, those that people are most likely to mean: the hottest, the most voted on and
the newest.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from django.db.models import Q, QuerySet

from accounts.policies import Viewer
from tracker.models import Problem
from tracker.policies import visible_problems

# Rows looked at in each of the orders, and rows that are weighed afterwards.
LOOK_AT: Final = 3000
WEIGH: Final = 400
MOST_WORDS: Final = 12
LEAST_SCORE: Final = 0.25

_STOP: Final = frozenset(
    {
        "a", "after", "all", "also", "an", "and", "any", "are", "as", "at",
        "be", "been", "but", "by", "can", "cannot", "does", "doesn't", "don't", "for",
        "from",
        "get", "gets", "had", "has", "have", "i", "if", "in", "into", "is",
        "isn't", "it", "its", "my", "no", "not", "of", "on", "or", "out",
        "so", "some", "than", "that",
        "the", "their", "then", "there", "these", "this", "to", "too", "up", "very",
        "was", "we", "were", "when", "where", "which", "while", "will", "with",
        "you", "your",
    }
)  # fmt: skip


@dataclass(frozen=True)
class Similar:
    """A problem and how like it is, from 0 to 1."""

    problem: Problem
    score: float


def similar_problems(
    viewer: Viewer, product_slug: str, synopsis: str, limit: int = 5
) -> list[Similar]:
    """The likeliest duplicates of a report yet to be sent, the likest first, at most `limit`.

    Only what `viewer` may see; of duplicates the head of their group. Two queries.
    """
    words = words_of(synopsis)
    if not words:
        return []
    found = _candidates(viewer, product_slug, words)
    weights = _weights([words_of(problem.synopsis) for problem in found])
    best: dict[int, float] = {}
    for problem in found:
        score = _likeness(words, words_of(problem.synopsis), weights)
        if score >= LEAST_SCORE:
            number = problem.head_id or problem.pk
            best[number] = max(score, best.get(number, 0.0))
    heads = visible_problems(viewer).select_related("product", "component").in_bulk(best)
    ranked = sorted(
        (Similar(head, round(best[number], 3)) for number, head in heads.items()),
        key=lambda each: (not each.problem.is_open, -each.score, -each.problem.heat),
    )
    return ranked[:limit]


def words_of(text: str) -> frozenset[str]:
    """The words that say something, without their plural s."""
    found = re.findall(r"[\w]+(?:[.+'-][\w]+)*", text[:300].lower())
    telling = [word for word in dict.fromkeys(found) if word not in _STOP and len(word) > 1]
    return frozenset(_stem(word) for word in telling[:MOST_WORDS])


def _stem(word: str) -> str:
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def _candidates(viewer: Viewer, product_slug: str, words: frozenset[str]) -> list[Problem]:
    """Rows that hold one of the words, of those that are looked at."""
    rows = visible_problems(viewer).filter(product__slug=product_slug)
    any_word = Q()
    for word in words:
        any_word |= Q(synopsis__icontains=word)
    looked_at = Q()
    for order in (("-heat", "-number"), ("-people", "-number"), ("-number",)):
        looked_at |= Q(pk__in=_first(rows, order))
    found = rows.filter(looked_at).filter(any_word)
    fields = ("number", "synopsis", "head", "is_open", "heat")
    return list(found.only(*fields).order_by("-heat", "-number")[:WEIGH])


def _first(rows: QuerySet[Problem], order: tuple[str, ...]) -> QuerySet[Problem, int]:
    return rows.order_by(*order).values_list("pk", flat=True)[:LOOK_AT]


def _weights(synopses: list[frozenset[str]]) -> dict[str, float]:
    """ln(1 + N / n) of each word: what stands in every synopsis says little (Spärck Jones 1972)."""
    counts = Counter(word for words in synopses for word in words)
    total = len(synopses) or 1
    return {word: math.log(1 + total / n) for word, n in counts.items()}


def _likeness(one: frozenset[str], other: frozenset[str], weights: dict[str, float]) -> float:
    """The cosine between two sets of weighed words; a word that no row has weighs most."""
    top = max(weights.values(), default=1.0)

    def length(words: frozenset[str]) -> float:
        return sum(weights.get(word, top) ** 2 for word in words)

    product = length(one) * length(other)
    return length(one & other) / math.sqrt(product) if product else 0.0
