"""Signing in by password or by mailed code, and keeping the ways in under control."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import AccountEvent, Person
from accounts.services import deactivate, reactivate
from tests.accounts.flows import (
    PASSWORD,
    as_seen,
    ask_for_code,
    code_to,
    mail_to,
    mails_to,
    make_member,
    sign_in_with_password,
    type_sign_in_code,
    who,
)
from tests.people import make_person
from tests.services import free_port

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "eight dry stones in a heap"


@pytest.fixture
def rita(db: None) -> Person:
    return make_member("rita")


def test_the_password_signs_in(client: Client, rita: Person) -> None:
    sign_in_with_password(client, "RITA@example.org")
    assert who(client) == "rita"


def test_the_mailed_code_signs_in_once(client: Client, rita: Person) -> None:
    ask_for_code(client, rita.email)
    code = code_to(rita.email)
    type_sign_in_code(client, code)
    assert who(client) == "rita"
    client.post(reverse("account_logout"))
    type_sign_in_code(client, code)
    assert who(client) == ""


@pytest.mark.parametrize(
    ("begin", "page"),
    [
        ("account_login", "account_confirm_login_code"),
        ("account_signup", "account_email_verification_sent"),
        ("account_reset_password", "account_confirm_password_reset_code"),
    ],
)
def test_a_code_that_comes_too_late_is_told_of(
    client: Client, rita: Person, begin: str, page: str
) -> None:
    address = "nell@example.org" if begin == "account_signup" else rita.email
    asked = {"login": address, "email": address, "username": "nell", "by_code": "1"}
    client.post(reverse(begin), asked)
    code = code_to(address)
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        answer = client.post(reverse(page), {"code": code}, follow=True)
    assert "This code is too old" in answer.content.decode()
    assert who(client) == ""


def test_the_page_of_codes_says_nothing_to_whoever_only_looks(client: Client) -> None:
    answer = client.get(reverse("account_confirm_login_code"), follow=True)
    assert "too old" not in answer.content.decode()


def test_an_empty_password_asks_for_a_code(client: Client, rita: Person) -> None:
    answer = sign_in_with_password(client, rita.email, "")
    assert answer.headers["Location"] == reverse("account_confirm_login_code")
    assert code_to(rita.email)


def test_the_code_button_wins_over_a_password_that_the_browser_filled_in(
    client: Client, rita: Person
) -> None:
    ask_for_code(client, rita.email, password=PASSWORD)
    assert who(client) == ""
    assert code_to(rita.email)


def test_a_new_code_replaces_the_old_one(client: Client, rita: Person) -> None:
    ask_for_code(client, rita.email)
    old = code_to(rita.email)
    client.post(reverse("account_confirm_login_code"), {"action": "resend"})
    type_sign_in_code(client, old)
    assert who(client) == ""
    type_sign_in_code(client, code_to(rita.email))
    assert who(client) == "rita"


def test_a_person_made_without_allauth_signs_in_as_anybody(client: Client) -> None:
    make_person("imported", password=PASSWORD)
    sign_in_with_password(client, "imported@example.org")
    assert who(client) == "imported"
    other = Client()
    ask_for_code(other, "imported@example.org")
    type_sign_in_code(other, code_to("imported@example.org"))
    assert who(other) == "imported"


@pytest.mark.parametrize(
    "target", ["//evil.example.org/", "https://evil.example.org/", "javascript:1"]
)
def test_signing_in_leads_nowhere_else(client: Client, rita: Person, target: str) -> None:
    data = {"login": rita.email, "password": PASSWORD, "next": target}
    answer = client.post(reverse("account_login"), data)
    assert answer.headers["Location"] == "/"


def test_signing_in_leads_back_to_where_one_was(client: Client, rita: Person) -> None:
    answer = client.get(reverse("tokens"))
    assert answer.headers["Location"] == "/accounts/login/?next=/my/tokens/"
    data = {"login": rita.email, "password": PASSWORD, "next": "/my/tokens/"}
    assert client.post(reverse("account_login"), data).headers["Location"] == "/my/tokens/"


# Whether an address is known


def test_asking_for_a_code_looks_the_same_for_an_unknown_address(rita: Person) -> None:
    seen = []
    for address in (rita.email, "nell@example.org"):
        client = Client()
        first = ask_for_code(client, address)
        page = client.get(first.headers["Location"])
        again = client.post(reverse("account_confirm_login_code"), {"action": "resend"})
        wrong = [type_sign_in_code(client, "BBBB-BBBB") for _ in range(6)]
        answers = [first, page, again, *wrong]
        seen.append([as_seen(answer, address) for answer in answers] + [sorted(client.cookies)])
    assert seen[0] == seen[1]
    assert "no account" in mail_to("nell@example.org").subject


def test_a_wrong_password_looks_the_same_for_an_unknown_address(rita: Person) -> None:
    make_member("nopass", password=None)
    seen = {
        as_seen(sign_in_with_password(Client(), address, "wrong password"), address)
        for address in (rita.email, "nopass@example.org", "nell@example.org")
    }
    assert len(seen) == 1


def test_asking_for_a_new_password_looks_the_same_for_an_unknown_address(rita: Person) -> None:
    seen = []
    for address in (rita.email, "nell@example.org"):
        client = Client()
        first = client.post(reverse("account_reset_password"), {"email": address})
        page = client.get(first.headers["Location"])
        wrong = client.post(first.headers["Location"], {"code": "BBBB-BBBB"})
        seen.append([as_seen(answer, address) for answer in (first, page, wrong)])
    assert seen[0] == seen[1]


# Passwords and addresses


def test_a_mailed_code_leads_to_a_new_password_and_ends_other_sessions(rita: Person) -> None:
    elsewhere, client = Client(), Client()
    sign_in_with_password(elsewhere, rita.email)
    client.post(reverse("account_reset_password"), {"email": rita.email})
    client.post(reverse("account_confirm_password_reset_code"), {"code": code_to(rita.email)})
    data = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    client.post(reverse("account_complete_password_reset"), data)
    assert (who(client), who(elsewhere)) == ("rita", "")
    assert "password was changed" in mail_to(rita.email).subject
    again = Client()
    sign_in_with_password(again, rita.email, NEW_PASSWORD)
    assert who(again) == "rita"


def test_changing_the_password_asks_for_the_old_one(client: Client, rita: Person) -> None:
    sign_in_with_password(client, rita.email)
    data = {"oldpassword": "wrong", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    answer = client.post(reverse("account_change_password"), data)
    assert "not your current password" in answer.content.decode()
    client.post(reverse("account_change_password"), data | {"oldpassword": PASSWORD})
    rita.refresh_from_db()
    assert rita.check_password(NEW_PASSWORD)
    assert who(client) == "rita"


def test_a_new_address_counts_once_its_code_is_typed(client: Client, rita: Person) -> None:
    sign_in_with_password(client, rita.email)
    client.post(reverse("account_email"), {"email": "new@example.org", "action_add": "1"})
    rita.refresh_from_db()
    assert rita.email == "rita@example.org"
    data = {"code": code_to("new@example.org")}
    client.post(reverse("account_email_verification_sent"), data)
    rita.refresh_from_db()
    assert rita.email == "new@example.org"
    assert "address was changed" in mail_to("rita@example.org").subject
    assert rita.account_events.get().kind == AccountEvent.Kind.ADDRESS_CHANGED
    assert "new@" not in str(rita.account_events.get().detail)
    later = Client()
    sign_in_with_password(later, "new@example.org")
    assert who(later) == "rita"
    ask_for_code(Client(), "rita@example.org")
    assert "no account" in mail_to("rita@example.org").subject


def test_the_address_of_another_account_cannot_be_taken(client: Client, rita: Person) -> None:
    make_member("sam")
    sign_in_with_password(client, rita.email)
    answer = client.post(reverse("account_email"), {"email": "sam@example.org", "action_add": "1"})
    assert answer.status_code == 302
    data = {"code": code_to("sam@example.org")}
    answer = client.post(reverse("account_email_verification_sent"), data)
    assert "belongs to another account" in answer.content.decode()
    rita.refresh_from_db()
    assert rita.email == "rita@example.org"


# Ends


def test_closing_an_account_signs_it_out_at_once(rita: Person, administrator: Person) -> None:
    client = Client()
    sign_in_with_password(client, rita.email)
    deactivate(rita, administrator)
    assert who(client) == ""
    sign_in_with_password(client, rita.email)
    ask_for_code(client, rita.email)
    assert who(client) == ""
    assert "closed" in mail_to(rita.email).subject
    reactivate(rita, administrator)
    client = Client()
    assert who(client) == ""
    sign_in_with_password(client, rita.email)
    assert who(client) == "rita"


def test_signing_out_everywhere_keeps_this_session_only(rita: Person) -> None:
    here, there = Client(), Client()
    sign_in_with_password(here, rita.email)
    sign_in_with_password(there, rita.email)
    here.post(reverse("end_sessions"))
    assert (who(here), who(there)) == ("rita", "")


def test_signing_out_everywhere_works_without_a_password() -> None:
    make_member("nopass", password=None)
    here, there = Client(), Client()
    for client in (here, there):
        ask_for_code(client, "nopass@example.org")
        type_sign_in_code(client, code_to("nopass@example.org"))
    here.post(reverse("end_sessions"))
    assert (who(here), who(there)) == ("nopass", "")


# Limits


def test_guessing_a_password_is_stopped(rita: Person) -> None:
    for _ in range(5):
        sign_in_with_password(Client(), rita.email, "wrong password")
    client = Client()
    answer = sign_in_with_password(client, rita.email)
    assert "Too many tries" in answer.content.decode()
    assert who(client) == ""


def test_one_mailbox_gets_few_codes(rita: Person) -> None:
    for _ in range(8):
        ask_for_code(Client(), rita.email)
    assert len(mails_to(rita.email)) == 3


def test_without_redis_people_sign_in_all_the_same(
    client: Client, rita: Person, settings: Settings
) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{free_port()}/0"}
    }
    ask_for_code(client, rita.email)
    type_sign_in_code(client, code_to(rita.email))
    assert who(client) == "rita"
