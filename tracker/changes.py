"""What can be changed of a problem, by whom, and what may follow on what."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from tracker import drafts
from tracker.drafts import Faults
from tracker.duplicates import would_be_a_cycle
from tracker.models import (
    STATE_CHANGES,
    SYNOPSIS_CHARS,
    Kind,
    Problem,
    Resolution,
    Severity,
    State,
)
from tracker.policies import may, visible_problems
from tracker.text import clean_line, clean_text


class Unset:
    """Stands for a field that is not to be changed; None and "" are values."""

    def __bool__(self) -> bool:
        return False


UNSET: Final = Unset()


class Conflict(Exception):
    """What was asked cannot be done to the problem as it is now; the message says why."""


class FieldsMoved(Conflict):
    """Somebody else changed fields that this change is about; `fields` are their names."""

    def __init__(self, names: list[str]) -> None:
        words = " and ".join(name.removeprefix("is_").replace("_", " ") for name in names)
        super().__init__(
            f"Somebody else changed the {words} meanwhile. Look at what it is now and choose again."
        )
        self.fields = names


@dataclass
class ProblemChange:
    """The fields to change, in words as in a draft; what is UNSET stays.

    `assignee` is a handle ("" for nobody), `duplicate_of` a number (None to undo the marking).
    """

    product: str | Unset = UNSET
    component: str | Unset = UNSET
    synopsis: str | Unset = UNSET
    description: str | Unset = UNSET
    how_to_repeat: str | Unset = UNSET
    kind: str | Unset = UNSET
    severity: str | Unset = UNSET
    release: str | Unset = UNSET
    architecture: str | Unset = UNSET
    hardware: str | Unset = UNSET
    fixed_in: str | Unset = UNSET
    assignee: str | Unset = UNSET
    is_confidential: bool | Unset = UNSET
    state: str | Unset = UNSET
    resolution: str | Unset = UNSET
    duplicate_of: int | Unset | None = UNSET

    def asked(self) -> dict[str, Any]:
        """Only what is to be changed."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: value for name, value in values.items() if value is not UNSET}


RIGHT_FOR: Final = {
    "synopsis": "problem.edit_text",
    "description": "problem.edit_text",
    "how_to_repeat": "problem.edit_text",
    "release": "problem.edit_text",
    "architecture": "problem.edit_text",
    "hardware": "problem.edit_text",
    "product": "problem.classify",
    "component": "problem.classify",
    "kind": "problem.classify",
    "severity": "problem.classify",
    "fixed_in": "problem.classify",
    "assignee": "problem.assign",
    "is_confidential": "problem.set_confidential",
    "duplicate_of": "problem.mark_duplicate",
}


def in_words(problem: Problem, name: str) -> Any:
    """A field's value as people write it and as history keeps it."""
    value = getattr(problem, name)
    if name == "duplicate_of":
        return value.pk if value else None
    if name in {"product", "component", "release", "fixed_in", "assignee"}:
        return str(value) if value else ""
    return str(value) if isinstance(value, str) else value


def fingerprint(value: Any) -> str:
    """Tells two values of a field apart, whatever line ends a browser made of them."""
    words = "" if value is None else str(value)
    return hashlib.sha256(clean_text(words).encode()).hexdigest()[:16]


def refuse_moved(problem: Problem, asked: ProblemChange, base: Mapping[str, str]) -> None:
    """Compare each field that is to change, and no other, with what the change started from.

    `base` maps names of fields to the `fingerprint` of the value that the person saw. A field
    that already is what was asked for is no conflict. Raises `FieldsMoved`.
    """
    moved = []
    for name, value in asked.asked().items():
        now = fingerprint(in_words(problem, name))
        if now not in {base.get(name, now), fingerprint(value)}:
            moved.append(name)
    if moved:
        raise FieldsMoved(moved)


def apply_change(
    problem: Problem, asked: ProblemChange, actor: Person | None
) -> list[dict[str, Any]]:
    """Set the fields on the locked row (unsaved) and return the changes for its history.

    Nobody as `actor` is the tracker itself, of which no rights are asked.
    Raises `DraftErrors` for wrong words, `Denied` and `Conflict`; the row is then not to be saved.
    """
    wanted = asked.asked()
    before = {f.name: in_words(problem, f.name) for f in fields(ProblemChange)}
    if actor is not None:
        _ask_rights(problem, wanted, before, actor)
    faults = Faults()
    _set_place(problem, wanted, faults)
    _set_texts(problem, wanted, faults)
    _set_choices(problem, wanted, faults)
    _set_assignee(problem, wanted, faults)
    faults.raise_if_any()
    _set_duplicate(problem, wanted, actor)
    _set_state(problem, wanted)
    after = {name: in_words(problem, name) for name in before}
    return [
        {"field": name, "old": before[name], "new": after[name]}
        for name in before
        if before[name] != after[name]
    ]


def _ask_rights(
    problem: Problem, wanted: dict[str, Any], before: dict[str, Any], actor: Person
) -> None:
    for name, value in wanted.items():
        if name in RIGHT_FOR and value != before[name]:
            require(may(RIGHT_FOR[name], actor, problem))
    state = wanted.get("state", problem.state)
    if state != problem.state:
        if state == State.CLOSED:
            require(may("problem.close", actor, problem))
        elif problem.state == State.CLOSED:
            require(may("problem.reopen", actor, problem))
        else:
            require(may("problem.change_state", actor, problem))
    elif wanted.get("resolution", problem.resolution) != problem.resolution:
        require(may("problem.change_state", actor, problem))


