"""How a product wants its clocks, and making the rows agree after that was changed."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from tracker.clocks.keeping import terms_of
from tracker.clocks.rules import MOST_DAYS, Terms
from tracker.drafts import Faults
from tracker.models import Clock, ClockKind, ClockSetting, Product
from tracker.policies import may
from tracker.text import clean_line

BATCH: Final = 2000


@transaction.atomic
def set_clocks(
    product: Product, by: Person, wanted: dict[ClockKind, tuple[bool, str]]
) -> list[ClockSetting]:
    """Set each named clock of a product to (is it on, its days as typed); returns what changed.

    A clock that is switched on or made quicker counts from now, so that it acts on nothing old.
    Raises `Denied`, and `DraftErrors` that name the clocks' fields as `days_<kind>`.
    """
    require(may("clock.manage", by))
    # One at a time, also before there is a row to lock.
    Product.objects.select_for_update().get(pk=product.pk)
    terms = terms_of([product.pk])
    faults = Faults()
    changed = []
    for kind, (is_on, typed) in wanted.items():
        days = _check_days(kind, typed, faults)
        old = terms[product.pk, kind]
        if (is_on, days) != (old.is_on, old.days):
            changed.append(_setting(product, kind, old, is_on=is_on, days=days))
    faults.raise_if_any()
    for setting in changed:
        setting.save()
    return changed


def field_of(kind: ClockKind) -> str:
    """The field of the form in which the days of a clock are typed."""
    return f"days_{kind.value.replace(' ', '_')}"


def _check_days(kind: ClockKind, typed: str, faults: Faults) -> int:
    text = clean_line(typed[:100])
    if re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) and 1 <= int(text) <= MOST_DAYS:
        return int(text)
    faults.add(field_of(kind), f"Give a whole number of days from 1 to {MOST_DAYS:,}.")
    return 1


def _setting(
    product: Product, kind: ClockKind, old: Terms, *, is_on: bool, days: int
) -> ClockSetting:
    setting = ClockSetting.objects.filter(product=product, kind=kind).first()
    setting = setting or ClockSetting(product=product, kind=kind)
    is_stricter = is_on and (not old.is_on or days < old.days)
    setting.since = timezone.now() if is_stricter else old.since
    setting.is_on, setting.days, setting.is_applied = is_on, days, False
    return setting


def unapplied() -> list[int]:
    """The settings with which the rows may not agree yet."""
    return list(ClockSetting.objects.filter(is_applied=False).values_list("pk", flat=True))


def apply_setting(pk: int, after: int = 0, seconds: float = 8.0) -> int | None:
    """Set `due_at` of a product's clocks anew, in short transactions, from row `after` on.

    Returns the row to go on after when the time is up; None when the setting is applied.
    """
    ends = time.monotonic() + seconds
    setting = ClockSetting.objects.filter(pk=pk, is_applied=False).first()
    if setting is None:
        return None
    clocks = Clock.objects.filter(
        kind=setting.kind, problem__product=setting.product_id, fired_at=None, paused_at=None
    )
    while True:
        rows = clocks.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)
        batch = list(rows[:BATCH])
        if not batch:
            _note_applied(setting)
            return None
        _apply_to(batch, setting)
        after = batch[-1]
        if time.monotonic() > ends:
            return after


@transaction.atomic
def _apply_to(batch: list[int], setting: ClockSetting) -> None:
    """A row that changes at the same time is looked at again when it is due."""
    clocks = Clock.objects.filter(pk__in=batch, fired_at=None, paused_at=None)
    if not setting.is_on:
        clocks.update(due_at=None)
        return
    length = timedelta(days=setting.days)
    clocks.filter(started_at__gt=setting.since).update(due_at=F("started_at") + length)
    clocks.filter(started_at__lte=setting.since).update(due_at=setting.since + length)


def _note_applied(setting: ClockSetting) -> None:
    """Unless it was changed again meanwhile."""
    same = ClockSetting.objects.filter(
        pk=setting.pk, is_on=setting.is_on, days=setting.days, since=setting.since
    )
    same.update(is_applied=True)
