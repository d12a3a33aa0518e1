""" "No longer on X": who may say it, what it counts for, and what it leaves alone."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Person, Role
from accounts.services import discount_votes
from tests.api.calls import Caller, document, fields_of
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.drafts import DraftErrors
from tracker.marking import mark_releases
from tracker.models import Door, Problem, Product
from tracker.services import change
from votes.matrix import matrix
from votes.models import NoLonger, Vote
from votes.no_longer import say_no_longer, take_back_no_longer
from votes.services import Environment, VoteRefused, cast_vote
from votes.versions import Line, versions_of

pytestmark = pytest.mark.django_db


def voter(problem: Problem, release: str = "", architecture: str = "") -> Person:
    person = make_person()
    cast_vote(problem, person, Door.WEB, Environment(release, architecture))
    return person


def gone(problem: Problem, person: Person, release: str, **where: str) -> NoLonger:
    return say_no_longer(problem, person, Door.WEB, release, **where)


def cells(problem: Problem) -> dict[str, list[tuple[int, int]]]:
    """Release -> (have, gone) by architecture."""
    return {name: [(c.have, c.gone) for c in row] for name, row in matrix(problem).rows}


def line(problem: Problem, release: str, viewer: Person | None = None) -> Line:
    problem.refresh_from_db()
    lines = versions_of(problem, viewer).lines
    return next(each for each in lines if each.verdict.release.name == release)


def test_gone_stands_beside_those_who_have_it_and_takes_no_vote_away(problem: Problem) -> None:
    first, second = voter(problem, "14.3", "amd64"), voter(problem, "14.3", "arm64")
    voter(problem, "15.0", "arm64")
    problem.refresh_from_db()
    before = problem.people, problem.heat
    gone(problem, first, "15.0")
    gone(problem, second, "14.3")
    assert matrix(problem).architectures == ["amd64", "arm64", ""]
    assert cells(problem) == {
        "15.0": [(0, 1), (1, 0), (0, 0)],
        "14.3": [(1, 0), (0, 1), (0, 0)],
        "": [(0, 0), (0, 0), (1, 0)],
    }
    problem.refresh_from_db()
    assert (problem.people, problem.heat) == before


def test_people_speak_for_a_mark_and_never_make_one(problem: Problem, triager: Person) -> None:
    people = [voter(problem, "14.3") for _ in range(4)]
    mark_releases(problem, triager, {"14.3": "affected"}, Door.WEB)
    assert (line(problem, "15.0").hint, line(problem, "15.0").suggested) == ("", "")
    for person in people[:3]:
        gone(problem, person, "15.0")
    shown = line(problem, "15.0")
    assert shown.hint == "3 of 5 who had it say that it is gone."
    assert shown.suggested == "fixed"
    assert (shown.verdict.answer, problem.release_statuses.count()) == ("affected", 1)
    for person in people:
        cast_vote(problem, person, Door.WEB, Environment("15.0"))
    gone(problem, people[0], "15.0")
    shown = line(problem, "15.0")
    assert shown.hint == "1 of 5 who had it says that it is gone; 3 still have it there."
    assert shown.suggested == ""
    mark_releases(problem, triager, {"15.0": "fixed"}, Door.WEB)
    for person in people:
        gone(problem, person, "15.0")
    assert line(problem, "15.0").suggested == "", "there is nothing left to suggest"


def test_votes_from_a_release_of_which_nothing_is_known_speak_for_affected(
    problem: Problem,
) -> None:
    assert line(problem, "14.3").suggested == ""
    voter(problem, "14.3")
    assert line(problem, "14.3").suggested == "affected"
    assert line(problem, "14.3").verdict.answer == "unknown"


def test_it_is_said_once_for_each_release_and_can_be_taken_back(
    problem: Problem, reporter: Person
) -> None:
    gone(problem, reporter, "15.0", note="since the update")
    again = gone(problem, reporter, "15.0", architecture="arm64")
    gone(problem, reporter, "14.3")
    assert NoLonger.objects.count() == 2
    assert (again.architecture, again.note) == ("arm64", "")
    assert take_back_no_longer(problem, reporter, "15.0") == 1
    assert take_back_no_longer(problem, reporter, "15.0") == 0
    assert take_back_no_longer(problem, reporter) == 1


def test_only_those_who_voted_can_say_it_also_when_it_is_closed(
    problem: Problem, outsider: Person, reporter: Person, triager: Person
) -> None:
    with pytest.raises(VoteRefused, match=r"Say \+1 first"):
        gone(problem, outsider, "15.0")
    change(problem, triager, ProblemChange(state="closed", resolution="will not fix"), Door.WEB)
    gone(problem, reporter, "15.0")
    assert cells(problem)["15.0"] == [(0, 1)]
    with pytest.raises(VoteRefused, match="You have no"):
        gone(problem, outsider, "15.0")


def test_a_release_must_be_named_and_known(problem: Problem, reporter: Person) -> None:
    for release, says in (("", "Name the release"), ("15.O", "Did you mean “15.0”")):
        with pytest.raises(DraftErrors, match=says):
            gone(problem, reporter, release)
    assert not NoLonger.objects.exists()


def test_discounted_people_are_not_heard(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    gone(problem, reporter, "15.0")
    discount_votes(reporter, triager)
    assert "15.0" not in cells(problem)


def test_whose_vote_is_on_a_duplicate_says_it_on_the_page_of_the_head(
    client: Client, product: Product, problem: Problem, triager: Person
) -> None:
    other = make_problem(product, component="kernel")
    had = voter(other, "14.3")
    change(other, triager, ProblemChange(duplicate_of=problem.pk), Door.WEB)
    sign_in(client, had)
    assert "I no longer have it" in client.get(f"/{problem.pk}").content.decode()
    client.post(f"/{problem.pk}/no-longer", {"release": "15.0"})
    assert "You say that it is gone on 15.0" in client.get(f"/{problem.pk}").content.decode()
    NoLonger.objects.all().delete()
    change(other, triager, ProblemChange(is_confidential=True), Door.WEB)
    assert "I no longer have it" not in client.get(f"/{problem.pk}").content.decode()
    with pytest.raises(VoteRefused):
        gone(problem, had, "15.0")


def test_what_was_said_of_a_duplicate_counts_for_its_group_once_for_each_person(
    product: Product, problem: Problem, triager: Person, outsider: Person
) -> None:
    both = voter(problem, "14.3")
    other = make_problem(product, component="kernel")
    cast_vote(other, both, Door.WEB, Environment("14.3"))
    gone(problem, both, "15.0")
    gone(other, both, "15.0")
    change(other, triager, ProblemChange(duplicate_of=problem.pk), Door.WEB)
    other.refresh_from_db()
    assert matrix(problem).gone == {"15.0": 1}
    assert versions_of(other, outsider).of == problem
    with pytest.raises(VoteRefused) as refused:
        gone(other, both, "14.3")
    assert refused.value.head == problem
    reporter = other.reporter
    assert reporter is not None
    assert gone(problem, reporter, "15.0"), "whose vote is on a duplicate had it too"
    Problem.objects.filter(pk=problem.pk).update(is_confidential=True)
    with pytest.raises(VoteRefused) as refused:
        gone(other, both, "14.3")
    assert (refused.value.head, f"#{problem.pk}" in str(refused.value)) == (None, False)
    assert versions_of(other, both).of is None


@pytest.mark.parametrize("people", [1, 30])
def test_versions_cost_the_same_queries_however_many_people_speak(
    problem: Problem, people: int
) -> None:
    for _ in range(people):
        gone(problem, voter(problem, "14.3", "amd64"), "15.0")
    shown = Problem.objects.select_related("product").get(pk=problem.pk)
    with CaptureQueriesContext(connection) as captured:
        versions_of(shown, None)
    assert len(captured) == 5


def test_the_page_takes_it_with_one_press_and_offers_developers_the_mark(
    client: Client, problem: Problem, reporter: Person, triager: Person
) -> None:
    sign_in(client, reporter)
    assert "I no longer have it" in client.get(f"/{problem.pk}").content.decode()
    posted = client.post(f"/{problem.pk}/no-longer", {"release": "15.0"})
    assert posted.status_code == 302
    shown = client.get(f"/{problem.pk}").content.decode()
    assert "You say that it is gone on 15.0" in shown
    assert "1 of 1 who had it says that it is gone." in shown
    assert "Mark as fixed in 15.0" not in shown
    sign_in(client, triager)
    shown = client.get(f"/{problem.pk}").content.decode()
    assert "Mark as fixed in 15.0" in shown
    assert "I no longer have it" not in shown
    client.post(f"/{problem.pk}/releases", {"release": ["15.0", "14.3"], "status": "fixed"})
    assert problem.release_statuses.filter(status="fixed").count() == 2
    answer = client.post(f"/{problem.pk}/releases", {"status": "fixed"}, follow=True)
    assert "Name at least one release." in answer.content.decode()
    sign_in(client, reporter)
    client.post(f"/{problem.pk}/no-longer/withdraw", {"release": "15.0"})
    assert not NoLonger.objects.exists()


def test_the_api_says_it_takes_it_back_and_shows_the_answers(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    caller = Caller(reporter)
    path = f"problems/{problem.pk}/no-longer/"
    said = caller.put(path, {"release": "15.0", "note": "gone"}).json()["results"]
    assert [(each["release"], each["note"]) for each in said] == [("15.0", "gone")]
    marked = Caller(triager).put(
        f"problems/{problem.pk}/releases/", {"releases": {"14.3": "fixed", "15.0": None}}
    )
    assert marked.status_code == 200
    newest, older = Caller().get(f"problems/{problem.pk}/releases/").json()["results"]
    assert (newest["release"], newest["status"], newest["gone"]) == ("15.0", "fixed", 1)
    assert (older["reason"], older["is_marked"]) == ("Marked as fixed in 14.3 by tom.", True)
    assert caller.delete(f"{path}?release=15.0").json() == {"results": []}
    assert "Did you mean “15.0”" in fields_of(caller.put(path, {"release": "15.O"}))["release"]
    refused = Caller(triager).put(path, {"release": "15.0"})
    assert document(refused, 409)["type"].endswith("vote-refused")
    assert Vote.objects.filter(problem=problem).count() == 1


def test_an_outsider_learns_nothing_of_the_releases_of_a_confidential_problem(
    client: Client, product: Product, outsider: Person
) -> None:
    owner = make_person("", Role.DEVELOPER)
    make_problem(product, owner, release="14.3")
    hidden = {"synopsis": "unmentionable", "is_confidential": True}
    secret = make_problem(product, owner, release="14.3", **hidden)
    sign_in(client, outsider)
    for path in ("/products/base/", "/products/base/releases/14.3/"):
        shown = client.get(path).content.decode()
        assert "unmentionable" not in shown
    assert "has 1 problem<" in client.get("/products/base/").content.decode()
    assert Caller(outsider).get(f"problems/{secret.pk}/releases/").status_code == 404
