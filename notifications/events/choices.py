"""How soon people are told of which kind of event, when mail waits, and whether of own acts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Person
from notifications.digests import schedule
from notifications.models import (
    DigestSubscription,
    EventChoice,
    MailSettings,
    Message,
    Occasion,
    PatchTelling,
    Telling,
)
from tracker.models import Event

Pace = EventChoice.Pace

# The most urgent first: of an event with several occasions the most urgent choice holds.
URGENCY: Final = (Pace.INSTANTLY, Pace.HOURLY, Pace.DIGEST, Pace.NEVER)
# More people than this are not named in a query: what was chosen is then read of everybody.
NAMED_AT_MOST: Final = 500
UNTOLD_FOR: Final = timedelta(days=90)

_STATE_FIELDS: Final = frozenset({"state", "resolution", "duplicate_of", "fixed_in"})
_OF_KIND: Final[Mapping[str, Occasion]] = {
    Event.Kind.REPORTED: Occasion.REPORTED,
    Event.Kind.COMMENTED: Occasion.COMMENTED,
    Event.Kind.ATTACHED: Occasion.ATTACHED,
}


def occasions_of(event: Event) -> set[Occasion]:
    """What kinds of news an event is: an answer that changes the state, say, is two."""
    found = {_of_field(change["field"]) for change in event.changes}
    if event.kind in _OF_KIND:
        found.add(_OF_KIND[event.kind])
    return found or {Occasion.EDITED}


def _of_field(name: str) -> Occasion:
    if name in _STATE_FIELDS or name.startswith("status in "):
        return Occasion.STATE
    return Occasion.ASSIGNED if name == "assignee" else Occasion.EDITED


def paces(people: Iterable[Person], occasions: set[Occasion]) -> dict[int, Pace]:
    """How soon each of them is to be told of news with these occasions, by their id. One query."""
    ids = [person.pk for person in people]
    rows = EventChoice.objects.filter(_named(ids), occasion__in=occasions)
    chosen: dict[int, dict[str, Pace]] = defaultdict(dict)
    for row in rows:
        chosen[row.person_id][row.occasion] = Pace(row.pace)
    return {pk: most_urgent(chosen[pk], occasions) for pk in ids}


def most_urgent(chosen: Mapping[str, Pace], occasions: Iterable[Occasion]) -> Pace:
    return min((chosen.get(occasion, Pace.INSTANTLY) for occasion in occasions), key=URGENCY.index)


def wishes_of(people: Iterable[Person]) -> dict[int, MailSettings]:
    """Their settings, by the id of the person; who has said nothing has none. One query."""
    ids = [person.pk for person in people]
    return {row.person_id: row for row in MailSettings.objects.filter(_named(ids))}


def wants_own_acts(person: Person) -> bool:
    """Whether a person wants mail about what they did themselves."""
    return MailSettings.objects.filter(person=person, tells_own_acts=True).exists()


def _named(ids: list[int]) -> Q:
    return Q(person__in=ids) if len(ids) <= NAMED_AT_MOST else Q()


# What people choose


def choices_of(person: Person) -> dict[Occasion, Pace]:
    """The choice for each occasion, whether it was made or is the usual one."""
    rows = EventChoice.objects.filter(person=person)
    chosen = {row.occasion: Pace(row.pace) for row in rows}
    return {occasion: chosen.get(occasion, Pace.INSTANTLY) for occasion in Occasion}


def settings_of(person: Person) -> MailSettings:
    """The person's settings; those of somebody who said nothing are not stored."""
    return MailSettings.objects.filter(person=person).first() or MailSettings(person=person)


@transaction.atomic
def choose(
    person: Person,
    paces: Mapping[Occasion, Pace],
    *,
    quiet_from: int | None,
    quiet_until: int | None,
    tells_own_acts: bool,
) -> DigestSubscription | None:
    """Keep how the person wants to be told.

    What is to come in the digest needs one: returned is that which was switched on for it, None
    where there was one or none is needed.
    """
    for occasion, pace in paces.items():
        EventChoice.objects.update_or_create(
            person=person, occasion=occasion, defaults={"pace": pace}
        )
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        quiet_from = quiet_until = None
    MailSettings.objects.update_or_create(
        person=person,
        defaults={
            "quiet_from": quiet_from,
            "quiet_until": quiet_until,
            "tells_own_acts": tells_own_acts,
        },
    )
    return _switch_digest_on(person) if Pace.DIGEST in paces.values() else None


def _switch_digest_on(person: Person) -> DigestSubscription | None:
    """The digest of what one voted for tells the events that were to wait for it."""
    kind = DigestSubscription.Kind.VOTES
    found = DigestSubscription.objects.filter(person=person, kind=kind).first()
    if found is not None and found.period != DigestSubscription.Period.OFF:
        return None
    row = found or DigestSubscription(person=person, kind=kind)
    row.period, row.is_chosen = DigestSubscription.Period.WEEKLY, True
    row.next_due_at = schedule.next_due(row, person.time_zone, timezone.now())
    row.save()
    return row


@transaction.atomic
def stop_roundups(person: Person) -> bool:
    """Never tell of what came hourly, nor of what was collected; False when nothing was."""
    waiting = Message.objects.filter(
        person=person, kind=Message.Kind.ROUNDUP, state=Message.State.QUEUED
    )
    waiting.update(state=Message.State.DROPPED, last_error="Its reader has stopped these.")
    rows = EventChoice.objects.filter(person=person, pace=Pace.HOURLY)
    return bool(rows.update(pace=Pace.NEVER))


def forget_untold() -> int:
    """Delete what has waited for a digest for longer than any is apart: its person stopped them."""
    old = timezone.now() - UNTOLD_FOR
    rows = (model.objects.filter(message=None, created_at__lt=old)
            for model in (Telling, PatchTelling))  # fmt: skip
    return sum(each.delete()[0] for each in rows)


def stop_own_acts(person: Person) -> bool:
    """Tell no longer of what the person did; False when that was so."""
    rows = MailSettings.objects.filter(person=person, tells_own_acts=True)
    return bool(rows.update(tells_own_acts=False))
