"""Who may see and do what with problems and products: one table, and one rule of sight."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from accounts.models import Role
from accounts.policies import Decision, Relation, Table, Viewer, as_person, decide, who
from tracker.models import Component, Problem

ANYONE_CONFIRMED = who(Role.REPORTER)
DEVELOPERS = who(Role.DEVELOPER, Role.COMMITTER, Role.TRIAGER)

PERMISSIONS: Table = {
    "problem.report": ANYONE_CONFIRMED,
    "problem.comment": ANYONE_CONFIRMED,
    "problem.attach": ANYONE_CONFIRMED,
    "problem.vote": ANYONE_CONFIRMED,
    # synopsis, description, how to repeat, and where it was seen
    "problem.edit_text": who(Role.DEVELOPER, Role.COMMITTER, Role.TRIAGER, Relation.ITS_REPORTER),
    # product, component, kind, severity, fixed in
    "problem.classify": DEVELOPERS,
    "problem.change_state": DEVELOPERS,
    # the reporter may take a report back, and say that a closed one is not solved
    "problem.close": who(Role.DEVELOPER, Role.COMMITTER, Role.TRIAGER, Relation.ITS_REPORTER),
    "problem.reopen": who(Role.DEVELOPER, Role.COMMITTER, Role.TRIAGER, Relation.ITS_REPORTER),
    "problem.assign": DEVELOPERS,
    "problem.mark_duplicate": DEVELOPERS,
    # the desk, and one change to many problems; each change asks its own right as well
    "problem.triage": DEVELOPERS,
    "problem.set_confidential": who(Role.TRIAGER, Relation.ITS_REPORTER, Relation.ITS_MAINTAINER),
    "product.manage": who(),
    "component.manage": who(Role.TRIAGER),
    "release.manage": who(Role.TRIAGER, Role.COMMITTER),
    "clock.manage": who(Role.TRIAGER),
}

# Beside its reporter, its assignee and the maintainers of its component.
SEES_ALL_CONFIDENTIAL = who(Role.TRIAGER, Role.COMMITTER)


def visible(viewer: Viewer) -> Q:
    """The condition on Problem rows under which `viewer` may know that they exist."""
    person = as_person(viewer)
    if person is None:
        return Q(is_confidential=False)
    if person.has_role(*SEES_ALL_CONFIDENTIAL):  # type: ignore[arg-type]
        return Q()
    maintained = Component.maintainers.through.objects.filter(person=person).values("component")
    return (
        Q(is_confidential=False)
        | Q(reporter=person)
        | Q(assignee=person)
        | Q(component__in=maintained)
    )


def visible_problems(viewer: Viewer) -> QuerySet[Problem]:
    """Every problem that `viewer` may know of: the start of every query a door makes."""
    return Problem.objects.filter(visible(viewer))


def relations_to(viewer: Viewer, problem: Problem) -> frozenset[Relation]:
    """What `viewer` is to `problem`; one query at most, for those who are not its reporter."""
    person = as_person(viewer)
    if person is None:
        return frozenset()
    found = set()
    if problem.reporter_id == person.pk:
        found.add(Relation.ITS_REPORTER)
    if problem.assignee_id == person.pk:
        found.add(Relation.ITS_ASSIGNEE)
    if problem.component.maintainers.filter(pk=person.pk).exists():
        found.add(Relation.ITS_MAINTAINER)
    return frozenset(found)


def may(action: str, viewer: Viewer, problem: Problem | None = None) -> Decision:
    """Whether `viewer` may do `action`, to `problem` where there is one."""
    by_role = decide(PERMISSIONS, action, viewer)
    if by_role or problem is None:
        return by_role
    return decide(PERMISSIONS, action, viewer, relations_to(viewer, problem))


def rights_on(viewer: Viewer, problem: Problem) -> dict[str, Decision]:
    """What `viewer` may do to `problem`, by the last word of the action; two queries at most."""
    relations = relations_to(viewer, problem)
    return {
        action.removeprefix("problem."): decide(PERMISSIONS, action, viewer, relations)
        for action in PERMISSIONS
        if action.startswith("problem.")
    }
