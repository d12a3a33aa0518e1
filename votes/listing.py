"""Lists of problems: one search language for web, API, feed and client, and pages of what it finds.

`votes.search` reads the language. The parameters that an address may have beside `q` say the same
as qualifiers do: `?product=base&q=panic` is `?q=product:base panic`.

Paging is by key: a cursor holds the sort key and number of the row at the edge of a page, so that
a page costs the same however far down it is, and votes cast meanwhile neither repeat nor hide rows
that did not move.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import QueryDict

from accounts.policies import Viewer
from tracker.drafts import DraftErrors, Faults, nearest
from tracker.models import Kind, Problem, Severity, State
from tracker.policies import visible_problems
from tracker.text import clean_line
from votes.search.language import MAX_CHARS, Qualifier, Query, parse
from votes.search.places import Places
from votes.search.qualifiers import NAMES, QUALIFIERS
from votes.search.reading import Search

# Order -> the column, or annotation, whose largest value comes first; of the last the smallest.
SORTS: Final[Mapping[str, str]] = {
    "heat": "heat",
    "match": "relevance",
    "people": "people",
    "newest": "number",
    "active": "changed_at",
    "oldest": "number",
}
SORT_LABELS: Final[Mapping[str, str]] = {
    "match": "best match",
    "heat": "heat",
    "people": "people",
    "newest": "newest",
    "active": "recently active",
    "oldest": "oldest",
}
# Parameters beside `q`, and the qualifiers that they stand for.
PARAMETERS: Final[Mapping[str, str]] = {
    "product": "product",
    "component": "component",
    "state": "state",
    "kind": "kind",
    "severity": "severity",
    "release": "release",
    "assignee": "assignee",
    "reporter": "author",
    "voted": "voted",
}
PAGE_SIZE: Final = 30
MAX_PAGE_SIZE: Final = 100
COUNT_LIMIT: Final = 1000
_LONGEST_VALUE: Final = 300


@dataclass
class ListQuery:
    """What was asked for: the text of the search box, the other parameters, and the page.

    `states` empty means the open ones; ["any"] means all. `sort` becomes what the text says where
    it is not given, and else the best match where there are words and heat where there are none.
    """

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
    sort: str = ""
    cursor: str = ""
    limit: int = PAGE_SIZE
    places: Places = field(default_factory=Places, repr=False, compare=False)
    search: Search = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        typed, faults = parse(self.q, NAMES, QUALIFIERS)
        self.search = Search(typed, Query(tuple(self._given())), self.places, faults)
        self.sort = self.sort or self.search.sort or "match"
        if self.sort == "match" and not self.search.text.wanted_terms:
            self.sort = "heat"

    def _given(self) -> Iterator[Qualifier]:
        if self.states:
            yield Qualifier("state", tuple(self.states))
        for parameter, name in PARAMETERS.items():
            value = "" if parameter == "state" else getattr(self, parameter)
            if value:
                yield Qualifier(name, (value,))

    @property
    def text(self) -> str:
        """All that was asked for as one text of the search box, the order included."""
        return str(self.tree)

    @property
    def tree(self) -> Query:
        """The same as a tree."""
        words = bool(self.search.text.wanted_terms)
        tree = self.search.query.without(*self.search.query.named("sort"))
        is_usual = self.sort == ("match" if words else "heat")
        return tree if is_usual else tree.plus(Qualifier("sort", (self.sort,)))


@dataclass
class Page:
    """One page of problems and the cursors to its neighbours ("" where there is none)."""

    problems: list[Problem]
    next_cursor: str
    previous_cursor: str


def parse_text(q: str, cursor: str = "", places: Places | None = None) -> ListQuery:
    """The query of a search box's text. Raises `DraftErrors` naming each word that is wrong."""
    params = QueryDict(mutable=True)
    params["q"] = q
    if cursor:
        params["cursor"] = cursor
    return parse_query(params, places)


def parse_query(params: QueryDict, places: Places | None = None) -> ListQuery:
    """The query of a URL. Raises `DraftErrors` naming each parameter that makes no sense.

    Parameters that are not of this language (a tracking tag, say) are passed over. Searches that
    are read together share the look-ups of names in `places`.
    """
    faults = Faults()
    query = ListQuery(
        **_texts(params),
        states=_states(params, faults),
        kind=_one_of("kind", params.get("kind", ""), Kind.values, faults),
        severity=_one_of("severity", params.get("severity", ""), Severity.values, faults),
        sort=_one_of("sort", params.get("sort", ""), list(SORTS), faults),
        cursor=params.get("cursor", ""),
        limit=_limit(params.get("limit", ""), faults),
        places=places or Places(),
    )
    for fault in query.search.faults:
        faults.add("q", fault.says)
    if query.voted not in {"", "me"}:
        faults.add("voted", "Only “me” can be asked for here.")
    if query.cursor:
        try:
            _decode(query.cursor, query.sort)
        except ValueError:
            faults.add("cursor", "This page no longer exists; start at the first one.")
    faults.raise_if_any()
    return query


