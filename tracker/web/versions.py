"""Marking releases from the page of a problem."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_POST

from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.marking import mark_releases
from tracker.models import Door
from tracker.web.pages import person_of, signed_in, the_problem, with_place


@require_POST
@signed_in
def mark(request: HttpRequest, number: int) -> HttpResponseBase:
    """Give the ticked releases one status, or none; what is wrong is said above the page."""
    problem = the_problem(request, number, with_place)
    status = request.POST.get("status", "")
    ticked = dict.fromkeys(request.POST.getlist("release"), status)
    try:
        if mark_releases(problem, person_of(request), ticked, Door.WEB) is None:
            messages.info(request, "Nothing was changed: everything was so already.")
    except DraftErrors as faults:
        for sentence in faults.sentences:
            messages.error(request, sentence)
    except Conflict as conflict:
        messages.error(request, str(conflict))
    return HttpResponseRedirect(f"{problem.get_absolute_url()}#releases")
