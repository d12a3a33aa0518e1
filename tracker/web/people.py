"""The public page of a person. It counts reports, so it lives here and not in accounts."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.policies import may
from accounts.selectors import person_by_handle
from tracker.models import Component
from tracker.policies import visible_problems


@require_safe
def person(request: HttpRequest, handle: str) -> HttpResponse:
    """Handle, roles, what the person maintains, and how many reports the viewer may see."""
    found = person_by_handle(handle)
    if found is None:
        raise Http404
    context = {
        "person": found,
        "maintained": Component.objects.filter(maintainers=found).select_related("product"),
        "reported": visible_problems(request.user).filter(reporter=found).count(),
        "may_manage": may("person.list", request.user),
    }
    return render(request, "accounts/person.html", context)
