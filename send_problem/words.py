"""Small helpers for text: what is safe on a terminal, what is near, how large, how many."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def clean(text: str) -> str:
    """``text`` on one line, without what could steer a terminal (control and bidi characters)."""
    return " ".join(_harmless(text).split())


def clean_lines(text: str) -> str:
    """As ``clean``, but lines and their indentation stay."""
    return "\n".join(_harmless(line.expandtabs()) for line in text.splitlines())


def speakable(text: str) -> str:
    """``text`` without the bytes of the command line that are no character of its encoding."""
    return text.encode("utf-8", "replace").decode()


def _harmless(text: str) -> str:
    steering = {"Cc", "Cf", "Cs", "Co"}
    return "".join(
        c if c in "\t\n" or unicodedata.category(c) not in steering else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )


def nearest(word: str, choices: Iterable[str], count: int = 3) -> list[str]:
    """The choices most like ``word``, best first."""
    import difflib

    by_key = {choice.casefold(): choice for choice in choices}
    found = difflib.get_close_matches(word.casefold(), by_key, n=count, cutoff=0.5)
    found += [key for key in by_key if word and word.casefold() in key and key not in found]
    return [by_key[key] for key in found[:count]]


def same_choice(word: str, choices: Iterable[str]) -> str | None:
    """The choice that ``word`` names, whatever its capitals, hyphens and spaces."""
    wanted = _plain(word)
    return next((choice for choice in choices if _plain(choice) == wanted), None)


def _plain(word: str) -> str:
    return word.strip().casefold().replace("_", "-").replace(" ", "-")


def either(words: Iterable[str]) -> str:
    """``a, b or c``."""
    listed = list(words)
    if len(listed) < 2:
        return "".join(listed)
    return f"{', '.join(listed[:-1])} or {listed[-1]}"


def size(count: int) -> str:
    """A number of bytes as people say it: ``912 bytes``, ``3.4 MB``."""
    if count < 1000:
        return plural(count, "byte")
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000 or unit == "GB":
            break
    return f"{amount:.1f} {unit}".replace(".0 ", " ")


def plural(count: int, word: str, many: str | None = None) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {word if count == 1 else many or word + 's'}"
