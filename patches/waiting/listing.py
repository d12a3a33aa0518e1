"""Lists of patches: one set of parameters for pages and feeds, and pages of what they find.

Paging is by key as in `votes.listing`: a cursor holds the sort key of the row at the edge of a
page, so that a page costs the same however far down it is.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db import connection
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.http import QueryDict

from accounts.models import Person
from accounts.policies import Viewer, as_person
from patches.intake.submitting import MAIN
from patches.models import (
    UNREVIEWED,
    WAITING,
    Patch,
    PatchComponent,
    PatchFile,
    PatchFix,
    Rating,
    Review,
    ReviewRequest,
    Turn,
)
from patches.policies import visible_patches
from tracker.drafts import Faults, nearest
from tracker.models import Component, Maintainership, Product
from tracker.policies import visible_problems
from tracker.text import clean_line

PAGE_SIZE: Final = 30
MAX_PAGE_SIZE: Final = 100
COUNT_LIMIT: Final = 1000
MOST_WORDS: Final = 10
_LONGEST_VALUE: Final = 300
_LONGEST_PATH: Final = 1000
_LONGEST_CURSOR: Final = 6000
_DIGITS: Final = 18

REVIEWED: Final = Q(is_reviewed__in=(True,))
DECIDED: Final = Q(is_waiting__in=(False,))
# Which patches a list has, by the value of `turn`.
TURNS: Final[Mapping[str, Q]] = {
    "first": WAITING & Q(turn=Turn.REVIEWERS) & UNREVIEWED,
    "more": WAITING & Q(turn=Turn.REVIEWERS) & REVIEWED,
    "author": WAITING & Q(turn=Turn.AUTHOR),
    "committer": WAITING & Q(turn=Turn.COMMITTER),
    "all": WAITING,
    "decided": DECIDED,
}
TURN_LABELS: Final[Mapping[str, str]] = {
    "first": "for a first review",
    "more": "for more reviews",
    "author": "for its author",
    "committer": "for a committer",
    "all": "all that wait",
    "decided": "decided",
}
FORGOTTEN: Final = TURNS["first"] & Q(stage=Patch.Stage.BOARD)
STANDING: Final = ReviewRequest.objects.filter(
    state__in=(ReviewRequest.State.OPEN, ReviewRequest.State.CLAIMED)
)
# As the slug of a component: those that belong to none.
NO_COMPONENT: Final = "-"
WITHOUT_COMPONENT: Final = ~Q(Exists(PatchComponent.objects.filter(patch=OuterRef("pk"))))
# Of a patch: that it is with nobody.
NOBODY_ASKED: Final = ~Q(Exists(STANDING.filter(patch=OuterRef("pk"))))


class _Key(NamedTuple):
    """By what rows are ordered: a column, what parts those that have the same there, and which of
    them rise."""

    column: str
    tie: str
    rises: bool
    tie_rises: bool


_KEYS: Final[Mapping[str, _Key]] = {
    "demand": _Key("demand", "number", rises=False, tie_rises=True),
    "age": _Key("created_at", "number", rises=True, tie_rises=True),
    "path": _Key("path", "version", rises=True, tie_rises=True),
    "latest": _Key("changed_at", "number", rises=False, tie_rises=False),
}
SORT_LABELS: Final[Mapping[str, str]] = {
    "demand": "most demanded",
    "age": "oldest",
    "path": "path",
    "latest": "latest change",
}


@dataclass
class ListQuery:
    """What was asked for. Texts that are "" narrow nothing; `sort` becomes the usual one of `turn`
    where none is given. `is_forgotten` is the board, which has a turn of its own."""

    turn: str = "first"
    sort: str = ""
    product: str = ""
    component: str = ""
    author: str = ""
    reviewer: str = ""
    path: str = ""
    problem: int = 0
    target: str = ""
    q: str = ""
    cursor: str = ""
    limit: int = PAGE_SIZE
    is_forgotten: bool = False

    def __post_init__(self) -> None:
        self.sort = self.sort or self.usual_sort

    @property
    def usual_sort(self) -> str:
        if self.is_forgotten:
            return "age"
        return "latest" if self.turn == "decided" else "demand"

    @property
    def filters(self) -> dict[str, str]:
        """The parameters that narrow the list, as an address has them."""
        names = ("product", "component", "author", "reviewer", "path", "problem", "target", "q")
        return {name: str(value) for name in names if (value := getattr(self, name))}


@dataclass
class Page:
    """One page of patches and the cursors to its neighbours ("" where there is none)."""

    patches: list[Patch]
    next_cursor: str
    previous_cursor: str


# What is asked for


def parse(params: QueryDict, *, is_forgotten: bool = False) -> ListQuery:
    """The query of an address. Raises `DraftErrors` naming each parameter that makes no sense.

    Parameters that lists do not have are passed over.
    """
    faults = Faults()
    texts = {
        name: clean_line(params.get(name, "")[:_LONGEST_VALUE])
        for name in ("product", "component", "author", "reviewer", "target", "q")
    }
    turn = "" if is_forgotten else _one_of("turn", params.get("turn", ""), [*TURNS], faults)
    query = ListQuery(
        **texts,
        turn=turn or "first",
        sort=_one_of("sort", params.get("sort", ""), [*_KEYS], faults),
        path=clean_line(params.get("path", "")[:_LONGEST_PATH]).strip("/"),
        problem=_number("problem", params.get("problem", ""), faults),
        cursor=params.get("cursor", "")[:_LONGEST_CURSOR],
        limit=min(_number("limit", params.get("limit", ""), faults) or PAGE_SIZE, MAX_PAGE_SIZE),
        is_forgotten=is_forgotten,
    )
    _check_names(query, faults)
    if query.cursor and "sort" not in faults.errors:
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


def _number(name: str, value: str, faults: Faults) -> int:
    value = clean_line(value[:100]).removeprefix("#")
    if not value:
        return 0
    if not (value.isascii() and value.isdigit() and len(value) <= _DIGITS and int(value)):
        faults.add(name, f"“{value}” is no number. Give one like 12.")
        return 0
    return int(value)


def _check_names(query: ListQuery, faults: Faults) -> None:
    """What there is none of would give an empty list, which reads as if all were well. Handles are
    not compared with those that exist, as in the search for problems."""
    if query.product and not Product.objects.filter(slug=query.product).exists():
        known = list(Product.objects.values_list("slug", flat=True)[:200])
        faults.add(
            "product", f"There is no product “{query.product}”.{nearest(query.product, known)}"
        )
    components = Component.objects.filter(slug=query.component)
    if query.product:
        components = components.filter(product__slug=query.product)
    if query.component not in {"", NO_COMPONENT} and not components.exists():
        faults.add("component", f"There is no component “{query.component}”.")
    if len(query.q.split()) > MOST_WORDS:
        faults.add("q", f"Give {MOST_WORDS} words at the most.")


# What is found


def find(query: ListQuery, viewer: Viewer) -> QuerySet[Patch]:
    """The patches that `query` asks for and `viewer` may know of, unordered."""
    found = visible_patches(viewer).filter(FORGOTTEN if query.is_forgotten else TURNS[query.turn])
    if query.product:
        found = found.filter(product__slug=query.product)
    if query.component == NO_COMPONENT:
        found = found.filter(WITHOUT_COMPONENT)
    elif query.component:
        found = found.filter(pk__in=_in_component(query))
    if query.author:
        found = found.filter(_is_by(_person(query.author, viewer)))
    if query.reviewer:
        was_reviewed = query.turn == "decided" and not query.is_forgotten
        is_theirs = _reviewed_by if was_reviewed else _waits_for
        found = found.filter(is_theirs(_person(query.reviewer, viewer)))
    if query.path:
        found = found.filter(pk__in=_touching(query.path))
    if query.problem:
        # Who may not know of a problem need not learn which of one's own patches fix it.
        seen = visible_problems(viewer).filter(pk=query.problem)
        fixes = PatchFix.objects.filter(problem__in=seen.values("pk"))
        found = found.filter(pk__in=fixes.values("patch"))
    if query.target:
        found = found.filter(target="" if query.target in MAIN else query.target)
    for word in query.q.split():
        found = found.filter(title__icontains=word)
    return found


def _person(handle: str, viewer: Viewer) -> Person | None:
    if handle == "me":
        return as_person(viewer)
    return Person.objects.filter(handle__iexact=handle).first()


def _in_component(query: ListQuery) -> QuerySet[Any, Any]:
    components = Component.objects.filter(slug=query.component)
    if query.product:
        components = components.filter(product__slug=query.product)
    through = Patch.components.through
    return through.objects.filter(component__in=components.values("pk")).values("patch")


def _is_by(person: Person | None) -> Q:
    return Q(author=person) | Q(submitter=person) if person else Q(pk__in=[])


def _reviewed_by(person: Person | None) -> Q:
    said = Review.objects.filter(author=person, sent_at__isnull=False).exclude(author=None)
    rated = Rating.objects.filter(person=person)
    return Q(pk__in=said.values("patch")) | Q(pk__in=rated.values("patch"))


def _waits_for(person: Person | None) -> Q:
    """What `person` was asked to look at, or has claimed; and of what they maintain that which
    nobody was asked about, or nobody who has not passed it on."""
    if person is None:
        return Q(pk__in=[])
    asked = STANDING.filter(person=person).values("patch")
    passed_on = ReviewRequest.objects.filter(person=person).values("patch")
    maintained = Maintainership.objects.filter(person=person).values("component")
    in_them = PatchComponent.objects.filter(component__in=maintained).values("patch")
    unasked = Q(NOBODY_ASKED, pk__in=in_them) & ~Q(pk__in=passed_on) & ~_is_by(person)
    return Q(pk__in=asked) | unasked


def _touching(path: str) -> QuerySet[Any, Any]:
    """The patches whose newest version touches a file, or a file below a folder."""
    files = PatchFile.objects.filter(_at_or_below(path))
    return files.filter(version__number=F("version__patch__latest")).values("version__patch")


def _at_or_below(path: str) -> Q:
    """Files that are `path`, or in that folder."""
    below = Q(path__startswith=f"{path}/")
    if connection.vendor == "sqlite":
        # Its LIKE uses no index. "0" follows on "/", and it compares bytes.
        below = Q(path__gte=f"{path}/", path__lt=f"{path}0")
    return Q(path=path) | below


def page(found: QuerySet[Patch], query: ListQuery) -> Page:
    """The page of `found` at the query's cursor, in its order. Two queries."""
    at = _decode(query.cursor, query.sort) if query.cursor else None
    backwards = at is not None and at[0]
    edges = _edges(found, query, at, backwards=backwards)
    more = len(edges) > query.limit
    edges = edges[: query.limit]
    if backwards:
        edges.reverse()
    rows = Patch.objects.select_related("product", "author", "submitter", "decided_by")
    known = rows.defer("description").in_bulk([number for _, _, number in edges])
    has_next = bool(edges) and (backwards or more)
    has_previous = bool(edges) and (more if backwards else bool(query.cursor))
    return Page(
        [known[number] for _, _, number in edges if number in known],
        encode(edges[-1], query.sort, backwards=False) if has_next else "",
        encode(edges[0], query.sort, backwards=True) if has_previous else "",
    )


