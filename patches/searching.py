"""What the search for problems knows of patches: `has:patch` and `patch:`.

Only patches that the reader may know of decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db.models import Q

from accounts.policies import Viewer
from patches.models import WAITING, Patch, PatchFix
from patches.policies import visible_patches
from patches.waiting.listing import FORGOTTEN, REVIEWED, TURNS
from tracker.duplicates import adds_up
from votes.search import qualifiers
from votes.search.places import Named
from votes.search.qualifiers import Condition
from votes.search.values import choice

State = Patch.State
# What may be asked of a patch, by the value of `patch:`.
VALUES: Final[Mapping[str, Q]] = {
    "waiting": WAITING,
    "unreviewed": TURNS["first"],
    "reviewed": WAITING & REVIEWED,
    "author": TURNS["author"],
    "committer": TURNS["committer"],
    "forgotten": FORGOTTEN,
    "integrated": Q(is_waiting__in=(False,), state=State.INTEGRATED),
    "declined": Q(is_waiting__in=(False,), state=State.DECLINED),
    "withdrawn": Q(is_waiting__in=(False,), state=State.WITHDRAWN),
}
ALIVE: Final = Q(state__in=(State.WAITING, State.INTEGRATED))


def declare() -> None:
    """Called once, when the app is ready."""
    says = "a patch is one that waits or was integrated"
    qualifiers.register_has("patch", _fixed_by(ALIVE), says)
    qualifiers.register(
        "patch",
        "how far a patch for it is: waiting; unreviewed: nobody has looked at it yet; reviewed; "
        "author or committer: it waits for that one; forgotten: nobody has looked for three "
        "months; integrated, declined, withdrawn",
        _patch,
        ("patch:unreviewed", "patch:committer", "patch:integrated"),
    )


def _patch(value: str, named: Named) -> Condition:
    return _fixed_by(VALUES[choice(value, VALUES, "patch:")])


def _fixed_by(wanted: Q) -> Condition:
    """Problems that such a patch is to fix, themselves or by a duplicate."""

    def condition(viewer: Viewer) -> Q:
        patches = visible_patches(viewer).filter(wanted).order_by().values("pk")
        fixes = PatchFix.objects.filter(patch__in=patches).order_by()
        by_a_duplicate = fixes.filter(adds_up("problem"), problem__head__isnull=False)
        return Q(pk__in=fixes.values("problem")) | Q(pk__in=by_a_duplicate.values("problem__head"))

    return condition
