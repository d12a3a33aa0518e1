"""What administrators read of mail that came in, of mail that came back, and of where none goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from accounts.models import Person
from notifications.gate.loops import TOO_MANY
from notifications.gate.models import Bounce, IncomingMail, SuspendedAddress

ON_A_PAGE: Final = 50
BOUNCES_SHOWN: Final = 20
SUSPENDED_SHOWN: Final = 100
_LATE: Final = timedelta(minutes=5)
_OF_LATE: Final = timedelta(days=1)

State = IncomingMail.State


@dataclass(frozen=True)
class Filter:
    """What is looked for: a state or "", words of sender or subject, words of the outcome."""

    state: str = ""
    words: str = ""
    outcome: str = ""


@dataclass(frozen=True)
class IncomingHealth:
    """What an administrator wants to know at one glance. `counts` are (state, words, number)."""

    counts: list[tuple[str, str, int]]
    oldest_waiting: IncomingMail | None
    # What the guard against loops said of late, the newest; "" for nothing.
    too_many: str

    @property
    def is_stuck(self) -> bool:
        """Whether a message waits that should have been read long ago."""
        oldest = self.oldest_waiting
        return oldest is not None and oldest.received_at < timezone.now() - _LATE


@dataclass(frozen=True)
class Suspended:
    """A suspended address, and whose it is, where it is anybody's."""

    row: SuspendedAddress
    owner: Person | None


def incoming_mails(wanted: Filter, before: int | None = None) -> QuerySet[IncomingMail]:
    """The newest that fit, older than the message `before`."""
    found = IncomingMail.objects.select_related("person").order_by("-pk")
    if wanted.state:
        found = found.filter(state=wanted.state)
    if wanted.words:
        found = found.filter(
            Q(from_address__icontains=wanted.words)
            | Q(sender__icontains=wanted.words)
            | Q(subject__icontains=wanted.words)
        )
    if wanted.outcome:
        found = found.filter(outcome__icontains=wanted.outcome)
    if before is not None:
        found = found.filter(pk__lt=before)
    return found[:ON_A_PAGE]


def incoming_health() -> IncomingHealth:
    """Three queries, however much came in."""
    rows = IncomingMail.objects.values_list("state").annotate(count=Count("pk")).order_by()
    by_state = dict(rows)
    waiting = IncomingMail.objects.filter(state=State.RECEIVED).order_by("received_at").first()
    too_many = (
        IncomingMail.objects.filter(received_at__gte=timezone.now() - _OF_LATE)
        .filter(state=State.IGNORED, outcome__startswith=TOO_MANY)
        .order_by("-pk")
        .values_list("outcome", flat=True)
        .first()
    )
    return IncomingHealth(
        [(str(state), state.label, by_state.get(state, 0)) for state in State],
        waiting,
        too_many or "",
    )


def latest_bounces() -> list[Bounce]:
    """What came back of late, the newest first."""
    return list(Bounce.objects.select_related("message").order_by("-pk")[:BOUNCES_SHOWN])


def suspended_addresses() -> list[Suspended]:
    """The latest suspended first. Two queries."""
    rows = list(SuspendedAddress.objects.order_by("-since", "-pk")[:SUSPENDED_SHOWN])
    people = Person.objects.filter(email__in=[row.address for row in rows])
    owners = {person.email.lower(): person for person in people}
    return [Suspended(row, owners.get(row.address.lower())) for row in rows]


def last_bounce(address: str) -> Bounce | None:
    """The latest mail that came back from an address for good."""
    found = Bounce.objects.filter(address=address.lower(), is_permanent=True)
    return found.order_by("-at", "-pk").first()
