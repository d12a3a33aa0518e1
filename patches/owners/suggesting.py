"""Who could review a patch: those who changed these lines before, and who reviewed that.

Each earlier change speaks for its author, and a little less for its reviewers: with a weight of 1
where it touched the same lines and less where only the same file, and half as much after each
`HALF_LIFE`. The reason that is told is the one of the greatest weight.

Earlier changes are the integrated patches of this tracker and, where the product's repository is
here, the commits that `git blame` finds for these lines in the target branch. Only what everybody
may see is looked at, for the reasons are shown to everybody who sees the patch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import F
from django.utils import timezone

from accounts.models import Person, Role, read_roles
from patches.models import Patch, PatchFile, Rating, Review
from patches.owners.blaming import Blamed, Lines, blamed_for
from patches.owners.people import askable, find_people
from patches.policies import visible_patches

LIMIT: Final = 5
HALF_LIFE: Final = timedelta(days=365)
# So many lines apart is near: what stands between shifts with every change.
NEAR: Final = 30
ELSEWHERE: Final = 0.25
REVIEWER: Final = 0.7
# The files of a patch that are looked at, those with the most changed lines first, unless the diff
# of one is longer than so many bytes; and rows of earlier patches, the latest decided first.
FILES: Final = 200
FILE_BYTES: Final = 1_000_000
EARLIER: Final = 500
# As many of a confidential patch's candidates are asked whether they may know of it.
CANDIDATES: Final = 20

Touched = Mapping[str, Sequence[Lines]]


@dataclass(frozen=True)
class Suggestion:
    """Somebody who could review, and why in one sentence; `weight` is for the order."""

    person: Person
    reason: str
    weight: float = 0.0


@dataclass(frozen=True)
class _Hint:
    """One thing that speaks for somebody."""

    person: int
    weight: float
    reason: str


@dataclass(frozen=True)
class _Earlier:
    """What an integrated patch did to one of the files; `near` is where that was near by."""

    patch: int
    author: int | None
    path: str
    near: Lines | None
    weight: float


def suggest(patch: Patch, limit: int = LIMIT) -> list[Suggestion]:
    """People who were not asked yet, the likeliest first. A constant number of queries, and of one
    that not everybody may know of one more for each candidate.

    Never its author, nor programs, nor closed accounts, nor who may not know of the patch.
    """
    touched = _touched_by(patch)
    hints = [*_of_patches(patch, touched), *_of_repository(patch, touched)]
    passed_over = {patch.author_id, patch.submitter_id}
    passed_over |= set(patch.review_requests.values_list("person", flat=True))
    ranked = _add_up(hint for hint in hints if hint.person not in passed_over)
    rows = {person.pk: person for person in askable().filter(pk__in=list(ranked)[:EARLIER])}
    read_roles(list(rows.values()))
    found = [
        Suggestion(rows[pk], best.reason, weight)
        for pk, (weight, best) in ranked.items()
        if pk in rows and not rows[pk].has_role(Role.MACHINE)
    ]
    found.sort(key=lambda each: (-each.weight, each.person.handle.lower()))
    return _who_may_know(patch, found, limit)


def _who_may_know(patch: Patch, found: list[Suggestion], limit: int) -> list[Suggestion]:
    if visible_patches(None).filter(pk=patch.pk).exists():
        return found[:limit]
    some = found[:CANDIDATES]
    seeing = [s for s in some if visible_patches(s.person).filter(pk=patch.pk).exists()]
    return seeing[:limit]


def _add_up(hints: Iterator[_Hint]) -> dict[int, tuple[float, _Hint]]:
    """By person, the sum of the weights and the hint of the greatest."""
    ranked: dict[int, tuple[float, _Hint]] = {}
    for hint in hints:
        weight, best = ranked.get(hint.person, (0.0, hint))
        ranked[hint.person] = (weight + hint.weight, max(best, hint, key=lambda h: h.weight))
    return ranked


def _touched_by(patch: Patch) -> Touched:
    """By path as it was before, the lines that the newest version is about."""
    rows = PatchFile.objects.filter(
        version__patch=patch, version__number=patch.latest, length__lte=FILE_BYTES
    ).order_by(-(F("added") + F("removed")), "id")
    touched: dict[str, list[Lines]] = {}
    for path, old_path, hunks in rows.values_list("path", "old_path", "hunks")[:FILES]:
        lines = [(start, start + max(count, 1) - 1) for start, count, *_ in hunks]
        touched.setdefault(old_path or path, []).extend(lines)
    return touched


def _of_patches(patch: Patch, touched: Touched) -> Iterator[_Hint]:
    """What integrated patches say: two queries for who reviewed them, one for themselves."""
    earlier = _earlier(patch, touched)
    for each in earlier:
        if each.author is not None:
            yield _Hint(each.author, each.weight, _changed(each))
    reviewers = _reviewers_of({each.patch for each in earlier})
    for each in earlier:
        for person in reviewers.get(each.patch, ()):
            if person != each.author:
                reason = f"Reviewed patch {each.patch}, which touched {each.path}."
                yield _Hint(person, each.weight * REVIEWER, reason)


def _changed(earlier: _Earlier) -> str:
    where = f"{_lines(earlier.near)} of " if earlier.near else ""
    return f"Changed {where}{earlier.path} in patch {earlier.patch}."


def _lines(lines: Lines) -> str:
    start, end = lines
    return f"line {start}" if start == end else f"lines {start}–{end}"


def _earlier(patch: Patch, touched: Touched) -> list[_Earlier]:
    public = visible_patches(None).filter(product=patch.product_id, state=Patch.State.INTEGRATED)
    rows = PatchFile.objects.filter(
        path__in=list(touched),
        length__lte=FILE_BYTES,
        version__patch__in=public.exclude(pk=patch.pk),
        version__number=F("version__patch__latest"),
    ).order_by("-version__patch__decided_at", "-id")
    found = rows.values_list(
        "version__patch", "version__patch__author", "version__patch__decided_at", "path", "hunks"
    )
    return [
        _as_earlier(number, author, at or timezone.now(), path, near(hunks, touched[path]))
        for number, author, at, path, hunks in found[:EARLIER]
    ]


def _as_earlier(
    number: int, author: int | None, at: datetime, path: str, lines: Lines | None
) -> _Earlier:
    weight = (1.0 if lines else ELSEWHERE) * _freshness(at)
    return _Earlier(number, author, path, lines, weight)


def _freshness(at: datetime) -> float:
    return float(0.5 ** (max(timezone.now() - at, timedelta()) / HALF_LIFE))


def near(hunks: Sequence[Sequence[int]], lines: Sequence[Lines]) -> Lines | None:
    """The lines, as they became, of the first of `hunks` that is near any of `lines`."""
    for _, _, start, count, *_ in hunks:
        end = start + max(count, 1) - 1
        if any(start <= last + NEAR and first <= end + NEAR for first, last in lines):
            return start, end
    return None


def _reviewers_of(patches: set[int]) -> dict[int, list[int]]:
    """By patch, who sent a review or a rating that says something."""
    reviews = Review.objects.filter(patch__in=patches, sent_at__isnull=False, author__isnull=False)
    ratings = Rating.objects.filter(patch__in=patches, is_current=True).exclude(value=0)
    pairs = {*reviews.values_list("patch", "author"), *ratings.values_list("patch", "person")}
    found: dict[int, list[int]] = {}
    for number, person in sorted(pairs):
        found.setdefault(number, []).append(person)
    return found


def _of_repository(patch: Patch, touched: Touched) -> Iterator[_Hint]:
    blamed = blamed_for(patch, touched)
    if not blamed:
        return
    people = find_people(each.address for each in blamed)
    for each in blamed:
        person = people.get(each.address.lower())
        if person is not None:
            yield _Hint(person.pk, _freshness(each.at), _blame(each))


def _blame(blamed: Blamed) -> str:
    said = f"Changed {_lines(blamed.lines)} of {blamed.path} in commit {blamed.commit}"
    if blamed.branch:
        said += f", as {blamed.branch} has them: the base of the patch is not known"
    return f"{said}."
