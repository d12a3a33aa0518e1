"""Listening to a problem or a patch: who may, and the ticket with which the stream begins."""

from __future__ import annotations

from django.conf import settings
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from accounts.policies import as_person
from notifications.live.hub import Ticket
from notifications.live.streams import HANDOVER, Handover
from notifications.live.topics import Topic, patch_topic, problem_topic
from patches.web.pages import the_patch
from tracker.web.pages import the_problem

# Seconds after which a page that found no room asks again.
COME_AGAIN = 60
STAMP_CHARS = 60


@require_GET
@never_cache
def live(request: HttpRequest, number: int) -> HttpResponse:
    """Hand the stream over to `LiveStreams`; without it (another server) 204: do not come again."""
    problem = the_problem(request, number, lambda rows: rows.only("number"))
    return _hand_over(request, problem_topic(problem.pk))


@require_GET
@never_cache
def live_patch(request: HttpRequest, patch: int) -> HttpResponse:
    """The same of a patch."""
    return _hand_over(request, patch_topic(the_patch(request, patch).pk))


def _hand_over(request: HttpRequest, topic: Topic) -> HttpResponse:
    handover = request.scope.get(HANDOVER) if isinstance(request, ASGIRequest) else None
    if not isinstance(handover, Handover):
        return HttpResponse(status=204)
    caller, most = _caller(request)
    reason = handover.refusal(caller, most)
    if reason:
        return _no_room(reason)
    seen = request.headers.get("Last-Event-ID") or request.GET.get("seen", "")
    who = request.session.session_key if request.user.is_authenticated else None
    handover.accept(Ticket(topic, who, caller, seen[:STAMP_CHARS]))
    # Proxies must pass on each word as it comes.
    return HttpResponse(content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _no_room(reason: str) -> HttpResponse:
    response = HttpResponse(
        f"{reason}\n",
        status=503,
        content_type="text/plain; charset=utf-8",
        headers={"Retry-After": str(COME_AGAIN)},
    )
    # No error of the server, and pages ask again and again: the hub says once that it is full.
    response._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return response


def _caller(request: HttpRequest) -> tuple[str, int]:
    """Whom the limit of streams is for, and how many: a person, or the network of somebody unknown.

    Whole offices share one network address, and with the default set-up everybody is 127.0.0.1.
    """
    person = as_person(request.user)
    if person is not None:
        return f"person {person.pk}", settings.LIVE_STREAMS_PER_PERSON
    return f"address {request.META.get('REMOTE_ADDR', '')}", settings.LIVE_STREAMS // 2
