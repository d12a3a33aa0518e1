"""Digests of one run: what many readers share is read and written once.

Most of a digest is the same for all who maintain the same components and may do the same to its
problems. It is written once, for a stand-in who has links of their own; for each reader these are
taken out and the reader's put in. Nothing is kept for longer than the lists in it are, a minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from accounts.models import Person
from notifications import deeds
from notifications.deeds import Deed, Offer
from notifications.digest_content import Digest, Section
from notifications.digest_mail import DigestWords, offers_aside, plain_words
from notifications.models import DigestSubscription, Message
from notifications.plain import wrap
from tracker.models import Problem

# Nobody: the greatest key that a link can name.
STAND_IN: Final = 2**32 - 1
STOP_URL: Final = f"https://stop.invalid/{STAND_IN}/"
MOST_PATTERNS: Final = 256

# A link of a reader: a deed and the problem it is done to; None for the one that ends the digest.
Link = tuple[Deed, int] | None
Allowed = Mapping[int, tuple[Deed, ...]]


@dataclass(frozen=True)
class Written:
    """A digest in words: the subject, the text, the HTML."""

    subject: str
    text: str
    html: str
    stop_url: str


@dataclass(frozen=True)
class Pattern:
    """A digest without its reader: between two pieces of text stands a link."""

    subject: str
    text: list[str]
    html: list[str]
    text_links: list[Link]
    html_links: list[Link]
    # Held, so that no others are made that look the same to the key of the pattern.
    sections: Sequence[Section]

    def fill(self, urls: Mapping[Link, str]) -> Written:
        """The digest of the reader who has these links."""
        return Written(
            self.subject,
            _joined(self.text, [urls[link] for link in self.text_links]),
            _joined(self.html, [urls[link] for link in self.html_links]),
            urls[None],
        )


def _joined(pieces: Sequence[str], between: Sequence[str]) -> str:
    return "".join(part for pair in zip(pieces, [*between, ""], strict=True) for part in pair)


def is_shared(message: Message) -> bool:
    """Whether it is a digest that others have too, but for the links."""
    row = message.delivery.subscription if message.delivery is not None else None
    return row is not None and row.kind == DigestSubscription.Kind.OWN and row.person_id is not None


class Writer:
    """Writes the digests of one batch after the other; knows what it wrote a moment ago."""

    def __init__(self, to_html: Callable[[DigestWords], str]) -> None:
        self._to_html = to_html
        self._patterns: dict[object, Pattern] = {}

    def write(
        self, digest: Digest, row: DigestSubscription, problems: list[Problem], voted: set[int]
    ) -> Written:
        """`digest` for its reader, who voted for `voted`."""
        allowed = deeds.allowed_deeds(row.reader, problems, voted, with_aside=offers_aside(row))
        words = plain_words(digest, row)
        key = (
            tuple(map(id, digest.sections)),
            tuple(allowed.items()),
            words.since,
            (row.kind, row.period, row.is_chosen, words.settings_url),
        )
        pattern = self._patterns.get(key)
        if pattern is None:
            if len(self._patterns) >= MOST_PATTERNS:
                self._patterns.clear()
            pattern = self._patterns[key] = self._pattern(words, allowed)
        urls = _urls(row.reader.pk, allowed)
        return pattern.fill({**urls, None: words.stop_url})

    def _pattern(self, words: DigestWords, allowed: Allowed) -> Pattern:
        urls = _urls(STAND_IN, allowed)
        offers = {
            number: [Offer(deed, urls[deed, number]) for deed in found]
            for number, found in allowed.items()
        }
        stand_in = replace(words, offers=offers, reader=Person(pk=STAND_IN), stop_url=STOP_URL)
        links: dict[str, Link] = {url: link for link, url in urls.items()}
        links[STOP_URL] = None
        text, text_links = _taken_apart(wrap(stand_in.as_text()), links)
        html, html_links = _taken_apart(self._to_html(stand_in), links)
        sections = words.digest.sections
        return Pattern(words.subject, text, html, text_links, html_links, sections)


def _urls(person_id: int, allowed: Allowed) -> dict[Link, str]:
    links = [
        (deed, number)
        for number, found in allowed.items()
        for deed in ((*found, Deed.CHOOSE) if found else ())
    ]
    return dict(zip(links, deeds.urls(person_id, links), strict=True))


def _taken_apart(text: str, links: Mapping[str, Link]) -> tuple[list[str], list[Link]]:
    pieces = re.split("(" + "|".join(map(re.escape, links)) + ")", text)
    return pieces[::2], [links[url] for url in pieces[1::2]]
