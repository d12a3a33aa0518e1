"""Changes to who is told of what, and when."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Denied, require
from accounts.services import set_time_zone
from notifications import schedule
from notifications.envelopes import DIGEST_REACH
from notifications.models import DigestSubscription, Reach, Reason, Subscription
from tracker.models import Component, Event, Problem, Product
from tracker.policies import visible_problems
from votes.models import SavedSearch
from votes.saved_searches import may_see

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
    person = Person.objects.filter(pk=person_id).first()
    if person is None:
        return False
    if reach == DIGEST_REACH:
        rows = DigestSubscription.objects.filter(person=person, saved_search=target_id)
        return bool(rows.update(period=DigestSubscription.Period.OFF, is_chosen=True))
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


@transaction.atomic
def set_digest(
    person: Person,
    *,
    period: str,
    weekday: int,
    hour: int,
    time_zone: str,
    saved_search: SavedSearch | None = None,
    now: datetime | None = None,
) -> DigestSubscription:
    """Let a digest come when the person wants it, from the next such time on.

    It is the person's own, or that of a saved search. Raises `Denied` for a search that the person
    may not see.
    """
    if saved_search is not None:
        require(may_see(person, saved_search))
    set_time_zone(person, time_zone)
    kinds = DigestSubscription.Kind
    kind = kinds.OWN if saved_search is None else kinds.SEARCH
    values = {"period": period, "weekday": weekday, "hour": hour, "is_chosen": True}
    wanted = DigestSubscription(person=person, **values)
    due = schedule.next_due(wanted, time_zone, now or timezone.now())
    row, _ = DigestSubscription.objects.update_or_create(
        person=person,
        kind=kind,
        saved_search=saved_search,
        defaults={**values, "next_due_at": due},
    )
    return row


def reschedule_digest(person: Person) -> None:
    """Set the due times anew after the person's zone has changed."""
    for row in DigestSubscription.objects.filter(person=person):
        row.next_due_at = schedule.next_due(row, person.time_zone, timezone.now())
        row.save(update_fields=["next_due_at"])
