"""Signing up and in through the API, by mailed code."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.codes import KEEP_REQUESTS, VALID_FOR
from accounts.handles import is_placeholder
from accounts.models import (
    AccessToken,
    IdempotentRequest,
    Person,
    SetupLink,
    SignInChallenge,
)
from accounts.services import begin_sign_up, deactivate
from accounts.tasks import purge_expired
from tests.api.calls import Caller, document, fields_of
from tests.people import make_person

pytestmark = pytest.mark.django_db
Mails = list[dict[str, Any]]


def code_in(mail: dict[str, Any]) -> str:
    """The code of a mail, which stands alone on a line."""
    lines = [line for line in mail["text"].splitlines() if line.isdigit()]
    assert len(lines) == 1
    assert len(lines[0]) == 8
    return str(lines[0])


def ask(way: str, email: str, **values: str) -> Any:
    answer = Caller().post(f"auth/sign-{way}/", {"email": email, **values})
    assert answer.status_code == 202, answer.content
    return answer.json()


def confirm(asked: Any, code: str, system: str = "nas") -> Any:
    said = {"challenge": asked["challenge"], "code": code, "system": system}
    return Caller().post("auth/confirm/", said)


def test_signing_up_makes_a_confirmed_person_when_the_code_is_typed(mails: Mails) -> None:
    asked = ask("up", "Nora.New@example.org")
    assert not Person.objects.exists()
    assert code_in(mails[0]) in mails[0]["subject"]
    answer = confirm(asked, code_in(mails[0]))
    assert answer.status_code == 201
    assert answer.json()["person"] == {"handle": "nora.new", "email": "nora.new@example.org"}
    person = Person.objects.get()
    assert person.is_confirmed
    assert EmailAddress.objects.get(user=person, verified=True, primary=True).email == person.email
    me = Caller(Authorization=f"Bearer {answer.json()['token']}").get("me/").json()
    assert (me["handle"], me["token"]["name"]) == ("nora.new", "nas")


def test_the_wished_handle_is_given(mails: Mails) -> None:
    asked = ask("up", "nora@example.org", handle="Wave")
    assert confirm(asked, code_in(mails[0])).json()["person"]["handle"] == "Wave"


def test_a_handle_that_is_taken_or_reserved_is_refused_at_once(mails: Mails) -> None:
    make_person("wave")
    for handle in ("WAVE", "admin", "no spaces"):
        answer = Caller().post("auth/sign-up/", {"email": "n@example.org", "handle": handle})
        assert "handle" in fields_of(answer)
    assert mails == []


def test_a_handle_that_was_taken_meanwhile_gets_a_number(mails: Mails) -> None:
    asked = ask("up", "nora@example.org", handle="wave")
    make_person("wave")
    assert confirm(asked, code_in(mails[0])).json()["person"]["handle"] == "wave-2"


@pytest.mark.parametrize("local", ["admin", "__", "a" * 60, "#!", "newcomer-1"])
def test_any_address_gives_a_handle_that_may_be_had(local: str, mails: Mails) -> None:
    asked = ask("up", f"{local}@example.org")
    assert confirm(asked, code_in(mails[0])).status_code == 201
    handle = Person.objects.get().handle
    assert handle not in {"admin", "", "__"}
    assert not is_placeholder(handle)


def test_signing_in_gives_a_token_of_the_same_person(reporter: Person, mails: Mails) -> None:
    answer = confirm(ask("in", "RITA@example.org"), code_in_next(mails))
    assert answer.json()["person"]["handle"] == "rita"
    assert AccessToken.objects.get().person == reporter


def code_in_next(mails: Mails) -> str:
    return code_in(mails[-1])


def test_signing_up_again_signs_in(reporter: Person, mails: Mails) -> None:
    asked = ask("up", reporter.email)
    assert "You have one already" in mails[0]["text"]
    assert confirm(asked, code_in(mails[0])).json()["person"]["handle"] == "rita"
    assert Person.objects.count() == 1


def test_an_address_that_nobody_has_is_mailed_how_to_register(mails: Mails) -> None:
    ask("in", "nobody@example.org")
    assert "send-problem register nobody@example.org" in mails[0]["text"]
    assert not any(line.isdigit() for line in mails[0]["text"].splitlines())


@pytest.mark.parametrize("way", ["in", "up"])
def test_nothing_tells_whether_an_address_is_registered(
    way: str, reporter: Person, mails: Mails
) -> None:
    ask(way, "warm-up@example.org")
    seen = []
    for email in (reporter.email, "nobody@example.org"):
        with CaptureQueriesContext(connection) as captured:
            answer = Caller().post(f"auth/sign-{way}/", {"email": email})
        body = answer.json()
        told = body["detail"].replace(email, ""), body["expires_in"], len(body["challenge"])
        headers = sorted(set(answer.headers) - {"Content-Length"})
        seen.append((answer.status_code, told, headers, len(captured)))
    assert seen[0] == seen[1]
    assert len(mails) == 3


def test_a_closed_account_gets_no_code_and_looks_the_same(
    reporter: Person, administrator: Person, mails: Mails
) -> None:
    deactivate(reporter, by=administrator)
    for way in ("in", "up"):
        asked = ask(way, reporter.email)
        assert "is closed" in mails[-1]["text"]
        document(confirm(asked, "12345678"), 400)
    assert not AccessToken.objects.exists()


def test_an_account_that_was_begun_on_the_web_is_finished_by_the_code(mails: Mails) -> None:
    begun = begin_sign_up("nora@example.org")
    answer = confirm(ask("up", "nora@example.org", handle="wave"), code_in_next(mails))
    assert answer.json()["person"]["handle"] == "wave"
    begun.refresh_from_db()
    assert begun.is_confirmed
    assert not begun.has_usable_password()


def test_a_code_is_typed_with_blanks_as_well(reporter: Person, mails: Mails) -> None:
    asked = ask("in", reporter.email)
    code = code_in(mails[0])
    assert confirm(asked, f" {code[:4]} {code[4:]}").status_code == 201


def test_a_code_works_once(reporter: Person, mails: Mails) -> None:
    asked = ask("in", reporter.email)
    assert confirm(asked, code_in(mails[0])).status_code == 201
    assert "Ask for a new one" in document(confirm(asked, code_in(mails[0])), 400)["detail"]


def test_five_wrong_codes_end_a_challenge(reporter: Person, mails: Mails) -> None:
    asked = ask("in", reporter.email)
    code = code_in(mails[0])
    wrong = "00000000" if code != "00000000" else "11111111"
    told = [document(confirm(asked, wrong), 400)["detail"] for _ in range(5)]
    assert "4 more tries" in told[0]
    assert "1 more try" in told[3]
    assert "Ask for a new one" in told[4]
    document(confirm(asked, code), 400)


def test_a_code_is_too_old_after_a_quarter_of_an_hour(reporter: Person, mails: Mails) -> None:
    asked = ask("in", reporter.email)
    SignInChallenge.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    document(confirm(asked, code_in(mails[0])), 400)
    assert timedelta(minutes=15) == VALID_FOR


def test_a_code_opens_only_the_challenge_it_was_mailed_for(reporter: Person, mails: Mails) -> None:
    first, second = ask("in", reporter.email), ask("in", reporter.email)
    document(confirm(second, code_in(mails[0])), 400)
    document(confirm({"challenge": "no-uuid"}, code_in(mails[0])), 400)
    assert confirm(first, code_in(mails[0])).status_code == 201


def test_the_code_cannot_be_read_from_the_table(reporter: Person, mails: Mails) -> None:
    ask("in", reporter.email)
    challenge = SignInChallenge.objects.get()
    assert code_in(mails[0]) not in str(vars(challenge))


@pytest.mark.django_db(transaction=True)
def test_of_many_who_type_the_code_at_once_one_gets_a_token(mails: Mails) -> None:
    asked = ask("up", "nora@example.org")
    code = code_in(mails[0])
    statuses: list[int] = []
    barrier = threading.Barrier(4)

    def type_it() -> None:
        barrier.wait()
        statuses.append(confirm(asked, code).status_code)
        connections.close_all()

    threads = [threading.Thread(target=type_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [201, 400, 400, 400]
    assert (Person.objects.count(), AccessToken.objects.count()) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_guessing_at_once_spends_no_more_than_five_tries(reporter: Person, mails: Mails) -> None:
    asked = ask("in", reporter.email)
    wrong = "00000000" if code_in(mails[0]) != "00000000" else "11111111"
    told: list[str] = []
    barrier = threading.Barrier(8)

    def guess() -> None:
        barrier.wait()
        told.append(confirm(asked, wrong).json()["detail"])
        connections.close_all()

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("This is not the code" in each for each in told) == 5
    assert SignInChallenge.objects.get().attempts_left == 0


def test_a_wrong_address_is_named() -> None:
    assert set(fields_of(Caller().post("auth/sign-in/", {"email": "no address"}))) == {"email"}
    errors = fields_of(Caller().post("auth/confirm/", {"code": ["1"]}))
    assert set(errors) == {"challenge", "code", "system"}


def test_what_has_served_is_purged_and_the_rest_stays(reporter: Person, mails: Mails) -> None:
    ask("in", reporter.email)
    ask("in", reporter.email)
    old = timezone.now() - timedelta(days=2)
    SignInChallenge.objects.filter(pk=SignInChallenge.objects.first().pk).update(expires_at=old)  # type: ignore[union-attr]
    for key, age in (("old", KEEP_REQUESTS + timedelta(hours=1)), ("new", timedelta(days=6))):
        IdempotentRequest.objects.create(
            person=reporter, key=key, fingerprint="", created_at=timezone.now() - age
        )
    SetupLink.objects.create(digest="a", used_at=timezone.now() - timedelta(days=8))
    SetupLink.objects.create(digest="b")
    purge_expired()
    assert SignInChallenge.objects.count() == 1
    assert [row.key for row in IdempotentRequest.objects.all()] == ["new"]
    assert [link.digest for link in SetupLink.objects.all()] == ["b"]
