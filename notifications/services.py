"""Changes to who is told of what, and when."""

from __future__ import annotations

from typing import Final

from django.db import transaction

from accounts.models import Person
from accounts.policies import Denied, require
from notifications.digests.settings import stop_digest
from notifications.events.bulk_mail import follows
from notifications.events.choices import stop_own_acts, stop_roundups
from notifications.events.targets import Target, columns, find_target
from notifications.models import MutedPatch, Reach, Reason, Subscription
from notifications.outbox.envelopes import (
    BULK_REACH,
    DIGEST_REACHES,
    OWN_ACTS_REACH,
    PATCH_REACH,
    ROUNDUP_REACH,
)
from patches.models import Patch
from tracker.models import BulkChangeItem, Event, Problem
from tracker.policies import visible_problems
from votes.models import SavedSearch
from votes.saved_searches import may_see

MOST_WATCHES: Final = 100


def subscribe(person: Person, target: Target) -> Subscription:
    """Tell `person` of all that happens to `target`; None is everything. Unmutes.

    Of a saved search they are told what it newly finds. Raises `Denied`.
    """
    _check_sight(person, target)
    if isinstance(target, SavedSearch | str):
        _check_number_of_watches(person)
    return _set(person, target, is_muted=False)


def mute(person: Person, target: Target) -> Subscription:
    """Tell `person` nothing of `target`, whatever else they are or follow."""
    _check_sight(person, target)
    return _set(person, target, is_muted=True)


def unsubscribe(person: Person, target: Target) -> bool:
    """Forget what was chosen; what follows from a role or a report stays."""
    deleted, _ = Subscription.objects.filter(person=person, **columns(target)).delete()
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
    if reach == ROUNDUP_REACH:
        return stop_roundups(person)
    if reach == OWN_ACTS_REACH:
        return stop_own_acts(person)
    if reach == PATCH_REACH:
        return mute_patch(person, target_id or 0)
    if reach == BULK_REACH:
        return stop_bulk(person, target_id or 0)
    target = find_target(reach, target_id)
    if target is None and reach != Reach.EVERYTHING:
        return False
    _set(person, target, is_muted=True)
    return True


def mute_patch(person: Person, number: int) -> bool:
    """Mail nothing about a patch, whatever the person is to it; False for one that is gone."""
    if not Patch.objects.filter(pk=number).exists():
        return False
    MutedPatch.objects.get_or_create(person=person, patch_id=number)
    return True


def unmute_patch(person: Person, number: int) -> bool:
    """Mail about a patch again; False where it was not muted."""
    return bool(MutedPatch.objects.filter(person=person, patch=number).delete()[0])


def stop_bulk(person: Person, bulk_change_id: int) -> bool:
    """Mute what a mail about many problems was about, each by the closest word that covers it.

    False for a change that is gone, or of which nothing concerns the person any more.
    """
    items = BulkChangeItem.objects.filter(bulk_change=bulk_change_id).select_related("problem")
    followed = follows(person, [item.problem for item in items])
    for reach, target_id in sorted(set(followed.values()), key=str):
        _set(person, find_target(reach, target_id), is_muted=True)
    return bool(followed)


def _check_sight(person: Person, target: Target) -> None:
    if isinstance(target, SavedSearch):
        require(may_see(person, target))
    number = target.pk if isinstance(target, Problem) else None
    if number is not None and not visible_problems(person).filter(pk=number).exists():
        raise Denied("There is no such problem.")


def _check_number_of_watches(person: Person) -> None:
    """Each search that somebody watches is asked of each report."""
    watched = Subscription.objects.filter(person=person).exclude(saved_search=None, path="")
    if watched.count() >= MOST_WATCHES:
        raise Denied(f"You watch {MOST_WATCHES} searches and paths; remove one first.")


@transaction.atomic
def _set(person: Person, target: Target, *, is_muted: bool) -> Subscription:
    row, is_new = Subscription.objects.get_or_create(
        person=person, **columns(target), defaults={"is_muted": is_muted}
    )
    if not is_new and row.is_muted != is_muted:
        row.is_muted = is_muted
        row.save(update_fields=["is_muted"])
    return row
