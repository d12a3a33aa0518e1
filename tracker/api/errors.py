"""What the tracker's refusals are in HTTP."""

from __future__ import annotations

from accounts.api.problems import Changed, Document, describe, invalid
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.services import StaleChange


def listed(errors: dict[str, list[str]]) -> list[dict[str, str]]:
    """One entry for each sentence."""
    return [{"field": name, "detail": text} for name, texts in errors.items() for text in texts]


@describe.register
def _(error: DraftErrors) -> Document:
    return invalid(listed(error.errors))


@describe.register
def _(error: Conflict) -> Document:
    return Document(409, str(error), "conflict")


@describe.register
def _(error: StaleChange) -> Document:
    return Document(412, str(Changed.default_detail), "stale")
