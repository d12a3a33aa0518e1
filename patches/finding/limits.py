"""How much is taken as a patch: what bounds the time and memory that a hostile one costs."""

from __future__ import annotations

from typing import Final

# After it was unpacked. The largest file that a problem takes is smaller.
MOST_BYTES: Final = 32 * 2**20
MOST_LINES: Final = 1_000_000
MOST_COMMITS: Final = 500
MOST_FILES: Final = 10_000
MOST_HUNKS: Final = 50_000
# Lines of headers, and of words around a diff, that are looked at.
HEADER_LINES: Final = 500
HEADER_LINE: Final = 16 * 2**10
WORDS_BYTES: Final = 200_000
PATH_BYTES: Final = 1_000
# Parts of one message, and messages within messages.
PARTS: Final = 200
DEPTH: Final = 4
# Files within others, of all depths together.
INNER_FILES: Final = 2_000
NAMED_PROBLEMS: Final = 50
# What `whatthepatch` is asked about: it copies and deletes from lists as it goes.
FOREIGN_LINES: Final = 5_000
FOREIGN_LINE: Final = 10_000
