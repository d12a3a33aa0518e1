"""Pictures of votes in templates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import template

from votes.web.charts import SPARK_HEIGHT, SPARK_WIDTH, bar_chart, spark_bars

register = template.Library()


@register.inclusion_tag("components/sparkline.html")
def sparkline(counts: Sequence[int]) -> dict[str, Any]:
    """The votes of the last months, oldest first, as a picture that fits in a line of a list."""
    return {
        "bars": spark_bars(counts),
        "total": sum(counts),
        "months": len(counts),
        "latest": counts[-1] if counts else 0,
        "width": SPARK_WIDTH,
        "height": SPARK_HEIGHT,
    }


@register.inclusion_tag("components/bar_chart.html")
def vote_chart(
    months: Sequence[tuple[date, int]], title: str, chart_id: str, width: int = 720
) -> dict[str, Any]:
    """Votes of each month, oldest first, as a bar chart with an axis and a table beside it."""
    return {"chart": bar_chart(months, width), "title": title, "chart_id": chart_id}
