"""Which ratings stand for the newest version of a patch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

from django.db.models import prefetch_related_objects

from patches.models import Patch, PatchVersion, Rating
from patches.reviews import dimensions
from patches.reviews.dimensions import Dimension, VoidedBy

# What a change of the documentation is.
DOCUMENTATION: Final = re.compile(
    r"(^|/)(docs?|documentation|man|manual)/|\.(md|rst|txt|adoc|texi|tex|html?|[1-9])$|"
    r"(^|/)(README|UPDATING|NEWS|CHANGES|ChangeLog|RELNOTES)[^/]*$",
    re.IGNORECASE,
)
# Of larger documentation it is not looked into what changed: all of it did.
DOCUMENTATION_BYTES: Final = 4_000_000


def spoken(patch: Patch) -> list[Rating]:
    """The words that were neither replaced nor taken back, oldest first; with their people."""
    rows = patch.ratings.filter(is_current=True).exclude(value=0).order_by("id")
    return list(rows.select_related("person", "version", "release"))


def holding(patch: Patch, words: list[Rating] | None = None) -> list[Rating]:
    """The words that stand for the newest version; `words` are those `spoken`, where at hand.

    A word on changed content no longer holds, unless its dimension says so; a rebase voids none.
    """
    words = spoken(patch) if words is None else words
    known = dimensions.by_slug(patch.product)
    compared = [each.version for each in words if _must_compare(patch, each, known)]
    prefetch_related_objects(compared, "files")
    return holding_of(patch, words, known)


def _must_compare(patch: Patch, rating: Rating, known: Mapping[str, Dimension]) -> bool:
    """Whether it depends on what its version did to documentation."""
    dimension = known.get(rating.dimension)
    is_old = rating.version.number < patch.content_since
    return is_old and dimension is not None and dimension.voided_by == VoidedBy.DOCUMENTATION


def holding_of(
    patch: Patch,
    words: Iterable[Rating],
    known: Mapping[str, Dimension],
    newest: PatchVersion | None = None,
) -> list[Rating]:
    """Those of the words that hold. A query for each version whose documentation must be
    compared, none where the newest is given and the files of all are at hand."""
    later = _Documentation(patch, newest)
    return [
        each
        for each in words
        if each.version.number >= patch.content_since
        or _survives(each, known.get(each.dimension), later)
    ]


def _survives(rating: Rating, dimension: Dimension | None, later: _Documentation) -> bool:
    if dimension is None or dimension.voided_by == VoidedBy.CONTENT:
        return False
    return dimension.voided_by == VoidedBy.NOTHING or later.is_as_in(rating.version)


class _Documentation:
    """What versions of one patch do to documentation, compared with the newest."""

    def __init__(self, patch: Patch, newest: PatchVersion | None) -> None:
        self._patch, self._newest = patch, newest
        self._digests: dict[int, str] = {}

    def is_as_in(self, version: PatchVersion) -> bool:
        if not self._digests:
            newest = self._newest or self._patch.versions.get(number=self._patch.latest)
            self._digests[0] = self._digests[newest.pk] = documentation_of(newest)
        if version.pk not in self._digests:
            self._digests[version.pk] = documentation_of(version)
        return self._digests[version.pk] == self._digests[0]


def documentation_of(version: PatchVersion) -> str:
    """A digest of what a version does to documentation, wherever in the files it does it."""
    files = [file for file in version.files.all() if DOCUMENTATION.search(file.path)]
    if sum(file.length for file in files) > DOCUMENTATION_BYTES:
        return f"version {version.pk}"
    digest = hashlib.sha256()
    with version.file.open("rb") as text:
        for file in sorted(files, key=lambda each: (each.commit_id, each.position)):
            digest.update(f"{file.old_path}\n{file.path}\n{file.status}\n".encode())
            for _, _, _, _, offset, length in file.hunks:
                text.seek(offset)
                digest.update(text.read(length).partition(b"\n")[2])
    return digest.hexdigest()
