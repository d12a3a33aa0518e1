"""How people rate a patch, dimension by dimension, as its page shows it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accounts.models import Person, Role, read_roles
from patches.dimensions import Dimension
from patches.holding import holding
from patches.models import Patch, PatchVersion, Rating


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
    patch: Patch, versions: Sequence[PatchVersion], known: Iterable[Dimension]
) -> list[Standing]:
    """Every dimension of the product, and those it had, in which somebody spoke."""
    spoken = _spoken(patch)
    held = {each.pk for each in holding(patch)}
    words: dict[str, list[Word]] = defaultdict(list)
    for each in spoken:
        void = each.pk not in held
        why_not = _void(each, versions) if void else _not_counted(each.person, patch)
        words[each.dimension].append(Word(each, why_not, void))
    found = [_standing(d, words.pop(d.slug, [])) for d in known]
    return [*found, *(_standing(Dimension(slug, slug), rest) for slug, rest in words.items())]


def _spoken(patch: Patch) -> list[Rating]:
    """Words that were neither replaced nor taken back; with their people's roles."""
    rows = patch.ratings.filter(is_current=True).exclude(value=0).order_by("id")
    spoken = list(rows.select_related("person", "version", "release"))
    read_roles([each.person for each in spoken])
    return spoken


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


def _void(given: Rating, versions: Sequence[PatchVersion]) -> str:
    """Which later version changed what was rated."""
    later = (v.number for v in versions if v.number > given.version.number)
    changed = sorted(v.number for v in versions if v.content_since == v.number)
    since = min((n for n in later if n in changed), default=0)
    return f"void since version {since} changed the content" if since else "void"


def _not_counted(person: Person, patch: Patch) -> str:
    if patch.is_by(person):
        return "its author: does not count"
    if person.has_role(Role.MACHINE):
        return "a program: counts as no person"
    return ""
