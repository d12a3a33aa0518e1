"""A guard against what nobody foresaw: a machine that writes and writes to one of us.

What is known to be automatic never gets here. For the rest there is a number of mails an hour that
no person writes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Person
from notifications.gate.models import IncomingMail

AN_HOUR_AT_MOST: Final = 30
_HOUR: Final = timedelta(hours=1)
TOO_MANY: Final = "Too many mails"

State = IncomingMail.State


def why_too_many(incoming: IncomingMail, address: str) -> str:
    """Why a mail that says it is from `address`, and may be anybody's, is left alone, or "".

    Counts what the last hour's mails from it brought about. Those that were left alone do not
    count, so that an administrator may have one of them read again an hour later.
    """
    if not address:
        return ""
    said = Q(from_address__iexact=address) & ~Q(state__in=[State.RECEIVED, State.IGNORED])
    return _why(incoming, said, address)


def why_too_many_of(incoming: IncomingMail, person: Person) -> str:
    """Why a mail that is certainly of `person` is left alone, or "".

    Only such mails count: who writes in another's name must not use up what that person may send.
    """
    theirs = Q(person=person, state__in=[State.DONE, State.REFUSED])
    return _why(incoming, theirs, person.handle)


def was_told(person: Person) -> bool:
    """Whether mails of `person` were left alone within the hour before this one."""
    left_alone = Q(person=person, state=State.IGNORED, outcome__startswith=TOO_MANY)
    return _of_last_hour().filter(left_alone).exists()


def _why(incoming: IncomingMail, which: Q, called: str) -> str:
    if _of_last_hour().filter(which).exclude(pk=incoming.pk).count() < AN_HOUR_AT_MOST:
        return ""
    return f"{TOO_MANY}: over {AN_HOUR_AT_MOST} from {called} within an hour."


def _of_last_hour() -> QuerySet[IncomingMail]:
    now = timezone.now()
    return IncomingMail.objects.filter(
        received_at__gte=now - 24 * _HOUR, processed_at__gte=now - _HOUR
    )
