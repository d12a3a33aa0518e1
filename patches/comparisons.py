"""Comparing each version with the one before, in a worker: git may take seconds."""

from __future__ import annotations

import time

from django.db.models import Q

from patches.comparing import compare
from patches.models import PatchVersion

NOT_COMPARED = Q(changes_by=PatchVersion.Changes.NONE) & Q(number__gt=1)


def compare_version(pk: int) -> bool:
    """Compare one version and keep what was found; False where that was done already."""
    version = PatchVersion.objects.filter(NOT_COMPARED, pk=pk).select_related("patch").first()
    if version is None:
        return False
    how, text = compare(version)
    row = PatchVersion.objects.filter(pk=pk, changes_by=PatchVersion.Changes.NONE)
    return bool(row.update(changes_by=how, changes=text))


def compare_missing(seconds: float, *, after: int = 0) -> int | None:
    """Compare those that nobody was rung for. The row after which to go on, None at the end."""
    ends = time.monotonic() + seconds
    rows = PatchVersion.objects.filter(NOT_COMPARED, pk__gt=after).order_by("pk")
    for pk in list(rows.values_list("pk", flat=True)[:100]):
        if time.monotonic() > ends:
            return after
        compare_version(pk)
        after = pk
    return None
