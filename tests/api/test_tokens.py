"""Tokens: what opens the API, and what does not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.utils import timezone

from accounts.models import AccessToken, IdempotentRequest, Person
from accounts.services import deactivate
from tests.api.calls import Caller, document, fields_of
from tests.conftest import sign_in
from tests.people import make_person
from tracker.models import Problem

pytestmark = pytest.mark.django_db


def test_a_token_is_shown_once_and_opens_the_api(reporter: Person) -> None:
    made = Caller(reporter).post("tokens/", {"name": "nas"})
    assert made.status_code == 201
    secret = made.json()["token"]
    assert Caller(Authorization=f"Bearer {secret}").get("me/").json()["token"]["name"] == "nas"
    listed = Caller(reporter).get("tokens/").json()["results"]
    assert all("token" not in each for each in listed)
    assert not AccessToken.objects.filter(digest=secret).exists()


def test_a_revoked_token_opens_nothing(reporter: Person) -> None:
    caller = Caller(reporter)
    assert caller.delete("tokens/current/").status_code == 204
    answer = caller.get("me/")
    assert "revoked" in document(answer, 401)["detail"]
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_wrong_token_is_refused_even_where_none_is_needed(problem: Problem) -> None:
    document(Caller(Authorization="Bearer gw_wrong").get("problems/"), 401)
    document(Caller(Authorization="Bearer ").get("problems/"), 401)


def test_the_token_of_a_closed_account_opens_nothing(
    reporter: Person, administrator: Person
) -> None:
    caller = Caller(reporter)
    deactivate(reporter, by=administrator)
    document(caller.get("me/"), 401)


def test_nobody_revokes_the_token_of_another(reporter: Person, outsider: Person) -> None:
    Caller(reporter)
    token = AccessToken.objects.get()
    document(Caller(outsider).delete(f"tokens/{token.pk}/"), 404)
    token.refresh_from_db()
    assert token.revoked_at is None


def test_use_is_noted_once_a_minute(reporter: Person) -> None:
    caller = Caller(reporter)
    caller.get("me/")
    first = AccessToken.objects.get().last_used_at
    assert first is not None
    caller.get("me/")
    assert AccessToken.objects.get().last_used_at == first
    AccessToken.objects.update(last_used_at=timezone.now() - timedelta(minutes=2))
    caller.get("me/")
    noted = AccessToken.objects.get().last_used_at
    assert noted is not None
    assert noted > first


def test_a_session_opens_the_api_and_needs_the_csrf_token_to_write(
    problem: Problem, outsider: Person
) -> None:
    client = sign_in(Client(enforce_csrf_checks=True), outsider)
    path = f"/api/v1/problems/{problem.pk}/vote/"
    assert client.get("/api/v1/me/").json()["token"] is None
    assert "CSRF" in document(client.put(path), 403)["detail"]
    secret = client.cookies["groundswell_csrf"] = _get_new_csrf_string()
    assert client.put(path, headers={"X-CSRFToken": secret}).status_code == 200


def test_retrying_with_a_key_gives_the_same_token_and_keeps_no_secret(reporter: Person) -> None:
    caller = Caller(reporter)
    first = caller.post("tokens/", {"name": "nas"}, Idempotency_Key="k1")
    again = caller.post("tokens/", {"name": "nas"}, Idempotency_Key="k1")
    assert first.json() == again.json()
    assert first.json()["token"] not in str(IdempotentRequest.objects.values())
    assert Caller(Authorization=f"Bearer {again.json()['token']}").get("me/").status_code == 200
    other = caller.post("tokens/", {"name": "nas"}, Idempotency_Key="k2")
    assert other.json()["token"] != first.json()["token"]


def test_a_token_needs_a_name_and_a_confirmed_person(reporter: Person) -> None:
    assert set(fields_of(Caller(reporter).post("tokens/", {"name": ""}))) == {"name"}
    unconfirmed = make_person("una", email_confirmed_at=None)
    document(Caller(unconfirmed).post("tokens/", {"name": "nas"}), 403)
