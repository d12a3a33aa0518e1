"""What a patch still needs before a committer integrates it, by the rule of its branch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from accounts.models import Person, Role, read_roles
from patches.models import BranchRule, Patch, PatchVersion, Rating, Requirement, Turn
from patches.reviews import dimensions
from patches.reviews.dimensions import Dimension
from patches.reviews.holding import holding
from tracker.models import Maintainership

By = Requirement.By
Different = Requirement.Different

_NUMBERS: Final = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class Needed:
    """One part of a rule; its fields are those of `Requirement`."""

    dimension: str
    count: int = 1
    by: By = By.ANYBODY
    different: Different = Different.NOTHING


# Where no rule of the product matches the branch.
USUAL: Final = (
    Needed("quality", 1, By.MAINTAINER),
    Needed("fails", 0),
)


@dataclass(frozen=True)
class Voice:
    """A rating that holds, and as what its person is counted. A machine is nobody."""

    rating: Rating
    counts_as: frozenset[By]
    is_machine: bool = False


def rule_of(patch: Patch) -> list[Needed]:
    """The parts of the rule for the branch that `patch` is for. Two queries."""
    rules = BranchRule.objects.filter(product=patch.product).order_by("position", "id")
    return first_match(rules.prefetch_related("requirements"), patch.target)


def first_match(rules: Iterable[BranchRule], target: str) -> list[Needed]:
    """The parts of the first of a product's rules that is for the branch; of the usual one else."""
    for rule in rules:
        if fnmatchcase(target, rule.branch):
            return parts_of(rule)
    return list(USUAL)


def parts_of(rule: BranchRule) -> list[Needed]:
    """What a rule asks for. No query where its requirements are at hand."""
    return [
        Needed(row.dimension, row.count, By(row.by), Different(row.different))
        for row in rule.requirements.all()
    ]


def missing(patch: Patch, heard: Sequence[Voice] | None = None) -> list[str]:
    """Each part that is not there yet, as the object of "needs"; [] when all are.

    `heard` are its `voices`, where the caller has them.
    """
    heard = voices(patch) if heard is None else heard
    return missing_of(rule_of(patch), dimensions.by_slug(patch.product), heard)


def missing_of(
    parts: Iterable[Needed], known: Mapping[str, Dimension], heard: Sequence[Voice]
) -> list[str]:
    """The same of a rule, with the dimensions of its product. No query."""
    found = [_missing(part, known[part.dimension], heard) for part in parts
             if part.dimension in known]  # fmt: skip
    return [words for words in found if words]


def sentence(patch: Patch, heard: Sequence[Voice] | None = None) -> str:
    """What is missing, in one sentence; "" for a patch that was decided."""
    return in_a_sentence(patch, missing(patch, heard)) if patch.is_waiting else ""


def in_a_sentence(patch: Patch, parts: Sequence[str]) -> str:
    """What is missing, as the page of a patch says it behind whose turn it is."""
    if parts:
        return f"Still needs {join(parts)}."
    # Somebody waits for an answer, of which the rule says nothing.
    is_objected_to = patch.turn == Turn.AUTHOR
    return "Nothing else is missing." if is_objected_to else "Has all that it needs."


def join(parts: Sequence[str]) -> str:
    """Parts of a sentence, each of several words."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])}, and {parts[-1]}"


def voices(patch: Patch, held: Sequence[Rating] | None = None) -> list[Voice]:
    """Who is heard: everybody whose rating holds, and is not about what they made themselves.

    `held` are those that hold, where the caller has them.
    """
    held = holding(patch) if held is None else held
    ratings = [each for each in held if not is_own(patch, each.version, each.person)]
    read_roles([each.person for each in ratings])
    return heard_of(patch, ratings, _maintainers(patch) if ratings else set())


def heard_of(patch: Patch, ratings: Iterable[Rating], maintainers: set[int]) -> list[Voice]:
    """The same of ratings that hold, whose people's roles were read. No query."""
    ratings = [each for each in ratings if not is_own(patch, each.version, each.person)]
    # Without an open account one is heard no more.
    ratings = [each for each in ratings if each.person.has_role(Role.REPORTER)]
    return [
        Voice(each, _counts_as(each.person, maintainers), each.person.has_role(Role.MACHINE))
        for each in ratings
    ]


