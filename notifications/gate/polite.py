"""The one polite answer to who is unknown here: how to take part.

An address is easily forged, and whoever is answered may never have written: so each gets one in a
day, a domain a hundred, everybody together five hundred, and nothing of the mail is sent back.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from notifications.gate.answers import is_own, queue_answer
from notifications.gate.models import IncomingMail, PoliteAnswer
from notifications.gate.parsed import ParsedMail
from notifications.gate.senders import normal

DAY: Final = timedelta(days=1)
MOST_PER_DOMAIN: Final = 100
MOST_IN_ALL: Final = 500
# The key of an advisory lock; any number that nothing else in this database uses.
_LOCK: Final = 7_310_004
_NO_PERSON: Final = re.compile(
    r"mailer-?daemon|postmaster|root|daemon|nobody|abuse|majordomo|listserv|listmaster|mailman"
    r"|(?:no|do-?not)[._-]?reply.*|bounces?(?:[+=-].*)?|owner-.*|.*-(?:owner|request|bounces?)"
)


def answer_unknown(incoming: IncomingMail, mail: ParsedMail) -> str:
    """Tell who wrote how to take part, if that may be told; the outcome in a line."""
    # RFC 3834, section 4: an automatic answer goes where the envelope came from.
    address = normal(incoming.sender or mail.from_address)
    if not _is_persons(address):
        return "Its sender is unknown, and nobody to answer."
    if not _may_tell(address):
        return "Its sender is unknown, and was answered lately."
    answered = queue_answer(
        address, f"Re: your mail to {_site()}", _text(), in_reply_to=mail.message_id
    )
    return "Its sender is unknown, and was told how to take part." if answered else "No answer."


def _is_persons(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    if not local or _NO_PERSON.fullmatch(local) or is_own(address):
        return False
    # Where the whole domain is ours, nobody else has a mailbox in it.
    return bool(settings.MAIL_IN_BOX) or domain != settings.MAIL_IN_DOMAIN


def _may_tell(address: str) -> bool:
    """Note that this address is told now, unless it or too many were; decided by the database."""
    _one_at_a_time()
    now = timezone.now()
    lately = PoliteAnswer.objects.filter(answered_at__gt=now - DAY)
    told = list(lately.values_list("address", flat=True)[: MOST_IN_ALL + 1])
    domain = address.rpartition("@")[2]
    of_domain = sum(each.endswith(f"@{domain}") for each in told)
    if len(told) >= MOST_IN_ALL or of_domain >= MOST_PER_DOMAIN:
        return False
    _, is_new = PoliteAnswer.objects.get_or_create(address=address, defaults={"answered_at": now})
    long_ago = Q(answered_at__lte=now - DAY)
    return is_new or bool(
        PoliteAnswer.objects.filter(long_ago, address=address).update(answered_at=now)
    )


def _one_at_a_time() -> None:
    """Until the end of the transaction, so that the numbers hold; SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def forget_old() -> int:
    """Delete what decides nothing any more; how many. It is a list of strangers' addresses."""
    return PoliteAnswer.objects.filter(answered_at__lte=timezone.now() - 2 * DAY).delete()[0]


def _site() -> str:
    return settings.BASE_URL.partition("://")[2]


def _text() -> str:
    sign_up = settings.BASE_URL + reverse("account_signup")
    return (
        "Thank you for writing. This is the problem tracker at "
        f"{settings.BASE_URL}, and a program answers: your mail did not reach a person, and "
        "nothing was done with it, because your address belongs to nobody here.\n\n"
        "To report a problem or to say that you have it too, register with the address that you "
        f"write from; it takes a minute:\n\n{sign_up}\n\n"
        f"Then send your mail again. Or look first whether somebody has reported it:\n\n"
        f"{settings.BASE_URL}/problems/\n\n"
        f"What can be done by mail is told at {settings.BASE_URL}/mail/help\n\n"
        "You get this answer at most once a day. If you did not write to us, somebody used your "
        "address, and you can forget this mail."
    )
