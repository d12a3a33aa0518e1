"""How what happens to a patch comes into the outbox: by a mail that waits, or by a new one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from django.utils import timezone

from notifications.events import coalescing
from notifications.events.choices import Pace
from notifications.models import Message, PatchTelling
from notifications.outbox.envelopes import patch_message_id
from notifications.outbox.queueing import queue, queue_hourly
from notifications.patches.lists import list_mails
from notifications.patches.recipients import PatchPlan, plans
from patches.models import PatchEvent


def queue_patch_mails(event: PatchEvent) -> list[Message]:
    """Tell each person who is to be told of `event`, and the lists that are; returns new mails.

    What is to come in a digest is a `PatchTelling` without a message.
    """
    planned: dict[Pace, list[PatchPlan]] = defaultdict(list)
    for plan in plans(event):
        planned[plan.pace].append(plan)
    carried: dict[int, int | None] = {plan.person.pk: None for plan in planned[Pace.DIGEST]}
    new = _queue_instantly(event, planned[Pace.INSTANTLY], carried)
    new += queue_hourly(planned[Pace.HOURLY], carried)
    _tell(event, [plan for pace in planned.values() for plan in pace], carried)
    return new + queue(list_mails(event))


def _queue_instantly(
    event: PatchEvent, wanted: Sequence[PatchPlan], carried: dict[int, int | None]
) -> list[Message]:
    if not wanted:
        return []
    carried |= coalescing.join(wanted, patch=event.patch_id, kind=Message.Kind.PATCH)
    rest = [plan for plan in wanted if plan.person.pk not in carried]
    new = queue([_new_message(event, plan) for plan in rest])
    carried |= {message.person_id or 0: message.pk for message in new}
    return new


def _new_message(event: PatchEvent, plan: PatchPlan) -> Message:
    return Message(
        kind=Message.Kind.PATCH,
        patch_event=event,
        patch=event.patch,
        person=plan.person,
        address=plan.person.email,
        message_id=patch_message_id(event.pk, plan.person.pk),
        reason=plan.ground.reason,
        due_at=plan.not_before(timezone.now() + coalescing.window()),
    )


def _tell(
    event: PatchEvent, everybody: Sequence[PatchPlan], carried: dict[int, int | None]
) -> None:
    rows = [
        PatchTelling(
            person=plan.person,
            event=event,
            message_id=carried[plan.person.pk],
            reason=plan.ground.reason,
        )
        for plan in everybody
        if plan.person.pk in carried
    ]
    PatchTelling.objects.bulk_create(rows, ignore_conflicts=True)
