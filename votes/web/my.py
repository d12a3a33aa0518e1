"""One's own page: what waits for me, what I wait for, and the news of what I have."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from accounts.models import Person
from tracker.clocks.words import outlooks
from tracker.web.pages import person_of, signed_in
from votes import mine, selectors
from votes.looking import mark_seen, note_look
from votes.news import news, news_since

ROWS = 10


@dataclass(frozen=True)
class Line:
    """A row of a list with what is to be said of it here."""

    row: selectors.Row
    words: str


@dataclass(frozen=True)
class Section:
    """Some rows under a heading, and the query that lists the rest ("" where none does)."""

    title: str
    lines: list[Line]
    more: bool
    query: str


@require_safe
@signed_in
def my(request: HttpRequest) -> HttpResponseBase:
    """What waits for the person, what the person waits for, and what is new."""
    person = person_of(request)
    waits, waited_for = mine.waits_for(person, ROWS), mine.waited_for_by(person, ROWS)
    voted = mine.voted_for(person, ROWS)
    sections = _sections(person, [*waits, *waited_for, voted])
    # Only whoever sees the page has looked.
    since = note_look(person) if request.method == "GET" else news_since(person)
    context = {
        "waiting": _filled(sections[: len(waits)]),
        "waited_for": _filled(sections[len(waits) : -1]),
        "voted": _filled(sections[-1:]),
        "news": news(person, since),
        "since": since,
        "components": person.maintained_components.select_related("product"),
    }
    return render(request, "lists/my.html", context)


def _sections(person: Person, parts: list[mine.Part]) -> list[Section]:
    """The parts with their rows; each problem once, where it comes first."""
    unique = {problem.pk: problem for part in reversed(parts) for problem in part.problems}
    rows = {row.problem.pk: row for row in selectors.rows_for(person, list(unique.values()))}
    words = outlooks(unique.values())
    sections = []
    for part in parts:
        own = [rows.pop(each.pk) for each in part.problems if each.pk in rows]
        lines = [Line(row, _said_of(row, words)) for row in own]
        sections.append(Section(part.title, lines, part.more, part.query))
    return sections


def _said_of(row: selectors.Row, words: dict[int, str]) -> str:
    problem = row.problem
    answered = getattr(problem, "is_answered", False) and problem.reporter
    prefix = f"{problem.reporter} answered. " if answered else ""
    return prefix + words[problem.pk]


def _filled(sections: list[Section]) -> list[Section]:
    return [section for section in sections if section.lines]


@require_POST
@signed_in
def seen(request: HttpRequest) -> HttpResponseBase:
    """The person has read the news."""
    mark_seen(person_of(request))
    return HttpResponseRedirect(reverse("my"))
