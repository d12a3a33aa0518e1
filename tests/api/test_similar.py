"""Likely duplicates of a report that is yet to be sent, asked for through the API."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.api.calls import Caller
from tests.problems import make_problem
from tracker.models import Problem, Product

pytestmark = pytest.mark.django_db

PATH = "problems/similar/"


@pytest.fixture
def clock(product: Product) -> Problem:
    return make_problem(
        product, synopsis="The clock runs backwards", description="In a virtual machine."
    )


def asked(**said: str) -> str:
    return f"{PATH}?{urlencode(said)}"


def test_the_api_shows_what_is_needed_to_vote_instead(clock: Problem) -> None:
    found = Caller().get(asked(product="base", synopsis="clock backwards")).json()["results"]
    assert found[0].keys() == {
        "number", "url", "synopsis", "state", "resolution", "people", "votes", "score", "words"
    }  # fmt: skip
    assert (found[0]["number"], found[0]["words"]) == (clock.pk, ["clock", "backwards"])
    assert 0 < found[0]["score"] <= 1


def test_a_long_description_is_posted_and_compared(clock: Problem) -> None:
    said = {"product": "base", "synopsis": "Wrong time", "description": "A virtual machine's clock"}
    assert Caller().post(PATH, {**said, "description": ""}).json()["results"] == []
    by_post = Caller().post(PATH, said).json()["results"]
    assert by_post == Caller().get(asked(**said)).json()["results"]
    assert by_post[0]["number"] == clock.pk


def test_as_many_as_asked_for_up_to_twenty(product: Product, clock: Problem) -> None:
    assert clock.reporter is not None
    for _ in range(6):
        make_problem(product, clock.reporter, synopsis="Clock stops")
    for limit, most in (("2", 2), ("20", 7)):
        found = Caller().get(asked(product="base", synopsis="clock", limit=limit)).json()
        assert len(found["results"]) == most


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"synopsis": "clock"}, "product"),
        ({"product": "base"}, "synopsis"),
        ({"product": "bse", "synopsis": "clock"}, "product"),
        ({"product": "base", "synopsis": "clock", "limit": "21"}, "limit"),
        ({"product": "base", "synopsis": "clock", "limit": "many"}, "limit"),
    ],
)
def test_what_is_wrong_is_named(clock: Problem, said: dict[str, str], field: str) -> None:
    for answer in (Caller().get(asked(**said)), Caller().post(PATH, said)):
        assert answer.status_code == 400
        assert [fault["field"] for fault in answer.json()["errors"]] == [field]


def test_a_megabyte_is_cut_or_refused_and_never_an_error(clock: Problem) -> None:
    for text in ("clock " * 170_000, " ".join(f"w{i}" for i in range(10_000)), "\x00\x1b[31m"):
        said = {"product": "base", "synopsis": text, "description": text}
        assert Caller().post(PATH, said).status_code in {200, 400, 413}
