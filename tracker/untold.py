"""Lines in the history of a problem that are about something of a higher app.

Such a line may come to be about what a reader of the problem must not know of. The app that wrote
it says which these are; pages, feeds and the API leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Set
from typing import Final

from accounts.policies import Viewer
from tracker.models import Event

# Of the names of changed fields, those of which a viewer may not know.
Rule = Callable[[Set[str], Viewer], Set[str]]
_RULES: Final[list[Rule]] = []


def register(rule: Rule) -> None:
    """Called once, when the app is ready."""
    _RULES.append(rule)


def untold(events: Iterable[Event], viewer: Viewer) -> set[str]:
    """The names of changed fields of which `viewer` may not know."""
    names = {str(change["field"]) for event in events for change in event.changes}
    return set().union(*(rule(names, viewer) for rule in _RULES)) if names else set()


def readable(events: Iterable[Event], viewer: Viewer) -> list[Event]:
    """The events as `viewer` may read them, without those of which nothing is left.

    The rows are changed for this and must not be saved.
    """
    rows = list(events)
    hidden = untold(rows, viewer)
    if not hidden:
        return rows
    kept = []
    for event in rows:
        left = [change for change in event.changes if change["field"] not in hidden]
        if left or len(left) == len(event.changes):
            event.changes = left
            kept.append(event)
    return kept
