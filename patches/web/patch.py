"""The page of a patch: where it stands, its versions, and what people say of it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from patches.web.pages import the_patch
from tracker.web.pages import page


@require_safe
@page
def patch(request: HttpRequest, patch: int) -> HttpResponseBase:
    """Everything about one patch. A constant number of queries."""
    return render(request, "patches/patch.html", {"patch": the_patch(request, patch)})
