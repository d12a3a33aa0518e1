"""Who may see and do what with patches: one table, and one rule of sight."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Role
from accounts.policies import Decision, Relation, Table, Viewer, as_person, decide, who
from patches.models import Patch, PatchComponent, PatchFix
from tracker.models import Maintainership
from tracker.policies import ANYONE_CONFIRMED, SEES_ALL_CONFIDENTIAL, visible_problems

PERMISSIONS: Table = {
    "patch.submit": ANYONE_CONFIRMED,
    "patch.add_version": who(Role.DEVELOPER, Role.COMMITTER, Relation.ITS_AUTHOR),
    # Title, description, target branch, which problems it fixes.
    "patch.edit": who(Role.DEVELOPER, Role.COMMITTER, Role.TRIAGER, Relation.ITS_AUTHOR),
    "patch.review": ANYONE_CONFIRMED,
    "patch.rate": ANYONE_CONFIRMED,
    "patch.resolve": ANYONE_CONFIRMED,
    # To ask somebody for a review.
    "patch.ask": who(Role.DEVELOPER, Role.COMMITTER, Role.TRIAGER, Relation.ITS_AUTHOR),
    "patch.claim": who(Role.DEVELOPER, Role.COMMITTER, Role.TRIAGER, Relation.ITS_MAINTAINER),
    "patch.integrate": who(Role.COMMITTER),
    "patch.decline": who(Role.COMMITTER, Relation.ITS_MAINTAINER),
    "patch.withdraw": who(Relation.ITS_AUTHOR),
    "patch.reopen": who(Role.COMMITTER, Relation.ITS_AUTHOR, Relation.ITS_MAINTAINER),
    "patch.set_confidential": who(Role.COMMITTER, Role.TRIAGER, Relation.ITS_AUTHOR),
    # Rating dimensions, rules of branches, the maintainers file and paths of components.
    "patch.manage": who(Role.TRIAGER, Role.COMMITTER),
}


def visible_patches(viewer: Viewer) -> QuerySet[Patch]:
    """Every patch that `viewer` may know of: the start of every query a door makes.

    Who may not know of one of the problems that a patch fixes does not know of the patch, unless it
    is their own.
    """
    return Patch.objects.filter(visible(viewer))


def visible(viewer: Viewer) -> Q:
    """The condition on Patch rows under which `viewer` may know that they exist."""
    person = as_person(viewer)
    if person is not None and person.has_role(*SEES_ALL_CONFIDENTIAL):  # type: ignore[arg-type]
        return Q()
    hidden = PatchFix.objects.filter(patch=OuterRef("pk"), problem__is_confidential=True)
    if person is None:
        return Q(is_confidential=False) & ~Q(Exists(hidden))
    seen = visible_problems(person).filter(is_confidential=True)
    maintained = Maintainership.objects.filter(person=person).values("component")
    in_maintained = PatchComponent.objects.filter(component__in=maintained).values("patch")
    return (
        Q(author=person)
        | Q(submitter=person)
        | (
            (Q(is_confidential=False) | Q(pk__in=in_maintained))
            & ~Q(Exists(hidden.exclude(problem__in=seen)))
        )
    )


def relations_to(viewer: Viewer, patch: Patch) -> frozenset[Relation]:
    """What `viewer` is to `patch`; one query at most."""
    person = as_person(viewer)
    if person is None:
        return frozenset()
    found = {Relation.ITS_AUTHOR} if patch.is_by(person) else set()
    components = PatchComponent.objects.filter(patch=patch).values("component")
    if Maintainership.objects.filter(person=person, component__in=components).exists():
        found.add(Relation.ITS_MAINTAINER)
    return frozenset(found)


def may(action: str, viewer: Viewer, patch: Patch | None = None) -> Decision:
    """Whether `viewer` may do `action`, to `patch` where there is one."""
    by_role = decide(PERMISSIONS, action, viewer)
    if by_role or patch is None:
        return by_role
    return decide(PERMISSIONS, action, viewer, relations_to(viewer, patch))


def rights_on(viewer: Viewer, patch: Patch) -> dict[str, Decision]:
    """What `viewer` may do to `patch`, by the last word of the action; two queries at most."""
    relations = relations_to(viewer, patch)
    return {
        action.removeprefix("patch."): decide(PERMISSIONS, action, viewer, relations)
        for action in PERMISSIONS
    }
