"""How a problem stands, told to those who may know of it at this moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.module_loading import import_string

from accounts.policies import Viewer
from tracker.models import Event, Problem
from tracker.policies import visible_problems
from tracker.timeline import stamp

# The key of a session, or None of somebody who is not signed in.
Who = str | None
# (number of a problem, who) -> how it stands, or None where it does not exist for them.
Sights = dict[tuple[int, Who], str | None]


def look(asked: Iterable[tuple[int, Who]]) -> Sights:
    """The `stamp` of each problem for each who asks. One query for all that are public."""
    pairs = list(asked)
    events = Event.objects.filter(problem=OuterRef("pk")).order_by("-pk").values("pk")
    rows = Problem.objects.filter(pk__in={number for number, _ in pairs})
    rows = rows.only("is_confidential", "version", "people", "waiting")
    found = {problem.pk: problem for problem in rows.annotate(last=Subquery(events[:1]))}
    hidden = {number for number, problem in found.items() if problem.is_confidential}
    insiders = {who: _visible(who, hidden) for number, who in pairs if number in hidden}
    return {
        (number, who): stamp(found[number], found[number].last or 0)
        if number in found and (number not in hidden or number in insiders[who])
        else None
        for number, who in pairs
    }


def _visible(who: Who, numbers: set[int]) -> set[int]:
    viewer = viewer_of(who)
    return set(visible_problems(viewer).filter(pk__in=numbers).values_list("pk", flat=True))


def viewer_of(who: Who) -> Viewer:
    """Whom a session belongs to now: nobody after its end, or once the account is switched off."""
    request = HttpRequest()
    engine: Any = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    request.session = engine(who)
    return get_user(request)
