"""`{% subscription_button problem %}`: follow or mute from a problem's page."""

from __future__ import annotations

from typing import Any

from django import template

from accounts.policies import as_person
from notifications.events.recipients import Ground
from notifications.models import Reach, Reason
from notifications.selectors import ground_for, watches
from tracker.models import Problem
from votes.models import SavedSearch

register = template.Library()

_GROUNDS = {
    Reason.CHOSEN: "You follow this.",
    Reason.REPORTER: "You are told, because you reported it.",
    Reason.COMMENTER: "You are told, because you commented on it.",
    Reason.ASSIGNEE: "You are told, because it is assigned to you.",
    Reason.MAINTAINER: "You are told, because you maintain this component.",
}


@register.inclusion_tag("notifications/subscription_button.html", takes_context=True)
def subscription_button(context: dict[str, Any], problem: Problem) -> dict[str, Any]:
    """The one button that makes sense now; nothing for the signed-out. Two queries."""
    request = context["request"]
    person = as_person(request.user)
    ground = ground_for(person, problem) if person is not None else None
    is_told = ground is not None and not ground.is_muted
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "person": person,
        "problem": problem,
        "action": "mute" if is_told else "subscribe",
        "is_muted": ground is not None and ground.is_muted,
        "why": _why(ground, problem) if ground is not None and is_told else "",
    }


def _why(ground: Ground, problem: Problem) -> str:
    if ground.reach == Reach.PROBLEM and ground.target_id != problem.pk:
        return f"You are told, because #{ground.target_id} is a duplicate of it."
    return _GROUNDS[ground.reason]


@register.inclusion_tag("notifications/watch_button.html", takes_context=True)
def watch_button(context: dict[str, Any], search: SavedSearch) -> dict[str, Any]:
    """Watch a saved search, or stop; nothing for the signed-out. One query."""
    request = context["request"]
    person = as_person(request.user)
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "person": person,
        "search": search,
        "key": f"{Reach.SEARCH}:{search.pk}",
        "is_watched": person is not None and watches(person, search),
    }
