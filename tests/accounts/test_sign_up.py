"""Signing up: a code proves the address, and nothing says whether it was known."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.codes import purge_expired
from accounts.handles import is_placeholder
from accounts.models import Person
from accounts.services import begin_sign_up, finish_sign_up
from tests.accounts.flows import (
    PASSWORD,
    as_seen,
    ask_for_code,
    code_to,
    mail_to,
    mails_to,
    make_member,
    sign_in_with_password,
    sign_up,
    type_sign_in_code,
    type_sign_up_code,
    who,
)
from tests.people import make_person

pytestmark = pytest.mark.django_db


def test_typing_the_mailed_code_makes_a_confirmed_person(client: Client) -> None:
    sign_up(client)
    assert who(client) == ""
    assert type_sign_up_code(client, code_to("nell@example.org")).status_code == 302
    person = Person.objects.get(email="nell@example.org")
    assert (who(client), person.handle, person.is_confirmed) == ("nell", "nell", True)
    assert not person.has_usable_password()
    assert EmailAddress.objects.get(user=person).verified


def test_a_code_may_be_typed_small_and_without_its_dash(client: Client) -> None:
    sign_up(client)
    type_sign_up_code(client, code_to("nell@example.org").lower().replace("-", ""))
    assert who(client) == "nell"


def test_a_password_of_the_sign_up_signs_in_later(client: Client) -> None:
    sign_up(client, password=PASSWORD)
    type_sign_up_code(client, code_to("nell@example.org"))
    assert who(client) == "nell"
    later = Client()
    sign_in_with_password(later, "nell@example.org")
    assert who(later) == "nell"


def test_the_account_is_as_old_as_its_proof(client: Client) -> None:
    sign_up(client)
    Person.objects.update(joined_at=timezone.now() - timedelta(days=9))
    type_sign_up_code(client, code_to("nell@example.org"))
    assert timezone.now() - Person.objects.get().joined_at < timedelta(minutes=1)


def test_five_wrong_codes_end_the_attempt(client: Client) -> None:
    sign_up(client)
    code = code_to("nell@example.org")
    for _ in range(5):
        type_sign_up_code(client, "BBBB-BBBB")
    type_sign_up_code(client, code)
    assert who(client) == ""


def test_a_code_opens_nothing_in_another_browser(client: Client) -> None:
    sign_up(client)
    other = Client()
    assert (
        type_sign_up_code(other, code_to("nell@example.org"))
        .headers["Location"]
        .startswith(reverse("account_login"))
    )
    assert who(other) == ""


@pytest.mark.parametrize("handle", ["-nell", "a b", "ne@ll", "x" * 41, ".", "<b>", "näll"])
def test_a_handle_that_could_not_stand_in_an_address_is_refused(
    client: Client, handle: str
) -> None:
    answer = sign_up(client, handle=handle)
    assert answer.context["form"].errors["username"]
    assert not Person.objects.exists()


@pytest.mark.parametrize("handle", ["admin", "Me", "none", "any", "SYSTEM", "newcomer-12"])
def test_a_reserved_handle_is_refused(client: Client, handle: str) -> None:
    assert "reserved" in str(sign_up(client, handle=handle).context["form"].errors["username"])


def test_a_taken_handle_is_refused_in_any_case(client: Client) -> None:
    make_person("Rita")
    assert "Somebody has" in str(sign_up(client, handle="rITA").context["form"].errors["username"])


def test_a_poor_password_is_refused_with_the_reason(client: Client) -> None:
    answer = sign_up(client, password="nell@example")
    assert "too similar" in str(answer.context["form"].errors["password1"])


# Whether an address is known


def test_signing_up_looks_the_same_for_a_known_address() -> None:
    make_member("rita")
    seen = []
    for address in ("rita@example.org", "nell@example.org"):
        client = Client()
        first = sign_up(client, email=address, handle="walrus", password=PASSWORD)
        page = client.get(first.headers["Location"])
        wrong = type_sign_up_code(client, "BBBB-BBBB")
        cookies = sorted(client.cookies)
        seen.append([as_seen(answer, address) for answer in (first, page, wrong)] + [cookies])
    assert seen[0] == seen[1]
    assert "account already" in mail_to("rita@example.org").subject
    assert code_to("nell@example.org")


def test_too_many_wrong_codes_look_the_same_for_a_known_address() -> None:
    make_member("rita")
    seen = []
    for address in ("rita@example.org", "nell@example.org"):
        client = Client()
        sign_up(client, email=address, handle="walrus")
        answers = [type_sign_up_code(client, "BBBB-BBBB") for _ in range(6)]
        seen.append([as_seen(answer, address) for answer in answers])
    assert seen[0] == seen[1]


def test_the_handle_of_an_unproven_sign_up_tells_nothing(client: Client) -> None:
    """Otherwise: sign up victim@ as "probe", then oneself as "probe": taken if victim@ was new."""
    sign_up(client, email="nell@example.org", handle="probe")
    attacker = Client()
    assert sign_up(attacker, email="eve@example.org", handle="probe").status_code == 302
    assert Client().get("/people/probe").status_code == 404


def test_signing_up_takes_as_long_for_a_known_address(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        make_member(f"known{number}")
    # So dear that whoever forgets to hash in one of the two cases is seen to be quick.
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 204_800)

    def spent(address: str) -> float:
        client = Client()
        client.get(reverse("account_signup"))
        started = time.process_time()
        sign_up(client, f"{address}@example.org", "walrus", PASSWORD)
        return time.process_time() - started

    # By turns, so that what else the machine does comes over both.
    both = [(spent(f"known{number}"), spent(f"unknown{number}")) for number in range(4)]
    known, unknown = (min(times) for times in zip(*both, strict=True))
    assert 1 / 3 < known / unknown < 3


def test_nobody_can_prepare_an_account_for_somebody_elses_address(client: Client) -> None:
    attacker = Client()
    sign_up(attacker, handle="mallory", password="an evil password 123")
    # The owner of the mailbox comes in by the sign-in page instead.
    ask_for_code(client, "nell@example.org")
    type_sign_in_code(client, code_to("nell@example.org"))
    person = Person.objects.get()
    assert person.is_confirmed
    assert is_placeholder(person.handle)
    assert not person.has_usable_password()
    sign_in_with_password(attacker, "nell@example.org", "an evil password 123")
    assert who(attacker) == ""


def test_the_wishes_of_the_browser_that_proves_the_address_are_kept(client: Client) -> None:
    """Somebody signs up with the same address while its owner reads the mail."""
    sign_up(client, handle="nell", password=PASSWORD)
    code = code_to("nell@example.org")
    with time_machine.travel(time.time() + 6):  # past the limit for one mailbox
        sign_up(Client(), handle="mallory", password="an evil password 123")
    assert len(mails_to("nell@example.org")) == 2
    type_sign_up_code(client, code)
    person = Person.objects.get()
    assert (person.handle, person.check_password(PASSWORD)) == ("nell", True)


def test_wishes_for_one_address_are_not_given_to_another(client: Client) -> None:
    sign_up(Client(), email="nell@example.org")
    sign_up(client, email="mistyped@example.org", handle="walrus", password=PASSWORD)
    client.post(reverse("account_logout"))
    ask_for_code(client, "nell@example.org")
    type_sign_in_code(client, code_to("nell@example.org"))
    person = Person.objects.get(email="nell@example.org")
    assert person.is_confirmed
    assert is_placeholder(person.handle)
    assert not person.has_usable_password()


def test_a_handle_taken_meanwhile_gets_a_number(client: Client) -> None:
    sign_up(client, handle="walrus")
    make_person("Walrus")
    type_sign_up_code(client, code_to("nell@example.org"))
    assert Person.objects.get(email="nell@example.org").handle == "walrus-2"
    page = client.get(reverse("profile")).content.decode()
    assert "Somebody took “walrus” meanwhile" in page


def test_a_long_handle_taken_meanwhile_still_fits(db: None) -> None:
    wanted = "w" * 40
    make_person(wanted)
    person = make_person("nell")
    finish_sign_up(person, wanted)
    assert len(person.handle) <= 40
    person.full_clean(exclude=["password"])


def test_the_mail_says_who_has_closed_the_account(client: Client) -> None:
    make_member("rita", is_active=False)
    sign_up(client, email="rita@example.org", handle="walrus")
    assert "closed" in mail_to("rita@example.org").subject


def test_mail_leads_to_the_configured_address_whatever_the_request_says(client: Client) -> None:
    make_member("rita")
    client.post(
        reverse("account_signup"),
        {"email": "rita@example.org", "username": "walrus"},
        headers={"host": "localhost:1"},
    )
    assert "localhost:1" not in mail_to("rita@example.org").text
    assert "http://127.0.0.1" in mail_to("rita@example.org").text


def test_sixty_people_sign_up_from_one_address_of_the_default_setup(db: None) -> None:
    for number in range(60):
        client = Client()
        address = f"swarm{number}@example.org"
        assert sign_up(client, address, f"swarm{number}").status_code == 302
        type_sign_up_code(client, code_to(address))
    assert Person.objects.filter(email_confirmed_at__isnull=False).count() == 60


def test_one_mailbox_is_not_flooded(client: Client) -> None:
    statuses = [sign_up(Client(), handle=f"walrus{n}").status_code for n in range(4)]
    assert statuses[0] == 302
    assert 429 in statuses[1:]
    assert len(mails_to("nell@example.org")) == 1


def test_an_unproven_sign_up_does_not_hold_the_address_of_its_owner(client: Client) -> None:
    """Somebody signed up with the address that a person wants to change to."""
    rita = make_member("rita")
    sign_up(Client(), email="new@example.org")
    sign_in_with_password(client, rita.email)
    with time_machine.travel(time.time() + 6):  # past the limit for one mailbox
        client.post(reverse("account_email"), {"email": "new@example.org", "action_add": "1"})
        type_sign_up_code(client, code_to("new@example.org"))
    rita.refresh_from_db()
    assert rita.email == "new@example.org"
    assert Person.objects.get() == rita


def test_a_wrong_code_releases_nothing(client: Client) -> None:
    rita = make_member("rita")
    other = Client()
    sign_up(other, email="new@example.org")
    code = code_to("new@example.org")
    sign_in_with_password(client, rita.email)
    with time_machine.travel(time.time() + 6):
        client.post(reverse("account_email"), {"email": "new@example.org", "action_add": "1"})
        type_sign_up_code(client, "BBBB-BBBB")
    type_sign_up_code(other, code)
    assert who(other) == "nell"


def test_an_account_that_was_never_proven_is_forgotten_after_a_week(client: Client) -> None:
    make_person("imported", email_confirmed_at=None)
    sign_up(client)
    purge_expired()
    assert Person.objects.count() == 2
    with time_machine.travel(timezone.now() + timedelta(days=8)):
        purge_expired()
    assert Person.objects.get().handle == "imported"


@pytest.mark.django_db(transaction=True)
def test_two_browsers_that_sign_up_at_once_wait_for_one_account() -> None:
    together = threading.Barrier(2)

    def begin(_: int) -> int:
        together.wait(5)
        try:
            return begin_sign_up("nell@example.org").pk
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(begin, range(2)))) == 1
