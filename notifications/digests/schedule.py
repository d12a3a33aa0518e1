"""When a digest comes due, by the clock on its reader's wall."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifications.models import DigestSubscription

Period = DigestSubscription.Period

LENGTH = {
    Period.DAILY: timedelta(days=1),
    Period.WEEKLY: timedelta(days=7),
    Period.MONTHLY: timedelta(days=31),
}


def zone(name: str) -> ZoneInfo:
    """The zone of that name; UTC for one that is no longer known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def length(subscription: DigestSubscription) -> timedelta:
    """What a first digest looks back on."""
    return LENGTH.get(Period(subscription.period), LENGTH[Period.WEEKLY])


def next_due(subscription: DigestSubscription, time_zone: str, after: datetime) -> datetime:
    """The first due time later than `after`, in UTC.

    An hour that the clock skips is taken an hour later, and one that comes twice the first time:
    neither leaves out a digest nor sends two.
    """
    here = zone(time_zone)
    day = after.astimezone(here).date()
    while True:
        if _is_day_of(subscription, day):
            local = datetime.combine(day, time(subscription.hour), tzinfo=here)
            due = local.astimezone(UTC)
            if due > after:
                return due
        day += timedelta(days=1)


def _is_day_of(subscription: DigestSubscription, day: date) -> bool:
    if subscription.period == Period.DAILY:
        return True
    if day.weekday() != subscription.weekday:
        return False
    return subscription.period != Period.MONTHLY or day.day <= 7
