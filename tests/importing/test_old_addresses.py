"""Links to the tracker that was left go on working, and tell nobody what they may not know."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts.models import Role
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.models import Problem

pytestmark = pytest.mark.django_db


def imported(origin: str, product: Any = None, **values: Any) -> Problem:
    problem = make_problem(product, **values)
    Problem.objects.filter(pk=problem.pk).update(origin=origin)
    problem.refresh_from_db()
    return problem


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("/show_bug.cgi?id=4711", "4711"),
        ("/bugzilla/show_bug.cgi?id=4711&ctype=xml", "4711"),
        ("/cgi/query-pr.cgi?pr=4711", "4711"),
        ("/cgi-bin/query-pr.cgi?pr=4711", "4711"),
        ("/query-pr.cgi?pr=kern/4711", "4711"),
        ("/cgi-bin/bugreport.cgi?bug=4711", "4711"),
        ("/bugreport.cgi?bug=%234711", "4711"),
        ("/browse/SUITE-12", "SUITE-12"),
        ("/jira/browse/suite-12", "SUITE-12"),
        ("/issues/12", "12"),
        ("/heath/lamp/issues/12", "12"),
    ],
)
def test_an_old_address_leads_to_the_problem(client: Client, address: str, origin: str) -> None:
    problem = imported(origin)
    answer = client.get(address)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"/{problem.pk}")
    assert answer.headers["Cache-Control"] == "private"
    assert client.head(address).status_code == 301
    assert client.post(address).status_code == 405


@pytest.mark.parametrize(
    "address",
    [
        "/show_bug.cgi", "/show_bug.cgi?id=", "/show_bug.cgi?id=4712", "/show_bug.cgi?id=%00",
        "/show_bug.cgi?id=" + "9" * 3_000, "/show_bug.cgi?id=1%27%20OR%201=1", "/browse/SUITE-99",
        "/issues/99999999999999999", "/query-pr.cgi?pr=/", "/query-pr.cgi?pr=%F0%9F%90%A6",
    ],
)  # fmt: skip
def test_an_address_of_nothing_is_not_found(client: Client, address: str) -> None:
    imported("4711")
    assert client.get(address).status_code == 404


def test_a_problem_of_our_own_has_no_old_address(client: Client) -> None:
    problem = make_problem()
    assert client.get(f"/show_bug.cgi?id={problem.pk}").status_code == 404


def test_a_confidential_problem_is_not_there_for_those_who_may_not_see_it(client: Client) -> None:
    secret = imported("4711", is_confidential=True)
    absent = client.get("/show_bug.cgi?id=4712")
    found = client.get("/show_bug.cgi?id=4711")
    assert found.status_code == 404
    assert found.content.replace(b"4711", b"") == absent.content.replace(b"4712", b"")
    sign_in(client, make_person("tara", Role.TRIAGER))
    assert client.get("/show_bug.cgi?id=4711").headers["Location"] == f"/{secret.pk}"


def test_a_key_of_several_products_offers_those_that_one_may_see(
    client: Client, django_assert_num_queries: Any
) -> None:
    one = imported("12", make_product("lamp"), synopsis="It flickers")
    two = imported("12", make_product("cable"), synopsis="It is short")
    three = imported("12", make_product("key"), synopsis="It is copied", is_confidential=True)
    with django_assert_num_queries(2):
        answer = client.get("/issues/12")
    assert answer.status_code == 300
    page = answer.content.decode()
    assert f'href="/{one.pk}"' in page
    assert f'href="/{two.pk}"' in page
    assert "Cable" in page
    assert f'href="/{three.pk}"' not in page
    assert "copied" not in page
    Problem.objects.filter(pk=two.pk).update(is_confidential=True)
    assert client.get("/issues/12").headers["Location"] == f"/{one.pk}"
    assert three.reporter is not None
    sign_in(client, three.reporter)
    assert client.get("/issues/12").status_code == 300
