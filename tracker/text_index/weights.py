"""How much a text speaks of a term: the part of BM25F that does not depend on other texts.

BM25F (Zaragoza, Craswell, Taylor, Saria and Robertson, "Microsoft Cambridge at TREC 13", 2004)
adds up how often a term stands in each field, each count divided by how long its field is, and
lets the sum saturate:

    x = 3 · n_title / (½ + ½ · l_title / 8) + n_body / (¼ + ¾ · l_body / 80)
    weight = x / (1.2 + x)

The usual lengths, 8 and 80 terms, are fixed instead of averaged over the reports that there are, so
that a stored weight stays right when others come. The factors are those that BM25F is commonly
run with, and not fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TITLE: Final = 3.0
_SATURATION: Final = 1.2
_USUAL_TITLE, _USUAL_BODY = 8, 80
# A stored weight of 1000 would be a term that the text is nothing but.
SCALE: Final = 1000


def weigh(title: Mapping[str, int], body: Mapping[str, int]) -> dict[str, int]:
    """term -> weight in thousandths, at least 1, of each term of either."""
    by_title = TITLE / (0.5 + 0.5 * sum(title.values()) / _USUAL_TITLE)
    by_body = 1 / (0.25 + 0.75 * sum(body.values()) / _USUAL_BODY)
    found = {}
    for term in {**title, **body}:
        x = title.get(term, 0) * by_title + body.get(term, 0) * by_body
        found[term] = max(1, round(SCALE * x / (_SATURATION + x)))
    return found
