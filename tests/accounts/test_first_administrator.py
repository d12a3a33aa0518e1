"""The one-time link that makes the first administrator."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Person, Role
from tests.accounts.flows import PASSWORD, sign_in_with_password, who
from tests.people import make_person

pytestmark = pytest.mark.django_db

ANSWERS = {"email": "ada@example.org", "handle": "ada", "password": PASSWORD}


def link(settings: Settings) -> str:
    """The path of a fresh link, as the command prints it."""
    output = StringIO()
    call_command("first_administrator_link", stdout=output)
    address = output.getvalue().strip()
    return address.removeprefix(settings.BASE_URL) if address else ""


def test_the_link_makes_an_administrator_who_is_signed_in(
    client: Client, settings: Settings
) -> None:
    path = link(settings)
    assert client.post(path, ANSWERS).headers["Location"] == "/"
    assert who(client) == "ada"
    assert Role.ADMINISTRATOR in Person.objects.get().roles


def test_the_first_administrator_signs_in_again_without_another_code(
    client: Client, settings: Settings
) -> None:
    client.post(link(settings), ANSWERS)
    later = Client()
    sign_in_with_password(later, "ada@example.org")
    assert who(later) == "ada"


def test_looking_at_the_link_does_not_spend_it(client: Client, settings: Settings) -> None:
    path = link(settings)
    for _ in range(3):
        assert client.get(path).status_code == 200
    client.post(path, ANSWERS | {"password": "short"})
    client.post(path, ANSWERS)
    assert who(client) == "ada"


def test_the_link_works_once(client: Client, settings: Settings) -> None:
    path = link(settings)
    client.post(path, ANSWERS)
    for answer in (Client().get(path), Client().post(path, ANSWERS | {"handle": "eve"})):
        assert answer.status_code == 410
        assert "first_administrator_link" in answer.content.decode()
    assert Person.objects.count() == 1


def test_a_newer_link_makes_the_older_void(client: Client, settings: Settings) -> None:
    old, new = link(settings), link(settings)
    assert client.get(old).status_code == 410
    assert client.get(new).status_code == 200


def test_a_guessed_link_opens_nothing(client: Client, settings: Settings) -> None:
    link(settings)
    assert client.post("/setup/guess", ANSWERS).status_code == 410
    assert not Person.objects.exists()


def test_nothing_is_printed_once_there_is_an_administrator(
    administrator: Person, settings: Settings
) -> None:
    assert link(settings) == ""


def test_an_address_or_handle_in_use_is_named_and_the_link_stays_good(
    client: Client, settings: Settings
) -> None:
    make_person("ada")
    path = link(settings)
    errors = client.post(path, ANSWERS).context["form"].errors
    assert set(errors) == {"email", "handle"}
    client.post(path, ANSWERS | {"email": "root@example.org", "handle": "ada2"})
    assert who(client) == "ada2"
