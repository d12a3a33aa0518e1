"""The clocks of a product, set on the web."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client

from accounts.models import Person
from tests.conftest import sign_in
from tracker.models import ClockKind, ClockSetting, Product

pytestmark = pytest.mark.django_db

ADDRESS = "/products/base/clocks"
AS_IT_IS = {
    "on_silent_assignee": "on", "days_silent_assignee": "14",
    "on_feedback_timeout": "on", "days_feedback_timeout": "30",
    "on_stale": "on", "days_stale": "180",
}  # fmt: skip


def words(response: Any) -> str:
    return " ".join(html.unescape(response.content.decode()).split())


def test_a_triager_switches_a_clock_off_and_gives_another_more_time(
    client: Client, product: Product, triager: Person
) -> None:
    sign_in(client, triager)
    assert ADDRESS in words(client.get("/products/base/edit"))
    sent = AS_IT_IS | {"days_silent_assignee": "21"}
    del sent["on_stale"]
    assert client.post(ADDRESS, sent)["Location"] == ADDRESS
    rows = ClockSetting.objects.values_list("kind", "is_on", "days")
    assert set(rows) == {(ClockKind.SILENT_ASSIGNEE, True, 21), (ClockKind.STALE, False, 180)}
    page = words(client.get(ADDRESS))
    assert 'name="days_silent_assignee" value="21"' in page
    assert page.count(" checked") == 2


def test_wrong_days_come_back_as_typed_with_what_to_do_and_nothing_is_set(
    client: Client, product: Product, triager: Person
) -> None:
    sign_in(client, triager)
    response = client.post(ADDRESS, AS_IT_IS | {"days_stale": "soon", "days_silent_assignee": "2"})
    assert response.status_code == 400
    assert "Give a whole number of days from 1 to 3,650." in words(response)
    assert 'value="soon"' in words(response)
    assert ClockSetting.objects.count() == 0
    assert client.post(ADDRESS, {}).status_code == 400
