"""Whom the names in a list of owners mean here: by handle, or by confirmed address."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

from django.db.models import QuerySet
from django.db.models.functions import Lower

from accounts.models import Person, Role, read_roles

# Less than any database takes of parameters in one statement.
_AT_ONCE: Final = 500


def find_people(names: Iterable[str]) -> dict[str, Person]:
    """Who of `names` is somebody here, by the name in lower case; their roles are loaded.

    Only people who could be asked: open and confirmed accounts that are no program's.
    """
    wanted = {name.lower() for name in names}
    found = _by("email", sorted(name for name in wanted if "@" in name))
    found |= _by("handle", sorted(name for name in wanted if "@" not in name))
    people = {person.pk: person for person in found.values()}
    read_roles(list(people.values()))
    return {
        name: people[person.pk]
        for name, person in found.items()
        if not people[person.pk].has_role(Role.MACHINE)
    }


def askable() -> QuerySet[Person]:
    """People with open, confirmed accounts."""
    return Person.objects.filter(is_active=True, email_confirmed_at__isnull=False)


def _by(field: str, values: Sequence[str]) -> dict[str, Person]:
    rows = askable().alias(lowered=Lower(field))
    return {
        getattr(person, field).lower(): person
        for some in _batches(values)
        for person in rows.filter(lowered__in=some)
    }


def _batches(values: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, _AT_ONCE)):
        yield some


def why_nobody(name: str, known: Mapping[str, Person]) -> str:
    """Why nobody is asked for a name, as a sentence; "" where somebody is."""
    if name.lower() in known:
        return ""
    if "@" in name:
        return f"nobody here has the confirmed address “{name[:80]}”"
    return f"nobody here is called “{name[:80]}”"