def _texts(params: QueryDict) -> dict[str, str]:
    """The parameters that any text may stand in; too long a `q` stays, to be refused."""
    q = params.get("q", "")
    texts = {
        name: clean_line(params.get(name, "")[:_LONGEST_VALUE])
        for name in ("product", "component", "release", "assignee", "reporter", "voted")
    }
    return texts | {"q": q if len(q) > MAX_CHARS else clean_line(q)}


def _states(params: QueryDict, faults: Faults) -> list[str]:
    states = [s for s in map(clean_line, params.getlist("state")[:20]) if s]
    choices = [*State.values, "any"]
    return [s for state in states if (s := _one_of("state", state, choices, faults))]


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
    """The problems that `query` asks for and `viewer` may know of, unordered.

    Raises `DraftErrors` for a query that `parse_query` would not have let through.
    """
    if query.search.faults:
        raise DraftErrors({"q": [fault.says for fault in query.search.faults]})
    return visible_problems(viewer).filter(query.search.condition(viewer))


def page(found: QuerySet[Problem], query: ListQuery, related: tuple[str, ...] = ()) -> Page:
    """The page of `found` at the query's cursor, in its order. One query, three with words."""
    at = _decode(query.cursor, query.sort) if query.cursor else None
    backwards = at is not None and at[0]
    order = _Order(query.sort, backwards=backwards)
    related = related or ("product", "component", "reporter", "assignee", "release")
    if query.search.text.wanted_terms:
        rows = _rows_with_words(found, query, order, at, related)
    else:
        # Apart from the tables around it, so that no plan joins all before it orders.
        numbers = order.cut(found, at).order_by(*order.by).values("number")[: query.limit + 1]
        listed = Problem.objects.filter(pk__in=numbers)
        rows = list(_shown(listed, related).order_by(*order.by))
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


def _shown(found: QuerySet[Problem], related: tuple[str, ...]) -> QuerySet[Problem]:
    # A list shows no long texts, and some are very long.
    return found.defer("description", "how_to_repeat").select_related(*related)


def _rows_with_words(
    found: QuerySet[Problem], query: ListQuery, order: _Order, at: Edge, related: tuple[str, ...]
) -> list[Problem]:
    """The numbers of the page first, and its rows by them: many match, and whole rows are wide."""
    numbered: QuerySet[Any, tuple[int, Any]]
    if query.sort == "match" and not query.search.text.numbers:
        # Along the rows of the index, which know how well each matches.
        seen = Exists(found.filter(pk=OuterRef("problem")))
        ranked = query.search.text.held.ranked().filter(seen).annotate(number=F("problem"))
        ranked = ranked.annotate(relevance=F("score"))
        numbered = order.cut(ranked, at).order_by(*order.by).values_list("number", order.column)
    else:
        if query.sort == "match":
            found = found.annotate(relevance=query.search.relevance())
        numbered = order.cut(found, at).order_by(*order.by).values_list("number", order.column)
    keys = dict(numbered[: query.limit + 1])
    rows = _shown(Problem.objects.filter(pk__in=keys), related).in_bulk()
    for number, row in rows.items():
        setattr(row, order.column, keys[number])
    return [rows[number] for number in keys if number in rows]


Edge = tuple[bool, Any, int] | None
Rows = TypeVar("Rows", bound="QuerySet[Any]")


class _Order:
    """An order of rows that have its column and a number, and what lies beyond an edge in it."""

    def __init__(self, sort: str, *, backwards: bool) -> None:
        self.column = SORTS[sort]
        self.is_rising = (sort == "oldest") != backwards
        sign = "" if self.is_rising else "-"
        columns = ["number"] if self.column == "number" else [self.column, "number"]
        self.by = [f"{sign}{column}" for column in columns]

    def cut(self, rows: Rows, at: Edge) -> Rows:
        """The rows beyond the edge; all without one."""
        if at is None:
            return rows
        _, key, number = at
        return rows.filter(_beyond(self.column, key, number, is_rising=self.is_rising))


def _beyond(column: str, key: Any, number: int, *, is_rising: bool) -> Q:
    op = "gt" if is_rising else "lt"
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


def count_beside(page: Page, found: QuerySet[Problem], query: ListQuery) -> int:
    """The same, without a query where all of them are on the page."""
    if query.cursor or page.next_cursor:
        return count_up_to(found)
    return len(page.problems)


def _encode(problem: Problem, sort: str, *, backwards: bool) -> str:
    key = getattr(problem, SORTS[sort])
    if isinstance(key, datetime):
        key = key.isoformat()
    text = json.dumps([sort, int(backwards), key, problem.pk], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


_READ_KEY: Final[Mapping[str, Callable[[Any], Any]]] = {
    "heat": float,
    "match": int,
    "people": int,
    "newest": int,
    "oldest": int,
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
        if isinstance(read, int) and abs(read) >= 2**63:
            raise ValueError("no number of this tracker")
        return bool(backwards), read, number
    except (TypeError, UnicodeDecodeError, OverflowError) as error:
        raise ValueError("not a cursor") from error
