"""Addresses of other trackers lead to the problems that were imported from them.

Links in mails, commit messages and other people's pages go on working once the old host's name, or
its paths, point here. What one may not see is not there, under its old address as under its new.
"""

from __future__ import annotations

import re
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from tracker.selectors import with_origin
from tracker.web import converters  # noqa: F401 - registers them

# In the query string: Bugzilla's "id", GNATS' "pr", debbugs' "bug".
_KEY: Final = re.compile(r"#?([A-Za-z0-9][A-Za-z0-9_./+-]{0,99})")


@require_safe
def show_bug(request: HttpRequest) -> HttpResponse:
    """`show_bug.cgi?id=4711`"""
    return _lead(request, request.GET.get("id", ""))


@require_safe
def query_pr(request: HttpRequest) -> HttpResponse:
    """`query-pr.cgi?pr=1234`, or with the category before the number: `pr=kern/1234`"""
    return _lead(request, request.GET.get("pr", "").rpartition("/")[2])


@require_safe
def bugreport(request: HttpRequest) -> HttpResponse:
    """`bugreport.cgi?bug=86`"""
    return _lead(request, request.GET.get("bug", ""))


@require_safe
def by_key(request: HttpRequest, key: str, repository: str = "") -> HttpResponse:
    """`browse/SUITE-12` and `issues/12`, that also below the name of a repository"""
    return _lead(request, key.upper())


def _lead(request: HttpRequest, said: str) -> HttpResponse:
    key = _KEY.fullmatch(said.strip())
    problems = with_origin(request.user, key[1]) if key else []
    if not problems:
        raise Http404
    if len(problems) == 1:
        answer: HttpResponse = HttpResponsePermanentRedirect(problems[0].get_absolute_url())
    else:
        found = {"key": said.strip(), "problems": problems}
        answer = render(request, "problems/old_address.html", found, status=300)
    # Which problems there are to choose from depends on who asks.
    answer["Cache-Control"] = "private"
    return answer


# Beside the plain names, the folders in which each was usually installed.
urlpatterns: list[URLPattern] = [
    path("show_bug.cgi", show_bug),
    path("bugzilla/show_bug.cgi", show_bug),
    path("query-pr.cgi", query_pr),
    path("cgi/query-pr.cgi", query_pr),
    path("cgi-bin/query-pr.cgi", query_pr),
    path("bugreport.cgi", bugreport),
    path("cgi-bin/bugreport.cgi", bugreport),
    path("browse/<old_key:key>", by_key),
    path("jira/browse/<old_key:key>", by_key),
    path("issues/<old_number:key>", by_key),
    path("<old_repository:repository>/issues/<old_number:key>", by_key),
]
