"""Words -> stems, and the words that say nothing.

The stemmer is Snowball's for English ("Porter2"), in its pure Python form: the terms of one text
must be the same on every machine, and a compiled one beside it may be of another version.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import Final

from snowballstemmer.english_stemmer import EnglishStemmer

# "not", "no" and "off" tell problems apart, so they stay.
STOP_WORDS: Final = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "cannot",
        "couldn",
        "couldnt",
        "did",
        "didn",
        "didnt",
        "do",
        "does",
        "doesn",
        "doesnt",
        "don",
        "dont",
        "for",
        "from",
        "had",
        "has",
        "have",
        "if",
        "in",
        "into",
        "is",
        "isn",
        "isnt",
        "it",
        "its",
        "me",
        "my",
        "of",
        "on",
        "or",
        "so",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "we",
        "were",
        "when",
        "where",
        "which",
        "will",
        "with",
        "won",
        "wont",
        "you",
        "your",
    ]
)

# A stemmer keeps the word it works on in itself: one for each thread.
_of_thread = threading.local()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """The stem of a lower-case word; a word with other than English letters is its own."""
    if not (word.isascii() and word.isalpha()):
        return word
    stemmer = getattr(_of_thread, "stemmer", None)
    if stemmer is None:
        stemmer = _of_thread.stemmer = EnglishStemmer()
    return str(stemmer.stemWord(word))
