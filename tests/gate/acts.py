"""Mails that do something, without the way by which they came. Plain functions."""

from __future__ import annotations

import itertools
from typing import Any

from django.core.files.base import ContentFile
from django.utils import timezone

from accounts.models import Person
from notifications.gate import acting
from notifications.gate.addresses import ReplyTo, ReportTo, report_address
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import IncomingFile, ParsedMail
from notifications.gate.results import Done
from tracker.models import Attachment, Comment, Event, Problem
from votes.models import Vote

_serial = itertools.count(1)

PATCH = """\
diff --git a/em.c b/em.c
--- a/em.c
+++ b/em.c
@@ -1,2 +1,2 @@
 int a;
-int b;
+int c;
"""


def mail(text: str = "", **values: Any) -> ParsedMail:
    """A mail whose own words are `text`."""
    values.setdefault("text", text)
    return ParsedMail(own_text=text, **values)


def stored(person: Person, raw: bytes = b"Subject: x\r\n\r\nx\r\n", **values: Any) -> IncomingMail:
    """A message of `person` that was stored and is done."""
    values.setdefault("recipient", report_address())
    row = IncomingMail(
        door=IncomingMail.Door.LMTP, sender=person.email, digest=str(next(_serial)),
        size=len(raw), state=IncomingMail.State.DONE, person=person, **values,
    )  # fmt: skip
    row.file.save(f"{row.digest}.eml", ContentFile(raw), save=False)
    row.save()
    return row


def reply(problem: Problem | int, person: Person, text: str = "", **values: Any) -> Done:
    """What an answer of `person` to a mail about `problem` does."""
    number = problem if isinstance(problem, int) else problem.pk
    recipient = ReplyTo(person.pk, number, timezone.now())
    return acting.act(mail(text, **values), IncomingMail(), person, recipient)


def report(person: Person, text: str, place: str = "", **values: Any) -> Done:
    """What a mail of `person` to the report address does."""
    return acting.act(mail(text, **values), IncomingMail(), person, ReportTo(place))


def picture(name: str = "image001.png", size: int = 900, **values: Any) -> IncomingFile:
    """A picture as signatures have them."""
    values.setdefault("is_inline", True)
    return IncomingFile(name, "image/png", b"\x89PNG" + b"x" * (size - 4), **values)


def counts() -> tuple[int, ...]:
    """How many rows there are of all that a mail can write."""
    tables = (Problem, Comment, Attachment, Event, Vote)
    return tuple(table.objects.count() for table in tables)
