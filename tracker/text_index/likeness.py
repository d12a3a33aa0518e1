"""How like one report is to another: what is compared, and what each comparison counts.

The first stage of a search for duplicates adds up BM25F over the terms of the index; this is the
second, which looks at the best of those more closely. Both follow REP (Sun, Lo, Khoo and Jiang,
"Towards more accurate retrieval of duplicate bug reports", ASE 2011), which ranks by a weighed sum
of textual and other features, and the comparison of such methods on recent reports by Zhang, Han,
Vinayakarao, Irsan, Xu, Thung, Lo and Jiang, "Duplicate bug report detection: how far are we?",
ACM TOSEM 32(4), 2023, by which simple retrieval holds its own against learned models.

`docs/duplicates.md` says how the weights were fitted, and how well they do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tracker.text_index.keys import key_of

# By how often a term stands in the report that is asked about: saturating like BM25's weight of
# query terms, with a word of the synopsis counted three times and one of the description half.
_TITLE, _BODY, _SATURATION = 3.0, 0.5, 5.0

DAYS: Final = 86_400.0
TEN_YEARS: Final = 3_650


@dataclass
class Query:
    """The report that is asked about, in terms; `telling` is the idf of each of its keys."""

    synopsis: str
    title: Mapping[int, int]
    body: Mapping[int, int]
    at: datetime
    telling: Mapping[int, float] = field(default_factory=dict)
    problems: int = 0

    def factors(self) -> dict[int, float]:
        """key -> what a posting's weight is multiplied by in the sum of the first stage."""
        found = {}
        for key in {**self.title, **self.body}:
            n = _TITLE * self.title.get(key, 0) + _BODY * self.body.get(key, 0)
            found[key] = n * (_SATURATION + 1) / (_SATURATION + n) * self.telling[key]
        return found


@dataclass
class Candidate:
    """A report that may be the same; `bm25` is the sum of the first stage by the best one's."""

    number: int
    synopsis: str
    title: Collection[int]
    body: Collection[int]
    at: datetime
    bm25: float


def idf(problems: int, holding: int) -> float:
    """ln(1 + (N - n + ½) / (n + ½)) of a term that n of N problems hold (Robertson)."""
    holding = min(holding, problems)
    return math.log(1 + (problems - holding + 0.5) / (holding + 0.5))


def keyed(terms: Mapping[str, int]) -> dict[int, int]:
    """The same counts by key."""
    return {key_of(term): count for term, count in terms.items()}


# What is compared -> what it counts. Fitted, and rounded; see docs/duplicates.md.
WEIGHTS: Final[Mapping[str, float]] = {
    "bm25": 3.4,
    "titles": 1.3,
    "title_in_text": 1.5,
    "text_has_title": 2.4,
    "texts": 0.9,
    "letters": 1.4,
    "rarest": 2.4,
    "age": -5.0,
}


class Comparison:
    """Compares one query with many candidates."""

    def __init__(self, query: Query, telling: Mapping[int, float]) -> None:
        """`telling` is the idf of all keys of the query, and of the candidates' titles."""
        self._telling = telling
        self._at = query.at
        self._title = set(query.title)
        self._all = {*query.title, *query.body}
        self._title_sum = self._sum(self._title)
        self._title_squares = self._squares(self._title)
        self._squares_of_all = self._squares(self._all)
        self._letters = _trigrams(query.synopsis)
        self._rarest = math.log(1 + max(query.problems, 1))

    def features(self, other: Candidate) -> dict[str, float]:
        """Each from 0 to 1, but for an age of more than ten years.

        bm25            the sum of the first stage, by that of the best candidate
        titles          cosine of the synopses, terms weighed by idf
        title_in_text   how much of the synopsis the other report has, by idf
        text_has_title  how much of the other's synopsis this report has, by idf
        texts           cosine of the whole texts, the other's terms taken to tell as much as ours
        letters         Dice coefficient of the trigrams of letters of the synopses
        rarest          idf of the rarest term that both have, by that of a term only one has
        age             ln(1 + days between the reports), by that of ten years
        """
        title = set(other.title)
        shared_title = self._title & title
        shared = self._all.intersection(title) | self._all.intersection(other.body)
        length = (len(title) + len(other.body) + 5) / max(len(self._all), 1)
        both = len(self._letters) + len(letters := _trigrams(other.synopsis))
        days = max((self._at - other.at).total_seconds() / DAYS, 0)
        return {
            "bm25": other.bm25,
            "titles": _ratio(
                self._squares(shared_title), math.sqrt(self._title_squares * self._squares(title))
            ),
            "title_in_text": _ratio(self._sum(self._title & shared), self._title_sum),
            "text_has_title": _ratio(self._sum(title & self._all), self._sum(title)),
            "texts": _ratio(self._squares(shared), self._squares_of_all * math.sqrt(length)),
            "letters": _ratio(2 * len(self._letters & letters), both),
            "rarest": max((self._telling[key] for key in shared), default=0) / self._rarest,
            "age": math.log1p(days) / math.log(TEN_YEARS),
        }

    def _sum(self, keys: Iterable[int]) -> float:
        return sum(self._telling[key] for key in keys)

    def _squares(self, keys: Iterable[int]) -> float:
        return sum(self._telling[key] ** 2 for key in keys)


def total(features: Mapping[str, float]) -> float:
    """The weighed sum by which candidates are ordered."""
    return sum(weight * features[name] for name, weight in WEIGHTS.items())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _trigrams(text: str) -> set[str]:
    line = "  " + " ".join(re.findall(r"\w+", text.casefold())) + " "
    return {line[start : start + 3] for start in range(len(line) - 2)}
