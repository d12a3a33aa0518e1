"""Plain text as programs write it: flowed paragraphs, line ends, the armour of signed mail."""

from __future__ import annotations

import re
from typing import Final

_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ue000-\ue003\ufeff]")
_QUOTES: Final = re.compile(r">*")
_SIGNED: Final = "-----BEGIN PGP SIGNED MESSAGE-----"
_SIGNATURE: Final = "-----BEGIN PGP SIGNATURE-----"
_SIGNATURE_END: Final = "-----END PGP SIGNATURE-----"
ENCRYPTED: Final = "-----BEGIN PGP MESSAGE-----"
# Zero-width letters, and those that say in which direction the next are written.
_UNSEEN: Final = re.compile("[\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_TAG: Final = re.compile(r"<[^<>]{0,200}>")


def tidy(text: str) -> str:
    """One kind of line end, and no control characters but the tab."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    return _CONTROLS.sub("", text).replace("\u2028", "\n").replace("\u2029", "\n\n")


def without_unseen(text: str) -> str:
    """A text as it is compared: without letters that nobody sees."""
    return _UNSEEN.sub("", text)


def unflow(text: str, delete_space: bool) -> str:
    """Paragraphs of format=flowed, each on a line again (RFC 3676)."""
    done: list[str] = []
    parts: list[str] = []
    depth = 0
    for line in text.split("\n"):
        here = len(_QUOTES.match(line)[0])  # type: ignore[index]
        words = line[here:].removeprefix(" ")
        if parts and here != depth:
            done.append(_quoted(depth, "".join(parts)))
            parts = []
        depth = here
        if words.endswith(" ") and words != "-- ":
            parts.append(words[:-1] if delete_space else words)
            continue
        done.append(_quoted(depth, "".join([*parts, words])))
        parts = []
    if parts:
        done.append(_quoted(depth, "".join(parts)))
    return "\n".join(done)


def _quoted(depth: int, words: str) -> str:
    return f"{'>' * depth} {words}" if depth else words


def without_armour(text: str) -> str:
    """A text that was signed in itself (RFC 9580, section 7), without what surrounds its words."""
    if _SIGNED not in text:
        return text
    kept: list[str] = []
    inside, skipping = False, ""
    for line in text.split("\n"):
        bare = line.rstrip()
        if bare == _SIGNED and not inside:
            inside, skipping = True, "headers"
        elif inside and bare == _SIGNATURE:
            inside, skipping = False, "signature"
        elif skipping == "signature":
            skipping = "" if bare == _SIGNATURE_END else skipping
        elif skipping == "headers":
            skipping = "" if not bare else skipping
        else:
            kept.append(line.removeprefix("- ") if inside else line)
    return "\n".join(kept).strip("\n")


def without_tags(text: str) -> str:
    """The words of text/enriched (RFC 1896), whose single line ends mean nothing."""
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", text.replace("<<", "\ue000"))
    return _TAG.sub("", text).replace("\ue000", "<").replace("\n\n", "\n")
