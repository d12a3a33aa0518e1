"""What the tracker's views read from a request."""

from __future__ import annotations

from django.http import Http404
from rest_framework.request import Request

from accounts.policies import Viewer
from tracker.models import Door, Problem
from tracker.policies import visible_problems

CLIENT = "send-problem/"


def door_of(request: Request) -> Door:
    """By which door this came: our own client says so in its User-Agent."""
    agent = request.headers.get("User-Agent", "")
    return Door.CLIENT if agent.startswith(CLIENT) else Door.API


def problem_or_404(viewer: Viewer, number: int) -> Problem:
    """The problem, or the same 404 for one that is not there and one that is not to be seen."""
    found = visible_problems(viewer).select_related(
        "product", "component", "release", "fixed_in", "assignee", "reporter"
    )
    problem = found.filter(pk=number).first()
    if problem is None:
        raise Http404
    return problem
