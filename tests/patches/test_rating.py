"""Ratings: what may be said where, what replaces what, and what of it still holds."""

from __future__ import annotations

import pytest

from accounts.models import Person
from patches import deciding
from patches.models import Patch, PatchEvent, Rating
from patches.reviews import dimensions, rating
from patches.reviews import holding as standing
from patches.reviews.rating import Said
from tests.patching import diff, make_dimension, make_patch, newest, next_version, parsed
from tests.people import make_person
from tests.problems import make_product
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.models import Door, Product

pytestmark = pytest.mark.django_db

WORKS = Said("works", 1, architecture="amd64")
FAILS = Said("fails", 1, architecture="amd64")


def rate(patch: Patch, person: Person, *said: Said) -> Rating:
    for each in said:
        given = rating.rate(newest(patch), person, Door.WEB, each)
    return given


def holding(patch: Patch) -> list[tuple[str, int, str]]:
    patch.refresh_from_db()
    return [(each.dimension, each.value, each.architecture) for each in standing.holding(patch)]


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        (Said("qualty", 1), "dimension", "Did you mean “quality”?"),
        (Said("quality", 2), "value", "Give \\+1 or -1"),
        (Said("works", -1, architecture="amd64"), "value", "Rate “Fails here” instead"),
        (Said("works", 1), "architecture", "Say on which architecture"),
        (Said("works", 1, architecture="a" * 51), "architecture", "Keep it to 50"),
        (Said("works", 1, "14.9", "amd64"), "release", "has no release “14.9”"),
        (Said("quality", 1, note="x" * 501), "note", "Keep it to 500"),
        (Said("quality", 0), "value", "nothing to take back"),
    ],
)
def test_what_cannot_be_said_is_refused_with_what_to_do(
    said: Said, field: str, words: str, reporter: Person
) -> None:
    with pytest.raises(DraftErrors, match=words) as caught:
        rate(make_patch(), reporter, said)
    assert list(caught.value.errors) == [field]
    assert not Rating.objects.exists()


def test_a_later_word_replaces_the_one_before_and_history_has_both(reporter: Person) -> None:
    patch = make_patch()
    rate(patch, reporter, Said("quality", 1), Said("quality", -1, note="It leaks."))
    assert holding(patch) == [("quality", -1, "")]
    assert [(r.value, r.is_current) for r in patch.ratings.all()] == [(1, False), (-1, True)]
    events = patch.events.filter(kind=PatchEvent.Kind.RATED)
    assert [e.data["ratings"][0]["value"] for e in events] == [1, -1]


def test_saying_the_same_again_writes_nothing(reporter: Person) -> None:
    patch = make_patch()
    first = rate(patch, reporter, Said("works", 1, "14.3", "amd64", "X1"))
    assert rate(patch, reporter, Said("works", 1, "14.3", "AMD64", "X1")) == first
    assert patch.events.filter(kind=PatchEvent.Kind.RATED).count() == 1
    assert rate(patch, reporter, Said("works", 1, "15.0", "amd64", "X1")) != first


def test_works_and_fails_replace_each_other_where_they_were_tried(
    reporter: Person, outsider: Person
) -> None:
    patch = make_patch()
    rate(patch, reporter, WORKS, Said("works", 1, architecture="arm64"))
    rate(patch, outsider, WORKS)
    rate(patch, reporter, FAILS)
    assert holding(patch) == [("works", 1, "arm64"), ("works", 1, "amd64"), ("fails", 1, "amd64")]
    rate(patch, reporter, WORKS)
    assert holding(patch) == [("works", 1, "arm64"), ("works", 1, "amd64"), ("works", 1, "amd64")]


def test_taking_back_leaves_nothing_that_holds_and_all_in_the_history(reporter: Person) -> None:
    patch = make_patch()
    rate(patch, reporter, WORKS, Said("works", 1, architecture="arm64"), Said("quality", 1))
    rate(patch, reporter, Said("works", 0, architecture="arm64"))
    assert holding(patch) == [("works", 1, "amd64"), ("quality", 1, "")]
    back = rate(patch, reporter, Said("quality", 0))
    assert (back.value, back.is_current) == (0, True)
    assert rate(patch, reporter, Said("quality", 0)) == back
    rate(patch, reporter, FAILS, Said("works", 1, architecture="riscv"), Said("works", 0))
    assert holding(patch) == [("fails", 1, "amd64")]
    assert patch.ratings.exclude(value=0).count() == 5


def test_a_decided_patch_is_rated_no_more(committer: Person, reporter: Person) -> None:
    patch = make_patch()
    deciding.integrate(patch, committer, Door.WEB)
    with pytest.raises(Conflict, match=r"is integrated\. It takes no more ratings; say"):
        rate(patch, reporter, WORKS)


def test_an_old_version_is_rated_only_while_its_content_is_the_newest(reporter: Person) -> None:
    patch = make_patch(text=diff(new="x"))
    first = newest(patch)
    next_version(patch, diff(new="x", start=90))
    assert rating.rate(first, reporter, Door.WEB, WORKS).version == first
    next_version(patch)
    with pytest.raises(Conflict, match="Look at version 3 and rate that one"):
        rating.rate(first, reporter, Door.WEB, FAILS)


def test_changed_content_voids_what_its_dimension_says(reporter: Person) -> None:
    product = make_product()
    make_dimension(product, "code")
    make_dimension(product, "words", voided_by="documentation")
    make_dimension(product, "licence", voided_by="nothing")
    page = diff("share/man/man4/em.4", new="It resets the card.")
    patch = make_patch(product, text=diff(new="a") + page)
    rate(patch, reporter, *(Said(slug, 1) for slug in ("code", "words", "licence")))
    # The manual says the same, further down; the code is another.
    moved = diff("share/man/man4/em.4", new="It resets the card.", start=70)
    next_version(patch, diff(new="b") + moved)
    assert holding(patch) == [("words", 1, ""), ("licence", 1, "")]
    next_version(patch, diff(new="b") + diff("share/man/man4/em.4", new="It may reset."))
    assert holding(patch) == [("licence", 1, "")]


def test_a_product_without_dimensions_of_its_own_has_the_usual_ones(product: Product) -> None:
    slugs = [each.slug for each in dimensions.of(product)]
    assert slugs == ["quality", "works", "fails", "documentation", "security"]
    make_dimension(product, "style", position=2)
    make_dimension(product, "taste", position=1)
    assert [each.slug for each in dimensions.of(product)] == ["taste", "style"]
    with pytest.raises(DraftErrors, match="Choose one of: style, taste"):
        rate(make_patch(product, text=parsed(diff())), make_person(), Said("quality", 1))
