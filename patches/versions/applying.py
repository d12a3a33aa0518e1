"""Whether a patch still applies to its branch, where the project's repository is at hand.

The answer is kept for as long as the branch stands where it is; a worker finds it, because git may
take seconds with a large tree.
"""

from __future__ import annotations

from typing import Final

from django.core.cache import cache

from patches.bell import ring_after_commit
from patches.git.real import UNKNOWN, Applies, applies, known
from patches.models import PatchVersion

# How long a page that is shown again does not ask again.
ASKED_SECONDS: Final = 60


def applies_or_ask(version: PatchVersion) -> Applies:
    """What is known of `version` and the branch it is for; a worker is asked where nothing is."""
    target = version.patch.target
    found = known(version, target)
    if found is None and cache.add(f"patch-applies-asked:{version.pk}", 1, ASKED_SECONDS):
        ring_after_commit("try_on_branch", version.pk)
    return found or UNKNOWN


def try_on_branch(pk: int) -> Applies:
    """Find out whether a version applies to its branch as it is now, and keep it."""
    rows = PatchVersion.objects.filter(pk=pk).select_related("patch__product")
    version = rows.first()
    return applies(version, version.patch.target) if version else UNKNOWN
