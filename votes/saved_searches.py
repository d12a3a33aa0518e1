"""Searches that people keep: for themselves, or under an address that they share.

A search is run as the one who looks: `me` is the reader, and nobody finds through a shared search
what they would not find themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, connection, transaction
from django.db.models import Case, Q, QuerySet, When
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Decision, Relation, Viewer, as_person, decide, require
from tracker.drafts import DraftErrors, Faults
from tracker.models import Problem
from tracker.text import clean_line, is_blank
from votes.listing import COUNT_LIMIT, ListQuery, find, parse_text
from votes.models import SavedSearch
from votes.policies import PERMISSIONS
from votes.search.places import Places

NAME_CHARS: Final = 100
QUERY_CHARS: Final = 1000
MOST_PER_PERSON: Final = 200


def visible_searches(viewer: Viewer) -> QuerySet[SavedSearch]:
    """The viewer's own searches and those that are shared."""
    person = as_person(viewer)
    condition = Q(is_shared__in=(True,))
    if person is not None:
        condition |= Q(owner=person)
    return SavedSearch.objects.filter(condition).select_related("owner")


def may(action: str, viewer: Viewer, search: SavedSearch | None = None) -> Decision:
    """Whether `viewer` may do `action` with `search`."""
    person = as_person(viewer)
    is_owner = search is not None and person is not None and search.owner_id == person.pk
    return decide(PERMISSIONS, action, viewer, {Relation.ITS_OWNER} if is_owner else ())


def may_see(viewer: Viewer, search: SavedSearch) -> Decision:
    """Whether `viewer` may know of `search`."""
    person = as_person(viewer)
    if search.is_shared or (person is not None and person.pk == search.owner_id):
        return Decision(True)
    return Decision(False, "There is no such search.")


def query_of(search: SavedSearch, cursor: str = "", places: Places | None = None) -> ListQuery:
    """What it asks for. Raises `DraftErrors` where it names what there is no longer."""
    return parse_text(search.query, cursor, places)


def save(owner: Person, name: str, query: str, *, is_shared: bool = False) -> SavedSearch:
    """Keep a search under a name. Raises `DraftErrors` with every fault, and `Denied`."""
    require(may("search.save", owner))
    checked_name, checked_query = _check(name, query)
    if SavedSearch.objects.filter(owner=owner).count() >= MOST_PER_PERSON:
        raise DraftErrors({"name": [f"You keep {MOST_PER_PERSON} searches; delete one first."]})
    search = SavedSearch(owner=owner, name=checked_name, query=checked_query, is_shared=is_shared)
    return _store(search)


def change(
    search: SavedSearch, actor: Person, *, name: str, query: str, is_shared: bool
) -> SavedSearch:
    """Rename, rewrite, share or stop sharing. Raises `DraftErrors` and `Denied`."""
    require(may("search.change", actor, search))
    search.name, search.query = _check(name, query)
    search.is_shared = is_shared
    search.changed_at = timezone.now()
    return _store(search)


def delete(search: SavedSearch, actor: Person) -> None:
    """Forget a search, and the digests of it. Raises `Denied`."""
    require(may("search.delete", actor, search))
    search.delete()


def _check(name: str, query: str) -> tuple[str, str]:
    faults = Faults()
    name, query = clean_line(name), clean_line(query)
    if is_blank(name):
        faults.add("name", "Give the search a name.")
    if len(name) > NAME_CHARS:
        faults.add("name", f"Use {NAME_CHARS} characters at the most; these are {len(name)}.")
    if len(query) > QUERY_CHARS:
        faults.add("query", f"Use {QUERY_CHARS} characters at the most; these are {len(query)}.")
    else:
        try:
            parse_text(query)
        except DraftErrors as errors:
            for sentence in errors.sentences:
                faults.add("query", sentence)
    faults.raise_if_any()
    return name, query


def _store(search: SavedSearch) -> SavedSearch:
    try:
        with transaction.atomic():
            search.save()
    except IntegrityError:
        reason = f"You have a search of the name “{search.name}”; choose another."
        raise DraftErrors({"name": [reason]}) from None
    return search


def counts(viewer: Viewer, searches: Sequence[SavedSearch]) -> dict[int, int | None]:
    """How many each finds for `viewer`, counted to `COUNT_LIMIT` + 1; None where it makes no sense.

    One query for all of them: each is a column of it. A few more find what they name, and one for
    each that has words weighs these.
    """
    found: dict[int, int | None] = {}
    places = Places()
    asked: dict[int, QuerySet[Problem]] = {}
    for search in searches:
        try:
            asked[search.pk] = find(query_of(search, places=places), viewer)
        except DraftErrors:
            found[search.pk] = None
    return found | _count_each(asked)


def _count_each(asked: dict[int, QuerySet[Problem]]) -> dict[int, int]:
    columns: list[str] = []
    values: list[Any] = []
    numbered: list[int] = []
    found: dict[int, int] = {}
    for key, problems in asked.items():
        try:
            limited = problems.order_by().values("pk")[: COUNT_LIMIT + 1]
            sql, params = limited.query.sql_with_params()
        except EmptyResultSet:
            found[key] = 0
            continue
        # The SQL is what Django made of the query; what people typed is in the parameters.
        columns.append(f"(SELECT COUNT(*) FROM ({sql}) AS s{key})")  # noqa: S608
        values += params
        numbered.append(key)
    if columns:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(columns)}", values)
            found |= dict(zip(numbered, cursor.fetchone(), strict=True))
    return found


def own_first(viewer: Viewer) -> QuerySet[SavedSearch]:
    """What `visible_searches` gives: the viewer's own before those of others, each by name."""
    person = as_person(viewer)
    is_own = Q(owner=person) if person else Q(pk=None)
    others = Case(When(is_own, then=0), default=1)
    return visible_searches(viewer).order_by(others, "name", "pk")
