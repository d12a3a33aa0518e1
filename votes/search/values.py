"""What the values of qualifiers mean: spans of time, ranges of numbers, choices of a list."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Final

from django.db.models import Q
from django.utils import timezone

from votes.search.language import nearest

_AGE: Final = re.compile(r"([0-9]{1,5})(h|d|w|m|y)")
_AGE_DAYS: Final = {"h": 1 / 24, "d": 1, "w": 7, "m": 30.4375, "y": 365.25}
_DAY: Final = re.compile(r"([0-9]{4})(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?")
_COMPARED: Final = re.compile(r"(>=|<=|>|<)?(.+)", re.DOTALL)
_LARGEST: Final = 2**63 - 1
# Far from the ends of what Python and the databases can say in every time zone.
_YEARS: Final = (1900, 2999)
_TIMES: Final = "Write a day, month or year (2026-01-15, 2026-01, 2026), a span (2026-01..2026-03), or an age: <30d for less than 30 days ago, >2w for more than two weeks (h, d, w, m, y)."  # noqa: E501
_NUMBERS: Final = "Write a number, >10, <=3 or 5..20."


class WrongValue(Exception):
    """A value that makes no sense; the sentence says what would."""


@dataclass(frozen=True)
class Span:
    """From `start` up to, not including, `end`; None is open."""

    start: datetime | None
    end: datetime | None

    def condition(self, column: str) -> Q:
        """That `column` lies inside."""
        found = Q()
        if self.start is not None:
            found &= Q(**{f"{column}__gte": self.start})
        if self.end is not None:
            found &= Q(**{f"{column}__lt": self.end})
        return found


def span(text: str, now: datetime | None = None) -> Span:
    """The time that `text` names. Days are those of the current time zone. Raises `WrongValue`.

    Ages look back: `<30d` is since 30 days ago, `>2w` is before two weeks ago.
    """
    now = now or timezone.now()
    try:
        if ".." in text:
            return _between(text, now)
        sign, point = _split(text)
        first, last, is_age = _point(point, now)
    except (ValueError, OverflowError) as error:
        raise WrongValue(f"“{text[:40]}” is no time. {_TIMES}") from error
    if is_age:
        return Span(None, first) if sign.startswith(">") else Span(first, None)
    spans = {
        "": Span(first, last),
        ">": Span(last, None),
        ">=": Span(first, None),
        "<": Span(None, first),
        "<=": Span(None, last),
    }
    return spans[sign]


def _split(text: str) -> tuple[str, str]:
    found = _COMPARED.fullmatch(text)
    return (found[1] or "", found[2]) if found else ("", text)


def _between(text: str, now: datetime) -> Span:
    left, _, right = text.partition("..")
    first = None if left == "*" else _point(left, now)
    second = None if right == "*" else _point(right, now)
    if first and second and first[2] and second[2]:
        # Of two ages the larger one lies further back, whichever is written first.
        return Span(min(first[0], second[0]), max(first[0], second[0]))
    start, end = first[0] if first else None, second[1] if second else None
    if start and end and start >= end:
        raise WrongValue(f"The span “{text[:40]}” ends before it begins.")
    return Span(start, end)


def _point(text: str, now: datetime) -> tuple[datetime, datetime, bool]:
    """(first moment, moment after the last, whether it is an age). ValueError when it is none."""
    zone = timezone.get_current_timezone()
    if age := _AGE.fullmatch(text.lower()):
        at = now - timedelta(days=int(age[1]) * _AGE_DAYS[age[2]])
        if at.year < _YEARS[0]:
            raise ValueError("before all trackers")
        return at, at, True
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for days, word in enumerate(("today", "yesterday")):
        if text.lower() == word:
            return today - timedelta(days=days), today - timedelta(days=days - 1), False
    day = _DAY.fullmatch(text)
    if day is None or not _YEARS[0] <= int(day[1]) <= _YEARS[1]:
        raise ValueError("no time")
    first = datetime(int(day[1]), int(day[2] or 1), int(day[3] or 1), tzinfo=zone)
    return first, _after(first, day, zone), False


def _after(first: datetime, said: re.Match[str], zone: tzinfo) -> datetime:
    if said[3]:
        length = 1
    elif said[2]:
        length = monthrange(first.year, first.month)[1]
    else:
        return datetime(first.year + 1, 1, 1, tzinfo=zone)
    # By the calendar of the zone: a day in which clocks change is longer or shorter.
    return first + timedelta(days=length)


def numbers(text: str) -> tuple[int | None, int | None]:
    """(least, most) of `10`, `>10`, `<=3`, `5..20`, `5..*`. Raises `WrongValue`."""
    if ".." in text:
        left, _, right = text.partition("..")
        least = None if left == "*" else _number(left, text)
        most = None if right == "*" else _number(right, text)
        if least is not None and most is not None and least > most:
            raise WrongValue(f"The range “{text[:40]}” ends before it begins.")
        return least, most
    sign, digits = _split(text)
    number = _number(digits, text)
    ranges = {
        "": (number, number),
        ">": (number + 1, None),
        ">=": (number, None),
        "<": (None, number - 1),
        "<=": (None, number),
    }
    return ranges[sign]


def _number(text: str, whole: str) -> int:
    digits = text.removeprefix("#")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise WrongValue(f"“{whole[:40]}” is no number. {_NUMBERS}")
    return min(int(digits), _LARGEST - 1)


def choice(text: str, choices: Collection[str], what: str) -> str:
    """The one of `choices` that `text` names; hyphens, underscores and capitals do not matter.

    `what` is a noun, or a qualifier with its colon. Raises `WrongValue` with the nearest one.
    """
    found = same_choice(text, choices)
    if not found:
        named = f"“{what}{text[:40]}”" if what.endswith(":") else f"{what} “{text[:40]}”"
        raise WrongValue(f"There is no {named}.{hint(text, choices)}")
    return found


def same_choice(text: str, choices: Iterable[str]) -> str:
    """The same, or ""."""
    wanted = _plain(text)
    return next((each for each in choices if _plain(each) == wanted), "")


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text.casefold())


def hint(text: str, choices: Collection[str]) -> str:
    """The end of a sentence that helps: the nearest choice, or all of a few."""
    found = nearest(text.lower(), choices)
    if found:
        return f" Did you mean “{found}”?"
    names = sorted(choices)
    return f" Choose one of: {', '.join(names)}." if 0 < len(names) <= 20 else ""
