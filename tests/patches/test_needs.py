"""What a patch still needs: rules of branches against what people said, as one sentence."""

from __future__ import annotations

import pytest

from accounts.models import Person, Role
from patches.models import BranchRule, Patch, Requirement
from patches.reviews import needs, rating
from patches.reviews.needs import By, Different, Needed, largest_matching
from patches.reviews.rating import Said
from tests.patching import make_patch, newest
from tests.people import make_person
from tests.problems import make_maintainer, make_product
from tracker.models import Door, Product

pytestmark = pytest.mark.django_db

QUALITY = Needed("quality", 1, By.COMMITTER)
TESTED = Needed("works", 2, different=Different.ARCHITECTURE)
NO_FAILS = Needed("fails", 0)


def rule(product: Product, *parts: Needed, branch: str = "", position: int = 0) -> None:
    row = BranchRule.objects.create(product=product, branch=branch, position=position)
    for part in parts:
        Requirement.objects.create(
            rule=row, dimension=part.dimension, count=part.count, by=part.by,
            different=part.different,
        )  # fmt: skip


def cast(patch: Patch) -> dict[str, Person]:
    assert patch.author is not None
    return {
        "author": patch.author,
        "cleo": make_person("cleo", Role.COMMITTER),
        "dora": make_person("dora", Role.DEVELOPER),
        "mara": make_maintainer(patch.product.components.get(slug="kernel"), "mara"),
        "robot": make_person("robot", Role.MACHINE, Role.COMMITTER),
        **{name: make_person(name) for name in ("tess", "tim", "theo")},
    }


def said(words: str) -> tuple[str, Said]:
    """ "tess works amd64", "cleo quality -1" """
    who, dimension, *rest = words.split()
    if rest and rest[0] in {"-1", "1"}:
        return who, Said(dimension, int(rest[0]))
    return who, Said(dimension, 1, architecture=rest[0] if rest else "")


WORKS = "“Works here” from"
MORE = f"{WORKS} one more tester on another architecture"
COMMITTER = "“Quality” from a committer"
TABLE = [
    ([QUALITY], "", COMMITTER),
    # A tester's vote never stands in for the committer's, nor does the author's own.
    ([QUALITY], "tess quality, dora quality, mara quality, author quality", COMMITTER),
    ([QUALITY], "cleo quality", ""),
    ([QUALITY], "cleo quality -1", COMMITTER),
    ([QUALITY], "robot quality", COMMITTER),
    ([Needed("quality", 3, By.COMMITTER)], "cleo quality", "“Quality” from two more committers"),
    ([Needed("quality", 1, By.MAINTAINER)], "dora quality", "“Quality” from a maintainer"),
    ([Needed("quality", 1, By.MAINTAINER)], "mara quality", ""),
    ([Needed("quality", 1, By.MAINTAINER)], "cleo quality", ""),
    ([Needed("quality", 2, By.DEVELOPER)], "dora quality, mara quality", ""),
    ([Needed("quality", 1)], "", "“Quality” from one person"),
    ([Needed("quality", 2)], "", "“Quality” from two people"),
    ([Needed("quality", 2)], "tess quality", "“Quality” from one more person"),
    ([Needed("works", 12)], "", f"{WORKS} 12 testers"),
    ([TESTED], "", f"{WORKS} two testers on different architectures"),
    ([TESTED], "tess works amd64", MORE),
    # One person on two architectures is one tester, and so are two people on one.
    ([TESTED], "tess works amd64, tess works arm64", MORE),
    ([TESTED], "tess works amd64, tim works amd64", MORE),
    ([TESTED], "tess works amd64, tim works AMD64", MORE),
    ([TESTED], "tess works amd64, tim works amd64, tess works arm64", ""),
    ([TESTED], "author works amd64, robot works arm64, tess works arm64",
     MORE),
    ([Needed("works", 3, different=Different.ARCHITECTURE)], "tess works amd64",
     f"{WORKS} two more testers on other architectures"),
    ([NO_FAILS], "", ""),
    ([NO_FAILS], "tess fails arm64", "an answer to “Fails here” of tess on arm64"),
    ([NO_FAILS], "tess fails arm64, tess works arm64", ""),
    ([NO_FAILS], "tess fails arm64, tim fails i386, robot fails riscv",
     "an answer to “Fails here” of tess on arm64, tim on i386 and robot on riscv"),
    ([NO_FAILS], "author fails arm64", ""),
    ([Needed("security", 0)], "tess security -1", "an answer to the minus in “Security” of tess"),
    ([TESTED, QUALITY], "tess works amd64",
     f"{MORE}, and “Quality” from a committer"),
    ([TESTED, NO_FAILS, QUALITY], "tess works amd64, tim fails i386",
     f"{MORE}, an answer to “Fails here” of tim on i386, and “Quality” from a committer"),
    # What the product no longer rates cannot be waited for.
    ([Needed("taste")], "", ""),
    ([], "", ""),
]  # fmt: skip


