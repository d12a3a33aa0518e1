"""Releases on the web: their order and lines, what each has and solves, and the marks."""

from __future__ import annotations

import html
from typing import Any
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Person
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.marking import mark_releases
from tracker.models import Door, Problem, Product, Release
from tracker.services import change
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def words(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def test_a_release_of_an_older_line_is_placed_where_it_belongs(
    client: Client, product: Product, triager: Person
) -> None:
    sign_in(client, triager)
    form = {"name": "14.4", "branch": "stable/14", "after": "14.3", "is_supported": "on"}
    client.post("/products/base/releases/new", form)
    client.post("/products/base/releases/new", {"name": "16.0"})
    assert [r.name for r in product.releases.all()] == ["16.0", "15.0", "14.4", "14.3"]
    made = Release.objects.get(name="14.4")
    assert (made.branch, made.is_supported) == ("stable/14", True)
    refused = client.post("/products/base/releases/new", {"name": "9", "after": "15.O"})
    assert "Did you mean “15.0”?" in words(refused)
    changed = {"name": "14.4", "branch": "releng/14", "position": "1"}
    client.post(f"/products/base/releases/{made.pk}/edit", changed)
    made.refresh_from_db()
    assert (made.branch, made.is_supported) == ("releng/14", False)


def test_the_page_of_a_release_tells_what_it_has_and_what_it_solves_by_heat(
    client: Client, product: Product, triager: Person
) -> None:
    titles = ("unsolved", "taken back", "solved later", "solved here", "solved before")
    problems = {title: make_problem(product, release="14.3", synopsis=title) for title in titles}
    changes: dict[str, dict[str, Any]] = {
        "taken back": {"state": "closed", "resolution": "not a defect"},
        "solved here": {"state": "closed", "resolution": "fixed", "fixed_in": "15.0"},
        "solved before": {"fixed_in": "14.3"},
    }
    for title, fields in changes.items():
        change(problems[title], triager, ProblemChange(**fields), Door.WEB)
    Release.objects.create(product=product, name="16.0", position=9)
    mark_releases(problems["solved later"], triager, {"16.0": "fixed"}, Door.WEB)
    cast_vote(problems["solved later"], make_person(), Door.WEB)
    shown = words(client.get("/products/base/releases/15.0/"))
    known, solved = shown.split("Solved in it")
    assert known.index("solved later") < known.index("unsolved")
    assert "solved here" in solved
    assert not any(title in shown for title in ("taken back", "solved before"))
    listed = words(client.get("/products/base/"))
    assert "has 2 problems" in listed
    assert "no known problem" not in listed.split("15.0")[-1]


def test_the_list_of_a_product_leads_to_a_search_that_finds_as_many(
    client: Client, product: Product, triager: Person
) -> None:
    Release.objects.filter(name="15.0").update(name='15 "fifteen"')
    for closed in (False, False, True):
        problem = make_problem(product, release='15 "fifteen"')
        if closed:
            ends = ProblemChange(state="closed", resolution="will not fix")
            change(problem, triager, ends, Door.WEB)
    shown = client.get("/products/base/").content.decode()
    address = shown.split('">has 3 problems')[0].rsplit('href="', 1)[1]
    found = client.get(html.unescape(address))
    assert found.status_code == 200, unquote(address)
    assert words(found).count('class="row"') == 3
    page = client.get(
        html.unescape(shown.split("has 3 problems")[0].split('<li><a href="')[-1].split('"')[0])
    )
    assert page.status_code == 200


@pytest.mark.parametrize("problems", [1, 30])
def test_the_page_of_a_release_costs_the_same_queries_however_many_it_has(
    client: Client, product: Product, triager: Person, problems: int
) -> None:
    for _ in range(problems):
        make_problem(product, triager, release="15.0", synopsis="has it")
        solved = make_problem(product, triager, release="14.3")
        Problem.objects.filter(pk=solved.pk).update(fixed_in=Release.objects.get(name="15.0"))
    with CaptureQueriesContext(connection) as captured:
        shown = words(client.get("/products/base/releases/15.0/"))
    assert shown.count("has it") == min(problems, 15)
    assert len(captured) <= 9


def test_a_duplicate_shows_the_answers_of_its_head_to_those_who_may_know_it(
    client: Client, product: Product, triager: Person, outsider: Person
) -> None:
    head = make_problem(product, release="14.3")
    other = make_problem(product)
    change(other, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    sign_in(client, outsider)
    shown = words(client.get(f"/{other.pk}"))
    assert f'As it is for <a href="/{head.pk}">#{head.pk}</a>' in shown
    assert "Reported in 14.3" in shown
    change(head, triager, ProblemChange(is_confidential=True), Door.WEB)
    shown = words(client.get(f"/{other.pk}"))
    assert "A duplicate of a problem that you cannot see, which has the answers." in shown
    assert "Reported in 14.3" not in shown