# Sort key, what parts equal ones, and the number of the patch.
_Edge = tuple[Any, int, int]
_At = tuple[bool, Any, int] | None


def _edges(found: QuerySet[Patch], query: ListQuery, at: _At, *, backwards: bool) -> list[_Edge]:
    """One more than the page has, in the direction in which it is read."""
    key = _KEYS[query.sort]
    rows: QuerySet[Any] = _first_files(found, query.path) if query.sort == "path" else found
    number = "version__patch" if query.sort == "path" else "number"
    rises, tie_rises = key.rises != backwards, key.tie_rises != backwards
    if at is not None:
        rows = rows.filter(_beyond(key, at, rises=rises, tie_rises=tie_rises))
    order = [f"{'' if rises else '-'}{key.column}", f"{'' if tie_rises else '-'}{key.tie}"]
    return list(rows.order_by(*order).values_list(key.column, key.tie, number)[: query.limit + 1])


def _beyond(key: _Key, at: tuple[bool, Any, int], *, rises: bool, tie_rises: bool) -> Q:
    _, value, tie = at
    op, tie_op = "gt" if rises else "lt", "gt" if tie_rises else "lt"
    # As in `votes.listing`: the first condition alone bounds the scan of the index.
    return Q(**{f"{key.column}__{op}e": value}) & (
        Q(**{f"{key.column}__{op}": value}) | Q(**{f"{key.tie}__{tie_op}": tie})
    )


