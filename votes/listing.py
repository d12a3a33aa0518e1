"""Lists of problems: one query language of parameters for web, API, feed and client.

Paging is by key: a cursor holds the sort key and number of the row at the edge of a page, so that
a page costs the same however far down it is, and votes cast meanwhile neither repeat nor hide rows
that did not move.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.http import QueryDict

from accounts.models import Person
from accounts.policies import Viewer, as_person
from tracker.drafts import Faults, nearest
from tracker.models import OPEN, Component, Kind, Problem, Product, Release, Severity, State
from tracker.policies import visible_problems
from tracker.text import clean_line
from votes.models import Vote

SORTS: Final[Mapping[str, str]] = {
    "heat": "heat",
    "people": "people",
    "newest": "number",
    "active": "changed_at",
}
SORT_LABELS: Final[Mapping[str, str]] = {
    "heat": "heat",
    "people": "people",
    "newest": "newest",
    "active": "recently active",
}
MAX_WORDS: Final = 32
PAGE_SIZE: Final = 30
MAX_PAGE_SIZE: Final = 100
COUNT_LIMIT: Final = 1000


@dataclass
class ListQuery:
    """What was asked for, checked. `states` empty means the open ones; ["any"] means all."""

    q: str = ""
    product: str = ""
    component: str = ""
    states: list[str] = field(default_factory=list)
    kind: str = ""
    severity: str = ""
    release: str = ""
    assignee: str = ""
    reporter: str = ""
    voted: str = ""
    sort: str = "heat"
    cursor: str = ""
    limit: int = PAGE_SIZE


@dataclass
class Page:
    """One page of problems and the cursors to its neighbours ("" where there is none)."""

    problems: list[Problem]
    next_cursor: str
    previous_cursor: str


def parse_query(params: QueryDict) -> ListQuery:
    """The query of a URL. Raises `DraftErrors` naming each parameter that makes no sense.

    Parameters that are not of this language (a tracking tag, say) are passed over.
    """
    faults = Faults()
    texts = {
        name: clean_line(params.get(name, "")[:300])
        for name in ("q", "product", "component", "release", "assignee", "reporter", "voted")
    }
    states = [s for s in map(clean_line, params.getlist("state")) if s]
    for state in states:
        _one_of("state", state, [*State.values, "any"], faults)
    query = ListQuery(
        **texts,
        states=states,
        kind=_one_of("kind", params.get("kind", ""), Kind.values, faults),
        severity=_one_of("severity", params.get("severity", ""), Severity.values, faults),
        sort=_one_of("sort", params.get("sort", ""), list(SORTS), faults) or "heat",
        cursor=params.get("cursor", ""),
        limit=_limit(params.get("limit", ""), faults),
    )
    if len(query.q.split()) > MAX_WORDS:
        faults.add("q", f"Search for {MAX_WORDS} words at the most.")
    if query.voted not in {"", "me"}:
        faults.add("voted", "Only “me” can be asked for here.")
    if query.cursor:
        try:
            _decode(query.cursor, query.sort)
        except ValueError:
            faults.add("cursor", "This page no longer exists; start at the first one.")
    faults.raise_if_any()
    return query


def _one_of(name: str, value: str, choices: list[str], faults: Faults) -> str:
    value = clean_line(value[:100])
    if value and value not in choices:
        faults.add(name, f"There is no {name} “{value}”." + nearest(value, choices))
        return ""
    return value


def _limit(value: str, faults: Faults) -> int:
    if not value:
        return PAGE_SIZE
    if not (value.isascii() and value.isdigit() and len(value) < 6 and int(value) > 0):
        faults.add("limit", f"Give a number from 1 to {MAX_PAGE_SIZE}.")
        return PAGE_SIZE
    return min(int(value), MAX_PAGE_SIZE)


def find(query: ListQuery, viewer: Viewer) -> QuerySet[Problem]:
    """The problems that `query` asks for and `viewer` may know of, unordered."""
    found = visible_problems(viewer)
    if not query.states:
        found = found.filter(OPEN)
    elif "any" not in query.states:
        found = found.filter(state__in=query.states)
        if State.CLOSED not in query.states:
            found = found.filter(OPEN)
        elif set(query.states) == {State.CLOSED}:
            # The same, said so that the indexes of the orders serve it.
            found = found.filter(is_open__in=(False,))
    for name in ("kind", "severity"):
        if value := getattr(query, name):
            found = found.filter(**{name: value})
    found = found.filter(_place(query))
    found = _people(found, query, viewer)
    for word in query.q.split():
        found = found.filter(_word(word))
    return found


def _place(query: ListQuery) -> Q:
    """Sub-selects over the small tables, so that the big one is read by its own indexes."""
    condition = Q()
    if query.product:
        condition &= Q(product__in=Product.objects.filter(slug=query.product).values("pk"))
    if query.component:
        components = Component.objects.filter(slug=query.component)
        condition &= Q(component__in=components.values("pk"))
    if query.release:
        releases = Release.objects.filter(name=query.release)
        condition &= Q(release__in=releases.values("pk"))
    return condition


def _people(found: QuerySet[Problem], query: ListQuery, viewer: Viewer) -> QuerySet[Problem]:
    me = as_person(viewer)
    for name in ("assignee", "reporter"):
        handle: str = getattr(query, name)
        if handle == "none":
            found = found.filter(**{f"{name}__isnull": True})
        elif handle == "me":
            found = found.filter(**{name: me}) if me else found.none()
        elif handle:
            people = Person.objects.filter(handle__iexact=handle.lstrip("@"))
            found = found.filter(**{f"{name}__in": people.values("pk")})
    if query.voted == "me":
        # From the votes to the problems: most people have few votes among many problems.
        own = Vote.objects.filter(person=me).values("problem")
        found = found.filter(pk__in=own) if me else found.none()
    return found


def _word(word: str) -> Q:
    condition = Q(synopsis__icontains=word) | Q(description__icontains=word)
    number = word.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 19:
        condition |= Q(pk=int(number))
    return condition


def page(found: QuerySet[Problem], query: ListQuery, related: tuple[str, ...] = ()) -> Page:
    """The page of `found` at the query's cursor, in its order. One query."""
    column = SORTS[query.sort]
    backwards = False
    if query.cursor:
        backwards, key, number = _decode(query.cursor, query.sort)
        found = found.filter(_beyond(column, key, number, backwards=backwards))
    sign = "" if backwards else "-"
    order = [f"{sign}{column}"] if column == "number" else [f"{sign}{column}", f"{sign}number"]
    related = related or ("product", "component", "reporter", "assignee", "release")
    # A list shows no long texts, and some are very long.
    found = found.defer("description", "how_to_repeat").select_related(*related)
    rows = list(found.order_by(*order)[: query.limit + 1])
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    if backwards:
        rows.reverse()
    has_next = bool(rows) and (backwards or more)
    has_previous = bool(rows) and (more if backwards else bool(query.cursor))
    return Page(
        rows,
        _encode(rows[-1], query.sort, backwards=False) if has_next else "",
        _encode(rows[0], query.sort, backwards=True) if has_previous else "",
    )


