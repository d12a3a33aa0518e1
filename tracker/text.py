"""Text as people send it, made safe to keep."""

from __future__ import annotations

import unicodedata

# Control characters become the pictures that Unicode has for them (U+2400 on): a pasted log stays
# readable, while terminals, feeds and PostgreSQL never meet a NUL or an escape sequence.
_PICTURES = {code: 0x2400 + code for code in range(0x20) if code not in (0x09, 0x0A)}
_PICTURES |= {0x7F: 0x2421, 0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD}
_PICTURES |= dict.fromkeys(range(128, 160), 65533)
_PICTURES |= dict.fromkeys(range(55296, 57344), 65533)
# Marks that turn the direction of what follows; they let a text pose as another.
_PICTURES |= dict.fromkeys((*range(8234, 8239), *range(8294, 8298)), 65533)

# What leaves nothing on the page by itself; the letters are no letters but by their category.
_UNSEEN = frozenset(("Cc", "Cf", "Mn", "Me", "Zs", "Zl", "Zp"))
_BLANK_LETTERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")


def is_blank(text: str) -> bool:
    """Whether nothing can be seen of it: white space, joiners, marks without a letter."""
    return all(unicodedata.category(c) in _UNSEEN or c in _BLANK_LETTERS for c in text)


def number_of(text: str) -> int:
    """The number that a text is; 0 where it is none, or larger than a database can hold."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def clean_text(text: str) -> str:
    """Several lines: one kind of line end, no control characters, no blank lines at either end."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_PICTURES)
    return "\n".join(line.rstrip() for line in text.split("\n")).strip("\n")


def clean_line(text: str) -> str:
    """One line: every run of white space, line ends included, is one space."""
    return unicodedata.normalize("NFC", " ".join(text.split()).translate(_PICTURES))
