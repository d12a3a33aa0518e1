"""One change to many problems from a page: choose, preview, apply, undo."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import require
from tracker import bulk
from tracker.bulk import Asked, Pick, Previewed, sentence
from tracker.changes import Conflict, ProblemChange
from tracker.drafts import DraftErrors, Faults
from tracker.models import (
    BulkChange,
    Component,
    Door,
    Event,
    Kind,
    Release,
    Resolution,
    Severity,
    State,
)
from tracker.policies import may, visible_problems
from tracker.timeline import Entry, FieldChange, describe
from tracker.web.pages import person_of, safe_next, signed_in
from votes import listing

# What a field says that is to become empty; an empty field says nothing.
NOTHING: Final = "none"
SELECTS: Final = (
    ("state", "State", [s for s in State if s != State.NEW]),
    ("resolution", "Resolution", [r for r in Resolution if r != Resolution.DUPLICATE]),
    ("severity", "Severity", list(Severity)),
    ("kind", "Kind", list(Kind)),
)
LINES: Final = (
    ("component", "Component", ""),
    ("assignee", "Assignee", "A handle, or “none”."),
    ("fixed_in", "Fixed in release", "A release, or “none”."),
    ("duplicate_of", "Duplicate of", "The number of the one that stays; “none” takes it back."),
)


@dataclass(frozen=True)
class Chosen:
    """Which problems a form means; `matching` says how many a search found (None: ticked)."""

    numbers: list[int]
    matching: int | None = None


@dataclass(frozen=True)
class Line:
    """One previewed problem as the page shows it."""

    previewed: Previewed
    changes: list[FieldChange]


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def choose(request: HttpRequest) -> HttpResponseBase:
    """What to change of the chosen problems; with `step=preview` what that would do to each."""
    person = person_of(request)
    require(may("problem.triage", person))
    if request.method != "POST":
        return redirect("triage")
    try:
        chosen = _chosen(request)
    except DraftErrors as faults:
        messages.error(request, sentence(faults))
        return redirect(_back(request))
    context = _form(request, chosen)
    if request.POST.get("step") != "preview":
        return render(request, "triage/bulk.html", context)
    try:
        asked = bulk.check_asked(_asked(request.POST))
        shown = bulk.preview(person, chosen.numbers, asked)
    except DraftErrors as faults:
        context["faults"] = faults.sentences
        return render(request, "triage/bulk.html", context, status=400)
    return render(request, "triage/bulk.html", context | _preview(request, shown, asked))


def _back(request: HttpRequest) -> str:
    """Where the choice was made."""
    return safe_next(request, reverse("triage"))


def _chosen(request: HttpRequest) -> Chosen:
    """The ticked problems, or those that match the search, found anew. Raises `DraftErrors`."""
    faults = Faults()
    if request.POST.get("all"):
        query = listing.parse_query(QueryDict(request.POST.get("query", "")[:4000].lstrip("?")))
        found = listing.find(query, request.user)
        first = listing.page(found, replace(query, cursor="", limit=bulk.MOST))
        return Chosen([p.pk for p in first.problems], listing.count_up_to(found))
    said = " ".join(request.POST.getlist("numbers")).replace(",", " ").split()
    numbers = list(
        dict.fromkeys(int(n) for n in said if n.isascii() and n.isdigit() and n[18:] == "")
    )
    if len(numbers) > bulk.MOST:
        faults.add("numbers", f"Choose {bulk.MOST} problems at the most; these are {len(numbers)}.")
    if not numbers:
        faults.add("numbers", "Choose some problems first: tick the box before each.")
    faults.raise_if_any()
    visible = visible_problems(request.user).filter(pk__in=numbers).values_list("pk", flat=True)
    known = set(visible)
    return Chosen([n for n in numbers if n in known])


def _asked(data: QueryDict) -> Asked:
    """What the form says; an empty field stays as it is."""
    said: dict[str, Any] = {}
    for name, *_ in (*SELECTS, *LINES):
        word = data.get(name, "").strip()
        if word:
            said[name] = "" if word.lower() == NOTHING else word
    if "duplicate_of" in said:
        said["duplicate_of"] = _number(said["duplicate_of"])
    return Asked(ProblemChange(**said), data.get("comment", ""))


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and len(word) < 19


def _number(typed: str) -> int | None:
    word = typed.strip().lstrip("#").rsplit("/", 1)[-1]
    if not word:
        return None
    if not _is_number(word):
        faults = Faults()
        faults.add("duplicate_of", "Give the number of a problem, such as 123.")
        faults.raise_if_any()
    return int(word)


def _form(request: HttpRequest, chosen: Chosen) -> dict[str, Any]:
    """What the page shows before anything is previewed. Two queries."""
    said = request.POST
    problems = visible_problems(request.user).filter(pk__in=chosen.numbers)
    products = problems.order_by().values("product").distinct()
    lists = {
        "component": Component.objects.filter(product__in=products, is_active=True)
        .values_list("slug", flat=True).distinct().order_by("slug"),
        "fixed_in": Release.objects.filter(product__in=products)
        .values_list("name", flat=True).distinct().order_by("name"),
        "assignee": [request.user.handle],  # type: ignore[union-attr]
    }  # fmt: skip
    return {
        "numbers": " ".join(map(str, chosen.numbers)),
        "count": len(chosen.numbers),
        "matching": chosen.matching,
        "most": bulk.MOST,
        "back": _back(request),
        "selects": [(name, label, said.get(name, ""), c) for name, label, c in SELECTS],
        "lines": [
            (name, label, help_text, said.get(name, ""), lists.get(name, []))
            for name, label, help_text in LINES
        ],
        "comment": said.get("comment", ""),
    }


def _preview(request: HttpRequest, shown: Sequence[Previewed], asked: Asked) -> dict[str, Any]:
    changed = [each for each in shown if not each.refusal]
    return {
        "is_preview": True,
        "changing": _lines(request, changed),
        "refused": [each for each in shown if each.refusal],
        "picks": " ".join(f"{each.problem.pk}:{each.problem.version}" for each in changed),
        "asked": json.dumps(asked.in_words()),
        "asked_comment": asked.comment,
    }


def _lines(request: HttpRequest, shown: Sequence[Previewed]) -> list[Line]:
    """The changes in the words of history, with numbers that may not be known left out."""
    events = [Event(changes=each.changes) for each in shown]
    entries = describe(events, request.user)
    return [Line(each, entry.changes) for each, entry in zip(shown, entries, strict=True)]


@require_POST
@signed_in
def apply(request: HttpRequest) -> HttpResponseBase:
    """Do what was previewed to those that are still as they were then."""
    person = person_of(request)
    try:
        asked = _read_asked(request.POST.get("asked", ""))
        done = bulk.apply(person, _picks(request.POST.get("picks", "")), asked, Door.WEB)
    except (Conflict, DraftErrors) as why:
        messages.error(request, sentence(why))
        return redirect(_back(request))
    return redirect("bulk-change", pk=done.pk)


def _read_asked(text: str) -> Asked:
    """What the preview's form carried; other fields than those are refused by `bulk.apply`."""
    try:
        read = json.loads(text[:300_000])
    except (ValueError, RecursionError):
        read = None
    names = {*bulk.FIELDS, "comment"}
    if not isinstance(read, Mapping) or not names.issuperset(read):
        faults = Faults()
        faults.add("", "This preview cannot be read; make it again.")
        faults.raise_if_any()
    said: dict[str, Any] = {k: str(v) for k, v in read.items() if k != "duplicate_of"}
    if "duplicate_of" in read:
        said["duplicate_of"] = _number(str(read["duplicate_of"] or ""))
    return Asked(
        ProblemChange(**{k: v for k, v in said.items() if k in bulk.FIELDS}),
        said.get("comment", ""),
    )


