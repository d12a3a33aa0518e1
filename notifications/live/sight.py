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

# The key of a session, or None of somebody who is not signed in.
Who = str | None
# (number of a problem, who) -> how it stands, or None where it does not exist for them.
Sights = dict[tuple[int, Who], str | None]


def look(asked: Iterable[tuple[int, Who]]) -> Sights:
    """How each problem stands for each who asks. One query for all problems that are public.

    A stamp is "<last event>.<people>.<waiting>": where it is another, there is news.
    """
    pairs = list(asked)
    rows = Problem.objects.filter(pk__in={number for number, _ in pairs})
    events = Event.objects.filter(problem=OuterRef("pk")).order_by("-pk").values("pk")
    values = rows.annotate(last=Subquery(events[:1])).values_list(
        "pk", "is_confidential", "last", "people", "waiting"
    )
    found = {number: (hidden, _stamp(*rest)) for number, hidden, *rest in values}
    hidden_from = {who for number, who in pairs if found.get(number, (False,))[0]}
    hidden = [number for number, (is_hidden, _) in found.items() if is_hidden]
    seen = {who: _visible(who, hidden) for who in hidden_from}
    return {
        (number, who): found[number][1]
        if number in found and (not found[number][0] or number in seen[who])
        else None
        for number, who in pairs
    }


def _stamp(last: int | None, people: int, waiting: int) -> str:
    return f"{last or 0}.{people}.{waiting}"


def _visible(who: Who, numbers: list[int]) -> set[int]:
    viewer = viewer_of(who)
    return set(visible_problems(viewer).filter(pk__in=numbers).values_list("pk", flat=True))


def viewer_of(who: Who) -> Viewer:
    """Whom a session belongs to now: nobody after its end, or once the account is switched off."""
    request = HttpRequest()
    engine: Any = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
    request.session = engine(who)
    return get_user(request)
