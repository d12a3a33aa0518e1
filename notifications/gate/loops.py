"""A guard against what nobody foresaw: a machine that writes and writes to one of us.

What is known to be automatic never gets here. For the rest there is a number of mails an hour that
no person writes.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.utils import timezone

from notifications.gate.models import IncomingMail

AN_HOUR_AT_MOST: Final = 30
_HOUR: Final = timedelta(hours=1)
TOO_MANY: Final = "Too many mails"


def why_too_many(incoming: IncomingMail, address: str) -> str:
    """Why a mail from `address` is left alone, or "".

    Counts what the last hour's mails from it brought about. Those that were left alone do not
    count, so that an administrator may have one of them read again an hour later.
    """
    if not address:
        return ""
    handled = IncomingMail.objects.filter(
        received_at__gte=timezone.now() - 24 * _HOUR,
        processed_at__gte=timezone.now() - _HOUR,
        from_address__iexact=address,
    ).exclude(state__in=[IncomingMail.State.RECEIVED, IncomingMail.State.IGNORED])
    if handled.exclude(pk=incoming.pk).count() < AN_HOUR_AT_MOST:
        return ""
    return f"{TOO_MANY}: over {AN_HOUR_AT_MOST} from {address} within an hour."
