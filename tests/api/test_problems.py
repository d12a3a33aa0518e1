"""Problems through the API: read, listed, reported, changed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Person
from tests.api.calls import Caller, document, fields_of, report_of
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Event, Problem, Product
from tracker.services import change
from votes.services import cast_vote

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


def test_a_log_with_control_characters_is_taken(product: Product, reporter: Person) -> None:
    answer = Caller(reporter).post(
        "problems/", report_of(description="a\0b\x1b[31m \ud800 \u202e end")
    )
    assert answer.status_code == 201
    assert "\0" not in answer.json()["description"]


def test_null_in_a_report_means_not_said(product: Product, reporter: Person) -> None:
    answer = Caller(reporter).post("problems/", report_of(release=None, kind=None, hardware=None))
    assert (answer.status_code, answer.json()["kind"]) == (201, "defect")


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_a_report_that_is_no_object_is_refused(
    body: Any, product: Product, reporter: Person
) -> None:
    answer = Caller(reporter).send("POST", "problems/", body if body is not None else [None])
    assert "JSON object" in document(answer, 400)["detail"]


def test_a_problem_is_shown_whole_and_its_etag_spares_sending_it_again(problem: Problem) -> None:
    caller = Caller()
    answer = caller.get(f"problems/{problem.pk}/")
    assert answer.json()["description"] == problem.description
    assert answer.json()["my_vote"] is None
    again = caller.get(f"problems/{problem.pk}/", If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert {"Authorization", "Cookie"} <= set(answer.headers["Vary"].split(", "))


def test_the_etag_differs_between_viewers_and_after_a_vote(
    problem: Problem, reporter: Person, outsider: Person
) -> None:
    path = f"problems/{problem.pk}/"
    before = Caller().get(path).headers["ETag"]
    assert Caller(reporter).get(path).headers["ETag"] != before
    cast_vote(problem, outsider, Door.WEB)
    assert Caller().get(path, If_None_Match=before).status_code == 200


def test_a_list_has_an_etag_too(problem: Problem) -> None:
    etag = Caller().get("problems/").headers["ETag"]
    assert Caller().get("problems/", If_None_Match=f'"other", W/{etag}').status_code == 304


def test_a_change_with_a_current_etag_is_made(problem: Problem, triager: Person) -> None:
    caller = Caller(triager)
    path = f"problems/{problem.pk}/"
    etag = caller.get(path).headers["ETag"]
    answer = caller.patch(path, {"state": "open", "severity": "major"}, If_Match=etag)
    assert (answer.json()["state"], answer.json()["severity"]) == ("open", "major")
    assert answer.headers["ETag"] == caller.get(path).headers["ETag"] != etag


def test_a_change_with_a_stale_etag_is_refused_and_changes_nothing(
    problem: Problem, triager: Person, reporter: Person
) -> None:
    caller = Caller(triager)
    path = f"problems/{problem.pk}/"
    etag = caller.get(path).headers["ETag"]
    change(problem, reporter, ProblemChange(synopsis="Better said"), Door.WEB)
    document(caller.patch(path, {"state": "open"}, If_Match=etag), 412)
    assert Problem.objects.get(pk=problem.pk).state == "new"


def test_a_weak_etag_never_matches_a_change(problem: Problem, triager: Person) -> None:
    caller = Caller(triager)
    path = f"problems/{problem.pk}/"
    etag = caller.get(path).headers["ETag"]
    document(caller.patch(path, {"state": "open"}, If_Match=f"W/{etag}"), 412)
    assert caller.patch(path, {"state": "open"}, If_Match=f'"x", {etag}').status_code == 200
    assert caller.patch(path, {"severity": "minor"}, If_Match="*").status_code == 200


def test_a_change_that_cannot_follow_says_what_can(problem: Problem, triager: Person) -> None:
    answer = Caller(triager).patch(f"problems/{problem.pk}/", {"state": "closed"})
    assert "Choose one of: fixed" in document(answer, 409)["detail"]


def test_null_takes_a_field_back(problem: Problem, triager: Person, maintainer: Person) -> None:
    caller = Caller(triager)
    path = f"problems/{problem.pk}/"
    set_ = caller.patch(path, {"assignee": "@mara", "release": "15.0"}).json()
    assert (set_["assignee"], set_["release"]) == ("mara", "15.0")
    taken = caller.patch(path, {"assignee": None, "release": None}).json()
    assert (taken["assignee"], taken["release"]) == (None, None)


def test_a_duplicate_is_marked_and_unmarked(
    problem: Problem, product: Product, triager: Person
) -> None:
    head = make_problem(product)
    caller = Caller(triager)
    marked = caller.patch(f"problems/{problem.pk}/", {"duplicate_of": head.pk}).json()
    assert (marked["state"], marked["resolution"]) == ("closed", "duplicate")
    assert marked["duplicate_of"] == head.pk
    assert caller.get(f"problems/{head.pk}/").json()["people"] == 2
    freed = caller.patch(f"problems/{problem.pk}/", {"duplicate_of": None}).json()
    assert (freed["state"], freed["duplicate_of"]) == ("open", None)


def test_a_number_beyond_all_numbers_is_a_404_and_a_400(problem: Problem, triager: Person) -> None:
    caller = Caller(triager)
    document(caller.get(f"problems/{10**30}/"), 404)
    document(caller.get(f"problems/{10**18}/"), 404)
    fields_of(caller.patch(f"problems/{problem.pk}/", {"duplicate_of": 10**30}))


def test_the_list_filters_as_it_is_asked(product: Product, reporter: Person) -> None:
    kernel = make_problem(product, reporter, component="kernel", severity="critical")
    net = make_problem(product, component="net", release="14.3")
    caller = Caller(reporter)

    def numbers(query: str) -> list[int]:
        return [each["number"] for each in caller.get(f"problems/?{query}").json()["results"]]

    assert numbers("component=kernel") == [kernel.pk]
    assert numbers("severity=critical&kind=defect") == [kernel.pk]
    assert numbers("release=14.3") == [net.pk]
    assert numbers("reporter=me") == numbers("voted=me") == [kernel.pk]
    assert numbers("assignee=none&sort=newest") == [net.pk, kernel.pk]
    assert numbers(f"q=%23{net.pk}") == [net.pk]
    assert numbers("state=closed") == []
    assert set(numbers("state=closed&state=new")) == {kernel.pk, net.pk}


def test_closed_problems_are_listed_only_when_asked_for(problem: Problem, triager: Person) -> None:
    change(problem, triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    assert Caller().get("problems/").json()["results"] == []
    assert len(Caller().get("problems/?state=any").json()["results"]) == 1


def test_wrong_parameters_of_a_list_are_all_named(db: None) -> None:
    errors = fields_of(Caller().get("problems/?state=done&sort=size&limit=0&cursor=zzz"))
    assert set(errors) == {"state", "sort", "limit", "cursor"}


@pytest.mark.parametrize("sort", ["heat", "people", "newest", "active"])
def test_following_next_and_previous_shows_each_problem_once(sort: str, product: Product) -> None:
    wanted = {make_problem(product).pk for _ in range(7)}
    caller = Caller()
    pages = list(walk(caller, f"problems/?limit=3&sort={sort}", "next"))
    assert [len(page) for page in pages] == [3, 3, 1]
    assert set(itertools.chain(*pages)) == wanted
    assert Caller().get("problems/?limit=3").json()["previous"] is None
    back = list(walk(caller, last_page(caller, f"problems/?limit=3&sort={sort}"), "previous"))
    assert back == pages[::-1]


def walk(caller: Caller, path: str | None, direction: str) -> Any:
    """The numbers of page after page."""
    while path:
        body = caller.get(path.replace("http://testserver", "")).json()
        yield [each["number"] for each in body["results"]]
        path = body[direction]


def last_page(caller: Caller, path: str) -> str:
    while following := caller.get(path.replace("http://testserver", "")).json()["next"]:
        path = following
    return path


def queries_of(caller: Caller, path: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert caller.get(path).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    "path",
    [
        "problems/?state=any",
        "products/",
        "problems/N/comments/",
        "problems/N/history/",
        "problems/N/attachments/",
        "tokens/",
    ],
)
def test_a_list_costs_the_same_queries_however_long_it_is(
    path: str, product: Product, problem: Problem, reporter: Person, triager: Person
) -> None:
    caller = Caller(triager)
    path = path.replace("N", str(problem.pk))
    grow(product, problem, triager)
    queries_of(caller, path)
    few = queries_of(caller, path)
    for _ in range(3):
        grow(product, problem, triager)
    assert queries_of(caller, path) == few


def grow(product: Product, problem: Problem, triager: Person) -> None:
    """One more of everything that lists show, each with everything that a row can have."""
    person = make_person()
    more = make_problem(product, person, release="15.0")
    cast_vote(more, triager, Door.WEB)
    change(more, triager, ProblemChange(assignee=triager.handle, fixed_in="15.0"), Door.WEB)
    duplicate = make_problem(product, make_person())
    change(duplicate, triager, ProblemChange(duplicate_of=more.pk), Door.WEB)
    change(problem, triager, ProblemChange(synopsis=f"As bad as #{more.pk}"), Door.WEB)
    caller = Caller(person)
    assert caller.post(f"problems/{problem.pk}/comments/", {"text": "Me too."}).status_code == 201
    assert caller.upload(f"problems/{problem.pk}/attachments/").status_code == 201
    Caller(triager)
    from tests.problems import make_product

    make_product()
