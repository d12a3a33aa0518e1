"""What the history of a problem says of patches: not to who hears it of the patch itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from accounts.models import Person
from notifications.models import PatchTelling
from patches import unseen
from patches.models import PatchEvent
from patches.policies import visible_patches
from tracker.models import Event

# Both are written by one transaction.
TOGETHER: Final = timedelta(minutes=1)
Kind = PatchEvent.Kind
# What is told of the patch where the problem has a line about it.
_SAME_NEWS: Final = (Kind.SUBMITTED, Kind.ASKED, Kind.DECIDED, Kind.REOPENED)


def leave_out_patches(told: Sequence[Event], person: Person) -> None:
    """Take from `told` what `person` is told by a mail about the patch, and what is said of patches
    that they may not see. The rows are changed for this mail and must not be saved.

    Two queries where anything is said of a patch, else none.
    """
    numbers = {number for event in told for change in event.changes if (number := patch_of(change))}
    if not numbers:
        return
    seen = set(visible_patches(person).filter(pk__in=numbers).values_list("pk", flat=True))
    elsewhere: dict[int, list[datetime]] = defaultdict(list)
    rows = PatchTelling.objects.filter(
        person=person,
        message__isnull=False,
        event__patch__in=numbers,
        event__kind__in=_SAME_NEWS,
    )
    for number, at in rows.values_list("event__patch", "event__at"):
        elsewhere[number].append(at)
    for event in told:
        event.changes = [
            change
            for change in event.changes
            if not (number := patch_of(change))
            or (number in seen and not _is_near(event.at, elsewhere[number]))
        ]


def patch_of(change: dict[str, Any]) -> int:
    """The number of the patch that a change of a problem's history is about; 0 for none."""
    return unseen.patch_of(str(change["field"]))


def _is_near(at: datetime, others: Sequence[datetime]) -> bool:
    return any(abs(at - other) < TOGETHER for other in others)
