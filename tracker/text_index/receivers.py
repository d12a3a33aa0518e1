"""What happens to a problem happens to its rows in the index, in the same transaction."""

from __future__ import annotations

from typing import Any, Final

from django.db.models.signals import pre_delete

from tracker.models import Event, Problem
from tracker.signals import problem_happened
from tracker.text_index import services

# Fields that are text, and those that choose the shelf.
_INDEXED: Final = {"synopsis", "description", "how_to_repeat", "product", "is_confidential"}


def connect() -> None:
    """Called once, when the app is ready."""
    problem_happened.connect(keep_in_step, dispatch_uid="tracker.text_index")
    pre_delete.connect(forget, sender=Problem, dispatch_uid="tracker.text_index.forget")


def keep_in_step(sender: type[Event], event: Event, **kwargs: Any) -> None:
    """Imports are not heard here: they index a whole batch at once."""
    if event.kind == Event.Kind.REPORTED:
        services.index_new(event.problem)
    elif event.kind == Event.Kind.CHANGED:
        if any(change["field"] in _INDEXED for change in event.changes):
            services.index([event.problem])
    elif event.kind == Event.Kind.COMMENTED and event.comment is not None:
        services.add_comment(event.comment)


def forget(sender: type[Problem], instance: Problem, **kwargs: Any) -> None:
    """A problem is about to be deleted."""
    services.forget(instance.pk)
