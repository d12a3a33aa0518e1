"""How people rate a patch, dimension by dimension, as its page shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accounts.models import Person, Role, read_roles
from patches.models import Patch, PatchVersion, Rating
from patches.reviews import needs
from patches.reviews.dimensions import Dimension, VoidedBy


@dataclass(frozen=True)
class Word:
    """One person's word. `why_not` says in a few words why it does not count; "" where it does."""

    rating: Rating
    why_not: str
    is_void: bool = False


@dataclass(frozen=True)
class Standing:
    """One dimension and who spoke in it; `plus` and `minus` count people whose word counts."""

    slug: str
    title: str
    is_objection: bool
    has_minus: bool
    words: list[Word]
    plus: int
    minus: int


def standings(
    patch: Patch,
    versions: Sequence[PatchVersion],
    known: Iterable[Dimension],
    spoken: Sequence[Rating],
    held: Iterable[Rating],
) -> list[Standing]:
    """Every dimension of the product, and those it had, in which somebody spoke; of the words that
    were `spoken` those `held` are not void."""
    by_slug = {each.slug: each for each in known}
    holding = {each.pk for each in held}
    read_roles([each.person for each in spoken])
    words: dict[str, list[Word]] = defaultdict(list)
    for each in spoken:
        is_void = each.pk not in holding
        dimension = by_slug.get(each.dimension)
        why_not = not_counted(patch, each.version, each.person)
        why_not = _void(each, dimension, versions) if is_void else why_not
        words[each.dimension].append(Word(each, why_not, is_void))
    found = [_standing(d, words.pop(slug, [])) for slug, d in by_slug.items()]
    return [*found, *(_standing(Dimension(slug, slug), rest) for slug, rest in words.items())]


def _standing(dimension: Dimension, words: list[Word]) -> Standing:
    return Standing(
        dimension.slug,
        dimension.title,
        dimension.is_objection,
        dimension.has_minus,
        words,
        plus=_people(words, +1),
        minus=_people(words, -1),
    )


def _people(words: Iterable[Word], value: int) -> int:
    return len({w.rating.person_id for w in words if not w.why_not and w.rating.value == value})


def _void(given: Rating, dimension: Dimension | None, versions: Sequence[PatchVersion]) -> str:
    """What made it void."""
    if dimension is None:
        return "void: it is no longer asked for"
    if dimension.voided_by == VoidedBy.DOCUMENTATION:
        return "void since the documentation was changed"
    changed = (v.number for v in versions if v.content_since == v.number)
    since = min((number for number in changed if number > given.version.number), default=0)
    return f"void since version {since} changed the content"


def not_counted(patch: Patch, version: PatchVersion, person: Person) -> str:
    """Why what `person` says of a version does not count, "" where it does; see `needs.voices`."""
    if patch.is_by(person):
        return "its author: does not count"
    if needs.is_own(patch, version, person):
        return "who brought this content: does not count"
    if not person.has_role(Role.REPORTER):
        return "has no account any more: does not count"
    return "a program: counts as no person" if person.has_role(Role.MACHINE) else ""
