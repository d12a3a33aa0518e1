"""Marks of releases as affected, fixed or not affected, from which `tracker.versions` computes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from tracker.changes import Conflict
from tracker.drafts import Faults, check_choice, find_release
from tracker.models import Door, Event, Problem, Release, ReleaseStatus
from tracker.policies import may, visible_problems
from tracker.services import lock, record, touch

MOST_AT_ONCE: Final = 200


@transaction.atomic
def mark_releases(
    problem: Problem, actor: Person, statuses: Mapping[str, str], door: Door
) -> Event | None:
    """Mark releases, by name, as affected, fixed or not affected; "" takes a mark back.

    Returns the event, or None when everything was so already. The state stays as it is: fixing
    the main line does not close a problem that other lines have. Raises `DraftErrors`, `Denied`,
    and `Conflict` for a duplicate, for which its head answers.
    """
    require(may("problem.classify", actor, problem))
    locked = lock(problem)
    _refuse_duplicate(locked, actor)
    wanted = _check(locked, statuses)
    marks = {mark.release_id: mark for mark in locked.release_statuses.all()}
    changes: list[dict[str, Any]] = []
    for release, status in wanted.items():
        mark = marks.get(release.pk)
        old = mark.status if mark is not None else ""
        if old != status:
            _set(locked, release, status, actor)
            changes.append({"field": f"status in {release}", "old": old, "new": status})
    if not changes:
        return None
    locked.version += 1
    touch(locked)
    return record(locked, Event.Kind.CHANGED, actor, door, changes=changes)


def _refuse_duplicate(problem: Problem, actor: Person) -> None:
    if problem.head_id is None:
        return
    if visible_problems(actor).filter(pk=problem.head_id).exists():
        raise Conflict(f"#{problem.pk} is a duplicate of #{problem.head_id}. Mark that one.")
    raise Conflict(f"#{problem.pk} is a duplicate, so it has no releases of its own to mark.")


def _check(problem: Problem, statuses: Mapping[str, str]) -> dict[Release, str]:
    faults = Faults()
    if len(statuses) > MOST_AT_ONCE:
        faults.add("releases", f"Mark {MOST_AT_ONCE} releases at once at the most.")
        faults.raise_if_any()
    if not statuses:
        faults.add("releases", "Name at least one release.")
    wanted: dict[Release, str] = {}
    for name, status in statuses.items():
        said = check_choice("status", status, ReleaseStatus.Status.values, faults, "")
        release = find_release(problem.product, name, faults, "releases")
        if release is not None:
            wanted[release] = said
        elif not name.strip():
            faults.add("releases", "Name each release.")
    faults.raise_if_any()
    return wanted


def _set(problem: Problem, release: Release, status: str, actor: Person) -> None:
    if not status:
        ReleaseStatus.objects.filter(problem=problem, release=release).delete()
        return
    ReleaseStatus.objects.update_or_create(
        problem=problem,
        release=release,
        defaults={"status": status, "set_by": actor, "set_at": timezone.now()},
    )
