"""Patches that come as several mails of one thread, as `git send-email` sends them.

To the address of a problem each is a comment of its own with its part attached, and `patches` puts
the parts together. To the address of new reports only the first one that is done reports: the
others of its thread, before it or after it, and later versions, go to the problem that it made.
To the address of a patch all of them are its next version, once they are there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Person
from notifications.gate import contents
from notifications.gate.bounces import StillGoing
from notifications.gate.models import IncomingMail
from notifications.gate.parsed import IncomingFile, ParsedMail
from notifications.gate.parsing import parse
from notifications.outbox.envelopes import host
from patches.finding import Place, place_of
from patches.intake.looking import SERIES_TAKES, SERIES_WAITS
from tracker.models import Problem
from tracker.policies import visible_problems
from tracker.text import clean_line

State = IncomingMail.State

# Of one thread; no series that is taken has more parts.
_READ_AT_MOST: Final = 500


@dataclass(frozen=True)
class Part:
    """One mail of a series: where in it, and its diff, or the letter above all of them."""

    incoming: IncomingMail
    place: Place
    file: IncomingFile

    @property
    def is_letter(self) -> bool:
        return not self.place.part


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


# To the address of a patch


def series_of(mail: ParsedMail, incoming: IncomingMail) -> list[Part]:
    """The series of which `mail` is one, itself first; [] where it is none.

    Raises `StillGoing` while the rest of it is waited for.
    """
    own = _part(mail, incoming)
    if own is None or not incoming.pk or incoming.state != State.RECEIVED:
        return []
    parts, taken = {own.place.part: own}, dict[int, Part]()
    for other in _beside(mail, own):
        known = taken if other.incoming.state == State.DONE else parts
        known.setdefault(other.place.part, other)
    wanted = set(range(1, own.place.parts + 1))
    if not wanted <= taken.keys():
        # Else the same series is sent once more.
        parts = parts | {number: taken[number] for number in taken.keys() - parts.keys()}
    if not wanted <= parts.keys() and timezone.now() - incoming.received_at < SERIES_WAITS:
        raise StillGoing("The rest of its series is waited for.")
    return list(parts.values())


def end_with(own: Part, others: Sequence[Part], person: Person, outcome: str) -> None:
    """The others of a series have nothing left to do once this transaction is committed.

    Not within it: a worker that reads one of them holds its row, and waits for us.
    """
    pks = [each.incoming.pk for each in others if each.incoming.pk != own.incoming.pk]

    def end() -> None:
        IncomingMail.objects.filter(pk__in=pks, state=State.RECEIVED).update(
            state=State.DONE, processed_at=timezone.now(), person=person, outcome=outcome
        )

    transaction.on_commit(end, robust=True)


def _part(mail: ParsedMail, incoming: IncomingMail) -> Part | None:
    """None for a mail that is no part of a series, which then stands for itself."""
    if mail.patch is None or not mail.patch.head:
        return None
    files = contents.body_of(mail.own_text, mail.patch).files
    place = place_of(files[0].content) if len(files) == 1 else None
    return Part(incoming, place, files[0]) if place is not None else None


def _beside(mail: ParsedMail, own: Part) -> Iterator[Part]:
    """The other parts from the same sender, the newest first."""
    incoming = own.incoming
    rows = IncomingMail.objects.filter(
        recipient__iexact=incoming.recipient,
        from_address__iexact=mail.from_address,
        thread=thread_of(mail),
        state__in=[State.RECEIVED, State.DONE],
        received_at__gt=incoming.received_at - SERIES_TAKES,
    )
    for row in rows.exclude(Q(pk=incoming.pk) | Q(file="")).order_by("-pk")[:_READ_AT_MOST]:
        with row.file.open("rb") as file:
            read = parse(file.read(), row.sender, host())
        there = _part(read, row)
        if there is not None and there.place.is_beside(own.place):
            yield there
