"""Saying on a page that a problem is gone, beside one's own +1."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.http import require_POST

from tracker.drafts import DraftErrors
from tracker.models import Door, Problem
from tracker.web.pages import person_of, safe_next, signed_in, the_problem, with_place
from votes.no_longer import say_no_longer, take_back_no_longer
from votes.services import VoteRefused
from votes.web.vote import reason_of


@require_POST
@signed_in
def no_longer(request: HttpRequest, number: int) -> HttpResponseBase:
    """Say that a problem that one had is gone on a release; as often as one likes."""
    problem = the_problem(request, number, with_place)
    said = [request.POST.get(name, "") for name in ("release", "architecture", "note")]
    try:
        say_no_longer(problem, person_of(request), Door.WEB, *said)
    except VoteRefused as refused:
        return _refused(request, problem, reason_of(refused), 409)
    except DraftErrors as faults:
        return _refused(request, problem, " ".join(faults.sentences), 400)
    return HttpResponseRedirect(safe_next(request, problem.get_absolute_url()))


@require_POST
@signed_in
def take_back(request: HttpRequest, number: int) -> HttpResponseBase:
    """Take it back for a release, or for all when none is named."""
    problem = the_problem(request, number, with_place)
    try:
        take_back_no_longer(problem, person_of(request), request.POST.get("release", ""))
    except DraftErrors as faults:
        return _refused(request, problem, " ".join(faults.sentences), 400)
    return HttpResponseRedirect(safe_next(request, problem.get_absolute_url()))


def _refused(request: HttpRequest, problem: Problem, reason: str, status: int) -> HttpResponse:
    context = {"problem": problem, "reason": reason, "title": "Nothing was said"}
    return render(request, "problems/refused.html", context, status=status)
