"""The order in which rows are locked, so that nobody waits for each other: problems before patches,
several problems one group of changes at a time, each kind by number."""

from __future__ import annotations

from collections.abc import Iterable

from patches.models import Patch
from tracker.changes import Conflict
from tracker.duplicates import lock_groups
from tracker.models import Problem


def lock(patch: Patch) -> Patch:
    """The row as it is now, held until the transaction ends."""
    return (
        Patch.objects.select_for_update(of=("self",))
        .select_related("product", "author", "submitter")
        .get(pk=patch.pk)
    )


def lock_problems(numbers: Iterable[int]) -> list[Problem]:
    """The rows by number, held until the transaction ends. Take them before any patch."""
    wanted = sorted(set(numbers))
    if len(wanted) > 1:
        lock_groups()
    rows = Problem.objects.select_for_update(of=("self",)).filter(pk__in=wanted)
    return list(rows.select_related("product", "component", "head").order_by("pk"))


def lock_with_problems(patch: Patch, more: Iterable[int] = ()) -> tuple[Patch, list[Problem]]:
    """A patch, and the problems that it fixes and `more`, all held.

    Raises `Conflict` in the rare case that somebody changed what it fixes in between.
    """
    numbers = set(patch.fixes.values_list("pk", flat=True))
    problems = lock_problems(numbers.union(more))
    locked = lock(patch)
    if set(locked.fixes.values_list("pk", flat=True)) != numbers:
        raise Conflict("Somebody changed what this patch fixes at the same moment. Try again.")
    return locked, problems


def refuse_decided(patch: Patch, instead: str) -> None:
    """Raise `Conflict` for a patch that was decided; `instead` is a sentence on what to do."""
    if not patch.is_waiting:
        raise Conflict(f"Patch {patch.pk} is {patch.get_state_display()}. {instead}")
