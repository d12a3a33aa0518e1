"""`/my/` on the API: what waits for whom, the news, and what stays hidden."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from accounts.models import Person
from tests.api.calls import Caller
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change
from votes.models import LastLook
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def set_to(problem: Problem, person: Person, **values: str | bool) -> None:
    change(problem, person, ProblemChange(**values), Door.WEB)  # type: ignore[arg-type]


def test_it_says_what_waits_for_whom_and_until_when(
    problem: Problem, maintainer: Person, reporter: Person
) -> None:
    set_to(problem, maintainer, state="feedback", assignee="mara")
    mine = Caller(reporter).get("my/").json()
    (part,) = mine["waits_for_me"]
    assert (part["reason"], part["title"], part["more"]) == (
        "feedback",
        "Feedback asked of you",
        False,
    )
    (shown,) = part["problems"]
    assert shown["number"] == problem.pk
    assert shown["outlook"].startswith("Waits for rita until ")
    assert mine["i_wait_for"] == []
    theirs = Caller(maintainer).get("my/").json()
    assert theirs["waits_for_me"] == []
    assert [each["reason"] for each in theirs["i_wait_for"]] == ["asked"]


def test_news_stay_until_they_are_marked_as_seen(
    problem: Problem, maintainer: Person, outsider: Person
) -> None:
    cast_vote(problem, outsider, Door.API)
    set_to(problem, maintainer, state="closed", resolution="fixed")
    caller = Caller(outsider)
    for _ in range(2):
        (each,) = caller.get("my/").json()["news"]
        assert each["problem"]["number"] == problem.pk
        assert each["is_fixed"]
        assert [one["words"] for one in each["happenings"]] == ["mara closed it as fixed"]
    assert LastLook.objects.count() == 0
    assert caller.post("my/seen/").status_code == 204
    assert caller.get("my/").json()["news"] == []


def test_a_voter_loses_what_became_confidential(
    problem: Problem, maintainer: Person, outsider: Person
) -> None:
    cast_vote(problem, outsider, Door.API)
    set_to(problem, maintainer, is_confidential=True)
    answer = Caller(outsider).get("my/")
    assert answer.json()["news"] == []
    assert problem.synopsis not in answer.content.decode()


@pytest.mark.parametrize("rows", [1, 15])
def test_it_costs_the_same_number_of_queries_whatever_it_says(
    product: Product, maintainer: Person, reporter: Person, rows: int,
    django_assert_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:  # fmt: skip
    for _ in range(rows):
        problem = make_problem(product, reporter, component="kernel")
        set_to(problem, maintainer, state="feedback")
        set_to(make_problem(product, reporter), maintainer, state="open", assignee="mara")
    caller = Caller(reporter)
    caller.get("my/")
    with django_assert_num_queries(13):
        assert caller.get("my/").status_code == 200