def _beyond(column: str, key: Any, number: int, *, backwards: bool) -> Q:
    op = "gt" if backwards else "lt"
    if column == "number":
        return Q(**{f"number__{op}": number})
    # The first condition alone bounds the scan of the index; written as two alternatives, SQLite
    # reads everything beyond and sorts it.
    return Q(**{f"{column}__{op}e": key}) & (
        Q(**{f"{column}__{op}": key}) | Q(**{f"number__{op}": number})
    )


def count_up_to(found: QuerySet[Problem], limit: int = COUNT_LIMIT) -> int:
    """How many there are, counted to `limit` + 1 at the most."""
    return found.order_by()[: limit + 1].count()


def _encode(problem: Problem, sort: str, *, backwards: bool) -> str:
    key = getattr(problem, SORTS[sort])
    if isinstance(key, datetime):
        key = key.isoformat()
    text = json.dumps([sort, int(backwards), key, problem.pk], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


_READ_KEY: Final[Mapping[str, Callable[[Any], Any]]] = {
    "heat": float,
    "people": int,
    "newest": int,
    "active": datetime.fromisoformat,
}


def _decode(cursor: str, sort: str) -> tuple[bool, Any, int]:
    """(backwards, key, number) of a cursor; ValueError for one that was not made for `sort`."""
    try:
        padded = cursor[:400] + "=" * (-len(cursor[:400]) % 4)
        made_for, backwards, key, number = json.loads(base64.urlsafe_b64decode(padded))
        if made_for != sort or not isinstance(number, int) or abs(number) >= 2**63:
            raise ValueError("a cursor of another list")
        read = _READ_KEY[sort](key)
        if isinstance(read, datetime) and read.tzinfo is None:
            raise ValueError("a time without a zone")
        return bool(backwards), read, number
    except (TypeError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("not a cursor") from error
