"""A guard against what nobody foresaw: a machine that writes and writes to one of us.

What is known to be automatic never gets here. For the rest there is a number of mails an hour that
no person writes. A series of patches is sent by git, one mail for each: its parts have a number of
their own.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import Person
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import ParsedMail

AN_HOUR_AT_MOST: Final = 30
PARTS_AN_HOUR_AT_MOST: Final = 500
# "[PATCH v2 3/40] …", for Python and for both databases.
_PART: Final = r"^(Re: *)?\[[^]]*[0-9]+/[0-9]+\]"
_HOUR: Final = timedelta(hours=1)
TOO_MANY: Final = "Too many mails"

State = IncomingMail.State


def why_too_many(incoming: IncomingMail, mail: ParsedMail) -> str:
    """Why a mail that only says from whom it is, and may be anybody's, is left alone, or "".

    Counts what the last hour's mails from it brought about. Those that were left alone do not
    count, so that an administrator may have one of them read again an hour later.
    """
    address = mail.from_address
    if not address:
        return ""
    said = Q(from_address__iexact=address) & ~Q(state__in=[State.RECEIVED, State.IGNORED])
    return _why(incoming, mail, said, address)


def why_too_many_of(incoming: IncomingMail, mail: ParsedMail, person: Person) -> str:
    """Why a mail that is certainly of `person` is left alone, or "".

    Only such mails count: who writes in another's name must not use up what that person may send.
    """
    theirs = Q(person=person, state__in=[State.DONE, State.REFUSED])
    return _why(incoming, mail, theirs, person.handle)


def was_told(person: Person) -> bool:
    """Whether mails of `person` were left alone within the hour before this one."""
    left_alone = Q(person=person, state=State.IGNORED, outcome__startswith=TOO_MANY)
    return _of_last_hour().filter(left_alone).exists()


def _why(incoming: IncomingMail, mail: ParsedMail, which: Q, called: str) -> str:
    parts, most = Q(subject__regex=_PART), PARTS_AN_HOUR_AT_MOST
    if not re.match(_PART, mail.subject):
        parts, most = ~parts, AN_HOUR_AT_MOST
    if _of_last_hour().filter(which, parts).exclude(pk=incoming.pk).count() < most:
        return ""
    return f"{TOO_MANY}: over {most} from {called} within an hour."


def _of_last_hour() -> QuerySet[IncomingMail]:
    now = timezone.now()
    return IncomingMail.objects.filter(
        received_at__gte=now - 24 * _HOUR, processed_at__gte=now - _HOUR
    )
