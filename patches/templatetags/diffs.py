"""What the pages of diffs need in their templates."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from patches.reading.characters import shown

register = template.Library()


@register.filter
def visible(text: str) -> SafeString:
    """Text in which each character can be seen: what has no look of its own by its number."""
    return shown(text)
