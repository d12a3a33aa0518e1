"""Times as trackers export them. What could be two different days is refused, never guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_MONTHS: Final = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6,
    "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
}  # fmt: skip
_CLOCK: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?(?P<half>)"
_ZONES: Final = {
    "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7,
    "BST": 1, "CET": 1, "MET": 1, "CEST": 2, "MEST": 2, "EET": 2, "EEST": 3, "JST": 9,
}  # fmt: skip
_ZONE: Final = r"(?: (?P<zone>[A-Za-z]{1,5}|[+-]\d{4}))?"
_TIME: Final = (
    r"(?:[ T,]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.\d+)?)?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?(?: ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d))?)?$"
)
_MONTH: Final = r"(?P<month>[A-Za-z]{3})[a-z]*\.?"
_SHAPES: Final = (
    # 30/Sep/21 17:20, 30-Sep-2021, Thu, 30 Sep 2021 17:20:00 +0000
    rf"^(?:[A-Za-z]{{3}}, )?(?P<day>\d{{1,2}})[/ -]{_MONTH}[/ -](?P<year>\d{{4}}|\d\d){_TIME}",
    # Sep 30, 2021 5:20 PM
    rf"^{_MONTH} (?P<day>\d{{1,2}}),? (?P<year>\d{{4}}){_TIME}",
    # Thu Sep 30 17:20:05 UTC 2021, as `date` and GNATS write it
    rf"^[A-Za-z]{{3}} {_MONTH} +(?P<day>\d{{1,2}}) {_CLOCK}{_ZONE} (?P<year>\d{{4}})$",
    # 2021/09/30 17:20
    rf"^(?P<year>\d{{4}})[/.](?P<month>\d\d?)[/.](?P<day>\d\d?){_TIME}",
    # 30.09.2021 17:20, which nobody writes month first
    rf"^(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}}){_TIME}",
)
_BY_NUMBERS: Final = rf"^(?P<one>\d\d?)[/-](?P<two>\d\d?)[/-](?P<year>\d{{4}}|\d\d){_TIME}"


def parse_time(text: str) -> datetime:
    """The moment that `text` names; without a zone it is UTC.

    Raises ValueError with a sentence that says what is wrong with it.
    """
    text = " ".join(text.split())
    try:
        found = datetime.fromisoformat(text.removesuffix(" UTC").removesuffix(" GMT"))
    except ValueError:
        found = _parse_shapes(text)
    if found.tzinfo is None:
        found = found.replace(tzinfo=UTC)
    try:
        found = found.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"“{text[:40]}” lies outside the calendar") from None
    if found.year < 1970 or found > datetime.now(UTC) + timedelta(days=1):
        raise ValueError(f"“{text[:40]}” lies before 1970 or in the future")
    return found


def _parse_shapes(text: str) -> datetime:
    for shape in _SHAPES:
        if match := re.match(shape, text):
            return _build(text, match, match["day"], match["month"])
    if match := re.match(_BY_NUMBERS, text):
        one, two = int(match["one"]), int(match["two"])
        if one <= 12 and two <= 12 and one != two:
            raise ValueError(f"“{text[:40]}” may be two different days; write year-month-day")
        day, month = (one, two) if one > 12 else (two, one)
        return _build(text, match, str(day), str(month))
    raise ValueError(f"“{text[:40]}” is not a time; write year-month-day hour:minute")


def _build(text: str, match: re.Match[str], day: str, month: str) -> datetime:
    year = int(match["year"])
    if len(match["year"]) == 2:
        year += 2000 if year < 70 else 1900
    number = int(month) if month.isdigit() else _MONTHS.get(month.lower(), 0)
    try:
        return datetime(
            year, number, int(day), _hour(match), int(match["minute"] or 0),
            int(match["second"] or 0), tzinfo=_zone(match["zone"]),
        )  # fmt: skip
    except ValueError:
        raise ValueError(f"“{text[:40]}” is no day or hour of the calendar") from None


def _hour(match: re.Match[str]) -> int:
    hour = int(match["hour"] or 0)
    if not match["half"]:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError("an hour of a half day")
    return hour % 12 + (12 if match["half"] in "pP" else 0)


def _zone(zone: str | None) -> timezone:
    if zone is None:
        return UTC
    if zone[0] not in "+-":
        # What letters stand for differs between countries; those that mail knows are taken so.
        return timezone(timedelta(hours=_ZONES.get(zone.upper(), 0)))
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return timezone(-offset if zone[0] == "-" else offset)
