"""What search asks of the index."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Person
from tests.problems import make_problem, make_product
from tracker.models import Door, Problem, Product
from tracker.services import comment
from tracker.text_index.matching import Held, terms_of_query
from tracker.text_index.services import count_frequencies

pytestmark = pytest.mark.django_db


@pytest.fixture
def animals(product: Product) -> list[Problem]:
    """Two zebras, one of them in another product, and an okapi that has no stripes."""
    found = [
        make_problem(product, synopsis="Zebra panics at night", description="With its stripes."),
        make_problem(make_product("ports"), synopsis="Night train", description="A zebra panics."),
        make_problem(product, synopsis="Okapi panics", description="At no zoo."),
    ]
    count_frequencies()
    return found


def found(words: str) -> set[int]:
    """The numbers of those that hold all words, by each of the ways in which one can ask."""
    held = Held(terms_of_query(words))
    rows = set(Problem.objects.filter(held.found()).values_list("pk", flat=True))
    assert rows == set(Problem.objects.filter(held.looked_up()).values_list("pk", flat=True))
    assert not held.keys or rows == set(held.ranked().values_list("problem", flat=True))
    return rows


def test_every_word_must_be_there_in_any_form(animals: list[Problem]) -> None:
    zebra, train, okapi = (problem.pk for problem in animals)
    assert found("panic") == {zebra, train, okapi}
    assert found("Zebras, panic!") == {zebra, train}
    assert found("zebra stripe panic") == {zebra}
    assert found("okapi stripe") == set()


def test_a_word_that_nobody_wrote_finds_nothing(animals: list[Problem]) -> None:
    assert found("xyzzy") == found("zebra xyzzy") == found("zeb") == set()


def test_words_that_say_nothing_are_no_condition(animals: list[Problem]) -> None:
    assert terms_of_query("the of") == []
    assert found("the") == {problem.pk for problem in animals}


def test_the_best_match_comes_first_and_a_comment_counts_least(
    animals: list[Problem], outsider: Person
) -> None:
    comment(animals[2], outsider, "My zebra, too", Door.WEB)
    held = Held(terms_of_query("zebra"))
    rows = Problem.objects.annotate(score=held.score()).order_by("-score")
    assert list(rows) == animals
    assert rows[0].score > rows[1].score > rows[2].score > 0
    ranked = {row.problem: row.score for row in held.ranked()}  # type: ignore[attr-defined]
    assert ranked == {row.pk: row.score for row in rows}


def test_the_score_pages_by_key(animals: list[Problem]) -> None:
    held = Held(["zebra", "panic"])
    rows = Problem.objects.annotate(score=held.score()).order_by("-score", "-number")
    first = rows[0]
    assert list(rows.filter(score__lt=first.score)) == list(rows[1:])


def test_confidential_words_stay_inside_what_may_be_seen(product: Product) -> None:
    hidden = make_problem(product, synopsis="Zebra hole", is_confidential=True)
    public = Problem.objects.filter(is_confidential=False)
    assert not public.filter(Held(["zebra"]).found()).exists()
    assert Problem.objects.filter(Held(["zebra"]).found()).get() == hidden
    assert Held(["zebra"]).rarest == 0


def test_how_common_terms_are_costs_one_query_however_many_and_often(
    animals: list[Problem],
) -> None:
    for words in ("zebra", "zebra panic night stripe okapi"):
        with CaptureQueriesContext(connection) as captured:
            held = Held(terms_of_query(words))
            assert held.rarest > 0
            held.found(), held.looked_up(), held.ranked(), held.score()
        assert len(captured) == 1
