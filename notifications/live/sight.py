"""How a problem or a patch stands, told to those who may know of it at this moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest
from django.utils.module_loading import import_string

from accounts.policies import Viewer
from notifications.live.topics import Topic, patch_of, patch_topic, problem_topic
from patches.models import Patch
from patches.overview import LAST_EVENT, patch_stamp
from patches.policies import visible_patches
from tracker.models import Event, Problem
from tracker.policies import visible_problems
from tracker.timeline import stamp

# The key of a session, or None of somebody who is not signed in.
Who = str | None
# (what it is about, who) -> how it stands, or None where it does not exist for them.
Sights = dict[tuple[Topic, Who], str | None]


def look(asked: Iterable[tuple[Topic, Who]]) -> Sights:
    """How each stands for each who asks. For all that are public one query of each kind."""
    problems, patches = list[tuple[int, Who]](), list[tuple[int, Who]]()
    for topic, who in asked:
        patch = patch_of(topic)
        if patch is None:
            problems.append((int(topic), who))
        else:
            patches.append((patch, who))
    found: Sights = {(problem_topic(n), who): s for (n, who), s in _problems(problems).items()}
    return found | {(patch_topic(n), who): s for (n, who), s in _patches(patches).items()}


def _patches(pairs: list[tuple[int, Who]]) -> dict[tuple[int, Who], str | None]:
    numbers = {number for number, _ in pairs}
    public = _stamps(None, numbers)
    hidden = numbers - public.keys()
    asking = {who for number, who in pairs if number in hidden}
    seen = {who: _stamps(viewer_of(who), hidden) for who in asking}
    return {(n, who): public[n] if n in public else seen[who].get(n) for n, who in pairs}


def _stamps(viewer: Viewer, numbers: set[int]) -> dict[int, str]:
    """The stamps of the patches that `viewer` may know of. No query for none."""
    rows = visible_patches(viewer).filter(pk__in=numbers) if numbers else Patch.objects.none()
    return {row.pk: patch_stamp(row, row.last or 0) for row in rows.annotate(last=LAST_EVENT)}


def _problems(pairs: list[tuple[int, Who]]) -> dict[tuple[int, Who], str | None]:
    events = Event.objects.filter(problem=OuterRef("pk")).order_by("-pk").values("pk")
    rows = Problem.objects.filter(pk__in={number for number, _ in pairs})
    rows = rows.only("is_confidential", "version", "people", "waiting")
    found = {problem.pk: problem for problem in rows.annotate(last=Subquery(events[:1]))}
    hidden = {number for number, problem in found.items() if problem.is_confidential}
    asking = {who for number, who in pairs if number in hidden}
    insiders = {who: _visible(who, hidden) for who in asking}
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
