"""Who may do what to people: method x URL x role x status, as one table."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.test import Client
from django.urls import resolve

from accounts.models import Person, Role
from accounts.services import make_token
from accounts.web.urls import urlpatterns
from tests.conftest import sign_in
from tests.people import make_person

pytestmark = pytest.mark.django_db

ROLES = ("anonymous", "reporter", "developer", "triager", "committer", "administrator")
# Strangers (302) are shown the way to sign in. "{other}" is somebody else's account, "{token}" a
# token of somebody else.
TABLE = """
GET   /accounts/signup/               200 302 302 302 302 302
GET   /accounts/login/                200 302 302 302 302 302
GET   /accounts/login/code/           200 302 302 302 302 302
GET   /accounts/password/reset/       200 200 200 200 200 200
GET   /accounts/logout/               302 200 200 200 200 200
GET   /accounts/email/                302 200 200 200 200 200
GET   /accounts/password/set/         302 200 200 200 200 200
GET   /accounts/password/change/      302 302 302 302 302 302
GET   /accounts/inactive/             200 200 200 200 200 200
GET   /accounts/confirm-email/        302 302 302 302 302 302
GET   /accounts/login/code/confirm/   302 302 302 302 302 302
GET   /accounts/password/reset/confirm/ 302 302 302 302 302 302
GET   /my/profile/                    302 200 200 200 200 200
POST  /my/profile/                    302 200 200 200 200 200
POST  /my/profile/end-sessions        302 302 302 302 302 302
GET   /my/profile/end-sessions        405 405 405 405 405 405
GET   /my/tokens/                     302 200 200 200 200 200
POST  /my/tokens/                     302 201 201 201 201 201
POST  /my/tokens/{token}/revoke       302 404 404 404 404 404
GET   /people/                        302 403 403 200 403 200
GET   /people/other                   200 200 200 200 200 200
GET   /people/nobody                  404 404 404 404 404 404
POST  /people/other                   405 405 405 405 405 405
GET   /people/{other}/manage          302 403 403 200 403 200
GET   /people/999999/manage           302 403 403 404 403 404
POST  /people/{other}/do/trust        302 403 403 302 403 302
POST  /people/{other}/do/discount     302 403 403 302 403 302
POST  /people/{other}/do/restore      302 403 403 302 403 302
POST  /people/{other}/do/deactivate   302 403 403 403 403 302
POST  /people/{other}/do/reactivate   302 403 403 403 403 302
POST  /people/{other}/do/crown        302 404 404 404 404 404
GET   /people/{other}/do/trust        405 405 405 405 405 405
POST  /people/{other}/role            302 403 403 403 403 302
GET   /people/{other}/role            405 405 405 405 405 405
GET   /setup/guess                    410 410 410 410 410 410
POST  /setup/guess                    410 410 410 410 410 410
"""
POSTED = {"/my/tokens/": {"name": "box"}, "/people/{other}/role": {"grant": "triager"}}
LINES = [line.split() for line in TABLE.strip().splitlines()]


@pytest.fixture
def other(db: None) -> Person:
    return make_person("other")


def visitor(role: str) -> Client:
    client = Client()
    if role != "anonymous":
        roles = [] if role == "reporter" else [Role(role)]
        sign_in(client, make_person(f"the.{role}", *roles))
    return client


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_the_status_of_the_table(role: str, other: Person) -> None:
    """What one line changes is undone before the next."""
    token, _ = make_token(other, "box")
    wrong = []
    for method, path, *statuses in LINES:
        address = path.format(other=other.pk, token=token.pk)
        with transaction.atomic():
            client = visitor(role)
            sent = POSTED.get(path, {})
            answer = client.get(address) if method == "GET" else client.post(address, sent)
            transaction.set_rollback(True)
        if answer.status_code != int(statuses[ROLES.index(role)]):
            wrong.append(f"{method} {path}: {answer.status_code}")
        if role == "anonymous" and answer.status_code == 302 and not path.startswith("/accounts/"):
            assert answer.headers["Location"].startswith("/accounts/login/?next=")
    assert wrong == []


def test_the_table_names_every_page_of_accounts() -> None:
    named = {resolve(path.format(other=1, token=1)).url_name for _, path, *_ in LINES}
    assert {pattern.name for pattern in urlpatterns} <= named


def test_a_form_without_its_token_does_nothing(other: Person) -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, make_person("boss", Role.ADMINISTRATOR))
    assert client.post(f"/people/{other.pk}/do/deactivate").status_code == 403
    other.refresh_from_db()
    assert other.is_active
