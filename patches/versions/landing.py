"""Threads in the next version: each keeps to its lines, or says that they were changed or are gone.

A thread whose lines are gone waits where it was last seen: when they come back, it is with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from patches.git.series import Series, series_of
from patches.models import Patch, PatchVersion, Thread, ThreadPlace
from patches.versions.lander import Lander, Lines

ROWS_AT_ONCE = 500


def land_all(patch: Patch, new: PatchVersion) -> None:
    """Give every thread of `patch` that began before `new` its place there. Safe to run twice."""
    begun = Thread.objects.filter(patch=patch, version__number__lt=new.number)
    waiting = begun.exclude(places__version=new).values_list("pk", flat=True)
    seen = _last_seen(list(waiting), new.number - 1)
    by_version: defaultdict[int, list[ThreadPlace]] = defaultdict(list)
    for place in seen.values():
        by_version[place.version_id].append(place)
    if not by_version:
        return
    series = series_of(new)
    for places in by_version.values():
        landed = _landed(places, new, series)
        ThreadPlace.objects.bulk_create(landed, ROWS_AT_ONCE, ignore_conflicts=True)


def _last_seen(threads: list[int], until: int) -> dict[int, ThreadPlace]:
    """By thread, its place in the latest version up to `until` in which its lines were there."""
    found: dict[int, ThreadPlace] = {}
    for at in range(0, len(threads), ROWS_AT_ONCE):
        places = ThreadPlace.objects.filter(
            thread__in=threads[at : at + ROWS_AT_ONCE], version__number__lte=until, commit__gt=0
        )
        for place in places.select_related("version").order_by("thread", "version__number"):
            found[place.thread_id] = place
    return found


def _landed(places: Sequence[ThreadPlace], new: PatchVersion, series: Series) -> list[ThreadPlace]:
    """Rows, not yet stored, for places, at least one, that are all in one version."""
    rows = []
    lander = Lander(series_of(places[0].version), series)
    for place in places:
        own = Lines(place.commit, place.path, place.side, place.start, place.end)
        found, lines = lander.land(own)
        found = _since_it_began(ThreadPlace.Found(place.found), ThreadPlace.Found(found))
        rows.append(
            ThreadPlace(
                thread_id=place.thread_id,
                version=new,
                found=found,
                commit=lines.commit,
                path=lines.path,
                side=lines.side,
                start=lines.start,
                end=lines.end,
            )
        )
    return rows


def _since_it_began(before: ThreadPlace.Found, now: ThreadPlace.Found) -> ThreadPlace.Found:
    """How the lines differ from those that were commented on, not only from the version before."""
    found = ThreadPlace.Found
    order = (found.BEGUN, found.SAME, found.MOVED, found.EDITED, found.GONE)
    return max(before, now, key=order.index)
