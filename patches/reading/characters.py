"""Text of a diff as HTML: nothing in it is markup, and nothing in it stays unseen.

What changes how a line looks without being seen itself (controls, marks of direction, characters of
no width) is shown by its number. Source: Boucher and Anderson, "Trojan Source: Invisible
Vulnerabilities", USENIX Security 2023.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from django.utils.safestring import SafeString, mark_safe

# Code points that have no look of their own, beside the controls of ASCII and Latin-1.
_UNSEEN: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
# Spaces that are none of the keyboard's.
_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
ODD: Final = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f\ud800-\udfff\ufffd{_UNSEEN}{_SPACES}]")
_BLANKS: Final = re.compile(r"\t| +")
_TRAILING: Final = re.compile(r"[ \t]+\Z")

NOT_UTF8: Final = "\ufffd"


def escaped(text: str) -> str:
    """`text` between two tags. Quotes stay: it never goes into an attribute."""
    if "&" in text:
        text = text.replace("&", "&amp;")
    if "<" in text:
        text = text.replace("<", "&lt;")
    return text.replace(">", "&gt;") if ">" in text else text


def visible(text: str, *, blanks: bool = False) -> str:
    """`text` as HTML in which each character can be seen; with `blanks` tabs and spaces, too."""
    html = escaped(text)
    # Blanks first: the names of others have blanks of their own.
    if blanks:
        html = _BLANKS.sub(_blank, html)
    return ODD.sub(_named, html) if ODD.search(html) else html


def shown(text: str) -> SafeString:
    """A path or a heading for a template, as `visible` has it."""
    return mark_safe(visible(text))  # noqa: S308 - escaped there


def trailing(text: str) -> int:
    """From where on a line has nothing but blanks; its length where it ends in something else."""
    found = _TRAILING.search(text)
    return found.start() if found else len(text)


def _named(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\r":
        label, name = "CR", "carriage return"
    elif character == NOT_UTF8:
        label, name = NOT_UTF8, "not UTF-8, or the mark that stands for that"
    else:
        label = f"U+{ord(character):04X}"
        name = unicodedata.name(character, "a control character").lower()
    return f'<span class="odd" title="{name}">{label}</span>'


def _blank(match: re.Match[str]) -> str:
    blank = match[0]
    return '<span class="tab">\t</span>' if blank == "\t" else f'<span class="sp">{blank}</span>'
