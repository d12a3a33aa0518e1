"""Changes to who is told of what, and when."""

from __future__ import annotations

from django.db import transaction

from accounts.models import Person
from accounts.policies import Denied
from notifications.digest_settings import stop_digest
from notifications.envelopes import DIGEST_REACHES
from notifications.models import Reach, Reason, Subscription
from tracker.models import Component, Event, Problem, Product
from tracker.policies import visible_problems

Target = Product | Component | Problem | None


def subscribe(person: Person, target: Target) -> Subscription:
    """Tell `person` of all that happens to `target`; None is everything. Unmutes."""
    _check_sight(person, target)
    return _set(person, target, is_muted=False)


def mute(person: Person, target: Target) -> Subscription:
    """Tell `person` nothing of `target`, whatever else they are or follow."""
    _check_sight(person, target)
    return _set(person, target, is_muted=True)


def unsubscribe(person: Person, target: Target) -> bool:
    """Forget what was chosen; what follows from a role or a report stays."""
    deleted, _ = Subscription.objects.filter(person=person, **_columns(target)).delete()
    return bool(deleted)


def follow_what_one_commented(event: Event) -> None:
    """Who takes part is told how it goes on, unless they said otherwise before."""
    if event.kind == Event.Kind.COMMENTED and event.actor is not None:
        Subscription.objects.get_or_create(
            person=event.actor, problem=event.problem, defaults={"reason": Reason.COMMENTER}
        )


def stop_mails(person_id: int, reach: str, target_id: int | None) -> bool:
    """What a one-click unsubscribe does; again is the same. False for what is gone meanwhile."""
    if reach in DIGEST_REACHES:
        return stop_digest(person_id, reach, target_id)
    person = Person.objects.filter(pk=person_id).first()
    if person is None:
        return False
    target = find_target(reach, target_id)
    if target is None and reach != Reach.EVERYTHING:
        return False
    _set(person, target, is_muted=True)
    return True


def find_target(reach: str, target_id: int | None) -> Target:
    """The row that a reach and an id mean; None for everything, and for what there is not."""
    target_id = target_id or 0
    if reach == Reach.PROBLEM:
        return Problem.objects.filter(pk=target_id).first()
    if reach == Reach.COMPONENT:
        return Component.objects.filter(pk=target_id).select_related("product").first()
    return Product.objects.filter(pk=target_id).first() if reach == Reach.PRODUCT else None


def _check_sight(person: Person, target: Target) -> None:
    number = target.pk if isinstance(target, Problem) else None
    if number is not None and not visible_problems(person).filter(pk=number).exists():
        raise Denied("There is no such problem.")


@transaction.atomic
def _set(person: Person, target: Target, *, is_muted: bool) -> Subscription:
    row, is_new = Subscription.objects.get_or_create(
        person=person, **_columns(target), defaults={"is_muted": is_muted}
    )
    if not is_new and row.is_muted != is_muted:
        row.is_muted = is_muted
        row.save(update_fields=["is_muted"])
    return row


def _columns(target: Target) -> dict[str, Target]:
    return {
        "product": target if isinstance(target, Product) else None,
        "component": target if isinstance(target, Component) else None,
        "problem": target if isinstance(target, Problem) else None,
    }
