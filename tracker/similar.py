"""Likely duplicates: the problems that are most like a report, among those its reader may see.

Two stages, as docs/duplicates.md tells: the postings of the most telling terms are added up, and
the best two hundred problems are compared more closely. Nothing of a problem that the reader may
not see is read, so neither order nor score nor time tells of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.utils import timezone

from accounts.policies import Viewer, as_person
from tracker.models import Problem, Product
from tracker.policies import visible, visible_problems
from tracker.text_index import candidates
from tracker.text_index.entries import body_of, shelf_of
from tracker.text_index.keys import ALL, key_of, unpack
from tracker.text_index.likeness import Candidate, Comparison, Query, idf, keyed, total
from tracker.text_index.models import IndexedText
from tracker.text_index.rows import frequencies_of
from tracker.text_index.terms import terms_of, tokens_of

# What a page shows while somebody types, and what a triager or a program may ask for.
FEW: Final = 5
MOST: Final = 20
# Of a line that somebody pastes, so much is read.
SYNOPSIS_CHARS: Final = 1_000
# Confidential problems of one product that are looked at for somebody who may see some of them.
MOST_HIDDEN: Final = 500
# A score is 1 / (1 + exp((_HALF - total) / _STEP)): half of the known duplicates have more than
# one half, and one in twenty less than `LEAST_SCORE`, which is no likeness any more.
_HALF: Final = 6.0
_STEP: Final = 1.5
LEAST_SCORE: Final = 0.02
# What is worth a look while one types: four of five duplicates have more.
WORTH_A_LOOK: Final = 0.1


@dataclass(frozen=True)
class Similar:
    """A problem, how like it is from 0 to 1, and the words of the synopsis that it has, too."""

    problem: Problem
    score: float
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranked:
    """A candidate, the head of its group, its score, and what that is made of."""

    candidate: Candidate
    head: int | None
    score: float
    features: Mapping[str, float]


def similar_problems(
    viewer: Viewer,
    product_slug: str,
    synopsis: str,
    description: str = "",
    limit: int = FEW,
    exclude: int | None = None,
) -> list[Similar]:
    """The likeliest duplicates of a report yet to be sent, the likeliest first, at most `limit`.

    Only what `viewer` may see, open or closed; of duplicates the head of their group, or the
    problem itself where the head is hidden. `exclude` is a number that is left out, with those
    that are duplicates of it. The number of queries does not depend on what is found: nine.
    """
    product = Product.objects.filter(slug=product_slug).first()
    if product is None:
        return []
    ranked = rank(viewer, product, synopsis, body_of(description), exclude=exclude)
    return _shown(viewer, ranked, limit, synopsis, {exclude})


def similar_to(viewer: Viewer, problem: Problem, limit: int = MOST) -> list[Similar]:
    """What a problem may be a duplicate of, or have as one; its own group is left out."""
    body = body_of(problem.description, problem.how_to_repeat)
    ranked = rank(
        viewer, problem.product, problem.synopsis, body, at=problem.created_at, exclude=problem.pk
    )
    return _shown(viewer, ranked, limit, problem.synopsis, {problem.pk, problem.head_id})


def rank(
    viewer: Viewer,
    product: Product,
    synopsis: str,
    body: str,
    *,
    at: datetime | None = None,
    exclude: int | None = None,
    before: datetime | None = None,
) -> list[Ranked]:
    """The candidates in order, each for itself; five queries.

    `at` is when the report came, now by default. `before` leaves younger ones out, which is for
    measuring with old reports.
    """
    title = keyed(terms_of(synopsis[:SYNOPSIS_CHARS]))
    query = Query(synopsis[:SYNOPSIS_CHARS], title, keyed(terms_of(body)), at or timezone.now())
    counts = frequencies_of(product.pk, {ALL, *query.title, *query.body})
    query.problems = counts.get(ALL, 0)
    query.telling = {
        key: idf(query.problems, counts.get(key, 0)) for key in {**query.title, **query.body}
    }
    factors = query.factors()
    chosen = {key: factors[key] for key in candidates.choose_terms(factors, counts)}
    shelf = shelf_of(product.pk, confidential=False)
    hidden = _hidden(viewer, product)
    best = candidates.best(chosen, shelf, hidden, exclude or 0, before)
    return _compared(product, query, best) if best else []


def _hidden(viewer: Viewer, product: Product) -> Sequence[int] | None:
    """Confidential problems of the product that `viewer` may see; None for all of them."""
    if as_person(viewer) is None:
        return []
    sees = visible(viewer)
    if not sees:
        return None
    rows = Problem.objects.filter(sees, is_confidential=True, product=product)
    return list(rows.order_by("-pk").values_list("pk", flat=True)[:MOST_HIDDEN])


def _compared(product: Product, query: Query, best: Sequence[tuple[int, float]]) -> list[Ranked]:
    sums = dict(best)
    top = max(sums.values())
    rows = IndexedText.objects.filter(problem__in=sums).values_list(
        "problem", "title", "body", "problem__synopsis", "problem__created_at", "problem__head"
    )
    found = [
        (
            Candidate(number, synopsis, unpack(title), unpack(body), at, sums[number] / (top or 1)),
            head,
        )
        for number, title, body, synopsis, at, head in rows
    ]
    titles = {key for each, _ in found for key in each.title} - query.telling.keys()
    counts = frequencies_of(product.pk, titles)
    telling = {key: idf(query.problems, counts.get(key, 0)) for key in titles}
    comparison = Comparison(query, {**telling, **query.telling})
    ranked = []
    for each, head in found:
        features = comparison.features(each)
        ranked.append(Ranked(each, head, _score(total(features)), features))
    return sorted(ranked, key=lambda each: (-each.score, -each.candidate.number))


def _score(weighed: float) -> float:
    return 1 / (1 + math.exp((_HALF - weighed) / _STEP))


def _shown(
    viewer: Viewer, ranked: Sequence[Ranked], limit: int, synopsis: str, without: set[int | None]
) -> list[Similar]:
    heads = {each.head for each in ranked if each.head is not None}
    seen = set(visible_problems(viewer).filter(pk__in=heads).values_list("pk", flat=True))
    best: dict[int, Ranked] = {}
    for each in ranked:
        shown = each.head if each.head in seen else each.candidate.number
        if each.score >= LEAST_SCORE and shown not in without:
            best.setdefault(shown, each)
    first = dict(list(best.items())[:limit])
    problems = visible_problems(viewer).select_related("product", "component").in_bulk(first)
    return [
        Similar(problems[number], round(each.score, 3), tuple(_words_in(synopsis, each.candidate)))
        for number, each in first.items()
        if number in problems
    ]


def _words_in(synopsis: str, candidate: Candidate) -> Iterator[str]:
    """Those words and names of the synopsis of which the candidate has some term."""
    has = {*candidate.title, *candidate.body}
    for token in dict.fromkeys(tokens_of(synopsis[:SYNOPSIS_CHARS])):
        if any(key_of(term) in has for term in terms_of(token)):
            yield token
