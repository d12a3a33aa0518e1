"""When digests come and whether: a person's own, of what they voted for, of a search, of a list."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from accounts.services import set_time_zone
from notifications.digests import schedule
from notifications.models import DigestSubscription
from notifications.outbox.envelopes import DIGEST_REACH, LIST_REACH, VOTES_REACH
from tracker.models import Component
from tracker.policies import may
from votes.models import SavedSearch
from votes.saved_searches import may_see

Kind = DigestSubscription.Kind


@transaction.atomic
def set_digest(
    person: Person,
    *,
    period: str,
    weekday: int,
    hour: int,
    time_zone: str,
    kind: str = Kind.OWN,
    saved_search: SavedSearch | None = None,
    now: datetime | None = None,
) -> DigestSubscription:
    """Let a digest come when the person wants it, from the next such time on.

    It is of a `kind` that is a person's; with a search it is that of the search. Raises `Denied`
    for a search that the person may not see.
    """
    if saved_search is not None:
        require(may_see(person, saved_search))
        kind = Kind.SEARCH
    set_time_zone(person, time_zone)
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


@transaction.atomic
def set_list_digest(
    component: Component,
    by: Person,
    *,
    period: str,
    weekday: int,
    hour: int,
    now: datetime | None = None,
) -> DigestSubscription:
    """Let the digest of a component come to its list; the hour is one of UTC. Raises `Denied`."""
    require(may("component.manage", by))
    values = {"period": period, "weekday": weekday, "hour": hour, "is_chosen": True}
    wanted = DigestSubscription(kind=Kind.COMPONENT, component=component, **values)
    due = schedule.next_due(wanted, wanted.time_zone, now or timezone.now())
    row, _ = DigestSubscription.objects.update_or_create(
        kind=Kind.COMPONENT, component=component, defaults={**values, "next_due_at": due}
    )
    return row


def stop_digest(person_id: int, reach: str, target_id: int | None) -> bool:
    """What the link in a digest ends; again is the same. False for what is gone meanwhile.

    The row stays, switched off, so that nothing makes a new one.
    """
    kind, column = {
        DIGEST_REACH: (Kind.SEARCH if target_id else Kind.OWN, "saved_search"),
        VOTES_REACH: (Kind.VOTES, "saved_search"),
        LIST_REACH: (Kind.COMPONENT, "component"),
    }[reach]
    whose = None if reach == LIST_REACH else person_id
    rows = DigestSubscription.objects.filter(kind=kind, person=whose, **{column: target_id})
    return bool(rows.update(period=DigestSubscription.Period.OFF, is_chosen=True))


def reschedule_digest(person: Person) -> None:
    """Set the due times anew after the person's zone has changed."""
    for row in DigestSubscription.objects.filter(person=person):
        row.next_due_at = schedule.next_due(row, person.time_zone, timezone.now())
        row.save(update_fields=["next_due_at"])
