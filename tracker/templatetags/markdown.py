"""`{{ text|markdown }}`: what people write, in templates."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from tracker.markdown import render

register = template.Library()


@register.filter
def markdown(text: str) -> SafeString:
    """Markdown as HTML that is safe to show."""
    return render(text)
