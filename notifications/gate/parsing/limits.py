"""How much of a message is looked at: what bounds the time and memory that a hostile one costs.

What is beyond is not lost: the message itself is kept as it came.
"""

from __future__ import annotations

from typing import Final

# The whole message; servers refuse larger ones long before.
MESSAGE_BYTES: Final = 64 * 2**20
# Everything that is searched for boundaries, over all levels of nesting.
SCANNED_BYTES: Final = 8 * MESSAGE_BYTES
DEPTH: Final = 50
PARTS: Final = 600
FILES: Final = 500

HEADER_BYTES: Final = 256 * 2**10
HEADERS: Final = 1_000
# Above all parts together.
ALL_HEADER_BYTES: Final = 2 * 2**20
HEADER_VALUE: Final = 16 * 2**10
ADDRESS_BYTES: Final = 4 * 2**10
# Of a type or disposition: the library takes the square of what it is given.
PARAMETERS: Final = 50
PARAMETER_LETTERS: Final = 6 * 2**10
ADDRESSES: Final = 100
REFERENCES: Final = 100
SUBJECT: Final = 500

# Lines that begin as a boundary does, and may be none.
BOUNDARIES: Final = 20_000

# Bytes of one part that is text, characters of all of them together, and how many there are.
TEXTS: Final = 50
TEXT_BYTES: Final = 2 * 2**20
# Before the pictures in it are taken out.
HTML_BYTES: Final = 8 * 2**20
TEXT: Final = 500_000
HTML: Final = 300_000
HTML_ELEMENTS: Final = 20_000
HTML_DEPTH: Final = 100

# Uuencoded lines have 61 letters; shorter ones cost as much each.
UU_LINE: Final = 50
UU_BROKEN: Final = 100

# What is searched for a person's own words, which stand at the top.
OWN_LINES: Final = 20_000
OWN_LINE: Final = 600
# Lines that are looked at as if they named who wrote what is quoted below.
ATTRIBUTIONS: Final = 200
ATTRIBUTION: Final = 300
SEPARATOR: Final = 160

TNEF_BYTES: Final = 40 * 2**20
TNEF_OBJECTS: Final = 5_000
# Of all its objects together, and their values.
TNEF_PROPERTIES: Final = 50_000
WINMAILS: Final = 3
