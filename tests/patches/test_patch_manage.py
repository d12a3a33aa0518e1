"""How a product wants its patches rated and what they need: set on the web, said in words."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from accounts.models import Person
from patches.models import BranchRule, RatingDimension, Requirement
from patches.reviews import dimensions, rating
from patches.reviews.managing import PartWords, add_rule
from patches.reviews.rating import Said
from tests.conftest import sign_in
from tests.patches.test_patch_forms import field
from tests.patches.test_patch_page import page, words
from tests.patching import make_patch, newest
from tests.problems import make_product
from tracker.models import Door, Product

pytestmark = pytest.mark.django_db
ADDRESS = "/products/base/ratings"
USUAL = ["quality", "works", "fails", "documentation", "security"]


def slugs(product: Product) -> list[str]:
    return [each.slug for each in dimensions.of(product)]


def a_rule(*parts: str, branch: str = "stable/*") -> dict[str, str]:
    """The form of a rule; a part is "<dimension> <count> <by> <different>"."""
    sent = {"branch": branch}
    for place, part in enumerate(parts):
        names = ("dimension", "count", "by", "different")
        for name, value in zip(names, part.split(), strict=False):
            sent[f"{name}_{place}"] = value
    return sent


def test_a_first_dimension_of_ones_own_stands_beside_the_usual_ones(
    client: Client, product: Product, triager: Person
) -> None:
    assert slugs(product) == USUAL
    sign_in(client, triager)
    made = client.post(f"{ADDRESS}/dimensions/new", {"title": "Style", "has_minus": "on"})
    assert made.headers["Location"] == ADDRESS
    assert slugs(product) == [*USUAL, "style"]
    assert "Style" in words(client.get(make_patch(product).get_absolute_url()))
    # The products of others keep theirs.
    assert slugs(make_product("ports")) == USUAL


def test_a_dimension_is_changed_moved_and_removed(
    client: Client, product: Product, triager: Person, outsider: Person
) -> None:
    patch = make_patch(product)
    rating.rate(newest(patch), outsider, Door.WEB, Said("security", -1, note="Overflows."))
    sign_in(client, triager)
    changed = {"title": "Style of code", "has_minus": "on", "voided_by": "nothing"}
    client.post(f"{ADDRESS}/dimensions/documentation", changed)
    row = RatingDimension.objects.get(slug="documentation")
    assert (row.title, row.voided_by) == ("Style of code", "nothing")
    client.post(f"{ADDRESS}/dimensions/works", {"deed": "up"})
    client.post(f"{ADDRESS}/dimensions/works", {"deed": "up"})
    assert slugs(product) == ["works", "quality", *USUAL[2:]]
    # Behind a second button.
    asked = client.get(f"{ADDRESS}/dimensions/security").content.decode()
    assert asked.index("<summary>Remove it</summary>") < asked.index('value="remove"')
    client.post(f"{ADDRESS}/dimensions/security", {"deed": "remove"})
    assert slugs(product) == ["works", "quality", *USUAL[2:4]]
    # What was said there is still read.
    assert "security" in page(client, patch)
    assert "Overflows." in page(client, patch)


def test_a_dimension_for_which_a_rule_asks_stays(
    client: Client, product: Product, triager: Person
) -> None:
    add_rule(product, triager, "stable/*", [PartWords("quality", "1", "committer")])
    sign_in(client, triager)
    kept = client.post(f"{ADDRESS}/dimensions/quality", {"deed": "remove"})
    assert kept.status_code == 409
    assert "The rule for stable/* asks for “Quality”. Change that one first." in words(kept)
    assert "quality" in slugs(product)


def test_wrong_words_for_a_dimension_come_back(
    client: Client, product: Product, triager: Person
) -> None:
    sign_in(client, triager)
    for title, sentence in (
        ("", "Give it a title."),
        ("…", "Give it a title with letters or digits."),
        ("Quality", "There is one called “quality” already."),
        ("x" * 61, "Keep it to 60 characters; this has 61."),
    ):
        refused = client.post(f"{ADDRESS}/dimensions/new", {"title": title})
        assert refused.status_code == 400
        assert sentence in words(refused)
        assert field(refused, "title") == title
    assert not RatingDimension.objects.exists()


def test_a_rule_is_told_in_the_words_in_which_a_patch_lacks_it(
    client: Client, product: Product, committer: Person
) -> None:
    sign_in(client, committer)
    sent = a_rule("quality 1 committer", "works 2 anybody architecture", "fails 0 anybody")
    assert client.post(f"{ADDRESS}/rules/new", sent).headers["Location"] == ADDRESS
    asked = (
        "“Quality” from a committer, and “Works here” from two testers on different architectures."
    )
    told = words(Client().get(ADDRESS))
    assert f"stable/* Needs {asked} Nobody may speak against it in “Fails here”." in told
    assert "any other Needs “Quality” from a maintainer." in told
    assert f"Still needs {asked}" in page(client, make_patch(product, target="stable/15"))
    assert "Still needs “Quality” from a maintainer." in page(client, make_patch(product))


def test_a_rule_is_changed_moved_and_removed(
    client: Client, product: Product, committer: Person
) -> None:
    for branch in ("stable/*", "stable/15"):
        add_rule(product, committer, branch, [PartWords("quality", "1", "committer")])
    wide, narrow = product.branch_rules.all()
    sign_in(client, committer)
    client.post(f"{ADDRESS}/rules/{narrow.pk}", {"deed": "up"})
    assert list(product.branch_rules.all()) == [narrow, wide]
    shown = client.get(f"{ADDRESS}/rules/{narrow.pk}")
    assert field(shown, "branch") == "stable/15"
    assert field(shown, "count_0") == "1"
    sent = a_rule("works 3 anybody release", branch="stable/15")
    client.post(f"{ADDRESS}/rules/{narrow.pk}", sent)
    asked = Requirement.objects.filter(rule=narrow).values_list("dimension", "count", "different")
    assert list(asked) == [("works", 3, "release")]
    client.post(f"{ADDRESS}/rules/{wide.pk}", {"deed": "remove"})
    assert list(product.branch_rules.all()) == [narrow]


def test_wrong_words_for_a_rule_stand_at_their_fields(
    client: Client, product: Product, committer: Person
) -> None:
    add_rule(product, committer, "", [PartWords("quality", "1", "committer")])
    sign_in(client, committer)
    for sent, sentence in (
        (a_rule("quality 1", branch="main"), "There is a rule for main already."),
        (a_rule("quality 1", branch="a b"), "A branch has no spaces."),
        (a_rule("quality many"), "Give a whole number from 0 to 20."),
        (a_rule("quality 21"), "Give a whole number from 0 to 20."),
        (a_rule("fails 2"), "“Fails here” speaks against a patch: ask for 0."),
        (a_rule("quality 2 anybody architecture"), "“Quality” does not ask where."),
        (a_rule("beauty 1"), "Choose one of the product’s dimensions."),
        (a_rule("quality 1", "quality 1"), "The same is asked for twice."),
        (a_rule("quality 1 god"), "Choose one of those offered."),
    ):
        refused = client.post(f"{ADDRESS}/rules/new", sent)
        assert refused.status_code == 400, sent
        assert sentence in words(refused)
    assert BranchRule.objects.count() == 1


def test_readers_get_no_buttons_and_managers_find_the_way(
    client: Client, product: Product, triager: Person
) -> None:
    assert not re.search(r'<form method="post"|rules/new', client.get(ADDRESS).content.decode())
    assert ADDRESS in sign_in(client, triager).get("/products/base/edit").content.decode()
    assert f"{ADDRESS}/rules/new" in client.get(ADDRESS).content.decode()
