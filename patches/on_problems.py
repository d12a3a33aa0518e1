"""What patches put into the history of the problems that they fix, so that followers hear of it."""

from __future__ import annotations

from collections.abc import Iterable

from accounts.models import Person
from patches.models import Patch
from tracker.models import Door, Event, Problem
from tracker.services import lock, record, touch


def tell(
    patch: Patch,
    actor: Person | None,
    door: Door,
    what: str,
    *,
    was: str = "",
    problems: Iterable[Problem] | None = None,
) -> None:
    """One line in the history of each problem that `patch` fixes, or of `problems`: the patch, what
    `was` of it, and `what` is now.

    Nothing is told where a reader of the problem may not know of the patch. The caller holds the
    rows of the problems before that of the patch; see `patches.locking`.
    """
    fixed = list(patch.fixes.order_by("pk"))
    told = fixed if problems is None else list(problems)
    for problem in sorted(told, key=lambda each: each.pk):
        if may_be_told(patch, problem, fixed):
            _tell(patch, problem, actor, door, {"old": was, "new": what})


def may_be_told(patch: Patch, problem: Problem, fixed: Iterable[Problem]) -> bool:
    """Whether all who may read `problem` may know of `patch`."""
    others = (each for each in fixed if each.pk != problem.pk)
    return not patch.is_confidential and not any(each.is_confidential for each in others)


def _tell(
    patch: Patch, problem: Problem, actor: Person | None, door: Door, words: dict[str, str]
) -> None:
    locked = lock(problem)
    touch(locked)
    changes = [{"field": f"patch {patch.pk}", **words}]
    quiet = door == Door.IMPORT
    record(locked, Event.Kind.CHANGED, actor, door, changes=changes, quiet=quiet)
