"""Changes to products, their components, maintainers and releases."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from accounts.models import Person, Role
from accounts.services import grant_role, revoke_role
from tracker.models import Component, Maintainership


@transaction.atomic
def set_maintainers(component: Component, people: Iterable[Person], by: Person | None) -> None:
    """Let exactly `people` maintain the component. Who maintains anything is a developer."""
    wanted = {person.pk: person for person in people}
    current = {m.person_id: m.person for m in component.maintainership_set.select_related("person")}
    for pk in wanted.keys() - current.keys():
        Maintainership.objects.create(component=component, person=wanted[pk])
        grant_role(wanted[pk], Role.DEVELOPER, by)
    for pk in current.keys() - wanted.keys():
        Maintainership.objects.filter(component=component, person=pk).delete()
        if not Maintainership.objects.filter(person=pk).exists():
            revoke_role(current[pk], Role.DEVELOPER, by)
