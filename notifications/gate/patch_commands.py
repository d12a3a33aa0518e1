"""The command lines that a mail about a patch may begin with. No database: words go in, orders
come out.

Each rating dimension of the product is a command: `!works amd64`, `!quality -1 leaks the lock`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from notifications.gate.commands import Leading, Order, Unreadable, known_word, read_leading
from patches.reviews.dimensions import Dimension
from patches.reviews.rating import Said
from tracker.drafts import nearest
from tracker.text import clean_line

_VALUES: Final = {"+1": 1, "1": 1, "-1": -1, "−1": -1, "0": 0}
# word -> what follows it, what it does, and what of it contradicts another line
_DEEDS: Final = {
    "claim": ("", "say that you look at it", "request"),
    "snooze": ("", "have it out of your digests for 14 days", "request"),
    "not-mine": ("", "say that it is not yours; it goes on to the next", "request"),
    "decline": ("REASON", "it will not go in (committers, and its maintainers)", "decision"),
    "help": ("", "mail this list to me", "help"),
}
_BY_WORD: Final = {known_word(word): word for word in _DEEDS}


def read_patch_leading(text: str, known: Mapping[str, Dimension]) -> Leading:
    """Take the command lines off the beginning of `text`. The field `rating` of an order is a
    `Said`; `known` are the dimensions of the product by slug."""
    return read_leading(text, _reader(known))


def patch_help(known: Mapping[str, Dimension]) -> str:
    """All commands, for a mail."""
    lines = patch_usages(known)
    width = max(len(usage) for usage, _ in lines) + 2
    return "\n".join(f"{usage:<{width}}{says}" for usage, says in lines)


def patch_usages(known: Mapping[str, Dimension]) -> list[tuple[str, str]]:
    """Each command with what follows it, and what it does."""
    lines = [(_usage_of(each), f"rate it: {each.title.lower()}") for each in known.values()]
    return lines + [
        (f"!{word} {takes}".rstrip(), says) for word, (takes, says, _) in _DEEDS.items()
    ]


def _usage_of(dimension: Dimension) -> str:
    if dimension.asks_environment:
        return f"!{dimension.slug} [RELEASE/]ARCHITECTURE [WORDS]"
    return f"!{dimension.slug} {'+1|-1' if dimension.has_minus else '+1'} [WORDS]"


def _reader(known: Mapping[str, Dimension]) -> Callable[[str, str, str], Order]:
    by_word = {known_word(slug): dimension for slug, dimension in known.items()}

    def read(line: str, word: str, rest: str) -> Order:
        rest, plain = clean_line(rest), known_word(word)
        if plain in by_word:
            said = _said(by_word[plain], rest)
            name = f"{said.dimension} {said.architecture}"
            return Order(line, said.dimension, rest, {name: said})
        if plain not in _BY_WORD:
            near = nearest(f"!{word}", [f"!{each}" for each in (*_DEEDS, *known)])
            raise Unreadable(f"there is no such command.{near or ' “!help” lists them all.'}")
        return _deed(line, _BY_WORD[plain], rest)

    return read


def _deed(line: str, word: str, rest: str) -> Order:
    takes, _, name = _DEEDS[word]
    if not takes and rest:
        raise Unreadable(f"write “!{word}” alone.")
    if takes and not rest:
        raise Unreadable(f"say why: !{word} {takes}.")
    return Order(line, word, rest, {name: word})


def _said(dimension: Dimension, rest: str) -> Said:
    """What a line rates. "0" takes back what was said."""
    first, _, words = rest.partition(" ")
    if not dimension.asks_environment:
        if first not in _VALUES:
            raise Unreadable(f"say how: {_usage_of(dimension)}; 0 takes it back.")
        return Said(dimension.slug, _VALUES[first], note=words.strip())
    value = 1
    if first in _VALUES:
        value = _VALUES[first]
        first, _, words = words.strip().partition(" ")
    if not first and value:
        raise Unreadable(f"say where: {_usage_of(dimension)}.")
    release, _, architecture = first.rpartition("/")
    return Said(
        dimension.slug, value, release=release, architecture=architecture, note=words.strip()
    )
