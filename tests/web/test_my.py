"""One's own page: what waits for whom, whose turn it is, and what is new."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from accounts.models import Person, Role
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.clocks import acting, settings
from tracker.clocks.words import outlooks
from tracker.models import ClockKind, Door, Event, Problem, Product, Release
from tracker.services import attach, change, comment, record
from tracker.timeline import HIDDEN_NUMBER
from tracker.turns import Whose, turn_of
from votes import mine
from votes.looking import mark_seen, note_look
from votes.models import LastLook, Vote
from votes.news import news, news_since
from votes.services import cast_vote

pytestmark = pytest.mark.django_db

AssertQueries = Callable[[int], AbstractContextManager[object]]
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def page_of(person: Person, address: str = "/my/") -> str:
    """The text of a page as `person` reads it, on one line."""
    response = sign_in(Client(), person).get(address)
    assert response.status_code == 200
    text = re.sub(r"<[^>]+>", " ", response.content.decode().partition("<main")[2])
    return " ".join(html.unescape(text).split())


def say(problem: Problem, person: Person, text: str = "Here it is.") -> None:
    comment(problem, person, text, Door.WEB)


def set_to(problem: Problem, person: Person, **values: Any) -> None:
    change(problem, person, ProblemChange(**values), Door.WEB)


def waits(person: Person) -> dict[str, list[int]]:
    return {part.key: [p.pk for p in part.problems] for part in mine.waits_for(person)}


def waited_for(person: Person) -> dict[str, list[int]]:
    return {part.key: [p.pk for p in part.problems] for part in mine.waited_for_by(person)}


def told(person: Person, since: datetime | None = None) -> dict[int, list[str]]:
    """What is news to a person, by the number of the problem."""
    since = since or timezone.now() - timedelta(days=1)
    return {each.problem.pk: [one.words for one in each.happenings] for each in news(person, since)}


# ---- whose turn


def outlook(problem: Problem) -> str:
    problem = Problem.objects.get(pk=problem.pk)
    return outlooks([problem])[problem.pk]


def whose(problem: Problem) -> str:
    return turn_of(Problem.objects.get(pk=problem.pk)).whose


def test_the_turn_goes_from_maintainers_to_assignee_to_reporter_and_back(
    problem: Problem, maintainer: Person, reporter: Person
) -> None:
    assert whose(problem) == Whose.MAINTAINERS
    set_to(problem, maintainer, state="open", assignee="mara")
    assert whose(problem) == Whose.ASSIGNEE
    set_to(problem, maintainer, state="feedback")
    assert whose(problem) == Whose.REPORTER
    say(problem, reporter)
    assert whose(problem) == Whose.ASSIGNEE
    set_to(problem, maintainer, state="suspended")
    assert whose(problem) == Whose.NOBODY


@time_machine.travel(START, tick=False)
def test_the_page_of_a_problem_says_for_whom_it_waits_and_until_when(
    problem: Problem, maintainer: Person, outsider: Person
) -> None:
    address = problem.get_absolute_url()
    assert "Waits for the maintainers of Kernel to look at it." in page_of(outsider, address)
    set_to(problem, maintainer, state="in progress", assignee="mara")
    line = "Waits for mara; without a word from them by 7 December 2026 it is given back."
    assert line in page_of(outsider, address)
    set_to(problem, maintainer, state="feedback")
    line = "Waits for rita until 23 December 2026; then it is closed as feedback timeout."
    assert line in page_of(outsider, address)
    set_to(problem, maintainer, state="closed", resolution="fixed")
    assert "Waits for" not in page_of(outsider, address)


@time_machine.travel(START, tick=False)
def test_the_line_names_no_day_where_the_clock_is_switched_off(
    problem: Problem, maintainer: Person, triager: Person
) -> None:
    set_to(problem, maintainer, state="feedback")
    settings.set_clocks(problem.product, triager, {ClockKind.FEEDBACK_TIMEOUT: (False, "30")})
    assert outlook(problem) == "Waits for rita."


def test_a_stale_problem_says_since_when(problem: Problem) -> None:
    with time_machine.travel(problem.created_at + timedelta(days=181)):
        acting.fire_due()
        assert f"since {problem.created_at.day} {problem.created_at:%B %Y}." in outlook(problem)


# ---- what waits for whom


def test_a_question_waits_for_the_reporter_and_is_waited_for_by_whoever_asked(
    problem: Problem, maintainer: Person, triager: Person, reporter: Person
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    set_to(problem, triager, state="feedback")
    assert waits(reporter) == {"feedback": [problem.pk]}
    assert waited_for(reporter) == {}
    assert waits(maintainer) == {}
    assert waited_for(maintainer) == waited_for(triager) == {"asked": [problem.pk]}
    say(problem, reporter)
    assert waits(reporter) == {}
    assert waited_for(reporter) == {"reported": [problem.pk]}
    assert waits(maintainer) == {"assigned": [problem.pk]}
    assert waited_for(maintainer) == waited_for(triager) == {}
    assert "rita answered. Waits for mara" in page_of(maintainer)
    say(problem, maintainer, "Thanks.")
    assert "rita answered" not in page_of(maintainer)


def test_what_was_answered_comes_first_and_then_what_was_left_longest(
    product: Product, triager: Person, reporter: Person
) -> None:
    with time_machine.travel(START, tick=False) as traveller:
        problems = [make_problem(product, reporter) for _ in range(4)]
        for day, problem in enumerate(problems):
            traveller.move_to(START + timedelta(days=day), tick=False)
            set_to(problem, triager, state="open", assignee="tom")
        traveller.move_to(START + timedelta(days=5), tick=False)
        say(problems[3], reporter)
        say(problems[0], triager)
        numbers = [problems[i].pk for i in (3, 1, 2, 0)]
        assert waits(triager) == {"assigned": numbers}


def test_what_nobody_looked_at_waits_for_its_maintainers_alone(
    product: Product, maintainer: Person, triager: Person
) -> None:
    new = make_problem(product, component="kernel")
    make_problem(product, component="net")
    assert waits(maintainer) == {"maintained": [new.pk]}
    assert waits(triager) == {}
    set_to(new, triager, state="open")
    assert waits(maintainer) == {}


def test_a_problem_stands_once_on_the_page_where_it_presses_most(
    product: Product, maintainer: Person
) -> None:
    problem = make_problem(product, maintainer, component="kernel")
    set_to(problem, maintainer, assignee="mara")
    assert page_of(maintainer).count(f"#{problem.pk}") == 1


def test_a_reporter_whose_time_ran_out_opens_it_again_by_answering(
    problem: Problem, maintainer: Person, reporter: Person, outsider: Person
) -> None:
    set_to(problem, maintainer, state="closed", resolution="feedback timeout")
    offer = '<option value="open" selected>'
    for person, is_offered in ((reporter, True), (maintainer, False)):
        client = sign_in(Client(), person)
        for address in (f"/{problem.pk}", f"/{problem.pk}/comment"):
            assert (offer in client.get(address).content.decode()) == is_offered


# ---- news


def test_a_voter_is_told_in_words_what_others_did(
    problem: Problem, maintainer: Person, outsider: Person
) -> None:
    cast_vote(problem, outsider, Door.WEB)
    set_to(problem, maintainer, state="in progress", assignee="mara", severity="major")
    attach(problem, maintainer, ContentFile(b"fix", "fix.diff"), Door.WEB)
    say(problem, maintainer, "Try this.")
    say(problem, outsider, "It helps.")
    set_to(problem, maintainer, state="closed", resolution="fixed", fixed_in="15.0")
    assert told(outsider) == {
        problem.pk: [
            "mara set it to in progress, set severity to major and assigned it to mara",
            "mara attached a file",
            "mara commented",
            "mara closed it as fixed and set fixed in to 15.0",
        ]
    }
    text = page_of(outsider)
    assert "News of what you have" in text
    assert f"#{problem.pk} Fixed in 15.0" in text


def test_whoever_voted_on_a_duplicate_hears_of_its_head(
    product: Product, triager: Person, outsider: Person
) -> None:
    head, duplicate = make_problem(product), make_problem(product)
    cast_vote(duplicate, outsider, Door.WEB)
    set_to(duplicate, triager, duplicate_of=head.pk)
    set_to(head, triager, state="closed", resolution="fixed")
    found = told(outsider)
    assert found[head.pk] == ["tom closed it as fixed"]
    assert found[duplicate.pk] == [
        f"tom closed it as duplicate and marked it as a duplicate of #{head.pk}"
    ]
    assert next(iter(found)) == head.pk


def test_nothing_is_news_that_one_did_oneself_or_an_import_or_a_mere_mark(
    problem: Problem, reporter: Person
) -> None:
    say(problem, reporter)
    record(problem, Event.Kind.COMMENTED, None, Door.IMPORT, quiet=True)
    record(problem, Event.Kind.CHANGED, None, Door.SYSTEM, note="Stale", quiet=True)
    assert told(reporter) == {}


def test_what_the_tracker_did_is_news(
    problem: Problem, maintainer: Person, outsider: Person
) -> None:
    cast_vote(problem, outsider, Door.WEB)
    set_to(problem, maintainer, state="feedback")
    since = timezone.now()
    with time_machine.travel(since + timedelta(days=31)):
        acting.fire_due()
    assert told(outsider, since) == {problem.pk: ["the tracker closed it as feedback timeout"]}


def test_of_much_the_latest_is_told_and_how_much_came_before(
    problem: Problem, maintainer: Person, reporter: Person
) -> None:
    for number in range(6):
        say(problem, maintainer, f"Thought {number}")
    (each,) = news(reporter, timezone.now() - timedelta(days=1))
    assert (len(each.happenings), each.left_out) == (4, 2)
    assert "2 more before" in page_of(reporter)


def test_a_problem_that_became_confidential_is_no_news_to_its_voters_any_more(
    problem: Problem, maintainer: Person, outsider: Person, reporter: Person, triager: Person
) -> None:
    cast_vote(problem, outsider, Door.WEB)
    set_to(problem, maintainer, state="open")
    assert told(outsider)
    assert problem.synopsis in page_of(outsider)
    set_to(problem, maintainer, is_confidential=True)
    for text in (page_of(outsider), page_of(outsider, "/")):
        assert problem.synopsis not in text
        assert f"#{problem.pk}" not in text
    assert told(outsider) == {}
    assert mine.voted_for(outsider).problems == []
    assert told(reporter) != {}


def test_a_confidential_head_is_not_named_to_whoever_has_the_duplicate(
    product: Product, triager: Person, outsider: Person
) -> None:
    head, duplicate = make_problem(product, is_confidential=True), make_problem(product)
    cast_vote(duplicate, outsider, Door.WEB)
    set_to(duplicate, triager, duplicate_of=head.pk)
    set_to(head, triager, state="open")
    assert told(outsider) == {
        duplicate.pk: [
            f"tom closed it as duplicate and marked it as a duplicate of {HIDDEN_NUMBER}"
        ]
    }
    assert f"#{head.pk}" not in page_of(outsider)


def test_whoever_asked_and_lost_sight_of_it_waits_for_it_no_more(
    problem: Problem, reporter: Person, outsider: Person
) -> None:
    developer = make_person("dev", Role.DEVELOPER)
    set_to(problem, developer, state="feedback")
    assert waited_for(developer) == {"asked": [problem.pk]}
    set_to(problem, reporter, is_confidential=True)
    assert waited_for(developer) == {}


# ---- since when


def test_news_stay_while_a_visit_lasts_and_are_old_at_the_next(
    problem: Problem, maintainer: Person, reporter: Person
) -> None:
    with time_machine.travel(START, tick=False) as traveller:
        note_look(reporter)
        traveller.move_to(START + timedelta(hours=5), tick=False)
        say(problem, maintainer)
        for minutes in (1, 20, 40):
            traveller.move_to(START + timedelta(hours=5, minutes=minutes), tick=False)
            assert "mara commented" in page_of(reporter)
        traveller.move_to(START + timedelta(hours=8), tick=False)
        assert "mara commented" not in page_of(reporter)


def test_only_reading_the_page_counts_as_a_look(
    problem: Problem, maintainer: Person, reporter: Person
) -> None:
    client = sign_in(Client(), reporter)
    assert client.head("/my/").status_code == 200
    assert client.get("/").status_code == 200
    assert LastLook.objects.count() == 0
    client.get("/my/")
    assert LastLook.objects.get().person == reporter


def test_what_one_has_read_is_gone_at_once(
    problem: Problem, maintainer: Person, reporter: Person
) -> None:
    say(problem, maintainer)
    assert "mara commented" in page_of(reporter)
    client = sign_in(Client(), reporter)
    assert client.post("/my/seen")["Location"] == "/my/"
    assert "mara commented" not in page_of(reporter)
    assert client.get("/my/seen").status_code == 405
    assert Client().post("/my/seen")["Location"].startswith("/accounts/login/")


def test_the_first_look_shows_a_month_and_nothing_from_before_the_account(
    reporter: Person, outsider: Person
) -> None:
    now = timezone.now()
    assert news_since(outsider, now) == now - timedelta(days=30)
    outsider.joined_at = now - timedelta(days=2)
    assert news_since(outsider, now) == outsider.joined_at
    mark_seen(outsider)
    assert news_since(outsider) > now


# ---- what it costs


def fill(product: Product, person: Person, count: int) -> None:
    """`count` problems of each kind on one's page, with an answer and news on each."""
    component = product.components.get(slug="kernel")
    release = Release.objects.get(product=product, name="15.0")
    other = make_person()
    kinds: list[dict[str, Any]] = [
        {"reporter": person, "state": "feedback"},
        {"reporter": other, "state": "open", "assignee": person},
        {"reporter": other, "state": "new"},
        {"reporter": other, "state": "feedback", "assignee": person},
        {"reporter": person, "state": "open"},
    ]
    for values in kinds:
        problems = Problem.objects.bulk_create(
            Problem(product=product, component=component, synopsis="s", description="d",
                    release=release, **values)
            for _ in range(count)
        )  # fmt: skip
        Vote.objects.bulk_create(
            Vote(problem=problem, person=person, status=Vote.Status.COUNTED) for problem in problems
        )
        Event.objects.bulk_create(
            Event(problem=problem, kind=Event.Kind.COMMENTED, actor=other, door=Door.WEB)
            for problem in problems
        )


@pytest.mark.parametrize("rows", [1, 30, 300])
def test_the_page_costs_the_same_number_of_queries_whatever_it_shows(
    product: Product, maintainer: Person, rows: int, django_assert_num_queries: AssertQueries
) -> None:
    fill(product, maintainer, rows)
    client = sign_in(Client(), maintainer)
    client.get("/my/")
    with django_assert_num_queries(24):
        assert client.get("/my/").status_code == 200


def test_the_page_says_that_the_tracker_did_it_and_why(
    problem: Problem, maintainer: Person, outsider: Person
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    for days in (15, 400):
        with time_machine.travel(timezone.now() + timedelta(days=days)):
            acting.fire_due()
    text = page_of(outsider, problem.get_absolute_url())
    assert "the tracker assignee : mara → none" in text
    assert "Assigned to mara for 14 days without a word from them." in text
    assert "the tracker Stale: nobody said" in text
    assert "changed nothing" not in text
    assert "somebody who left" not in text
