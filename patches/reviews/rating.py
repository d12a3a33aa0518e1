"""Ratings: what people say of a version in the product's dimensions, and take back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from patches.events import record
from patches.locking import lock, refuse_decided
from patches.models import Patch, PatchEvent, PatchVersion, Rating, Review
from patches.policies import may
from patches.reviews import dimensions
from patches.reviews.dimensions import Dimension
from patches.waiting import turns
from tracker.changes import Conflict
from tracker.drafts import Faults, check_line, find_release, nearest
from tracker.models import Door, Release
from tracker.text import clean_line


@dataclass(frozen=True)
class Said:
    """A rating as somebody gives it, in words: +1, -1, or 0 to take back what they said.

    Where the dimension asks for no environment, none is kept. 0 without an architecture takes back
    all that the person said in that dimension.
    """

    dimension: str
    value: int
    release: str = ""
    architecture: str = ""
    hardware: str = ""
    note: str = ""


@dataclass(frozen=True)
class _Checked:
    dimension: Dimension
    value: int
    release: Release | None
    architecture: str
    hardware: str
    note: str


@transaction.atomic
def rate(version: PatchVersion, person: Person, door: Door, said: Said) -> Rating:
    """Say one word on a version; a later word of the same person replaces it.

    Raises `DraftErrors`, `Denied`, and `Conflict` for a decided patch or an old version.
    """
    patch = lock(version.patch)
    before = patch.turn
    given, changed = give(patch, version, person, door, [said])
    if changed:
        patch.changed_at = timezone.now()
        turns.settle(patch)
        data = {"ratings": in_words(changed)}
        kind = PatchEvent.Kind.RATED
        record(patch, kind, person, door, turn_before=before, version=version, data=data)
    return given[0]


def give(
    patch: Patch,
    version: PatchVersion,
    person: Person,
    door: Door,
    said: Sequence[Said],
    review: Review | None = None,
) -> tuple[list[Rating], list[Rating]]:
    """Write ratings on the locked patch: each word's row, and those rows that are new.

    The caller settles the turn and records the event.
    """
    require(may("patch.rate", person, patch))
    refuse_decided(patch, "It takes no more ratings; say what you found in a comment.")
    _refuse_old(patch, version)
    checked = _check(patch, person, said)
    given: list[Rating] = []
    changed: list[Rating] = []
    for each in checked:
        rows, is_new = _write(patch, version, person, door, each, review)
        given += rows
        changed += rows if is_new else []
    return given, changed


def _refuse_old(patch: Patch, version: PatchVersion) -> None:
    if version.number < patch.content_since:
        raise Conflict(
            f"Version {version.number} is not the newest, and the content has changed since. "
            f"Look at version {patch.latest} and rate that one."
        )


def _check(patch: Patch, person: Person, said: Sequence[Said]) -> list[_Checked]:
    faults = Faults()
    known = dimensions.by_slug(patch.product)
    found = [_check_one(patch, person, each, known, faults) for each in said]
    checked = [each for each in found if each]
    keys = [(each.dimension.slug, each.architecture) for each in checked]
    if len(keys) != len(set(keys)):
        faults.add("ratings", "Say one word for each dimension and architecture.")
    _refuse_opposites(checked, faults)
    faults.raise_if_any()
    return checked


def _refuse_opposites(checked: Sequence[_Checked], faults: Faults) -> None:
    spoken = [each for each in checked if each.value]
    for one, other in combinations(spoken, 2):
        is_there = one.architecture == other.architecture
        if is_there and _are_opposites(one.dimension, other.dimension):
            titles = f"“{one.dimension.title}” or “{other.dimension.title}”"
            faults.add("architecture", f"Of one architecture say {titles}, not both.")


def _check_one(
    patch: Patch, person: Person, said: Said, known: dict[str, Dimension], faults: Faults
) -> _Checked | None:
    slug = clean_line(said.dimension[:100]).lower()
    dimension = known.get(slug)
    if dimension is None:
        faults.add("dimension", f"There is no dimension “{slug[:30]}”." + nearest(slug, known))
        return None
    if said.value not in (-1, 0, 1):
        faults.add("value", "Give +1 or -1, or 0 to take back what you said.")
    elif said.value < 0 and not dimension.has_minus:
        faults.add("value", f"“{dimension.title}” has no minus. {_other_way(dimension, known)}")
    asks = dimension.asks_environment
    architecture = check_line("architecture", said.architecture if asks else "", 50, faults)
    hardware = check_line("hardware", said.hardware if asks else "", 200, faults)
    if asks and said.value and not architecture:
        faults.add("architecture", f"Say on which architecture: “{dimension.title}” asks where.")
    release = find_release(patch.product, said.release if asks else "", faults)
    note = check_line("note", said.note, 500, faults)
    return _Checked(dimension, said.value, release, architecture.lower(), hardware, note)


def _other_way(dimension: Dimension, known: dict[str, Dimension]) -> str:
    for other in known.values():
        if _are_opposites(dimension, other):
            return f"Rate “{other.title}” instead, or take back what you said with 0."
    return "Take back what you said with 0, or leave it out."


def _are_opposites(one: Dimension, other: Dimension) -> bool:
    """Of what was tried somewhere, a good word and a bad one replace each other there."""
    both_ask = one.asks_environment and other.asks_environment
    return both_ask and one.is_objection != other.is_objection


def _write(
    patch: Patch,
    version: PatchVersion,
    person: Person,
    door: Door,
    said: _Checked,
    review: Review | None,
) -> tuple[list[Rating], bool]:
    """The rows of one word, and whether they are new. Saying the same again writes nothing."""
    own = patch.ratings.filter(person=person, is_current=True).select_related("version")
    here = own.filter(dimension=said.dimension.slug)
    if said.value or said.architecture or not said.dimension.asks_environment:
        here = here.filter(architecture=said.architecture)
    standing = list(here)
    if not said.value:
        return _take_back(patch, version, person, door, said, review, standing)
    if standing and _is_same(standing[0], version, said, patch):
        return standing, False
    _replace(standing)
    opposites = [
        each.slug for each in dimensions.of(patch.product) if _are_opposites(said.dimension, each)
    ]
    _replace(own.filter(dimension__in=opposites, architecture=said.architecture))
    return [_create(patch, version, person, door, said, review)], True


def _take_back(
    patch: Patch,
    version: PatchVersion,
    person: Person,
    door: Door,
    said: _Checked,
    review: Review | None,
    standing: list[Rating],
) -> tuple[list[Rating], bool]:
    """A row of value 0 for each word that is taken back."""
    spoken = [each for each in standing if each.value]
    if standing and not spoken:
        return standing, False
    if not spoken:
        faults = Faults()
        where = f" on {said.architecture}" if said.architecture else ""
        title = said.dimension.title
        faults.add("value", f"You have not rated “{title}”{where}: there is nothing to take back.")
        faults.raise_if_any()
    rows = []
    for each in spoken:
        _replace([each])
        here = _Checked(
            said.dimension, 0, each.release, each.architecture, each.hardware, said.note
        )
        rows.append(_create(patch, version, person, door, here, review))
    return rows, True


def _is_same(standing: Rating, version: PatchVersion, said: _Checked, patch: Patch) -> bool:
    there = (standing.value, standing.release_id, standing.hardware, standing.note)
    release = said.release.pk if said.release else None
    is_same_content = standing.version.number >= patch.content_since
    return is_same_content and there == (said.value, release, said.hardware, said.note)


def _replace(standing: Iterable[Rating]) -> None:
    numbers = [each.pk for each in standing]
    Rating.objects.filter(pk__in=numbers).update(is_current=False)


def _create(
    patch: Patch,
    version: PatchVersion,
    person: Person,
    door: Door,
    said: _Checked,
    review: Review | None,
) -> Rating:
    return Rating.objects.create(
        patch=patch,
        version=version,
        review=review,
        person=person,
        dimension=said.dimension.slug,
        value=said.value,
        release=said.release,
        architecture=said.architecture,
        hardware=said.hardware,
        note=said.note,
        door=door,
    )


def in_words(ratings: Iterable[Rating]) -> list[dict[str, Any]]:
    """As the history keeps them."""
    return [
        {
            "dimension": each.dimension,
            "value": each.value,
            "release": each.release.name if each.release else "",
            "architecture": each.architecture,
            "hardware": each.hardware,
            "note": each.note,
        }
        for each in ratings
    ]
