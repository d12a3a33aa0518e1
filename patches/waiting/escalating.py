"""Patches that nobody reviews are carried further: to the component's list, then to the board.

A stage is claimed by a conditional UPDATE, in the transaction that writes it into the history; the
apps above hear of it by that and tell people. So each stage is reached once for each content,
however many workers look. When it is due is said by `patches.waiting.turns`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from patches.events import record
from patches.models import Patch, PatchComponent, PatchEvent
from patches.policies import visible, visible_patches
from patches.waiting import turns
from patches.waiting.clocks import AFTER, Stage
from tracker.models import Component, Door, Maintainership

logger = logging.getLogger(__name__)

AT_ONCE: Final = 100
# Those who read mail.
_MAINTAINED: Final = Maintainership.objects.filter(
    person__is_active=True,
    person__email_confirmed_at__isnull=False,
    person__mail_suspended_at__isnull=True,
)


@dataclass(frozen=True)
class Reach:
    """Whom the first stage tells: the lists of `lists`, and who maintains each of `maintained`."""

    lists: Sequence[Component]
    maintained: Sequence[Component]


def escalate_due(seconds: float, now: datetime | None = None) -> bool:
    """Carry further what is due, for so many seconds; whether more may be left."""
    now, ends = now or timezone.now(), time.monotonic() + seconds
    for patch in _due(now):
        if time.monotonic() > ends:
            return True
        try:
            escalate(patch, now)
        except Exception:  # what fails must not keep others from being carried further
            logger.exception("%s could not be carried further.", patch)
    return False


def _due(now: datetime) -> Iterator[Patch]:
    """The most demanded first: of many that come due at once, whoever is mailed hears of a few
    alone. What cannot be claimed is passed over, not met again."""
    found, last = Patch.objects.filter(escalate_at__lte=now), Q()
    while True:
        rows = found.filter(last).select_related("product", "author", "submitter")
        batch = list(rows.order_by("-demand", "pk")[:AT_ONCE])
        for patch in batch:
            last = Q(demand__lt=patch.demand) | Q(demand=patch.demand, pk__gt=patch.pk)
            yield patch
        if len(batch) < AT_ONCE:
            return


@transaction.atomic
def escalate(patch: Patch, now: datetime) -> Stage | None:
    """Carry one patch to its next stage; None where that is not due, or somebody else did."""
    due = turns.next_stage_due(patch)
    if due is None or due[1] != patch.escalate_at:
        # Written while other times held, or by a hand; it is looked at again when it is due.
        row = Patch.objects.filter(pk=patch.pk, stage=patch.stage, escalate_at=patch.escalate_at)
        row.update(escalate_at=due[1] if due else None)
        return None
    if not turns.claim_stage(patch, due[0], now):
        return None
    stage = due[0]
    data = {"stage": stage.value, "days": AFTER[stage].days, "words": _words(patch, stage)}
    record(patch, PatchEvent.Kind.ESCALATED, None, Door.SYSTEM, data=data)
    return stage


def reach_of(patch: Patch) -> Reach:
    """Whom to tell of a patch that nobody reviews. A list may have any reader, so nothing that is
    confidential goes to one. Two queries."""
    rows = patch.components.select_related("product").order_by("slug")
    known = Exists(_MAINTAINED.filter(component=OuterRef("pk")))
    components = list(rows.annotate(is_maintained=known))
    is_public = visible_patches(None).filter(pk=patch.pk).exists()
    lists = [each for each in components if each.list_address and is_public]
    return Reach(lists, [c for c in components if c.is_maintained and c not in lists])


def reaches_nobody() -> Q:
    """Of patches, that they have neither a list that may be told nor anybody who maintains them."""
    theirs = PatchComponent.objects.filter(patch=OuterRef("pk"))
    listed = Q(Exists(theirs.exclude(component__list_address=""))) & visible(None)
    maintained = theirs.filter(component__in=_MAINTAINED.values("component"))
    return ~listed & ~Q(Exists(maintained))


def _words(patch: Patch, stage: Stage) -> str:
    """What was done, for the history; its subject is the tracker."""
    why = f"nobody has reviewed it for {AFTER[stage].days} days"
    if stage == Stage.BOARD:
        return f"put it on the board of forgotten patches, as {why}"
    reach = reach_of(patch)
    told = [f"the list of {each.slug}" for each in reach.lists]
    told += [f"who maintains {each.slug}" for each in reach.maintained]
    return f"told {_listed(told)}, as {why}" if told else f"found nobody to tell, as {why}"


def _listed(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
