"""Who watches what is not a place of the tracker: what a saved search finds, and files by path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Person
from notifications.events.of_patches import patch_of
from notifications.models import Subscription
from patches.models import PatchFile
from tracker.drafts import DraftErrors
from tracker.models import Component, Event, Problem, Product, Release, State
from tracker.text_index import services as text_index
from tracker.text_index.matching import count_together
from votes import saved_searches
from votes.listing import ListQuery
from votes.search.places import Places

# Searches that one query asks; each is a column of it.
AT_ONCE: Final = 50
# What a pasted log names is not what a problem is about: the first so many paths count.
PATHS: Final = 200
DEEPEST: Final = 12
# Of a text so much is looked through for paths.
CHARS: Final = 100_000

# Qualifiers that mean something else for each reader.
_FOR_EACH: Final = frozenset({"has", "no"})
_INDEXED: Final = frozenset({"synopsis", "description", "how_to_repeat", "product"})
_AS_IT_IS: Final = frozenset(
    {
        *("synopsis", "description", "how_to_repeat", "kind", "severity", "architecture"),
        *("hardware", "state", "resolution", "is_confidential"),
    }
)
# One class of characters, so that no text takes more than one look at each of them.
_RUN: Final = re.compile(r"[\w./+-]+")
_LONGEST: Final = 300


# Saved searches


@dataclass(frozen=True)
class _Asked:
    """A search of a watcher, read; and for whom, where that makes a difference."""

    row: Subscription
    query: ListQuery
    viewer: Person | None


def may_newly_match(event: Event) -> bool:
    """Whether searches could find the problem by this event, which they did not before."""
    return event.kind == Event.Kind.REPORTED or bool(event.changes)


def watches_of_searches() -> QuerySet[Subscription]:
    """Those that may be told of something, by their keys."""
    rows = Subscription.objects.filter(saved_search__isnull=False, is_muted=False)
    rows = rows.filter(Q(saved_search__is_shared__in=(True,)) | Q(saved_search__owner=F("person")))
    return rows.select_related("person", "saved_search").order_by("pk")


def newly_matching(event: Event, rows: Iterable[Subscription]) -> list[Subscription]:
    """Those of these watches whose search the problem newly matches: reported so, or changed into
    it.

    Three queries for the names in the searches, one for how common their words are, and one for
    each fifty of them; two more of these where the problem matches now and was changed. Whether
    the watchers may know of the problem is for the caller to ask.
    """
    asked = list(_read(rows))
    count_together(each.query.search.text.held for each in asked)
    found = _matching(event.problem, asked)
    if found and event.kind != Event.Kind.REPORTED:
        before = _matching_before(event, found)
        found = [each for each in found if each.row.pk not in before]
    return [each.row for each in found]


def _read(rows: Iterable[Subscription]) -> Iterator[_Asked]:
    """Those that still make sense."""
    places = Places()
    for row in rows:
        assert row.saved_search is not None  # noqa: S101 - the caller asks for these alone
        try:
            query = saved_searches.query_of(row.saved_search, places=places)
        except DraftErrors:
            continue
        yield _Asked(row, query, row.person if _is_for_each(query) else None)


def _is_for_each(query: ListQuery) -> bool:
    return any(
        each.name in _FOR_EACH or "me" in {value.removeprefix("@").lower() for value in each.values}
        for each in query.search.query.qualifiers
    )


def _matching(problem: Problem, asked: Sequence[_Asked]) -> list[_Asked]:
    """Those that the problem matches as it is in the database now."""
    found: list[_Asked] = []
    columns: dict[tuple[str, int], str] = {}
    conditions: dict[str, Q] = {}
    for each in asked:
        key = (each.query.text, each.viewer.pk if each.viewer else 0)
        if key not in columns:
            columns[key] = f"asked{len(columns)}"
            conditions[columns[key]] = each.query.search.condition(each.viewer)
    matched = _ask(problem, conditions)
    for each in asked:
        key = (each.query.text, each.viewer.pk if each.viewer else 0)
        if columns[key] in matched:
            found.append(each)
    return found


def _ask(problem: Problem, conditions: dict[str, Q]) -> set[str]:
    """The names of the conditions that hold."""
    names, matched = iter(conditions), set()
    while some := list(islice(names, AT_ONCE)):
        same = Problem.objects.filter(pk=OuterRef("pk")).order_by()
        columns = {name: Exists(same.filter(conditions[name])) for name in some}
        row = Problem.objects.filter(pk=problem.pk).order_by().values(**columns).first() or {}
        matched |= {name for name in some if row.get(name)}
    return matched


def _matching_before(event: Event, asked: Sequence[_Asked]) -> set[int]:
    """The keys of the watches that the problem matched before `event`.

    The database is asked, with the fields put back as they were, and told to forget that at once:
    no other reading of a search could say the same as the search itself.
    """
    try:
        with transaction.atomic():
            _put_back(event)
            matched = {each.row.pk for each in _matching(event.problem, asked)}
            transaction.set_rollback(True)
    except IntegrityError:
        return set()
    return matched


def _put_back(event: Event) -> None:
    values: dict[str, Any] = {}
    for change in event.changes:
        values |= _column(event.problem, change["field"], change["old"])
    if "state" in values:
        values["is_open"] = values["state"] != State.CLOSED
        values["closed_at"] = None if values["is_open"] else timezone.now()
    Problem.objects.filter(pk=event.problem_id).update(**values)
    if _INDEXED & values.keys():
        text_index.index([Problem.objects.get(pk=event.problem_id)])


def _column(problem: Problem, name: str, old: Any) -> dict[str, Any]:
    """A field as history tells it, as the table has it; nothing for what is no column."""
    if name in _AS_IT_IS:
        return {name: old}
    if name == "duplicate_of":
        marked = Problem.objects.filter(pk=old).first() if old else None
        return {"duplicate_of": marked, "head": (marked.head or marked) if marked else None}
    rows = {
        "product": Product.objects.filter(slug=old),
        "component": Component.objects.filter(slug=old).order_by("pk"),
        "release": Release.objects.filter(product=problem.product_id, name=old),
        "fixed_in": Release.objects.filter(product=problem.product_id, name=old),
        "assignee": Person.objects.filter(handle=old),
    }
    if name not in rows:
        return {}
    row = rows[name].first() if old else None
    return {name: row} if row is not None or name not in {"product", "component"} else {}


# Paths


def watchers_of_paths(event: Event) -> list[Subscription]:
    """Who watches a folder or file that the problem, or what was just added to it, names."""
    named = list(islice(dict.fromkeys(_named_by(event)), PATHS))
    below = {folder for path in named for folder in folders(path)}
    if not below:
        return []
    rows = Subscription.objects.filter(path__in=below, is_muted=False).exclude(path="")
    return list(rows.select_related("person").order_by("pk"))


def _named_by(event: Event) -> Iterator[str]:
    yield from _touched_by_patches(event)
    problem = event.problem
    texts = [problem.synopsis, problem.description, problem.how_to_repeat]
    if event.comment is not None:
        texts.append(event.comment.text)
    if event.attachment is not None:
        texts.append(event.attachment.name)
    for text in texts:
        yield from paths_in(text[:CHARS])


def _touched_by_patches(event: Event) -> Iterator[str]:
    """The files of the patches that the event tells of, as their newest versions have them."""
    numbers = [number for change in event.changes if (number := patch_of(change))]
    if not numbers:
        return
    newest = PatchFile.objects.filter(
        version__patch__in=numbers, version__number=F("version__patch__latest")
    )
    for pair in newest.order_by("pk").values_list("path", "old_path")[:PATHS]:
        yield from filter(None, pair)


def paths_in(text: str) -> Iterator[str]:
    """What reads like the path of a file, or its name, in a text."""
    for found in _RUN.finditer(text):
        path = found[0].rstrip("./-")
        if len(path) <= _LONGEST and ("/" in path or "." in path):
            yield path


def folders(path: str) -> Iterator[str]:
    """The folders that a path is in, and itself: `a/b.c` is in `a`.

    Where an absolute path leads into somebody's sources is not known, so any folder of it may be
    their top; those that diff puts before a path are none.
    """
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts or not parts or len(parts) > DEEPEST:
        return
    if parts[0] in {"a", "b"} and len(parts) > 1:
        parts = parts[1:]
    starts = range(len(parts)) if path.startswith("/") else range(1)
    for start in starts:
        for end in range(start + 1, len(parts) + 1):
            yield "/".join(parts[start:end])


def clean_path(path: str) -> str:
    """A path as it is kept: without slashes at its ends, "" for what is none."""
    parts = [part for part in path.strip().split("/") if part not in {"", "."}]
    is_one = all(re.fullmatch(r"[\w.+-]+", part) for part in parts) and ".." not in parts
    return "/".join(parts) if is_one and len(parts) <= DEEPEST else ""
