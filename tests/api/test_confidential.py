"""Outsiders learn nothing of a confidential problem, not even that its number is taken."""

from __future__ import annotations

import pytest

from accounts.models import Person
from tests.api.calls import Caller, document
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change

pytestmark = pytest.mark.django_db


@pytest.fixture
def duplicate(product: Product, secret_problem: Problem, triager: Person) -> Problem:
    """A public problem that was closed as a duplicate of the confidential one."""
    problem = make_problem(product)
    change(problem, triager, ProblemChange(duplicate_of=secret_problem.pk), Door.WEB)
    return problem


def test_the_answer_is_that_of_a_number_that_is_not_there(
    secret_problem: Problem, outsider: Person
) -> None:
    caller = Caller(outsider)
    for end in ("", "comments/", "attachments/", "history/"):
        hidden = caller.get(f"problems/{secret_problem.pk}/{end}")
        missing = caller.get(f"problems/999999/{end}")
        assert document(hidden, 404) == document(missing, 404)


def test_lists_and_their_filters_leave_it_out(
    secret_problem: Problem, outsider: Person, reporter: Person
) -> None:
    for query in ("", "?q=Root", f"?q={secret_problem.pk}", "?reporter=rita", "?state=any"):
        assert Caller(outsider).get(f"problems/{query}").json()["results"] == []
    assert len(Caller(reporter).get("problems/").json()["results"]) == 1


def test_it_is_nobodys_likely_duplicate_but_its_own_circles(
    secret_problem: Problem, outsider: Person, reporter: Person
) -> None:
    path = "problems/similar/?product=base&synopsis=Root+for+all"
    assert Caller(outsider).get(path).json()["results"] == []
    assert len(Caller(reporter).get(path).json()["results"]) == 1


def test_a_duplicate_of_it_does_not_name_it(
    duplicate: Problem, secret_problem: Problem, outsider: Person, triager: Person
) -> None:
    path = f"problems/{duplicate.pk}/"
    assert Caller(outsider).get(path).json()["duplicate_of"] is None
    assert Caller().get("problems/?state=any").json()["results"][0]["duplicate_of"] is None
    assert Caller(triager).get(path).json()["duplicate_of"] == secret_problem.pk


def test_history_does_not_name_it_either(
    duplicate: Problem, secret_problem: Problem, outsider: Person, triager: Person
) -> None:
    path = f"problems/{duplicate.pk}/history/"
    assert str(secret_problem.pk) not in _told(Caller(outsider), path)
    assert str(secret_problem.pk) in _told(Caller(triager), path)


def _told(caller: Caller, path: str) -> str:
    events = caller.get(path).json()["results"]
    changes = [change for event in events for change in event["changes"]]
    return " ".join(str(c["new"]) for c in changes if c["field"] == "duplicate_of")


def test_a_refused_vote_names_the_head_only_to_those_who_may_know_it(
    duplicate: Problem, secret_problem: Problem, outsider: Person, triager: Person
) -> None:
    path = f"problems/{duplicate.pk}/vote/"
    refused = document(Caller(outsider).put(path), 409)
    assert "head" not in refused
    assert f"#{secret_problem.pk}" not in refused["detail"]
    assert document(Caller(triager).put(path), 409)["head"]["number"] == secret_problem.pk


def test_nobody_can_mark_a_duplicate_of_what_they_cannot_see(
    problem: Problem, secret_problem: Problem, developer: Person
) -> None:
    answer = Caller(developer).patch(f"problems/{problem.pk}/", {"duplicate_of": secret_problem.pk})
    missing = Caller(developer).patch(f"problems/{problem.pk}/", {"duplicate_of": 999999})
    there, absent = document(answer, 409)["detail"], document(missing, 409)["detail"]
    assert there.replace(str(secret_problem.pk), "N") == absent.replace("999999", "N")
