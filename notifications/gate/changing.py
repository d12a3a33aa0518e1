"""Command lines as one change, and which of them is wrong when it cannot be made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accounts.models import Person
from accounts.policies import Denied
from notifications.gate.commands import ME, Order, shown
from notifications.gate.results import Refusal
from tracker.changes import Conflict, ProblemChange, apply_change
from tracker.drafts import DraftErrors
from tracker.models import Door, Event, Problem
from tracker.services import change, lock


def change_as_ordered(problem: Problem, person: Person, orders: Sequence[Order]) -> Event | None:
    """Make the change that all orders ask for together.

    Raises `Refusal` with a sentence for each wrong line.
    """
    asked = _fields(orders, person)
    if not asked:
        return None
    try:
        return change(problem, person, ProblemChange(**asked), Door.MAIL)
    except (DraftErrors, Denied, Conflict) as why:
        raise Refusal(_wrong_lines(problem, person, orders) or [sentence_of(why)]) from why


def sentence_of(why: DraftErrors | Denied | Conflict) -> str:
    """All that was wrong, in one line."""
    if isinstance(why, DraftErrors):
        return " ".join(why.sentences)
    return why.reason if isinstance(why, Denied) else str(why)


def _fields(orders: Sequence[Order], person: Person) -> dict[str, Any]:
    fields = {name: value for order in orders for name, value in order.fields.items()}
    return {name: person.handle if value == ME else value for name, value in fields.items()}


def _wrong_lines(problem: Problem, person: Person, orders: Sequence[Order]) -> list[str]:
    """Try each line by itself on a copy of the row that is never saved."""
    wrong = []
    for order in orders:
        asked = _fields([order], person)
        try:
            apply_change(lock(problem), ProblemChange(**asked), person)
        except (DraftErrors, Denied, Conflict) as why:
            wrong.append(f"“{shown(order.line)}”: {sentence_of(why)}")
    return wrong