def _picks(text: str) -> list[Pick]:
    pairs = [word.partition(":") for word in text[:40_000].split()]
    return [
        Pick(int(number), int(version))
        for number, _, version in pairs
        if _is_number(number) and _is_number(version)
    ]


@require_safe
@signed_in
def change(request: HttpRequest, pk: int) -> HttpResponseBase:
    """What a bulk change of one's own did, what it left out, and its undo."""
    person = person_of(request)
    shown = get_object_or_404(BulkChange, pk=pk, actor=person)
    undone = BulkChange.objects.filter(undoes=shown).first()
    context = {
        "bulk": shown,
        "items": _items(request, shown),
        "undone": undone,
        "undone_count": undone.items.count() if undone else 0,
    }
    return render(request, "triage/change.html", context)


def _items(request: HttpRequest, shown: BulkChange) -> list[tuple[Any, Entry]]:
    """Each problem that the viewer may still see, with what was done to it. Three queries."""
    visible = visible_problems(request.user)
    items = list(
        shown.items.filter(problem__in=visible.values("pk"))
        .select_related("problem__product", "problem__component", "event__actor")
        .order_by("problem")
    )
    entries = describe([item.event for item in items], request.user)
    return [(item.problem, entry) for item, entry in zip(items, entries, strict=True)]
