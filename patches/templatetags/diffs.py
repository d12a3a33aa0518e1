"""What the pages of diffs need in their templates."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString, mark_safe

from patches.reading.characters import shown
from patches.reading.colours import Patience
from patches.reading.talks import Said, Shown
from patches.reviews.talk import Remark

register = template.Library()


@register.filter
def visible(text: str) -> SafeString:
    """Text in which each character can be seen: what has no look of its own by its number."""
    return shown(text)


@register.filter
def visible_lines(text: str) -> SafeString:
    """The same for several lines, whose ends stay ends of lines."""
    return mark_safe("\n".join(map(shown, text.split("\n"))))  # noqa: S308 - escaped there


@register.filter
def in_parts(remark: Remark) -> list[Shown]:
    """What a comment says: its words, and its suggestions as small diffs; without colours, of
    which a page of many reviews could have any number."""
    return Said(remark.comment, "", Patience()).parts
