"""The history of patches: every service writes its entry here, inside its transaction."""

from __future__ import annotations

from typing import Any

from accounts.models import Person
from patches.models import Patch, PatchEvent, PatchVersion, Review, Turn
from patches.signals import patch_happened
from tracker.models import Door


def record(  # noqa: PLR0913 - what an entry has
    patch: Patch,
    kind: PatchEvent.Kind,
    actor: Person | None,
    door: Door,
    *,
    turn_before: Turn | str = "",
    version: PatchVersion | None = None,
    review: Review | None = None,
    person: Person | None = None,
    data: dict[str, Any] | None = None,
    quiet: bool = False,
) -> PatchEvent:
    """Add an entry and tell the apps above. Call it last, when the patch is as it will be.

    `turn_before` is whose turn it was before what happened.
    """
    event = PatchEvent.objects.create(
        patch=patch,
        kind=kind,
        actor=actor,
        door=door,
        version=version,
        review=review,
        person=person,
        turn_before=turn_before or patch.turn,
        turn_after=patch.turn,
        data=data or {},
    )
    patch_happened.send(PatchEvent, event=event, quiet=quiet or door == Door.IMPORT)
    return event
