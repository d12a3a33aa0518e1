"""Putting right which diffs are versions of one patch: one version becomes a patch of its own, or a
patch becomes the next version of another.

Every function is one transaction, takes the acting person and the door, and asks the rights itself.
"""

from __future__ import annotations

from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Decision, require
from patches import deciding, finding
from patches.events import record
from patches.intake.submitting import add_version, submit
from patches.locking import lock, lock_problems, lock_with_problems, refuse_decided
from patches.models import Look, Patch, PatchEvent, PatchFix, PatchVersion
from patches.parsed import NotAPatch, ParsedPatch
from patches.policies import may
from patches.waiting import turns
from tracker.changes import Conflict
from tracker.models import Door
from tracker.policies import visible_problems

_INSTEAD: Final = "Open it again first."


@transaction.atomic
def take_out(version: PatchVersion, actor: Person, door: Door) -> Patch:
    """Make the newest version of a patch a patch of its own, as whose it came; that patch.

    The older patch is as it was before, with all that was said of it. Raises `Denied`, and
    `Conflict` where somebody has said something of the version.
    """
    require(may("patch.add_version", actor, version.patch))
    patch, _ = lock_with_problems(version.patch)
    refuse_decided(patch, _INSTEAD)
    _refuse_in_use(patch, version)
    number, person = version.number, version.submitter or actor
    said = f"It came as version {number} of patch {patch.pk}."
    made = submit(
        _parsed(version),
        person,
        door,
        patch.product,
        fixes=visible_problems(person).filter(patches=patch),
        target=patch.target,
        is_confidential=patch.is_secret,
        source=version.attachment or version.comment,
        note="\n\n".join(filter(None, (version.note, said))),
    )
    Look.objects.filter(version=version).update(version=made.versions.get())
    version.delete()
    _step_back(patch)
    changes = [{"field": f"version {number}", "old": "here", "new": f"patch {made.pk}"}]
    record(patch, PatchEvent.Kind.CHANGED, actor, door, data={"changes": changes})
    return made


def _refuse_in_use(patch: Patch, version: PatchVersion) -> None:
    if version.number != patch.latest or version.number == 1:
        raise Conflict("Only the newest of several versions can become a patch of its own.")
    spoken = (version.reviews, version.begun_threads, version.ratings)
    if any(rows.exists() for rows in spoken):
        raise Conflict(
            f"Somebody has said something of version {version.number}, so it stays. Submit its "
            "diff as a new patch, and send here what shall be the next version."
        )


def _step_back(patch: Patch) -> None:
    """The row as its newest version has it; it waits as long as that content has been here."""
    newest: PatchVersion = patch.versions.order_by("-number")[0]
    patch.latest, patch.changed_at = newest.number, timezone.now()
    if patch.content_since > newest.number:
        patch.content_since = newest.content_since
        came = patch.versions.get(number=newest.content_since).created_at
        turns.start_anew(patch, came)
        told = patch.events.filter(kind=PatchEvent.Kind.ESCALATED, at__gte=came)
        patch.stage = max((each.data["stage"] for each in told), default=Patch.Stage.NONE)
    turns.settle(patch)


@transaction.atomic
def join(patch: Patch, into: Patch, actor: Person, door: Door) -> PatchVersion:
    """Make the newest version of `patch` the next one of `into`, and end `patch`; that version.

    Raises `Denied`, and `Conflict` where one of them is decided.
    """
    require(may("patch.add_version", actor, into))
    require(may_end(actor, patch))
    # Those that stand for duplicates, too: deciding holds them, and patches come after problems.
    fixes = PatchFix.objects.filter(patch__in=[patch, into])
    pairs = fixes.values_list("problem", "problem__head")
    lock_problems({number for pair in pairs for number in pair if number is not None})
    patch, into = _locked(patch, into)
    refuse_decided(patch, _INSTEAD)
    newest = patch.versions.get(number=patch.latest)
    brought = newest.submitter if into.is_by(newest.submitter) else actor
    version = add_version(
        into, _parsed(newest), brought or actor, door, note=newest.note, source=newest.attachment
    )
    note = f"It is version {version.number} of patch {into.pk}."
    if patch.is_by(actor):
        deciding.withdraw(patch, actor, door, note=note)
    else:
        deciding.decline(patch, actor, door, note=note)
    return version


def _locked(patch: Patch, into: Patch) -> tuple[Patch, Patch]:
    if patch.pk == into.pk or patch.product_id != into.product_id:
        raise Conflict("Name another patch of the same product.")
    rows = {each.pk: lock(each) for each in sorted((patch, into), key=lambda row: row.pk)}
    if patch.is_secret and not into.is_secret:
        raise Conflict(f"This patch is confidential, and patch {into.pk} is not.")
    return rows[patch.pk], rows[into.pk]


def may_end(actor: Person, patch: Patch) -> Decision:
    """Whether `actor` may say that a patch is no patch of its own."""
    return may("patch.withdraw" if patch.is_by(actor) else "patch.decline", actor, patch)


def _parsed(version: PatchVersion) -> ParsedPatch:
    """It as it came."""
    with (version.original or version.file).open("rb") as file:
        data = file.read()
    try:
        parsed = finding.read(data)
    except NotAPatch:
        parsed = None
    if parsed is None or parsed.content != version.content:
        raise Conflict("It cannot be read again as it is kept. Submit its diff as a new patch.")
    return parsed
