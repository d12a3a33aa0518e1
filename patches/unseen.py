"""Patches in the history of problems of which a reader may not know, or not any more."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

from accounts.policies import Viewer
from patches.policies import visible_patches
from tracker import untold

# As `patches.on_problems` names what it writes there.
_FIELD: Final = re.compile(r"patch (\d{1,18})")


def declare() -> None:
    """Called once, when the app is ready."""
    untold.register(unseen)


def patch_of(name: str) -> int:
    """The number of the patch that a changed field is about; 0 for none."""
    found = _FIELD.fullmatch(name)
    return int(found[1]) if found else 0


def unseen(names: Set[str], viewer: Viewer) -> set[str]:
    """Of these names of fields, those of patches that `viewer` may not know of. One query at most,
    none without a patch."""
    patches = {number: name for name in names if (number := patch_of(name))}
    if not patches:
        return set()
    seen = visible_patches(viewer).filter(pk__in=patches).values_list("pk", flat=True)
    return {patches[number] for number in patches.keys() - set(seen)}
