"""When somebody looked at the news of what they have: see `votes.news`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from votes.models import LastLook
from votes.news import first_look

# A visit lasts while somebody comes back within this time: what they went to look at is still
# news when they return for the rest.
VISIT_LASTS: Final = timedelta(minutes=30)


@transaction.atomic
def note_look(person: Person) -> datetime:
    """`person` looks at the news now; returns the time from which on they are news."""
    now = timezone.now()
    # One visit at a time, also where several pages are opened at once.
    Person.objects.select_for_update().get(pk=person.pk)
    look = LastLook.objects.filter(person=person).first()
    look = look or LastLook(person=person, seen_until=first_look(person, now), looked_at=now)
    if now - look.looked_at > VISIT_LASTS:
        look.seen_until = look.looked_at
    look.looked_at = now
    look.save()
    return look.seen_until


def mark_seen(person: Person) -> None:
    """`person` has seen all the news there are."""
    now = timezone.now()
    LastLook.objects.update_or_create(person=person, defaults={"seen_until": now, "looked_at": now})