def is_own(patch: Patch, version: PatchVersion, person: Person | None) -> bool:
    """Whether `person` is author or submitter, or brought the content of that version."""
    if person is None or patch.is_by(person):
        return person is not None
    return version.submitter_id == person.pk and version.content_since == version.number


def _maintainers(patch: Patch) -> set[int]:
    rows = Maintainership.objects.filter(component__patches=patch)
    return set(rows.values_list("person", flat=True))


def _counts_as(person: Person, maintainers: set[int]) -> frozenset[By]:
    """A committer may stand in for a maintainer, nobody for a committer."""
    if person.has_role(Role.MACHINE):
        return frozenset()
    found = {By.ANYBODY}
    if person.has_role(Role.COMMITTER):
        found |= {By.COMMITTER, By.MAINTAINER, By.DEVELOPER}
    if person.pk in maintainers:
        found |= {By.MAINTAINER, By.DEVELOPER}
    if person.has_role(Role.DEVELOPER):
        found.add(By.DEVELOPER)
    return frozenset(found)


def _missing(part: Needed, dimension: Dimension, heard: Iterable[Voice]) -> str:
    here = [voice for voice in heard if voice.rating.dimension == dimension.slug]
    if not part.count:
        against = [v.rating for v in here if dimension.is_against(v.rating.value)]
        return _answer_to(dimension, against)
    spoken = [v.rating for v in here if v.rating.value > 0 and part.by in v.counts_as]
    there = _counted(part, spoken)
    return _more(part, dimension, there) if there < part.count else ""


def _counted(part: Needed, spoken: Sequence[Rating]) -> int:
    """How many distinct people, each for a different environment where the rule asks for that.

    One person on two architectures is one, and so are two people on one.
    """
    if part.different == Different.NOTHING:
        return len({each.person_id for each in spoken})
    places: dict[int, set[str]] = defaultdict(set)
    for each in spoken:
        place = each.architecture
        if part.different == Different.RELEASE:
            place = str(each.release_id or "")
        if place:
            places[each.person_id].add(place)
    return largest_matching(places)


def largest_matching(places: dict[int, set[str]]) -> int:
    """The most people who can each be given a place of theirs that nobody else is given.

    By augmenting paths (Kuhn, "The Hungarian method for the assignment problem", 1955).
    """
    taken: dict[str, int] = {}

    def give(person: int, tried: set[str]) -> bool:
        for place in sorted(places[person] - tried):
            tried.add(place)
            if place not in taken or give(taken[place], tried):
                taken[place] = person
                return True
        return False

    return sum(give(person, set()) for person in sorted(places))


def _answer_to(dimension: Dimension, against: Sequence[Rating]) -> str:
    if not against:
        return ""
    who = [
        each.person.handle + (f" on {each.architecture}" if each.architecture else "")
        for each in against
    ]
    names = who[0] if len(who) == 1 else f"{', '.join(who[:-1])} and {who[-1]}"
    word = "“%s”" if dimension.is_objection else "the minus in “%s”"
    return f"an answer to {word % dimension.title} of {names}"


def _more(part: Needed, dimension: Dimension, there: int) -> str:
    count = part.count - there
    who = _people(part.by, count, is_tester=dimension.asks_environment, is_more=there > 0)
    return f"“{dimension.title}” from {who}{_where(part, count, there)}"


def in_words(part: Needed, dimension: Dimension) -> str:
    """What a part asks for where nobody has spoken yet, as the object of "needs"."""
    return _more(part, dimension, 0)


def _people(by: By, count: int, *, is_tester: bool, is_more: bool) -> str:
    one, many = "person", "people"
    if by != By.ANYBODY:
        one, many = by.value, f"{by.value}s"
    elif is_tester:
        one, many = "tester", "testers"
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    if is_more:
        return f"{number} more {one if count == 1 else many}"
    if count == 1:
        return f"a {one}" if by != By.ANYBODY else f"one {one}"
    return f"{number} {many}"


def _where(part: Needed, count: int, there: int) -> str:
    if part.different == Different.NOTHING:
        return ""
    if there:
        return f" on another {part.different}" if count == 1 else f" on other {part.different}s"
    return "" if count == 1 else f" on different {part.different}s"
