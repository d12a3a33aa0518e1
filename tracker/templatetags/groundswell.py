"""Words and controls that pages of every app share."""

from __future__ import annotations

from datetime import datetime, timedelta

from django import template
from django.forms import BoundField, CheckboxInput
from django.utils import timezone
from django.utils.safestring import SafeString

from tracker.models import Problem

register = template.Library()

# The largest unit that fits is used, alone: lists are skimmed, and the exact time is in the title.
_UNITS = (
    (timedelta(days=365), "year"),
    (timedelta(days=30), "month"),
    (timedelta(days=7), "week"),
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


@register.filter
def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long before (or after) `now` something is, in words: "3 weeks ago", "in 2 days"."""
    if at is None:
        return ""
    distance = (now or timezone.now()) - at
    words = _length(distance)
    if not words:
        return "just now"
    return f"{words} ago" if distance > timedelta() else f"in {words}"


@register.filter
def lasting(since: datetime, now: datetime | None = None) -> str:
    """How long something goes on, in words: "3 weeks", "less than a minute"."""
    return _length((now or timezone.now()) - since) or "less than a minute"


def _length(distance: timedelta) -> str:
    for unit, name in _UNITS:
        count = abs(distance) // unit
        if count:
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return ""


@register.filter
def css_word(words: str) -> str:
    """A state or resolution as one class name."""
    return words.replace(" ", "-")


@register.filter
def state_words(problem: Problem) -> str:
    """The state as a chip prints it: a closed problem says how it was closed."""
    return problem.resolution or problem.state


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Whether the label of a form field belongs behind its control."""
    return isinstance(field.field.widget, CheckboxInput)


@register.filter
def control(field: BoundField) -> SafeString:
    """The control of a form field, marked for screen readers and the sheet when it is wrong."""
    return field.as_widget(attrs={"aria-invalid": "true"} if field.errors else None)
