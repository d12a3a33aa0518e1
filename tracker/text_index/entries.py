"""One problem's text -> what the index holds of it. Nothing is read or written here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tracker.models import Problem
from tracker.text_index.keys import key_of
from tracker.text_index.terms import LOOKED_AT, terms_of
from tracker.text_index.weights import weigh

# Raise it with every change of how text becomes terms or weights: all problems are then indexed
# anew, by `tasks.index_missing`.
EDITION: Final = 1

# What duplicates are told by: behind that come logs, which are found, but weigh nothing.
BODY_CHARS: Final = 8_000
HOW_TO_CHARS: Final = 4_000
# Terms that only comments have, or the far end of a text, kept of one problem.
MOST_REST: Final = 4_000


@dataclass
class Entry:
    """What is to stand in the index of one problem; keys as in `IndexedText`, sorted."""

    problem: int
    shelf: int
    title: list[int]
    body: list[int]
    rest: list[int]
    # key -> weight in thousandths; those of `rest` have 0.
    weights: dict[int, int]


def shelf_of(product: int, *, confidential: bool) -> int:
    """Where the postings of a product's public, or confidential, problems stand."""
    return 2 * product + confidential


def product_of(shelf: int) -> int:
    """The product whose shelf it is."""
    return shelf // 2


def is_public(shelf: int) -> bool:
    """Whether everybody may see what stands there."""
    return shelf % 2 == 0


def body_of(description: str, how_to_repeat: str = "") -> str:
    """The text that is compared, beside the synopsis."""
    return f"{description[:BODY_CHARS]}\n{how_to_repeat[:HOW_TO_CHARS]}"


def entry_of(problem: Problem, comments: Iterable[str]) -> Entry:
    """All of a problem; `comments` are its texts in the order in which they came."""
    title = terms_of(problem.synopsis)
    body = terms_of(body_of(problem.description, problem.how_to_repeat))
    weights = {key_of(term): weight for term, weight in weigh(title, body).items()}
    entry = Entry(
        problem=problem.pk,
        shelf=shelf_of(problem.product_id, confidential=problem.is_confidential),
        title=sorted({key_of(term) for term in title}),
        body=sorted({key_of(term) for term in body.keys() - title.keys()}),
        rest=[],
        weights=weights,
    )
    far = (problem.description[BODY_CHARS:LOOKED_AT], problem.how_to_repeat[HOW_TO_CHARS:LOOKED_AT])
    rest: set[int] = set()
    for text in (*far, *comments):
        if len(rest) >= MOST_REST:
            break
        rest.update(further_keys(text, weights.keys() | rest, MOST_REST - len(rest)))
    entry.rest = sorted(rest)
    weights.update(dict.fromkeys(rest, 0))
    return entry


def further_keys(text: str, known: Iterable[int], most: int) -> list[int]:
    """Keys of the text's terms that are not among the known, at most so many, as they come."""
    if not text or most <= 0:
        return []
    known = set(known)
    keys = dict.fromkeys(key_of(term) for term in terms_of(text))
    return [key for key in keys if key not in known][:most]
