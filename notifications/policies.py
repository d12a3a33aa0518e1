"""Who may look after the outbox, and who may be told of a confidential problem."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import Q

from accounts.models import Person, Role, RoleGrant
from accounts.policies import Decision, Relation, Table, Viewer, as_person, decide, who
from notifications.gate.models import IncomingMail
from tracker.models import Maintainership, Problem
from tracker.policies import SEES_ALL_CONFIDENTIAL

PERMISSIONS: Table = {
    "outbox.see": who(),
    "outbox.resend": who(),
    "outbox.pace": who(),
    "incoming.see": who(),
    "incoming.read_again": who(),
    "suspension.lift": who(),
    # the message behind a comment: its text with addresses left out, and all of it
    "original.read": who(Role.TRIAGER, Relation.ITS_OWNER),
    "original.take": who(Relation.ITS_OWNER),
}


def may(action: str, viewer: Viewer) -> Decision:
    """Whether `viewer` may do `action` to the outbox."""
    return decide(PERMISSIONS, action, viewer)


def may_of_mail(action: str, viewer: Viewer, incoming: IncomingMail) -> Decision:
    """Whether `viewer` may do `action` to a message that came in, given that its problem is seen.

    Its owner is the person whose it is.
    """
    person = as_person(viewer)
    is_own = person is not None and person.pk == incoming.person_id
    return decide(PERMISSIONS, action, viewer, {Relation.ITS_OWNER} if is_own else ())


def writable(people: Iterable[Person]) -> list[Person]:
    """Those to whom mail may go at all: active, with an address that was proven."""
    return [person for person in people if person.is_active and person.is_confirmed]


def may_know(problem: Problem, people: Iterable[Person]) -> list[Person]:
    """Those of `people` who may know of `problem`: `tracker.policies.visible` for many at once.

    No query for a public problem and two for a confidential one, however many people there are.
    """
    people = list(people)
    if not problem.is_confidential:
        return people
    ids = [person.pk for person in people]
    insiders = {problem.reporter_id, problem.assignee_id}
    insiders |= {person.pk for person in people if person.is_superuser}
    insiders |= _holders_of_sight(ids)
    insiders |= set(
        Maintainership.objects.filter(component=problem.component_id, person__in=ids).values_list(
            "person", flat=True
        )
    )
    return [person for person in people if person.pk in insiders]


def _holders_of_sight(ids: list[int]) -> set[int]:
    roles = [str(role) for role in SEES_ALL_CONFIDENTIAL]
    grants = RoleGrant.objects.filter(Q(person__in=ids), role__in=roles)
    return set(grants.values_list("person", flat=True))
