"""Digests: who has one, when it comes due, and that each comes once.

A due one is claimed by an UPDATE that moves its due time, in the transaction that makes its
delivery and its message. What follows is the outbox's.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Person, Role, RoleGrant
from notifications.digests import schedule
from notifications.digests.kinds import compose_kind, why_not
from notifications.digests.shapes import Digest, Window
from notifications.models import DigestDelivery, DigestSubscription, EventChoice
from notifications.outbox.queueing import queue_digests
from patches.models import ReviewRequest
from tracker.models import Component

BATCH = 500
# What is read of one that is due, and of whose it is.
_CLAIMED: Final = (
    *("kind", "period", "weekday", "hour", "last_covered_until", "saved_search"),
    *("person__email", "person__handle", "person__time_zone", "component__list_address"),
)
# What says when it comes due next.
_SCHEDULE: Final = ("kind", "period", "weekday", "hour", "person__time_zone")
# Seconds for which one task claims what is due.
CLAIMS_FOR = 8.0
Kind, Period = DigestSubscription.Kind, DigestSubscription.Period
_WITH_OWN: Final = (Role.DEVELOPER, Role.COMMITTER)


@dataclass(frozen=True)
class Planned:
    """A digest as it would be sent."""

    subscription: DigestSubscription
    digest: Digest


@dataclass(frozen=True)
class Chosen:
    """Which digests are meant: all, or those of one person, of one kind, or of both."""

    person: Person | None = None
    kind: str = ""

    def among(self, rows: QuerySet[DigestSubscription]) -> QuerySet[DigestSubscription]:
        if self.person is not None:
            rows = rows.filter(person=self.person)
        return rows.filter(kind=self.kind) if self.kind else rows

    def has(self, row: DigestSubscription) -> bool:
        """Whether a row that is not stored is meant."""
        return self.person in {None, row.person} and self.kind in {"", row.kind}


ALL: Final = Chosen()


def send_due(as_of: datetime | None = None, chosen: Chosen = ALL) -> list[DigestDelivery]:
    """Queue every digest that is due at `as_of` (now); returns the new deliveries.

    A time in the future claims what is due until then, but covers only what has happened by now.
    """
    return [delivery for batch in _batches(as_of, chosen) for delivery in batch]


def send_some() -> tuple[int, bool]:
    """Queue digests that are due now, for some seconds; how many, and whether there are more."""
    until = time.monotonic() + CLAIMS_FOR
    queued = 0
    for batch in _batches(None, ALL):
        queued += len(batch)
        if time.monotonic() >= until:
            return queued, True
    return queued, False


def _batches(as_of: datetime | None, chosen: Chosen) -> Iterator[list[DigestDelivery]]:
    now = timezone.now()
    as_of = as_of or now
    make_missing_subscriptions(now)
    while (batch := _claim_batch(as_of, min(as_of, now), chosen)) is not None:
        yield batch


def own_subscription(person: Person, kind: str = Kind.OWN) -> DigestSubscription | None:
    """The person's digest of a kind, which is of no saved search; None where nothing was said."""
    return DigestSubscription.objects.filter(person=person, kind=kind).first()


def make_missing_subscriptions(now: datetime) -> None:
    """Give a weekly digest to each developer, to who was asked for reviews or wants events in it,
    and to each list."""
    DigestSubscription.objects.bulk_create(_missing(now), ignore_conflicts=True)


def _missing(now: datetime) -> list[DigestSubscription]:
    return [
        *(default_subscription(person, now) for person in _developers_without()),
        *(default_subscription(person, now) for person in _asked_without()),
        *(default_subscription(person, now, Kind.VOTES) for person in _choosers_without()),
        *(list_subscription(component, now) for component in _lists_without()),
    ]


def default_subscription(person: Person, now: datetime, kind: str = Kind.OWN) -> DigestSubscription:
    """Weekly, unsaved: what somebody gets who has said nothing."""
    row = DigestSubscription(person=person, kind=kind)
    row.next_due_at = schedule.next_due(row, row.time_zone, now)
    return row


def list_subscription(component: Component, now: datetime) -> DigestSubscription:
    """Weekly, unsaved: what the list of a component gets."""
    row = DigestSubscription(kind=Kind.COMPONENT, component=component)
    row.next_due_at = schedule.next_due(row, row.time_zone, now)
    return row


def has_own(person: Person) -> bool:
    """Whether the person has a digest of what they maintain without asking."""
    return person.has_role(*_WITH_OWN) or _asked().filter(person=person).exists()


def _developers() -> QuerySet[RoleGrant, int]:
    """Committers too: what nobody has reviewed for long is told to each of them."""
    return RoleGrant.objects.filter(role__in=_WITH_OWN).values_list("person", flat=True)


def _asked() -> QuerySet[ReviewRequest, int]:
    """Whom the maintainers file of a product names, or a patch went on to, while it waits."""
    standing = (ReviewRequest.State.OPEN, ReviewRequest.State.CLAIMED)
    rows = ReviewRequest.objects.filter(asked_by=None, state__in=standing)
    return rows.filter(patch__is_waiting__in=(True,)).values_list("person", flat=True)


def _choosers() -> QuerySet[EventChoice, int]:
    """Who wants to be told of something in the digest."""
    chosen = EventChoice.objects.filter(pace=EventChoice.Pace.DIGEST)
    return chosen.values_list("person", flat=True)


def has_choice(person: Person) -> bool:
    """Whether the person wants to be told of something in the digest."""
    return _choosers().filter(person=person).exists()


def _developers_without() -> QuerySet[Person]:
    return _without(Kind.OWN).filter(pk__in=_developers())