def _set_place(problem: Problem, wanted: dict[str, Any], faults: Faults) -> None:
    """Product, component and releases belong together: each is looked up in the new product."""
    if not wanted.keys() & {"product", "component", "release", "fixed_in"}:
        return
    product = problem.product
    if wanted.get("product", product.slug) != product.slug:
        found = drafts.find_product(wanted["product"], faults)
        if found is None:
            return
        product = found
    moved = product != problem.product
    if moved or wanted.get("component", problem.component.slug) != problem.component.slug:
        slug = wanted.get("component", problem.component.slug)
        component = drafts.find_component(product, slug, faults)
        if component is not None:
            problem.component = component
    for name in ("release", "fixed_in"):
        if name in wanted:
            setattr(problem, name, drafts.find_release(product, wanted[name] or "", faults, name))
        elif moved:
            setattr(problem, name, None)
    problem.product = product


def _set_texts(problem: Problem, wanted: dict[str, Any], faults: Faults) -> None:
    lines = {"synopsis": SYNOPSIS_CHARS, "architecture": 50, "hardware": 200}
    for name, most in lines.items():
        if name in wanted:
            required = name == "synopsis"
            line = drafts.check_line(name, wanted[name], most, faults, required=required)
            setattr(problem, name, line)
    for name in ("description", "how_to_repeat"):
        if name in wanted:
            required = name == "description"
            text = drafts.check_text(name, wanted[name], faults, required=required)
            setattr(problem, name, text)


def _set_choices(problem: Problem, wanted: dict[str, Any], faults: Faults) -> None:
    for name, choices in (("kind", Kind.values), ("severity", Severity.values)):
        if name in wanted:
            current = getattr(problem, name)
            setattr(
                problem, name, drafts.check_choice(name, wanted[name], choices, faults, current)
            )
    for name, choices in (("state", State.values), ("resolution", Resolution.values)):
        if name in wanted:
            wanted[name] = drafts.check_choice(name, wanted[name] or "", choices, faults, "")
    if "is_confidential" in wanted:
        problem.is_confidential = bool(wanted["is_confidential"])


def _set_assignee(problem: Problem, wanted: dict[str, Any], faults: Faults) -> None:
    if "assignee" not in wanted:
        return
    handle = clean_line(wanted["assignee"] or "").lstrip("@")
    if not handle:
        problem.assignee = None
        return
    person = Person.objects.filter(handle__iexact=handle[:40], is_active=True).first()
    if person is None or not may("problem.change_state", person, problem):
        faults.add("assignee", f"“{handle[:40]}” is nobody who can be assigned a problem here.")
        return
    problem.assignee = person


def _set_duplicate(problem: Problem, wanted: dict[str, Any], actor: Person | None) -> None:
    """Marking closes the problem as a duplicate; undoing opens it."""
    if "duplicate_of" not in wanted:
        return
    number = wanted["duplicate_of"]
    if number is None:
        if problem.duplicate_of is not None:
            problem.duplicate_of = problem.head = None
            problem.resolution = ""
            wanted.setdefault("state", State.OPEN)
        return
    target = visible_problems(actor).filter(pk=number).select_related("head").first()
    if target is None:
        raise Conflict(f"There is no problem #{number} to be a duplicate of.")
    if target.pk == problem.pk:
        raise Conflict("A problem is no duplicate of itself; give the number of another one.")
    if would_be_a_cycle(problem, target):
        raise Conflict(f"#{number} is itself a duplicate of #{problem.pk}; undo that first.")
    problem.duplicate_of = target
    problem.head = target.head or target
    wanted["state"], wanted["resolution"] = State.CLOSED, Resolution.DUPLICATE


def _set_state(problem: Problem, wanted: dict[str, Any]) -> None:
    old = State(problem.state)
    new = State(wanted.get("state") or old)
    if new != old and new not in STATE_CHANGES[old]:
        allowed = ", ".join(sorted(STATE_CHANGES[old]))
        raise Conflict(f"A problem that is {old} cannot become {new}; it can become: {allowed}.")
    resolution = wanted.get("resolution", problem.resolution if new == old else "")
    if new == State.CLOSED and not resolution:
        choices = ", ".join(Resolution.values)
        raise Conflict(f"Say how it was resolved. Choose one of: {choices}.")
    if new != State.CLOSED and resolution:
        raise Conflict("Only a closed problem has a resolution; close it, or leave it out.")
    becomes_one = resolution == Resolution.DUPLICATE != problem.resolution
    if becomes_one and not problem.duplicate_of:
        raise Conflict("Say of which problem it is a duplicate: give its number.")
    if resolution != Resolution.DUPLICATE:
        problem.duplicate_of = problem.head = None
    problem.state, problem.resolution = new, resolution
    problem.is_open = new != State.CLOSED
    if problem.is_open:
        problem.closed_at = None
    elif old != State.CLOSED:
        problem.closed_at = timezone.now()
