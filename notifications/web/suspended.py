"""The notice to whom mail comes back from, and the way back."""

from __future__ import annotations

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts.models import Person
from accounts.policies import as_person
from notifications.gate import overview, suspension, way_back
from tracker.web.pages import signed_in


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@signed_in
def suspended(request: HttpRequest) -> HttpResponseBase:
    """Why no mail comes; a POST asks for a test mail."""
    person = as_person(request.user)
    if person is None or not suspension.is_suspended(person.email):
        messages.info(request, "Mail to you is not held back.")
        return redirect("subscriptions")
    if request.method == "POST":
        return _send_test(request, person)
    context = {"bounce": overview.last_bounce(person.email), "tests": way_back.TESTS}
    return render(request, "notifications/suspended.html", context)


def _send_test(request: HttpRequest, person: Person) -> HttpResponse:
    if way_back.send_test_mail(person):
        messages.success(
            request, f"A mail is on its way to {person.email}. Follow its link, and all is well."
        )
    else:
        words = "Several mails went to this address within the last hour. Look there first."
        messages.error(request, words)
    return HttpResponseRedirect(reverse("mail-suspended"))


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def works(request: HttpRequest, token: str) -> HttpResponse:
    """The link of a test mail: asks on GET, and lifts on POST, whoever is signed in or nobody."""
    try:
        context = {"address": way_back.address_of(token)}
        if request.method == "POST":
            context["lifted"] = "yes" if way_back.follow_link(token) else "before"
    except signing.BadSignature:
        return render(request, "notifications/works_unknown.html", status=404)
    return render(request, "notifications/works.html", context)
