"""Who of the other tracker is who here. Nobody is invented, and no address is shown.

An address there is an account here only when the operator says so, one by one (`--people`) or for
all confirmed addresses (`--match-addresses`): what an old tracker took for
proof of who somebody is proves nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db.models import Q

from accounts.models import Person
from tracker.importing.source import Author, UnreadableFile
from tracker.importing.words import Saying
from tracker.text import clean_line

_CHUNK = 500


@dataclass
class People:
    """Persons by the lower-case address or login they had there; `unknown` counts the others."""

    mapped: dict[str, Person] = field(default_factory=dict)
    unknown: Counter[str] = field(default_factory=Counter)

    def find(self, author: Author) -> Person | None:
        """The person here, where the operator said who that is."""
        for word in (author.key, author.name):
            if word and (person := self.mapped.get(word.strip().lower())):
                return person
        return None

    def look_at(self, author: Author) -> None:
        """Count somebody who is not known."""
        word = clean_line(author.key or author.name)[:254]
        if word and self.find(author) is None:
            self.unknown[word] += 1

    def match_addresses(self) -> None:
        """Take confirmed addresses of accounts here for those persons."""
        addresses = [word for word in self.unknown if "@" in word]
        for start in range(0, len(addresses), _CHUNK):
            chunk = {word.lower(): word for word in addresses[start : start + _CHUNK]}
            found = Person.objects.filter(
                email__in=chunk, is_active=True, email_confirmed_at__isnull=False
            )
            for person in found:
                self.mapped[person.email.lower()] = person
        for word in addresses:
            if word.lower() in self.mapped:
                del self.unknown[word]


def make_people(sayings: Iterable[Saying]) -> People:
    """Those whom the operator names. Raises `UnreadableFile` for one who is not here."""
    people = People()
    found: dict[str, Person | None] = {}
    for saying in sayings:
        here = saying.here.strip().lower()
        if here not in found:
            found[here] = Person.objects.filter(
                Q(handle__iexact=here) | Q(email__iexact=here), is_active=True
            ).first()
        person = found[here]
        if person is None:
            raise UnreadableFile(
                f"{saying.place}: nobody here has the handle or address “{here[:60]}”. Let them "
                "join first, or leave the second column empty."
            )
        people.mapped[saying.there.strip().lower()] = person
    return people


def shown_name(author: Author) -> str:
    """A name that everybody may read: never an address."""
    for word in (author.name, author.key):
        word = clean_line(word)[:200]  # noqa: PLW2901 - the cleaned one is meant from here on
        if word and "@" not in word:
            return word
    local = clean_line(author.key or author.name).partition("@")[0]
    # Enough to know each other again, too little to write to.
    return f"{local[: min(3, max(1, len(local) // 2))]}…" if local else ""