def _asked_without() -> QuerySet[Person]:
    return _without(Kind.OWN).filter(pk__in=_asked()).exclude(pk__in=_developers())


def _choosers_without() -> QuerySet[Person]:
    return _without(Kind.VOTES).filter(pk__in=_choosers())


def _without(kind: str) -> QuerySet[Person]:
    """Those to whom mail may go and who have no digest of that kind."""
    # By EXISTS, as PostgreSQL reads the whole list anew for each person of a NOT IN that is too
    # long for its memory.
    have = DigestSubscription.objects.filter(kind=kind, person=OuterRef("pk"))
    return Person.objects.filter(~Exists(have), is_active=True, email_confirmed_at__isnull=False)


def _lists_without() -> QuerySet[Component]:
    found = Component.objects.filter(digest_subscription=None).exclude(list_address="")
    return found.select_related("product")


def due(as_of: datetime, chosen: Chosen = ALL) -> QuerySet[DigestSubscription]:
    """Digests that are due at `as_of`, the longest due first."""
    found = _wanted().filter(next_due_at__lte=as_of)
    return chosen.among(found).order_by("next_due_at", "pk")


def _wanted(among: Sequence[DigestSubscription] | None = None) -> QuerySet[DigestSubscription]:
    """Digests that somebody gets, of all or of some.

    One that came by itself ends with what it came by: a role, patches to review, a choice, the
    address of a list.
    """
    rows = DigestSubscription.objects.all()
    developers, asked, choosers = _developers(), _asked(), _choosers()
    if among is not None:
        people = [row.person_id for row in among if row.person_id is not None]
        rows = rows.filter(pk__any_of=[row.pk for row in among])
        developers = developers.filter(person__pk__any_of=people)
        asked = asked.filter(person__pk__any_of=people)
        choosers = choosers.filter(person__pk__any_of=people)
    by_itself = (
        Q(kind=Kind.OWN, person__in=developers)
        | Q(kind=Kind.OWN, person__in=asked)
        | Q(kind=Kind.VOTES, person__in=choosers)
        | Q(kind=Kind.COMPONENT)
    )
    has_reader = Q(person__is_active=True, person__email_confirmed_at__isnull=False)
    has_list = Q(kind=Kind.COMPONENT) & ~Q(component__list_address="")
    return (
        rows.filter(Q(is_chosen=True) | by_itself)
        .filter(has_reader | has_list)
        .exclude(period=Period.OFF)
        .select_related("person", "saved_search", "component__product")
    )


@transaction.atomic
def _claim_batch(
    as_of: datetime, covers_until: datetime, chosen: Chosen
) -> list[DigestDelivery] | None:
    """Claim some of what is due; None when nothing is.

    Who of them has a reader, and a reason, is asked of a batch alone: to ask it of all who wait,
    for each batch, was a third of the work of a large run. The others move on and make nothing.
    """
    moved = _ripe(as_of, chosen)
    if not moved:
        return None
    rows = _wanted(moved).select_related(None).select_related("person", "component").only(*_CLAIMED)
    claimed = list(rows.order_by("pk"))
    _move(moved, as_of)
    waiting = set(
        DigestDelivery.objects.filter(
            subscription__pk__any_of=[row.pk for row in claimed],
            outcome=DigestDelivery.Outcome.OPEN,
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


def _ripe(as_of: datetime, chosen: Chosen) -> list[DigestSubscription]:
    """Some of those whose time has come, locked.

    By time alone: most come due at the same hour, and to sort all of those takes long as well.
    """
    rows = chosen.among(DigestSubscription.objects.filter(next_due_at__lte=as_of))
    rows = rows.exclude(period=Period.OFF).order_by("next_due_at")
    locked = rows.select_for_update(skip_locked=True, of=("self",))
    return list(locked.select_related("person").only(*_SCHEDULE)[:BATCH])


def _move(rows: Sequence[DigestSubscription], as_of: datetime) -> None:
    """Set when each comes due next; one statement for all of the same time."""
    by_schedule: dict[tuple[str, int, int, str], list[DigestSubscription]] = defaultdict(list)
    for row in rows:
        by_schedule[row.period, row.weekday, row.hour, row.time_zone].append(row)
    by_time: dict[datetime, list[int]] = defaultdict(list)
    for (*_, time_zone), alike in by_schedule.items():
        following = schedule.next_due(alike[0], time_zone, as_of)
        by_time[following] += [row.pk for row in alike]
    for following, pks in by_time.items():
        DigestSubscription.objects.filter(pk__any_of=pks).update(next_due_at=following)


def _covers_from(row: DigestSubscription, covers_until: datetime) -> datetime:
    """Where the last one that was sent ended; a first one looks one period back."""
    return row.last_covered_until or covers_until - schedule.length(row)


def preview_of(row: DigestSubscription, until: datetime) -> Digest:
    """What would be sent at `until` for a subscription, stored or not."""
    return compose_kind(row, Window(_covers_from(row, until), until), is_preview=True)


def plan(as_of: datetime, chosen: Chosen = ALL) -> list[Planned]:
    """What `send_due` would queue, without writing a row; digests with nothing to say too."""
    now = timezone.now()
    missing = [row for row in _missing(now) if row.next_due_at <= as_of and chosen.has(row)]
    rows = [row for row in (*due(as_of, chosen), *missing) if not why_not(row)]
    return [Planned(row, preview_of(row, min(as_of, now))) for row in rows]


def next_due(chosen: Chosen = ALL) -> DigestSubscription | None:
    """The digest that comes next, of those that are chosen."""
    rows = DigestSubscription.objects.exclude(period=Period.OFF)
    rows = rows.select_related("person", "component__product")
    return chosen.among(rows).order_by("next_due_at").first()
