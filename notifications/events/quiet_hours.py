"""When mail about events waits: the quiet hours of a person, by the clock on their wall."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from notifications.digests.schedule import zone
from notifications.models import MailSettings


def after_quiet(wishes: MailSettings | None, time_zone: str, at: datetime) -> datetime:
    """`at`, or the end of the quiet hours that it falls into.

    They end by the wall's clock, however long the night was: an hour that the clock skips is taken
    an hour later, and one that comes twice the first time.
    """
    if wishes is None or wishes.quiet_from is None or wishes.quiet_until is None:
        return at
    local = at.astimezone(zone(time_zone))
    start, end = wishes.quiet_from, wishes.quiet_until
    if not _is_within(local.hour, start, end):
        return at
    day = local.date() + timedelta(days=int(local.hour >= end))
    return max(at, datetime.combine(day, time(end), tzinfo=local.tzinfo).astimezone(UTC))


def _is_within(hour: int, start: int, end: int) -> bool:
    """Whether an hour lies from `start` until before `end`, over midnight where that is earlier."""
    if start <= end:
        return start <= hour < end
    return hour >= start or hour < end


def next_hour(at: datetime) -> datetime:
    """The full hour that comes after `at`."""
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
