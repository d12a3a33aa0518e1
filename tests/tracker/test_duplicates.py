"""Duplicates through the public doors: no vote moves, and undoing leaves no trace."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from accounts.models import Person
from notifications.models import Message
from notifications.services import mute, subscribe
from tests.api.calls import Caller, document
from tests.conftest import sign_in
from tests.notifications.mails import mail_to, text_of, told
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change, comment
from votes.models import Vote

pytestmark = pytest.mark.django_db


def numbers(caller: Caller, problem: Problem) -> dict[str, Any]:
    """What the API says of votes and heat."""
    shown = caller.get(f"problems/{problem.pk}/").json()
    return {name: shown[name] for name in ("people", "waiting", "votes", "heat")}


def mark(caller: Caller, problem: Problem, head: Problem | None) -> Any:
    return caller.patch(f"problems/{problem.pk}/", {"duplicate_of": head.pk if head else None})


@pytest.fixture
def crowd() -> list[Person]:
    return [make_person(f"u{i}") for i in (1, 2, 3)]


@pytest.fixture
def pair(product: Product, crowd: list[Person]) -> tuple[Problem, Problem]:
    """A, which u1 and u2 have, and B, which u2 and u3 have."""
    a, b = make_problem(product, crowd[0]), make_problem(product, crowd[1])
    Caller(crowd[1]).put(f"problems/{a.pk}/vote/")
    Caller(crowd[2]).put(f"problems/{b.pk}/vote/")
    return a, b


def test_two_and_two_with_one_in_both_make_three_and_undone_two_and_two(
    pair: tuple[Problem, Problem], triager: Person
) -> None:
    a, b = pair
    caller = Caller(triager)
    before = [numbers(caller, each) for each in pair]
    assert [each["people"] for each in before] == [2, 2]
    votes = sorted(Vote.objects.values_list("problem", "person", "cast_at"))
    assert mark(caller, b, a).status_code == 200
    after = numbers(caller, a)
    assert after["people"] == 3
    assert after["heat"] > max(each["heat"] for each in before)
    assert numbers(caller, b) == before[1]
    assert sorted(Vote.objects.values_list("problem", "person", "cast_at")) == votes
    assert mark(caller, b, None).status_code == 200
    assert [numbers(caller, each) for each in pair] == before
    assert Problem.objects.get(pk=b.pk).state == "open"


def test_one_click_on_the_duplicates_page_undoes_the_marking(
    client: Client, pair: tuple[Problem, Problem], triager: Person
) -> None:
    a, b = pair
    mark(Caller(triager), b, a)
    sign_in(client, triager)
    page = client.get(f"/{b.pk}")
    assert "Undo this" in page.content.decode()
    said = {
        "version": Problem.objects.get(pk=b.pk).version,
        "base": page.context["quick_base"],
        "duplicate_of": "",
    }
    assert client.post(f"/{b.pk}/edit", said).status_code == 302
    b.refresh_from_db()
    assert (b.duplicate_of_id, b.head_id, b.state) == (None, None, "open")
    assert Problem.objects.get(pk=a.pk).people == 2


def test_a_cycle_is_refused_with_a_sentence(product: Product, triager: Person) -> None:
    one, two, three = (make_problem(product) for _ in range(3))
    caller = Caller(triager)
    mark(caller, two, one)
    mark(caller, three, two)
    for head in (two, three):
        refused = document(mark(caller, one, head), 409)
        assert refused["detail"] == (
            f"#{head.pk} is itself a duplicate of #{one.pk}; undo that first."
        )
    assert "no duplicate of itself" in document(mark(caller, one, one), 409)["detail"]


def test_a_chain_counts_at_its_head_and_comes_apart_in_any_order(
    product: Product, triager: Person
) -> None:
    one, two, three = (make_problem(product) for _ in range(3))
    caller = Caller(triager)
    mark(caller, three, two)
    mark(caller, two, one)
    assert [numbers(caller, each)["people"] for each in (one, two, three)] == [3, 1, 1]
    assert Problem.objects.get(pk=three.pk).head_id == one.pk
    mark(caller, two, None)
    assert [numbers(caller, each)["people"] for each in (one, two, three)] == [1, 2, 1]
    mark(caller, three, None)
    assert [numbers(caller, each)["people"] for each in (one, two, three)] == [1, 1, 1]


def test_a_vote_on_a_duplicate_is_answered_with_the_head(
    client: Client, pair: tuple[Problem, Problem], triager: Person, outsider: Person
) -> None:
    a, b = pair
    mark(Caller(triager), b, a)
    refused = document(Caller(outsider).put(f"problems/{b.pk}/vote/"), 409)
    assert refused["head"]["number"] == a.pk
    sign_in(client, outsider)
    page = client.post(f"/{b.pk}/vote")
    assert page.status_code == 409
    assert f'action="/{a.pk}/vote"' in page.content.decode()
    client.post(f"/{a.pk}/vote")
    assert Problem.objects.get(pk=a.pk).people == 4


def test_the_page_of_a_duplicate_has_a_button_that_votes_for_the_head(
    client: Client, pair: tuple[Problem, Problem], triager: Person, outsider: Person
) -> None:
    a, b = pair
    mark(Caller(triager), b, a)
    page = sign_in(client, outsider).get(f"/{b.pk}").content.decode()
    assert f'action="/{a.pk}/vote"' in page


def test_followers_of_a_duplicate_get_the_news_of_its_head_while_it_is_one(
    pair: tuple[Problem, Problem], triager: Person, crowd: list[Person], outsider: Person
) -> None:
    a, b = pair
    subscribe(outsider, b)
    mark(Caller(triager), b, a)
    comment(a, triager, "Found it.", Door.WEB)
    assert told(a) == ["otto", "u1", "u2"]
    text = text_of(mail_to(crowd[1]))
    assert f"you reported #{b.pk}, a duplicate of it" in " ".join(text.split())
    assert f"Stop mails about #{b.pk}:" in text
    mute(outsider, b)
    comment(a, triager, "Nearly done.", Door.WEB)
    assert told(a) == ["u1", "u2"]
    mark(Caller(triager), b, None)
    comment(a, triager, "Done.", Door.WEB)
    assert told(a) == ["u1"]


def test_muting_the_head_ends_its_news_for_followers_of_a_duplicate(
    pair: tuple[Problem, Problem], triager: Person, crowd: list[Person]
) -> None:
    a, b = pair
    mark(Caller(triager), b, a)
    mute(crowd[1], a)
    comment(a, triager, "Found it.", Door.WEB)
    assert told(a) == ["u1"]


def test_a_hidden_head_tells_followers_of_its_duplicate_nothing(
    client: Client, pair: tuple[Problem, Problem], triager: Person, crowd: list[Person]
) -> None:
    a, b = pair
    mark(Caller(triager), b, a)
    change(a, triager, ProblemChange(is_confidential=True), Door.WEB)
    Message.objects.all().delete()
    comment(a, triager, "The key is in the log.", Door.WEB)
    assert told(a) == ["u1"]
    caller = Caller(crowd[2])
    assert caller.get(f"problems/{b.pk}/").json()["duplicate_of"] is None
    refused = document(caller.put(f"problems/{b.pk}/vote/"), 409)
    assert "head" not in refused
    assert f"#{a.pk}" not in refused["detail"]
    page = html.unescape(sign_in(client, crowd[2]).get(f"/{b.pk}").content.decode())
    assert f"/{a.pk}/vote" not in page
    assert f"#{a.pk} " not in page
