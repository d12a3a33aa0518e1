"""Problems through the API: read, reported, changed."""

from __future__ import annotations

import pytest

from accounts.models import Person
from tests.api.calls import Caller, fields_of, report_of
from tracker.models import Event, Problem, Product

pytestmark = pytest.mark.django_db


def test_a_report_is_stored_with_its_address_and_the_reporters_vote(
    product: Product, reporter: Person
) -> None:
    answer = Caller(reporter).post("problems/", report_of(release="15.0", architecture="arm64"))
    assert answer.status_code == 201
    body = answer.json()
    stored = Problem.objects.get(pk=body["number"])
    assert answer.headers["Location"] == body["api_url"]
    assert body["url"].endswith(f"/{stored.pk}")
    assert (body["reporter"], body["release"], body["state"]) == ("rita", "15.0", "new")
    assert (body["people"], body["waiting"], body["votes"]) == (1, 0, 1)
    assert body["my_vote"]["status"] == "counted"
    assert Event.objects.get(problem=stored).door == "api"


def test_our_client_is_told_apart_by_its_user_agent(product: Product, reporter: Person) -> None:
    Caller(reporter).post("problems/", report_of(), User_Agent="send-problem/0.1.0 (Python 3.11)")
    assert Event.objects.get().door == "client"


def test_every_wrong_field_of_a_report_is_named_at_once(product: Product, reporter: Person) -> None:
    wrong = report_of(component="kernal", synopsis="", severity="bad", hardware=["a"], colour=1)
    errors = fields_of(Caller(reporter).post("problems/", wrong))
    assert set(errors) == {"component", "synopsis", "severity", "hardware", "colour"}
    assert "Did you mean “kernel”?" in errors["component"]
    assert not Problem.objects.exists()


def test_a_problem_is_shown_whole_and_its_etag_spares_sending_it_again(problem: Problem) -> None:
    caller = Caller()
    answer = caller.get(f"problems/{problem.pk}/")
    assert answer.json()["description"] == problem.description
    assert answer.json()["my_vote"] is None
    again = caller.get(f"problems/{problem.pk}/", If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert {"Authorization", "Cookie"} <= set(answer.headers["Vary"].split(", "))