def test_what_is_missing_reads_as_one_sentence() -> None:
    product = make_product()
    patch = make_patch(product, make_person("anna", Role.COMMITTER))
    patch.components.add(product.components.get(slug="kernel"))
    people = cast(patch)
    for parts, heard, missing in TABLE:
        BranchRule.objects.all().delete()
        patch.ratings.all().delete()
        rule(product, *parts)
        for words in filter(None, heard.split(", ")):
            who, word = said(words)
            rating.rate(newest(patch), people[who], Door.WEB, word)
        patch.refresh_from_db()
        complete = (
            "Nothing else is missing." if patch.turn == "author" else "Has all that it needs."
        )
        expected = f"Still needs {missing}." if missing else complete
        assert needs.sentence(patch) == expected, (parts, heard)


def test_releases_may_have_to_differ() -> None:
    product = make_product()
    patch = make_patch(product)
    rule(product, Needed("works", 2, different=Different.RELEASE))
    for person, release in (("tess", "15.0"), ("tim", "15.0"), ("theo", "")):
        word = Said("works", 1, release, "amd64")
        rating.rate(newest(patch), make_person(person), Door.WEB, word)
    assert needs.missing(patch) == [f"{WORKS} one more tester on another release"]


def test_the_first_rule_that_matches_the_branch_holds_and_else_the_usual_one() -> None:
    product = make_product()
    rule(product, NO_FAILS, branch="stable/14", position=0)
    rule(product, TESTED, branch="stable/*", position=1)
    for target, parts in (("stable/14", [NO_FAILS]), ("stable/13", [TESTED])):
        assert needs.rule_of(make_patch(product, target=target)) == parts
    assert needs.rule_of(make_patch(product)) == list(needs.USUAL)
    assert needs.sentence(make_patch(product)) == "Still needs “Quality” from a maintainer."


def test_who_has_left_is_heard_no_more(product: Product) -> None:
    patch, tess = make_patch(product), make_person("tess")
    rating.rate(newest(patch), tess, Door.WEB, Said("fails", 1, architecture="amd64"))
    assert len(needs.missing(patch)) == 2
    Person.objects.filter(pk=tess.pk).update(is_active=False)
    assert len(needs.missing(patch)) == 1


@pytest.mark.parametrize(
    ("places", "matched"),
    [
        ({}, 0),
        ({1: {"a", "b", "c"}}, 1),
        ({1: {"a"}, 2: {"a"}, 3: {"a"}}, 1),
        # Three people and three places are not always three people in three places.
        ({1: {"a", "b", "c"}, 2: {"a"}, 3: {"a"}}, 2),
        # Taken greedily, 1 would leave 2 nothing.
        ({1: {"a", "b"}, 2: {"a"}}, 2),
        ({1: {"a", "b"}, 2: {"a"}, 3: {"b", "c"}, 4: {"c"}}, 3),
    ],
)
def test_the_largest_matching_is_found(places: dict[int, set[str]], matched: int) -> None:
    assert largest_matching(places) == matched
