"""The page of a patch: where it stands, its versions, and what people say of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import Person
from accounts.policies import Decision, as_person
from patches.git.real import UNKNOWN
from patches.models import Patch, PatchEvent, PatchVersion, Turn
from patches.overview import (
    MOST_COMMITS,
    MOST_FILES,
    contents_of,
    draft_of,
    last_reviewed,
    open_threads,
    patch_stamp,
    problems_fixed,
    versions_of,
)
from patches.policies import rights_on
from patches.reviews import dimensions, needs
from patches.reviews.holding import holding, spoken
from patches.reviews.standing import standings
from patches.reviews.talk import talk
from patches.versions import comparing
from patches.versions.applying import applies_or_ask
from patches.waiting import turns
from patches.web.diff_text import coloured
from patches.web.pages import the_patch
from patches.web.review import review_form
from tracker.web.edit import number_in
from tracker.web.pages import new_form_token, page

LONG_LINES: Final = 600
BRIEF_CHARS: Final = 40_000
DEEDS: Final = ("integrate", "decline", "withdraw")
# What an open page says in words, beside showing it.
TOLD: Final = (PatchEvent.Kind.VERSION, PatchEvent.Kind.DECIDED, PatchEvent.Kind.REOPENED)


@require_safe
@page
def patch(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Everything about one patch. A constant number of queries."""
    shown = the_patch(request, patch)
    context = _context(request, shown, number_in(request.GET, "before"))
    return render(request, "patches/patch.html", context)


@require_safe
@never_cache
@page
def news(request: HttpRequest, patch: int) -> HttpResponseBase:
    """The page again, for one that is open, without its frame; docs/live.md.

    `seen` is the number of the last event that the page shows.
    """
    seen = number_in(request.GET, "seen")
    context = _context(request, the_patch(request, patch))
    context["layout"] = "problems/bare.html"
    context["news"] = [
        entry
        for entry in context["talk"].entries
        if entry.event.pk > seen and entry.event.kind in TOLD
    ]
    return render(request, "patches/patch.html", context)


def _context(request: HttpRequest, shown: Patch, before: int = 0) -> dict[str, Any]:
    known = dimensions.of(shown.product)
    versions = versions_of(shown)
    told = talk(shown, request.user, {d.slug: d for d in known}, before)
    return {
        "patch": shown,
        "is_secret": shown.is_secret,
        "talk": told,
        # Who reads what was long ago wants to stay there.
        "stamp": "" if before else patch_stamp(shown, told.seen),
        "problems": problems_fixed(shown, request.user),
        "components": list(shown.components.order_by("slug")),
        **_standing(shown, versions, known),
        **_versions(request, shown, versions),
        **_own(request, shown, versions[0]),
    }


def _standing(
    shown: Patch, versions: list[PatchVersion], known: list[dimensions.Dimension]
) -> dict[str, Any]:
    """Whose turn it is, what people said of it, and what by that is missing."""
    words = spoken(shown)
    held = holding(shown, words)
    return {
        "turn_words": turns.turn_words(shown),
        "standings": standings(shown, versions, known, words, held),
        "missing": needs.sentence(shown, needs.voices(shown, held)) if shown.is_waiting else "",
        "open_threads": open_threads(shown) if shown.is_waiting else None,
    }


def _versions(request: HttpRequest, shown: Patch, versions: list[PatchVersion]) -> dict[str, Any]:
    """The versions, what the newest holds, and what changed with one of them."""
    latest = versions[0]
    asked = number_in(request.GET, "changes") or latest.number
    changed = next((v for v in versions if v.number == asked and v.number > 1), None)
    return {
        "versions": versions,
        "latest": latest,
        "applies": applies_or_ask(latest) if shown.is_waiting else UNKNOWN,
        "commits": contents_of(latest),
        "has_more_files": latest.files_count > MOST_FILES or latest.commits_count > MOST_COMMITS,
        # Its diff may have several pages, so that a mark alone does not lead to a file.
        "is_long": latest.added + latest.removed > LONG_LINES,
        **_changes(changed),
    }


def _changes(version: PatchVersion | None) -> dict[str, Any]:
    """What is new in a version: by commit where it was compared so, else as one text. What is long
    is left to the page that compares."""
    if version is None:
        return {"changed": None}
    text = version.changes
    is_brief = len(text) <= BRIEF_CHARS
    found: dict[str, Any] = {"changed": version, "is_brief": is_brief}
    if version.changes_by == PatchVersion.Changes.RANGE_DIFF:
        found["entries"] = [
            (entry, coloured(entry.text, is_nested=True) if is_brief else "")
            for entry in comparing.entries(text)
        ]
    elif version.changes_by == PatchVersion.Changes.INTERDIFF and is_brief:
        found["interdiff"] = coloured(text)
    return found


def _own(request: HttpRequest, shown: Patch, latest: PatchVersion) -> dict[str, Any]:
    """What this person may do, has not sent, and said before."""
    person = as_person(request.user)
    rights = rights_on(request.user, shown)
    found: dict[str, Any] = {
        "rights": rights,
        "deeds": [d for d in (DEEDS if shown.is_waiting else ("reopen",)) if rights[d]],
        "next_step": _next_step(shown, person, rights),
        "last_reviewed": last_reviewed(shown, person, latest.number),
        "form_token": new_form_token(),
    }
    if person is not None and rights["review"]:
        draft = draft_of(shown, person)
        found |= {"draft": draft, "form": review_form(request, latest, draft)}
    return found


def _next_step(shown: Patch, person: Person | None, rights: Mapping[str, Decision]) -> str:
    """What it waits for from this very person, beside reading it; "" for nothing."""
    if shown.turn == Turn.COMMITTER and rights["integrate"]:
        return "integrate"
    is_author = shown.turn == Turn.AUTHOR and shown.is_by(person)
    return "version" if is_author and rights["add_version"] else ""
