"""Patches as lists show them: each with its newest version, what people say, and what is missing.

The number of queries does not depend on the number of patches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import F, prefetch_related_objects

from accounts.models import Person, read_roles
from patches.models import (
    BranchRule,
    Patch,
    PatchComponent,
    PatchFix,
    PatchVersion,
    Rating,
    RatingDimension,
    ReviewRequest,
)
from patches.reviews import dimensions, needs
from patches.reviews.dimensions import Dimension, VoidedBy
from patches.reviews.holding import holding_of
from patches.reviews.needs import Needed, Voice
from patches.waiting import turns
from tracker.models import Maintainership


@dataclass(frozen=True)
class Sum:
    """How many people speak for and against a patch in one dimension. In one that is an objection
    all of them speak against it."""

    title: str
    plus: int
    minus: int
    is_objection: bool


@dataclass(frozen=True)
class Row:
    """One patch of a list. `missing` is a sentence, "" for one that was decided."""

    patch: Patch
    latest: PatchVersion | None
    turn_words: str
    missing: str
    components: list[str]
    ratings: list[Sum]
    claimed_by: list[Person]
    is_secret: bool


def rows_of(patches: Sequence[Patch]) -> list[Row]:
    """A row for each, in their order; product, author and submitter of each are loaded."""
    if not patches:
        return []
    latest = _latest(patches)
    known = _dimensions(patches)
    heard = _voices(patches, latest, known)
    parts = _rules(patches)
    components = _components(patches)
    claimed = _claimed(patches)
    secret = _secret(patches)
    return [
        Row(
            patch,
            latest.get(patch.pk),
            turns.turn_words(patch),
            _missing(patch, parts[patch.pk], known[patch.product_id], heard[patch.pk]),
            components[patch.pk],
            list(_sums(known[patch.product_id], heard[patch.pk])),
            claimed[patch.pk],
            patch.pk in secret,
        )
        for patch in patches
    ]


def _missing(
    patch: Patch, parts: list[Needed], known: Mapping[str, Dimension], heard: list[Voice]
) -> str:
    if not patch.is_waiting:
        return ""
    return needs.in_a_sentence(patch, needs.missing_of(parts, known, heard))


def _latest(patches: Iterable[Patch]) -> dict[int, PatchVersion]:
    rows = PatchVersion.objects.filter(patch__in=patches, number=F("patch__latest"))
    return {row.patch_id: row for row in rows.defer("changes").order_by("pk")}


def _dimensions(patches: Iterable[Patch]) -> dict[int, dict[str, Dimension]]:
    """product -> its dimensions by their slugs."""
    products = {patch.product_id for patch in patches}
    found: dict[int, dict[str, Dimension]] = {product: {} for product in products}
    for row in RatingDimension.objects.filter(product__in=products).order_by("position", "id"):
        found[row.product_id][row.slug] = dimensions.as_dimension(row)
    usual = {each.slug: each for each in dimensions.USUAL}
    return {product: own or usual for product, own in found.items()}


def _rules(patches: Iterable[Patch]) -> dict[int, list[Needed]]:
    """patch -> what the rule for its branch asks for."""
    rules = defaultdict(list)
    products = {patch.product_id for patch in patches}
    rows = BranchRule.objects.filter(product__in=products).order_by("position", "id")
    for rule in rows.prefetch_related("requirements"):
        rules[rule.product_id].append(rule)
    return {p.pk: needs.first_match(rules[p.product_id], p.target) for p in patches}


def _voices(
    patches: Iterable[Patch],
    latest: Mapping[int, PatchVersion],
    known: Mapping[int, Mapping[str, Dimension]],
) -> dict[int, list[Voice]]:
    """patch -> who is heard, as `needs.voices` has it."""
    spoken = defaultdict(list)
    ratings = Rating.objects.filter(patch__in=patches, is_current=True).exclude(value=0)
    rows = list(ratings.select_related("person", "version", "release").order_by("id"))
    read_roles([row.person for row in rows])
    for row in rows:
        spoken[row.patch_id].append(row)
    _load_documentation(patches, spoken, latest, known)
    maintainers = _maintainers(patches)
    found = {}
    for patch in patches:
        own = known[patch.product_id]
        held = holding_of(patch, spoken[patch.pk], own, latest.get(patch.pk))
        found[patch.pk] = needs.heard_of(patch, held, maintainers[patch.pk])
    return found


def _load_documentation(
    patches: Iterable[Patch],
    spoken: Mapping[int, list[Rating]],
    latest: Mapping[int, PatchVersion],
    known: Mapping[int, Mapping[str, Dimension]],
) -> None:
    """Read the files of those versions whose documentation decides whether a word holds."""
    compared: list[PatchVersion] = []
    for patch in patches:
        for each in spoken.get(patch.pk, []):
            dimension = known[patch.product_id].get(each.dimension)
            is_old = each.version.number < patch.content_since
            if is_old and dimension and dimension.voided_by == VoidedBy.DOCUMENTATION:
                compared += [each.version, latest[patch.pk]]
    prefetch_related_objects(compared, "files")


def _maintainers(patches: Iterable[Patch]) -> dict[int, set[int]]:
    """patch -> who maintains one of its components."""
    found = defaultdict(set)
    rows = Maintainership.objects.filter(component__patches__in=patches).order_by()
    for patch, person in rows.values_list("component__patches", "person"):
        found[patch].add(person)
    return found


def _components(patches: Iterable[Patch]) -> dict[int, list[str]]:
    found = defaultdict(list)
    rows = PatchComponent.objects.filter(patch__in=patches).order_by("component__slug")
    for patch, slug in rows.values_list("patch", "component__slug"):
        found[patch].append(slug)
    return found


def _claimed(patches: Iterable[Patch]) -> dict[int, list[Person]]:
    found = defaultdict(list)
    claimed = ReviewRequest.objects.filter(patch__in=patches, state=ReviewRequest.State.CLAIMED)
    for row in claimed.select_related("person").order_by("answered_at", "id"):
        found[row.patch_id].append(row.person)
    return found


def _secret(patches: Iterable[Patch]) -> set[int]:
    """Those of which not everybody may know, as `Patch.is_secret` has it."""
    rows = PatchFix.objects.filter(patch__in=patches, problem__is_confidential=True)
    found = set(rows.values_list("patch", flat=True))
    return found | {patch.pk for patch in patches if patch.is_confidential}


def _sums(known: Mapping[str, Dimension], heard: Iterable[Voice]) -> Iterable[Sum]:
    """Of each dimension in which a person has spoken, in their order."""
    people = defaultdict(set)
    for voice in heard:
        if not voice.is_machine:
            people[voice.rating.dimension, voice.rating.value].add(voice.rating.person_id)
    for slug, dimension in known.items():
        plus, minus = len(people[slug, 1]), len(people[slug, -1])
        if plus or minus:
            yield Sum(dimension.title, plus, minus, dimension.is_objection)
