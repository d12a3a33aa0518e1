"""Words of the problem pages."""

from __future__ import annotations

from django import template

from tracker import timeline

register = template.Library()


@register.filter
def door_words(door: str) -> str:
    """How an entry came in: "by mail"; "" for the web, which goes without saying."""
    return timeline.door_words(door)


@register.filter
def digits(number: float, significant: int) -> str:
    """A number with so many significant digits and without an exponent, for a calculator."""
    text = f"{number:.{significant}g}"
    if "e" in text:
        text = f"{number:.{significant + 3}f}"
    return text
