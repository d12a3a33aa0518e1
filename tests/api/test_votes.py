"""+1 through the API."""

from __future__ import annotations

import pytest

from accounts.models import Person
from tests.api.calls import Caller, document, fields_of
from tests.people import make_newcomer
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change
from votes.models import Vote

pytestmark = pytest.mark.django_db


def test_a_vote_counts_once_however_often_it_is_sent(problem: Problem, outsider: Person) -> None:
    caller = Caller(outsider)
    first = caller.put(f"problems/{problem.pk}/vote/").json()
    again = caller.put(f"problems/{problem.pk}/vote/", {}).json()
    assert first == again
    assert (first["voted"], first["status"], first["people"], first["votes"]) == (
        True, "counted", 2, 2
    )  # fmt: skip


def test_a_vote_says_where_and_a_later_one_without_words_keeps_that(
    problem: Problem, outsider: Person
) -> None:
    caller = Caller(outsider, **{"User-Agent": "send-problem/0.1.0"})
    said = {"release": "15.0", "architecture": "arm64", "note": "with a USB adapter"}
    caller.put(f"problems/{problem.pk}/vote/", said)
    caller.put(f"problems/{problem.pk}/vote/")
    mine = caller.get(f"problems/{problem.pk}/").json()["my_vote"]
    assert {name: mine[name] for name in said} == said
    assert Vote.objects.get(person=outsider).door == "client"


def test_withdrawing_gives_the_numbers_from_before_and_is_harmless_twice(
    problem: Problem, outsider: Person
) -> None:
    caller = Caller(outsider)
    before = caller.get(f"problems/{problem.pk}/").json()
    caller.put(f"problems/{problem.pk}/vote/")
    for _ in range(2):
        answer = caller.delete(f"problems/{problem.pk}/vote/").json()
        assert (answer["voted"], answer["status"]) == (False, None)
        assert (answer["people"], answer["heat"]) == (before["people"], before["heat"])


def test_the_sixth_newcomer_waits_and_is_shown(problem: Problem) -> None:
    answers = [Caller(make_newcomer()).put(f"problems/{problem.pk}/vote/").json() for _ in range(6)]
    assert [answer["status"] for answer in answers] == ["counted"] * 5 + ["waiting"]
    assert (answers[-1]["people"], answers[-1]["waiting"], answers[-1]["votes"]) == (6, 1, 7)


def test_an_unknown_release_is_refused_by_name(problem: Problem, outsider: Person) -> None:
    errors = fields_of(Caller(outsider).put(f"problems/{problem.pk}/vote/", {"release": "16.9"}))
    assert "16.9" in errors["release"]
    assert not Vote.objects.filter(person=outsider).exists()


def test_a_closed_problem_refuses_a_vote_with_the_reason(
    problem: Problem, triager: Person, outsider: Person
) -> None:
    change(problem, triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    refused = document(Caller(outsider).put(f"problems/{problem.pk}/vote/"), 409)
    assert "closed (fixed)" in refused["detail"]


def test_a_duplicate_refuses_a_vote_and_names_its_head(
    problem: Problem, product: Product, triager: Person, outsider: Person
) -> None:
    head = make_problem(product)
    change(problem, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    refused = document(Caller(outsider).put(f"problems/{problem.pk}/vote/"), 409)
    assert refused["head"]["number"] == head.pk
    assert refused["head"]["url"].endswith(f"/{head.pk}")
