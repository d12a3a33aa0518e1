"""Digests of one run: what many readers share is read and written once.

Most of a digest is the same for all who maintain the same components and may do the same to its
problems. It is written once, for a stand-in who has links of their own, and put into the bytes that
go over the wire; for each reader the tokens in these are taken out and the reader's put in. Nothing
is kept for longer than the lists in it are, a minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.utils import timezone

from accounts.models import Person
from notifications import deeds
from notifications.backends.mime import part
from notifications.deeds import Deed
from notifications.digests.mail import (
    DigestWords,
    acted_on,
    offers_aside,
    plain_words,
    problems_of,
    stop_url_of,
)
from notifications.digests.shapes import Digest, Section
from notifications.models import DigestSubscription, Message
from notifications.plain import wrap

# Nobody: the greatest key that a link can name.
STAND_IN: Final = 2**32 - 1
STOP_URL: Final = f"https://stop.invalid/{STAND_IN}/"
MOST_PATTERNS: Final = 256
# What a line may have while a short address stands in it for that which ends a digest.
LONGEST: Final = 750

# What tells readers apart: the token for a problem or patch, in all links that act on it, by what
# it lets choose and the number; and the address that ends the digest, by None.
Link = tuple[Deed, int] | None


@dataclass(frozen=True)
class Written:
    """A digest in words: the subject, the text and the HTML, in UTF-8.

    Where `are_parts`, these are the two parts of a mail as they go over the wire.
    """

    subject: str
    text: bytes
    html: bytes
    are_parts: bool
    stop_url: str


@dataclass(frozen=True)
class Pattern:
    """A digest without its reader: between two pieces of text stands what is the reader's."""

    subject: str
    text: Pieces
    html: Pieces
    are_parts: bool
    # The problems, and the patches, that its reader may do something to.
    numbers: Sequence[int]
    patches: Sequence[int]
    # Held, so that no others are made that look the same to the key of the pattern.
    sections: Sequence[Section]

    def fill(self, person_id: int, now: datetime, stop_url: str) -> Written:
        """The digest of that reader, whose links act from now on."""
        own: dict[Link, bytes] = _tokens(person_id, self.numbers, self.patches, now)
        own[None] = stop_url.encode()
        text, html = self.text.fill(own), self.html.fill(own)
        return Written(self.subject, text, html, self.are_parts, stop_url)


@dataclass(frozen=True)
class Pieces:
    """A text, and what stands between each two pieces of it."""

    pieces: list[bytes]
    links: list[Link]

    def fill(self, own: Mapping[Link, bytes]) -> bytes:
        """The text with what is the reader's."""
        whole = [b""] * (len(self.pieces) + len(self.links))
        whole[::2] = self.pieces
        whole[1::2] = map(own.__getitem__, self.links)
        return b"".join(whole)


def is_shared(message: Message) -> bool:
    """Whether it is a digest that others have too, but for the links."""
    row = message.delivery.subscription if message.delivery is not None else None
    return row is not None and row.kind == DigestSubscription.Kind.OWN and row.person_id is not None


class Writer:
    """Writes the digests of one batch after the other; knows what it wrote a moment ago."""

    def __init__(self, to_html: Callable[[DigestWords], str]) -> None:
        self._to_html = to_html
        self._patterns: dict[object, Pattern] = {}
        # In which the first of them was written: none is asked for when its lists are forgotten.
        self._minute = 0

    def write(self, digest: Digest, row: DigestSubscription, voted: set[int]) -> Written:
        """`digest` for its reader, who voted for `voted`."""
        key = (
            *map(id, digest.sections),
            *(digest.window.start, row.time_zone, row.kind, row.period, row.is_chosen),
            deeds.may_claim(row.reader),
            frozenset(voted),
        )
        pattern = self._patterns.get(key)
        if pattern is None:
            now = int(timezone.now().timestamp() // 60)
            if now != self._minute or len(self._patterns) >= MOST_PATTERNS:
                self._minute = now
                self._patterns.clear()
            pattern = self._patterns[key] = self._pattern(digest, row, voted)
        return pattern.fill(row.reader.pk, timezone.now(), stop_url_of(row))

    def _pattern(self, digest: Digest, row: DigestSubscription, voted: set[int]) -> Pattern:
        problems = problems_of(digest)
        allowed = deeds.allowed_deeds(row.reader, problems, voted, with_aside=offers_aside(row))
        numbers = [number for number, found in allowed.items() if found]
        # The same for all, as a token holds its hour.
        now = timezone.now()
        patches = acted_on(digest)
        tokens = _tokens(STAND_IN, numbers, patches, now)
        offers = {n: deeds.offers_of(STAND_IN, n, found, now) for n, found in allowed.items()}
        words = replace(
            plain_words(digest, row),
            offers=offers,
            reader=Person(pk=STAND_IN),
            stop_url=STOP_URL,
            links_from=now,
        )
        text, html = wrap(words.as_text()), self._to_html(words)
        parts = [part("plain", text, LONGEST), part("html", html, LONGEST)]
        are_parts = None not in parts
        whole = [p or b"" for p in parts] if are_parts else [text.encode(), html.encode()]
        links: dict[bytes, Link] = {token: link for link, token in tokens.items()}
        links[STOP_URL.encode()] = None
        text_apart, html_apart = (_taken_apart(each, links) for each in whole)
        return Pattern(
            words.subject, text_apart, html_apart, are_parts, numbers, patches, digest.sections
        )


def _tokens(
    person_id: int, numbers: Sequence[int], patches: Sequence[int], now: datetime
) -> dict[Link, bytes]:
    """What stands for a reader in the links to these problems and patches."""
    found: dict[Link, bytes] = {}
    for deed, named in ((Deed.CHOOSE, numbers), (Deed.CHOOSE_PATCH, patches)):
        tokens = deeds.tokens(person_id, named, now, deed) if named else []
        found |= {(deed, number): t.encode() for number, t in zip(named, tokens, strict=True)}
    return found


def _taken_apart(whole: bytes, links: Mapping[bytes, Link]) -> Pieces:
    pieces = re.split(b"(" + b"|".join(map(re.escape, links)) + b")", whole)
    return Pieces(pieces[::2], [links[token] for token in pieces[1::2]])
