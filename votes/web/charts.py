"""Votes over time as SVG: geometry here, drawing in `templates/components/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil

SPARK_WIDTH, SPARK_HEIGHT = 100, 30
# A single vote in a quiet year must not look like a crowd.
SPARK_FULL_SCALE_AT_LEAST = 4

CHART_HEIGHT, CHART_TOP, CHART_BOTTOM, CHART_LEFT = 190, 14, 26, 46


@dataclass(frozen=True)
class Bar:
    """One month as a rectangle in the picture's own units, with what it stands for."""

    x: float
    y: float
    width: float
    height: float
    count: int
    is_now: bool
    month: date | None = None
    label: str = ""

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True)
class Line:
    """A horizontal line of the grid with its value."""

    y: float
    value: int


@dataclass(frozen=True)
class Chart:
    """A bar chart of monthly counts: bars oldest first, grid lines from the axis upward."""

    width: int
    height: int
    left: int
    base: float
    bars: list[Bar]
    grid: list[Line]
    total: int

    @property
    def is_wide(self) -> bool:
        """Whether a phone must shrink it so far that its words need another size."""
        return self.width > 400


def spark_bars(counts: Sequence[int]) -> list[Bar]:
    """Bars of a tiny picture, `SPARK_WIDTH` by `SPARK_HEIGHT`, for monthly counts, oldest first."""
    slot = SPARK_WIDTH / max(len(counts), 1)
    full = max(*counts, SPARK_FULL_SCALE_AT_LEAST) if counts else 1
    bars = []
    for place, count in enumerate(counts):
        height = round(max(SPARK_HEIGHT * count / full, 1.5), 2)
        bars.append(
            Bar(
                x=round(place * slot, 2),
                y=SPARK_HEIGHT - height,
                width=round(slot * 0.72, 2),
                height=height,
                count=count,
                is_now=place == len(counts) - 1,
            )
        )
    return bars


def bar_chart(months: Sequence[tuple[date, int]], width: int = 720) -> Chart:
    """Lay out monthly counts, oldest first, on an axis from zero with at most five grid lines."""
    base = CHART_HEIGHT - CHART_BOTTOM
    step, full = _scale(max((count for _, count in months), default=0))
    slot = (width - CHART_LEFT) / max(len(months), 1)
    bars = []
    for place, (month, count) in enumerate(months):
        height = round((base - CHART_TOP) * count / full, 2)
        bars.append(
            Bar(
                x=round(CHART_LEFT + (place + 0.14) * slot, 2),
                y=round(base - height, 2),
                width=round(slot * 0.72, 2),
                height=height,
                count=count,
                is_now=place == len(months) - 1,
                month=month,
                label=_month_label(month, place, slot),
            )
        )
    grid = [
        Line(y=round(base - (base - CHART_TOP) * value / full, 2), value=value)
        for value in range(0, full + 1, step)
    ]
    total = sum(count for _, count in months)
    return Chart(width, CHART_HEIGHT, CHART_LEFT, base, bars, grid, total)


def _scale(highest: int) -> tuple[int, int]:
    """The step between grid lines (1, 2 or 5 times a power of ten) and the top of the axis."""
    power = 1
    while True:
        for digit in (1, 2, 5):
            step = digit * power
            if highest <= step * 4:
                return step, step * max(ceil(highest / step), 1)
        power *= 10


def _month_label(month: date, place: int, slot: float) -> str:
    """January carries its year; others are named where there is room between them."""
    if month.month == 1:
        return str(month.year)
    room_for_all = slot >= 34
    room_for_quarters = slot >= 13 and month.month in (4, 7, 10)
    return f"{month:%b}" if room_for_all or room_for_quarters else ""
