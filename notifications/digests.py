"""Digests: who has one, when it comes due, and that each comes once.

A due one is claimed by an UPDATE that moves its due time, in the transaction that makes its
delivery and its message. What follows is the outbox's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Person, Role, RoleGrant
from notifications import schedule
from notifications.digest_content import Digest, Window, compose
from notifications.models import DigestDelivery, DigestSubscription
from notifications.queueing import queue_digests
from notifications.search_digest import compose_search

BATCH = 50
Kind, Period = DigestSubscription.Kind, DigestSubscription.Period


@dataclass(frozen=True)
class Planned:
    """A digest as it would be sent."""

    person: Person
    digest: Digest


def send_due(as_of: datetime | None = None, person: Person | None = None) -> list[DigestDelivery]:
    """Queue every digest that is due at `as_of` (now); returns the new deliveries.

    A time in the future claims what is due until then, but covers only what has happened by now.
    """
    now = timezone.now()
    as_of = as_of or now
    make_missing_subscriptions(now)
    queued: list[DigestDelivery] = []
    while (batch := _claim_batch(as_of, min(as_of, now), person)) is not None:
        queued += batch
    return queued


def own_subscription(person: Person) -> DigestSubscription | None:
    """The person's own digest, which is of no saved search; None where nothing was said."""
    return DigestSubscription.objects.filter(person=person, kind=Kind.OWN).first()


def make_missing_subscriptions(now: datetime) -> None:
    """Give each developer a weekly digest who has none yet."""
    rows = [default_subscription(person, now) for person in _developers_without()]
    DigestSubscription.objects.bulk_create(rows, ignore_conflicts=True)


def default_subscription(person: Person, now: datetime) -> DigestSubscription:
    """Weekly, unsaved: what a developer gets who has said nothing."""
    row = DigestSubscription(person=person)
    row.next_due_at = schedule.next_due(row, person.time_zone, now)
    return row


def _developers() -> QuerySet[RoleGrant, int]:
    return RoleGrant.objects.filter(role=Role.DEVELOPER).values_list("person", flat=True)


def _developers_without() -> QuerySet[Person]:
    return Person.objects.filter(
        is_active=True,
        email_confirmed_at__isnull=False,
        pk__in=_developers(),
    ).exclude(pk__in=DigestSubscription.objects.filter(kind=Kind.OWN).values("person"))


def due(as_of: datetime, person: Person | None = None) -> QuerySet[DigestSubscription]:
    """Digests that are due at `as_of`, the longest due first."""
    found = DigestSubscription.objects.filter(
        Q(is_chosen=True) | Q(person__in=_developers()),
        next_due_at__lte=as_of,
        person__is_active=True,
        person__email_confirmed_at__isnull=False,
    ).exclude(period=Period.OFF)
    if person is not None:
        found = found.filter(person=person)
    return found.select_related("person", "saved_search").order_by("next_due_at", "pk")


@transaction.atomic
def _claim_batch(
    as_of: datetime, covers_until: datetime, person: Person | None
) -> list[DigestDelivery] | None:
    """Claim some of what is due; None when nothing is."""
    rows = list(due(as_of, person)[:BATCH])
    if not rows:
        return None
    claimed = [row for row in rows if _move(row, as_of)]
    waiting = set(
        DigestDelivery.objects.filter(
            subscription__in=claimed, outcome=DigestDelivery.Outcome.OPEN
        ).values_list("subscription", flat=True)
    )
    deliveries = [
        DigestDelivery(subscription=row, covers_from=start, covers_until=covers_until)
        for row in claimed
        # One that still waits to be sent is not doubled; the next one covers what it does not.
        if row.pk not in waiting and (start := _covers_from(row, covers_until)) < covers_until
    ]
    created = DigestDelivery.objects.bulk_create(deliveries)
    queue_digests(created)
    return created


def _move(row: DigestSubscription, as_of: datetime) -> bool:
    """Take the due time away from everybody else; False when somebody else was first."""
    following = schedule.next_due(row, row.time_zone, as_of)
    return bool(
        DigestSubscription.objects.filter(pk=row.pk, next_due_at=row.next_due_at).update(
            next_due_at=following
        )
    )


def _covers_from(row: DigestSubscription, covers_until: datetime) -> datetime:
    """Where the last one that was sent ended; a first one looks one period back."""
    return row.last_covered_until or covers_until - schedule.length(row)


def preview_of(row: DigestSubscription, until: datetime) -> Digest:
    """What would be sent at `until` for a subscription, stored or not."""
    window = Window(_covers_from(row, until), until)
    if row.saved_search is not None:
        return compose_search(row.reader, row.saved_search, window)
    return compose(row.reader, window, is_preview=True)


def plan(as_of: datetime, person: Person | None = None) -> list[Planned]:
    """What `send_due` would queue, without writing a row; digests with nothing to say too."""
    now = timezone.now()
    rows = list(due(as_of, person))
    for developer in _developers_without():
        row = default_subscription(developer, now)
        if row.next_due_at <= as_of and person in {None, developer}:
            rows.append(row)
    return [Planned(row.reader, preview_of(row, min(as_of, now))) for row in rows]


def next_due(person: Person | None = None) -> DigestSubscription | None:
    """The digest that comes next, of `person` or of anybody."""
    rows = DigestSubscription.objects.exclude(period=Period.OFF).select_related("person")
    if person is not None:
        rows = rows.filter(person=person)
    return rows.order_by("next_due_at").first()
