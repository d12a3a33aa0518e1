"""What happens soon after one another is told in one mail.

A message about a problem waits a little; what happens meanwhile joins it. Whoever joins holds the
message's row until the change is committed, and whoever sends it claims the row first: so an event
is told either by the message that was waiting or by a new one, and never lost between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Person
from notifications.events.choices import Pace, occasions_of, paces, wishes_of
from notifications.events.quiet_hours import after_quiet, next_hour
from notifications.events.recipients import Ground
from notifications.gate.suspension import suspended_among
from notifications.models import MailSettings, Message, Reason, Telling
from notifications.outbox.envelopes import event_message_id, roundup_message_id
from tracker.models import Event

# However much goes on, the first of it is told after so long.
LONGEST: Final = timedelta(minutes=5)


class Planned(Protocol):
    """That somebody is told of something; when, follows from what they wish."""

    @property
    def person(self) -> Person: ...

    def not_before(self, at: datetime) -> datetime:
        """`at`, or the end of the person's quiet hours."""


@dataclass(frozen=True)
class Plan:
    """That a person is told of an event, why, and how soon; when that is follows from `wishes`."""

    ground: Ground
    pace: Pace
    wishes: MailSettings | None

    @property
    def person(self) -> Person:
        return self.ground.person

    def not_before(self, at: datetime) -> datetime:
        """`at`, or the end of the person's quiet hours."""
        return after_quiet(self.wishes, self.person.time_zone, at)


def plans(event: Event, grounds: Sequence[Ground]) -> list[Plan]:
    """Who of these is to be told of `event` and was not. As many queries for one as for many."""
    if not grounds:
        return []
    told = set(Telling.objects.filter(event=event).values_list("person", flat=True))
    suspended = suspended_among([ground.person.email for ground in grounds])
    grounds = [
        ground
        for ground in grounds
        if ground.person.pk not in told and ground.person.email.lower() not in suspended
    ]
    people = [ground.person for ground in grounds]
    chosen, wishes = paces(people, occasions_of(event)), wishes_of(people)
    found = []
    for ground in grounds:
        # Who asked to be told of own acts asked for a mail, whatever it is about.
        is_own = ground.reason == Reason.OWN_ACT
        pace = Pace.INSTANTLY if is_own else chosen[ground.person.pk]
        if pace != Pace.NEVER:
            found.append(Plan(ground, pace, wishes.get(ground.person.pk)))
    return found


def window() -> timedelta:
    """How long a mail about a problem waits for more of it."""
    return timedelta(seconds=settings.EVENT_MAIL_WINDOW)


def new_event_message(event: Event, plan: Plan) -> Message:
    """The mail about what has begun to happen to a problem."""
    ground = plan.ground
    return Message(
        kind=Message.Kind.EVENT,
        event=event,
        problem=event.problem,
        person=plan.person,
        address=plan.person.email,
        message_id=event_message_id(event.pk, plan.person.pk),
        reason=ground.reason,
        reach=ground.reach,
        target_id=ground.target_id,
        due_at=plan.not_before(timezone.now() + window()),
    )


def join(plans: Sequence[Planned], **about: Any) -> dict[int, int]:
    """The waiting messages that take the next event, by the person's id.

    `about` are conditions of the rows: their kind, and the problem or patch.

    They are ours until the transaction ends. One that somebody else holds is being sent, or about
    to be; it is passed over rather than waited for. Two queries.
    """
    waiting = _waiting(**about)
    by_person = {plan.person.pk: plan for plan in plans}
    # Of several, which only a mail that was sent again can leave, the latest.
    joined = {m.person_id or 0: m for m in waiting if m.person_id in by_person}
    for person_id, message in joined.items():
        message.due_at = _put_off(message, by_person[person_id])
    Message.objects.bulk_update(joined.values(), ["due_at"])
    return {person_id: message.pk for person_id, message in joined.items()}


def _waiting(**about: Any) -> QuerySet[Message]:
    found = Message.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        **about, state=Message.State.QUEUED
    )
    if not window():
        # Without a window only what quiet hours hold back takes more.
        found = found.filter(due_at__gt=timezone.now())
    return found.order_by("pk")


def _put_off(message: Message, plan: Planned) -> datetime:
    """Later, as more may follow; but one that was tried waits for its server, and only for it."""
    if message.attempts:
        return message.due_at
    wanted = min(timezone.now() + window(), message.created_at + LONGEST)
    return max(message.due_at, plan.not_before(wanted))


# Once an hour


def roundups(plans: Sequence[Planned]) -> list[Message]:
    """The mails, stored or not, that tell these people at the next full hour what happens until it.

    The hour names the mail, so that the database keeps them to one.
    """
    due = next_hour(timezone.now())
    return [_roundup(plan, plan.not_before(due)) for plan in plans]


def later(message: Message, plan: Planned) -> Message:
    """The one of the hour after a mail that has left early."""
    return _roundup(plan, plan.not_before(next_hour(message.due_at)))


def _roundup(plan: Planned, due_at: datetime) -> Message:
    return Message(
        kind=Message.Kind.ROUNDUP,
        person=plan.person,
        address=plan.person.email,
        message_id=roundup_message_id(due_at, plan.person.pk),
        due_at=due_at,
    )


def hold_roundups(message_ids: Sequence[str]) -> dict[str, int]:
    """The keys of those that still wait, by their ids; they are ours until the transaction ends."""
    waiting = Message.objects.select_for_update(of=("self",)).filter(
        message_id__in=message_ids, state=Message.State.QUEUED
    )
    return {row.message_id: row.pk for row in waiting.order_by("pk").only("pk", "message_id")}
