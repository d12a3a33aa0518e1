"""`{% outlook problem %}`: for whom it waits, and until when."""

from __future__ import annotations

from django import template

from tracker.clocks.words import outlooks
from tracker.models import Problem

register = template.Library()


@register.inclusion_tag("problems/clock.html")
def outlook(problem: Problem) -> dict[str, str]:
    """The line of one problem, nothing for a closed one. Two queries."""
    return {"outlook": outlooks([problem])[problem.pk]}
