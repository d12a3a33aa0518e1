"""The triage desk: the queue on one side, one problem of it in full on the other."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Person
from accounts.policies import require
from tracker import bulk, triage
from tracker.bulk import Asked, Pick, sentence
from tracker.changes import Conflict, ProblemChange
from tracker.drafts import DraftErrors, Faults
from tracker.models import (
    BulkChange,
    Component,
    Door,
    Event,
    Problem,
    Product,
    Resolution,
    Severity,
    State,
)
from tracker.policies import may, visible_problems
from tracker.suggesting import LEAST_SHARE, Suggestion, tally
from tracker.timeline import Entry, Timeline, describe, timeline
from tracker.triage import Queued, QueuePage, QueueQuery, Section
from tracker.web.pages import person_of, safe_next, signed_in, the_problem, with_place
from votes.triage import Likely, likely_duplicates

# Keys 1 to 9 pick a duplicate; what comes after them is there for the eye.
KEYS: Final = 9
# What the button sends that says: it is no duplicate after all.
UNDO_MARKING: Final = "none"
# What `at` says that leads to the end of a page: who goes back comes from below.
LAST: Final = "last"
UNDO_OFFERED_FOR: Final = timedelta(hours=12)
# Ends that a person chooses here; the others are the clocks' and the duplicates'.
ENDS: Final = [
    r for r in Resolution if r not in {Resolution.DUPLICATE, Resolution.FEEDBACK_TIMEOUT}
]
FIELDS: Final = ("state", "resolution", "component", "severity", "assignee")


@dataclass
class Detail:
    """The problem that is looked at, with all that helps to decide."""

    problem: Problem
    section: Section | None
    timeline: Timeline
    likely: list[Likely]
    suggestions: list[Suggestion]
    components: list[Component]
    note: str = ""
    peeked: Likely | None = None
    duplicate_of: Problem | None = None

    @property
    def may_accept(self) -> bool:
        """Whether accepting it leads anywhere."""
        return self.problem.state in {State.NEW, State.FEEDBACK}

    @property
    def suggested(self) -> Suggestion | None:
        """The likeliest component, where that is another one and half of the weight says so."""
        first = self.suggestions[0] if self.suggestions else None
        if first is None or first.component.pk == self.problem.component_id:
            return None
        return first if first.share >= LEAST_SHARE else None

    @property
    def keyed(self) -> list[tuple[int, Likely]]:
        """The likely duplicates with the keys that pick them; 0 for those without."""
        return [(i if i <= KEYS else 0, each) for i, each in enumerate(self.likely, 1)]


@dataclass(frozen=True)
class Last:
    """What the person did last, and may still undo."""

    bulk: BulkChange
    entries: list[tuple[Problem, Entry]]
    count: int


@dataclass
class Desk:
    """Everything that the page shows."""

    query: QueueQuery
    page: QueuePage
    at: Problem | None
    keep: dict[str, str] = field(default_factory=dict)

    def url(self, at: int | str | None = None, **changed: Any) -> str:
        """The desk at another problem or page, with what is filtered kept."""
        words = self.keep | ({"at": at} if at else {}) | changed
        said = urlencode({name: value for name, value in words.items() if value})
        return reverse("triage") + (f"?{said}" if said else "")

    @property
    def rows(self) -> list[tuple[Queued, str]]:
        """The page of the queue, each with its address."""
        return [(item, self.url(item.problem.pk)) for item in self.page.items]

    @property
    def place(self) -> int | None:
        """Where the shown problem stands on the page."""
        numbers = [item.problem.pk for item in self.page.items]
        return numbers.index(self.at.pk) if self.at and self.at.pk in numbers else None

    @property
    def here(self) -> str:
        """This very place."""
        return self.url(self.at.pk if self.at else None)

    @property
    def next_page(self) -> str:
        return self.url(cursor=self.page.next_cursor) if self.page.next_cursor else ""

    @property
    def previous_page(self) -> str:
        if not self.page.previous_cursor:
            return ""
        return self.url(cursor=self.page.previous_cursor, at=LAST)

    @property
    def after(self) -> str:
        """Where to go when this one is done: the next, or what is left from the start."""
        place = self.place
        following = self.page.items[place + 1 :] if place is not None else self.page.items
        if following:
            return self.url(following[0].problem.pk)
        return self.next_page or self.url(cursor="")


@require_safe
@signed_in
def desk(request: HttpRequest) -> HttpResponseBase:
    """The queue, and one problem of it; `at` names it, `peek` a likely duplicate beside it."""
    require(may("problem.triage", request.user))
    return _desk(request, request.GET)


def _desk(request: HttpRequest, params: QueryDict, status: int = 200) -> HttpResponse:
    """The page. Its queries do not grow with what is on it."""
    person = person_of(request)
    try:
        query = _query(params)
    except DraftErrors as faults:
        context = {"faults": sentence(faults), "query": QueueQuery()}
        return render(request, "triage/desk.html", context, status=400)
    page = triage.queue(person, query)
    if query.cursor and not page.items:
        # All of this page was done, perhaps by others.
        query = replace(query, cursor="")
        page = triage.queue(person, query)
    shown = _asked_for(request, params) or _end_of(page, params)
    keep = {n: getattr(query, n) for n in ("product", "component", "section", "cursor")}
    found = Desk(query, page, shown, keep)
    context = {
        "desk": found,
        "query": query,
        "detail": _detail(person, shown, params) if shown else None,
        "counts": _counts(found, triage.counts(person, query)),
        "last": _last(person),
        "said": request.POST,
        "products": Product.objects.order_by("-is_active", "title"),
        "components": _component_choices(query),
        "severities": list(Severity),
        "ends": ENDS,
    }
    return render(request, "triage/desk.html", context, status=status)


def _query(params: QueryDict) -> QueueQuery:
    product, component, section = (params.get(n, "") for n in ("product", "component", "section"))
    try:
        return triage.check_query(product, component, section, params.get("cursor", ""))
    except DraftErrors as faults:
        if product and list(faults.errors) == ["component"]:
            # Another product was chosen, and the component of the old one came along.
            return triage.check_query(product, "", section)
        raise


def _asked_for(request: HttpRequest, params: QueryDict) -> Problem | None:
    number = _number(params.get("at", ""))
    if number is None:
        return None
    found = visible_problems(request.user).filter(pk=number)
    problem = _with_everything(found).first()
    if problem is None:
        messages.info(request, f"There is no #{number} here.")
    return problem


def _end_of(page: QueuePage, params: QueryDict) -> Problem | None:
    if not page.items:
        return None
    return page.items[-1 if params.get("at") == LAST else 0].problem


def _number(text: str) -> int | None:
    text = text.strip().lstrip("#").rsplit("/", 1)[-1]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _with_everything(rows: QuerySet[Problem]) -> QuerySet[Problem]:
    return rows.select_related(
        "product", "component", "release", "fixed_in", "assignee", "reporter", "duplicate_of"
    )


def _detail(person: Person, shown: Problem, params: QueryDict) -> Detail:
    section = triage.section_of(shown)
    likely = likely_duplicates(person, shown)
    peek = _number(params.get("peek", ""))
    return Detail(
        problem=shown,
        section=section,
        timeline=timeline(shown, person, latest=30),
        likely=likely,
        suggestions=tally([each.similar for each in likely], shown.product.slug),
        components=list(shown.product.components.filter(is_active=True).order_by("slug")),
        note="" if section else _why_not_here(shown, person),
        peeked=next((each for each in likely if each.problem.pk == peek), None),
        duplicate_of=visible_problems(person).filter(pk=shown.duplicate_of_id).first()
        if shown.duplicate_of_id
        else None,
    )


def _why_not_here(shown: Problem, person: Person) -> str:
    """What happened to a problem that waits for nobody: somebody else was quicker, mostly."""
    events = shown.events.select_related("actor").order_by("-id")[:10]
    last = next((event for event in events if event.changes), None)
    if last is None:
        return "It does not wait for triage."
    if last.actor_id == person.pk:
        return "You are through with it."
    who = last.actor.handle if last.actor else "Groundswell"
    (entry,) = describe([last], person)
    return f"{who} was quicker: {_in_words(entry)}. It does not wait for triage any more."


def _in_words(entry: Entry) -> str:
    parts = [
        f"{change.field} {change.old or 'none'} → {change.new or 'none'}"
        for change in entry.changes
        if not change.is_long
    ]
    return ", ".join([*parts, *(["a comment"] if entry.kind == Event.Kind.COMMENTED else [])])


def _last(person: Person) -> Last | None:
    """What can be undone now. Four queries at the most."""
    latest = bulk.latest_of(person)
    if latest is None or latest.at < timezone.now() - UNDO_OFFERED_FOR:
        return None
    items = latest.items.select_related("event__actor", "problem").order_by("problem")
    first = list(items[:3])
    entries = describe([item.event for item in first], person)
    count = len(first) if len(first) < 3 else items.count()
    known = set(
        visible_problems(person)
        .filter(pk__in=[item.problem_id for item in first])
        .values_list("pk", flat=True)
    )
    shown = [
        (item.problem, entry)
        for item, entry in zip(first, entries, strict=True)
        if item.problem_id in known
    ]
    return Last(latest, shown, count)


def _counts(found: Desk, counted: dict[str, int]) -> list[tuple[str, str, str, bool]]:
    """(label, number in words, address, whether it is chosen) for each part of the queue."""
    most = triage.COUNT_LIMIT
    words = {name: f"{most}+" if n > most else str(n) for name, n in counted.items()}
    everything = sum(counted.values())
    total = f"{most}+" if max(counted.values()) > most else str(everything)
    tabs = [("Everything", total, "")] + [
        (section.label.capitalize(), words[section.value], section.value) for section in Section
    ]
    return [
        (label, number, found.url(section=value, cursor=""), value == found.query.section)
        for label, number, value in tabs
    ]


def _component_choices(query: QueueQuery) -> list[tuple[str, str]]:
    if not query.product:
        return []
    rows = Component.objects.filter(product__slug=query.product).order_by("slug")
    return list(rows.values_list("slug", "title"))


@require_POST
@signed_in
def act(request: HttpRequest, number: int) -> HttpResponseBase:
    """Do one thing to one problem, which can be undone; then the next problem.

    A refusal shows the desk where it was, with what was typed.
    """
    person = person_of(request)
    require(may("problem.triage", person))
    problem = the_problem(request, number, with_place)
    try:
        pick = Pick(problem.pk, _version(request.POST))
        bulk.apply(person, [pick], _asked(request.POST), Door.WEB)
    except (Conflict, DraftErrors) as why:
        messages.error(request, sentence(why))
        status = 409 if isinstance(why, Conflict) else 400
        return _desk(request, _place(request, problem), status)
    return redirect(safe_next(request, reverse("triage")))


def _place(request: HttpRequest, problem: Problem) -> QueryDict:
    """Where the person was, as the form says."""
    params = QueryDict(request.POST.get("place", "").partition("?")[2], mutable=True)
    params["at"] = str(problem.pk)
    return params


def _version(data: QueryDict) -> int:
    text = data.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _asked(data: QueryDict) -> Asked:
    """What the pressed button and its form say."""
    said: dict[str, Any] = {name: data[name] for name in FIELDS if name in data}
    if "duplicate_of" in data:
        number = _number(str(data["duplicate_of"]))
        if number is None and data["duplicate_of"] != UNDO_MARKING:
            faults = Faults()
            faults.add("duplicate_of", "Give the number of a problem, such as 123.")
            faults.raise_if_any()
        said["duplicate_of"] = number
    comment = data.get("comment", "")
    if said.get("state") == State.FEEDBACK and not comment.strip():
        faults = Faults()
        faults.add("comment", "Write what you want to know: a question brings an answer.")
        faults.raise_if_any()
    return Asked(ProblemChange(**said), comment)


@require_POST
@signed_in
def undo(request: HttpRequest) -> HttpResponseBase:
    """Take the named action back, as far as nobody changed the problem since."""
    person = person_of(request)
    number = _number(str(request.POST.get("bulk_change", "")))
    done = get_object_or_404(BulkChange, pk=number or 0, actor=person)
    back = safe_next(request, reverse("triage"))
    try:
        undone = bulk.undo(done, person, Door.WEB)
    except Conflict as why:
        messages.error(request, sentence(why))
        return redirect(back)
    numbers = list(undone.items.order_by("problem").values_list("problem", flat=True))
    if len(numbers) > 1 or undone.left_out:
        # That page names each that stays as it is.
        return redirect("bulk-change", pk=done.pk)
    messages.success(request, f"Undone: #{numbers[0]} is as it was.")
    if back.startswith(reverse("triage")):
        path, _, said = back.partition("?")
        params = QueryDict(said, mutable=True)
        params["at"] = str(numbers[0])
        return redirect(f"{path}?{params.urlencode()}")
    return redirect(back)
