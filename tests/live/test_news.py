"""What an open page fetches: only what it has not, and only what its reader may see."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from accounts.models import Person
from tests.conftest import sign_in
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Event, Problem, Product
from tracker.services import change, comment
from tracker.timeline import field_news, last_event, timeline
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def news(client: Client, problem: Problem, seen: int) -> str:
    response = client.get(f"/{problem.pk}/news?seen={seen}")
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    return " ".join(response.content.decode().split())


def test_news_are_the_later_entries_and_every_part_as_it_is_now(
    client: Client, problem: Problem, triager: Person, outsider: Person
) -> None:
    comment(problem, triager, "Said before.", Door.WEB)
    seen = last_event(problem)
    comment(problem, triager, "Said *since*.", Door.WEB)
    change(problem, triager, ProblemChange(state="open", severity="major"), Door.WEB)
    change(problem, triager, ProblemChange(severity="critical"), Door.WEB)
    cast_vote(problem, outsider, Door.WEB)
    told = news(client, problem, seen)
    assert "Said <em>since</em>." in told
    assert "Said before." not in told
    assert "<html" not in told
    assert f'data-live-seen="{last_event(problem)}"' in told
    assert '<span class="tally-count">2</span>' in told
    changed = dict(re.findall(r'<li data-field="(\w+)">(.*?)</li>', told))
    assert changed == {
        "state": "tom changed state from new to open",
        "severity": "tom changed severity from normal to critical",
    }


def test_a_page_without_news_fetches_none(client: Client, problem: Problem) -> None:
    told = news(client, problem, last_event(problem))
    assert 'class="entry' not in told
    assert "data-live-changed" not in told


def test_the_page_and_its_news_have_the_same_parts(
    client: Client, problem: Problem, triager: Person
) -> None:
    sign_in(client, triager)
    whole = client.get(f"/{problem.pk}").content.decode()
    parts = re.findall(r'data-part="(\w+)"', whole)
    assert {"title", "tally", "notices", "report", "releases", "answers", "facts"} <= set(parts)
    assert len(parts) == len(set(parts)), "two parts of one name take each other's place"
    assert re.findall(r'data-part="(\w+)"', news(client, problem, last_event(problem))) == parts


def test_news_name_no_problem_that_the_reader_cannot_see(
    client: Client, product: Product, problem: Problem, triager: Person, outsider: Person
) -> None:
    secret = make_problem(product, is_confidential=True)
    seen = last_event(problem)
    change(problem, triager, ProblemChange(duplicate_of=secret.pk), Door.WEB)
    sign_in(client, outsider)
    told = news(client, problem, seen)
    assert "changed duplicate of from <i>none</i> to a problem that you cannot see" in told
    assert f"#{secret.pk}" not in told
    assert secret.synopsis not in told
    sign_in(client, triager)
    assert f"changed duplicate of from <i>none</i> to #{secret.pk}" in news(client, problem, seen)


def test_the_edit_form_says_what_others_changed_since_it_was_opened(
    client: Client, problem: Problem, triager: Person, committer: Person
) -> None:
    sign_in(client, triager)
    seen = last_event(problem)
    change(problem, committer, ProblemChange(description="Other words."), Door.WEB)
    shown = client.get(f"/{problem.pk}/edit?seen={seen}").content.decode()
    assert '<li data-field="description">cleo changed the description</li>' in shown
    assert "data-live-changed" not in client.get(f"/{problem.pk}/edit").content.decode()


@pytest.mark.parametrize("rows", [1, 30, 300])
def test_news_cost_the_same_queries_however_many_there_are(
    problem: Problem,
    triager: Person,
    django_assert_num_queries: DjangoAssertNumQueries,
    rows: int,
) -> None:
    seen = last_event(problem)
    changes = [{"field": "state", "old": "new", "new": "open"}]
    Event.objects.bulk_create(
        Event(problem=problem, kind=Event.Kind.CHANGED, actor=triager, door=Door.WEB,
              changes=changes)
        for _ in range(rows)
    )  # fmt: skip
    with django_assert_num_queries(2):
        told = timeline(problem, triager, after=seen)
    assert len(told.entries) == min(rows, 250)
    with django_assert_num_queries(1):
        assert len(field_news(problem, triager, seen)) == 1
