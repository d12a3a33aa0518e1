"""What the digest of a saved search tells: what is new in it, what rose, and what is first."""

from __future__ import annotations

from django.conf import settings

from accounts.models import Person
from notifications.digests.content import risen
from notifications.digests.shapes import LINES, Digest, Line, Section, Window
from tracker.drafts import DraftErrors
from tracker.models import Problem
from votes import listing
from votes.models import SavedSearch
from votes.saved_searches import query_of


def compose_search(person: Person, search: SavedSearch, window: Window) -> Digest:
    """The digest of `search` for `window`, as `person` may see it.

    Empty where the search no longer makes sense, because a product or component that it names was
    renamed: its page says so.
    """
    try:
        query = query_of(search)
    except DraftErrors:
        return Digest(window, [])
    found = listing.find(query, person)
    url = f"{settings.BASE_URL}{search.get_absolute_url()}"
    query.limit = LINES
    fresh = found.filter(created_at__gt=window.start, created_at__lte=window.end)
    newest = listing.page(fresh, listing.ListQuery(sort="newest", limit=LINES)).problems
    first = listing.page(found, query).problems
    sections = [
        Section("new", "New", _lines(newest), fresh.count(), url, is_news=True),
        risen("risen", "Rose", found, window, LINES, url),
        Section("top", "First in this search", _lines(first), len(first), url, is_news=False),
    ]
    return Digest(window, [section for section in sections if section.lines])


def _lines(problems: list[Problem]) -> list[Line]:
    return [Line(problem) for problem in problems]