def _first_files(found: QuerySet[Patch], path: str) -> QuerySet[PatchFile]:
    """Of the newest version of each patch the file whose path is the first, of those in `path`
    where that is asked for. Read along the index of paths, so that no list is sorted."""
    files = PatchFile.objects.filter(_at_or_below(path) if path else Q())
    others = files.filter(version=OuterRef("version"))
    before = Q(path__lt=OuterRef("path")) | Q(path=OuterRef("path"), pk__lt=OuterRef("pk"))
    wanted = found.filter(pk=OuterRef("version__patch"), latest=OuterRef("version__number"))
    return files.filter(Exists(wanted), ~Exists(others.filter(before)))


def count_beside(page: Page, found: QuerySet[Patch], query: ListQuery) -> int:
    """How many there are, counted to `COUNT_LIMIT` + 1 at the most; no query where all are on the
    page."""
    if query.cursor or page.next_cursor:
        return found.order_by()[: COUNT_LIMIT + 1].count()
    return len(page.patches)


def encode(edge: _Edge, sort: str, *, backwards: bool) -> str:
    """The cursor of what lies beyond a row in one direction."""
    value, tie, _ = edge
    if isinstance(value, datetime):
        value = value.isoformat()
    text = json.dumps([sort, int(backwards), value, tie], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str) -> tuple[bool, Any, int]:
    """(backwards, key, tie) of a cursor; ValueError for one that was not made for `sort`."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, backwards, value, tie = json.loads(base64.urlsafe_b64decode(padded))
        if made_for != sort or type(tie) is not int or abs(tie) >= 2**63:
            raise ValueError("a cursor of another list")
        return bool(backwards), _key(value, sort), tie
    except (TypeError, UnicodeError, OverflowError, RecursionError) as error:
        raise ValueError("not a cursor") from error


def _key(value: Any, sort: str) -> Any:
    if sort == "demand":
        if type(value) is not int or not 0 <= value < 2**31:
            raise ValueError("no number of people")
        return value
    if sort == "path":
        if "\0" in value:
            raise ValueError("no path")
        value.encode()
        return value
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time without a zone")
    return at
