"""Patches that come as several mails of one thread, as `git send-email` sends them.

To the address of a problem each is a comment of its own with its part attached, and `patches` puts
the parts together. To the address of new reports only the first one that is done reports: the
others of its thread, before it or after it, and later versions, go to the problem that it made.
"""

from __future__ import annotations

from django.db.models import Q

from accounts.models import Person
from notifications.gate.bounces import StillGoing
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import ParsedMail
from tracker.models import Problem
from tracker.policies import visible_problems
from tracker.text import clean_line

State = IncomingMail.State


def problem_begun(mail: ParsedMail, incoming: IncomingMail, person: Person) -> Problem | None:
    """The problem that a patch of this thread of `person` is about; None for a new report.

    Held mails are confirmed in any order, so the first of the thread may be done after its parts.

    Raises `StillGoing` where mails that came before are not read yet: the first may be among them.
    """
    thread = thread_of(mail)
    if mail.patch is None or not mail.patch.head or not thread:
        return None
    named = [clean_line(each)[:255] for each in mail.references]
    done = IncomingMail.objects.filter(person=person, state=State.DONE, problem__isnull=False)
    begun = done.filter(Q(thread=thread) | Q(message_id__in=named))
    number = begun.order_by("pk").values_list("problem", flat=True).first()
    if number is not None:
        return visible_problems(person).filter(pk=number).first()
    if (
        mail.references
        and incoming.pk
        and incoming.state == State.RECEIVED
        and _is_any_before(incoming)
    ):
        raise StillGoing("Mails of the same sender that came before it are not read yet.")
    return None


def thread_of(mail: ParsedMail) -> str:
    """The Message-ID of the first mail of its thread; "" where it says none."""
    return clean_line((*mail.references, mail.message_id)[0])[:255]


def _is_any_before(incoming: IncomingMail) -> bool:
    return IncomingMail.objects.filter(
        state=State.RECEIVED, sender=incoming.sender, pk__lt=incoming.pk
    ).exists()
