"""What pages of a patch show of those who were asked to look at it."""

from __future__ import annotations

from django import template
from django.template import Context

from patches.models import Patch
from patches.owners.asked import Asked, asked_about

register = template.Library()


@register.simple_tag(takes_context=True)
def review_requests(context: Context, patch: Patch) -> Asked:
    """Who was asked, and what the viewer may do. Uses `rights` of the page where it has them."""
    request = context.get("request")
    viewer = request.user if request is not None else None
    return asked_about(patch, viewer, context.get("rights"))
