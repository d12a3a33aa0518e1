"""Who may do what: the base of every app's table of rights.

Each app keeps one `PERMISSIONS` table from an action to who may do it. Who is either a role or a
relation to the thing at hand ("its reporter"). What a table does not name is denied.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AnonymousUser

from accounts.models import Person, Role

Viewer = Person | AnonymousUser | None


class Relation(StrEnum):
    """What a person is to the thing at hand, beside the roles held."""

    ITS_REPORTER = "its reporter"
    ITS_ASSIGNEE = "its assignee"
    ITS_MAINTAINER = "its maintainer"
    ITS_OWNER = "its owner"
    ITS_AUTHOR = "its author"
    ONESELF = "oneself"


Who = Role | Relation
Table = Mapping[str, frozenset[Who]]


@dataclass(frozen=True)
class Decision:
    """Allowed or not, and the sentence that a page prints when it is not."""

    allowed: bool
    reason: str = ""

    def __bool__(self) -> bool:
        return self.allowed


ALLOWED = Decision(True)


class Denied(Exception):
    """Raised by services when the acting person may not; `reason` is for that person to read."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def who(*members: Who) -> frozenset[Who]:
    """A cell of a table. Administrators are in every cell."""
    return frozenset({*members, Role.ADMINISTRATOR})


def as_person(viewer: Viewer) -> Person | None:
    """The signed-in, active person behind a request's user, or None."""
    return viewer if isinstance(viewer, Person) and viewer.is_active else None


def decide(
    table: Table, action: str, viewer: Viewer, relations: Iterable[Relation] = ()
) -> Decision:
    """Look `action` up in `table` for `viewer`; KeyError for an action that no table names."""
    permitted = table[action]
    person = as_person(viewer)
    if person is None:
        return Decision(False, "Sign in to do this.")
    if not person.is_confirmed:
        return Decision(False, "Confirm your e-mail address first.")
    if not permitted.isdisjoint(person.roles) or not permitted.isdisjoint(relations):
        return ALLOWED
    names = ", ".join(sorted(member.value for member in permitted))
    return Decision(False, f"Only these may do this: {names}.")


def require(decision: Decision) -> None:
    """Raise `Denied` with the reason unless allowed."""
    if not decision:
        raise Denied(decision.reason)


PERMISSIONS: Table = {
    "person.see_address": who(Relation.ONESELF),
    "person.list": who(Role.TRIAGER),
    "person.grant_role": who(),
    "person.deactivate": who(),
    "person.trust": who(Role.TRIAGER),
    "person.discount_votes": who(Role.TRIAGER),
    "token.manage": frozenset({Relation.ONESELF}),
}


def may(action: str, viewer: Viewer, person: Person | None = None) -> Decision:
    """Whether `viewer` may do `action` to `person`'s account."""
    is_self = person is not None and as_person(viewer) == person
    return decide(PERMISSIONS, action, viewer, {Relation.ONESELF} if is_self else ())
