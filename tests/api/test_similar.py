"""Likely duplicates of a report that is yet to be sent."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Person
from tests.api.calls import Caller
from tests.problems import make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change
from tracker.similar import similar_problems

pytestmark = pytest.mark.django_db


def like(synopsis: str, product: str = "base", viewer: Person | None = None) -> list[int]:
    found = similar_problems(viewer or AnonymousUser(), product, synopsis)
    return [each.problem.pk for each in found]


@pytest.fixture
def panics(product: Product) -> list[Problem]:
    """Four problems about wireless cards and one about a clock."""
    synopses = [
        "iwm0 loses its network after suspend",
        "Panic in iwm driver when the lid is closed",
        "Network is slow over iwm0",
        "rtw0 cannot join hidden networks",
        "The clock runs backwards in a virtual machine",
    ]
    return [make_problem(product, synopsis=synopsis) for synopsis in synopses]


def test_the_likest_comes_first(panics: list[Problem]) -> None:
    assert like("network lost on iwm0 after suspend and resume")[0] == panics[0].pk


def test_small_words_and_plurals_do_not_matter(panics: list[Problem]) -> None:
    assert like("clocks running backwards on the virtual machines")[0] == panics[4].pk


def test_what_shares_only_small_words_is_not_like_it(panics: list[Problem]) -> None:
    assert like("It is in the wrong colour") == []
    assert like("the and of") == like("") == []


def test_other_products_have_other_problems(panics: list[Problem]) -> None:
    make_product("ports", "editors")
    assert like("network lost on iwm0 after suspend", "ports") == []


def test_of_duplicates_the_head_is_shown_once(panics: list[Problem], triager: Person) -> None:
    change(panics[2], triager, ProblemChange(duplicate_of=panics[0].pk), Door.WEB)
    found = like("Network is slow over iwm0")
    assert found.count(panics[0].pk) == 1
    assert panics[2].pk not in found


def test_open_ones_come_before_closed_ones(panics: list[Problem], triager: Person) -> None:
    change(panics[0], triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    assert like("iwm0 loses its network after suspend")[-1] == panics[0].pk


def test_at_most_five_are_shown_for_two_queries(product: Product) -> None:
    for _ in range(8):
        make_problem(product, synopsis="Panic on boot")
    with CaptureQueriesContext(connection) as captured:
        assert len(like("panic on boot")) == 5
    assert len(captured) == 2


def test_the_api_shows_what_is_needed_to_vote_instead(panics: list[Problem]) -> None:
    found = Caller().get("problems/similar/?product=base&synopsis=clock+backwards").json()
    assert found["results"][0].keys() == {
        "number", "url", "synopsis", "state", "people", "votes", "score"
    }  # fmt: skip
    assert found["results"][0]["number"] == panics[4].pk
    assert 0 < found["results"][0]["score"] <= 1
