"""Django's admin shows rows to administrators and changes none."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.admin import LookOnly
from accounts.models import Person
from accounts.services import make_token
from tests.conftest import sign_in
from tracker.models import Problem

pytestmark = pytest.mark.django_db


def address(model: type, page: str = "changelist", *args: object) -> str:
    meta = model._meta  # type: ignore[attr-defined]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def test_an_administrator_sees_the_rows_of_every_table(
    client: Client, administrator: Person, problem: Problem
) -> None:
    token, _ = make_token(administrator, "box")
    sign_in(client, administrator)
    assert client.get("/admin/").status_code == 200
    ours = [model for model, rows in admin.site._registry.items() if isinstance(rows, LookOnly)]
    assert {Person, Problem} <= set(ours)
    for model in ours:
        assert client.get(address(model)).status_code == 200
        row = model._default_manager.first()
        if row is not None:
            page = client.get(address(model, "change", row.pk))
            assert page.status_code == 200
            assert token.digest not in page.content.decode()
            assert "argon2" not in page.content.decode()


def test_an_administrator_changes_nothing_there(
    client: Client, administrator: Person, reporter: Person
) -> None:
    sign_in(client, administrator)
    assert client.get(address(Person, "add")).status_code == 403
    assert client.post(address(Person, "change", reporter.pk), {"handle": "x"}).status_code == 403
    assert client.post(address(Person, "delete", reporter.pk), {"post": "yes"}).status_code == 403
    reporter.refresh_from_db()
    assert reporter.handle == "rita"


def test_others_are_kept_out(client: Client, triager: Person) -> None:
    assert client.get("/admin/").status_code == 302
    answer = client.get("/admin/login/")
    assert answer.headers["Location"].startswith("/accounts/login/")
    sign_in(client, triager)
    assert client.get("/admin/login/").status_code == 403
    assert client.get(address(Person)).status_code == 302
