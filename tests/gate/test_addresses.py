"""The addresses at which mail comes in: what they mean, and that nobody can make one up."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from notifications.gate import addresses
from notifications.gate.addresses import (
    REPLIES_FOR,
    BounceOf,
    NoSuchAddress,
    ReplyTo,
    ReportTo,
    read_recipient,
)

LONGEST_LOCAL_PART = 64
BOXES = ["", "tracker"]


@pytest.fixture(params=BOXES, autouse=True)
def gate(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = request.param, "problems.example.org"


def reply(person: int = 7, problem: int = 4711) -> ReplyTo:
    found = read_recipient(addresses.reply_address(person, problem))
    assert isinstance(found, ReplyTo)
    return found


@pytest.mark.parametrize(("person", "problem"), [(1, 0), (7, 4711), (2**32 - 1, 2**40 - 1)])
def test_a_reply_address_names_its_person_and_problem(person: int, problem: int) -> None:
    address = addresses.reply_address(person, problem)
    assert len(address.partition("@")[0]) <= LONGEST_LOCAL_PART
    assert address == address.lower()
    found = reply(person, problem)
    assert (found.person, found.problem) == (person, problem)


def test_it_survives_a_server_that_changes_its_case() -> None:
    assert read_recipient(addresses.reply_address(7, 4711).upper()) == reply()


def test_it_expires() -> None:
    old = timezone.now() - REPLIES_FOR - timedelta(hours=2)
    found = read_recipient(addresses.reply_address(7, 4711, old))
    assert isinstance(found, ReplyTo)
    assert found.is_expired
    assert not reply().is_expired


def test_the_time_of_issue_is_never_before_the_mail() -> None:
    now = timezone.now()
    assert now <= reply().issued_at < now + timedelta(hours=1, minutes=1)


def test_each_character_of_a_token_counts() -> None:
    address = addresses.reply_address(7, 4711)
    local, _, domain = address.partition("@")
    for place in range(local.index("reply") + 6, len(local) - 1):
        other = "a" if local[place] != "a" else "b"
        with pytest.raises(NoSuchAddress):
            read_recipient(f"{local[:place]}{other}{local[place + 1 :]}@{domain}")


def test_a_token_of_one_purpose_is_none_of_another() -> None:
    address = addresses.reply_address(7, 4711)
    with pytest.raises(NoSuchAddress):
        read_recipient(address.replace("reply", "bounce"))


def test_another_secret_key_voids_it(settings: Settings) -> None:
    address = addresses.reply_address(7, 4711)
    settings.SECRET_KEY = "another key, that is as long as keys have to be"
    with pytest.raises(NoSuchAddress):
        read_recipient(address)


@pytest.mark.parametrize("key", [1, 2**31, 2**48 - 1])
def test_a_return_path_names_its_message(key: int) -> None:
    assert read_recipient(addresses.bounce_address(key)) == BounceOf(key)


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("", addresses.report_address),
        ("base", lambda: addresses.report_address("base")),
        ("base.net", lambda: addresses.report_address("base", "net")),
        ("c++.lib.x", lambda: addresses.report_address("c++", "lib.x")),
    ],
)
def test_reports_have_an_address_for_each_place(place: str, address: object) -> None:
    assert callable(address)
    assert read_recipient(address()) == ReportTo(place)


@pytest.mark.parametrize(
    "address",
    ["", "@", "someone@problems.example.org", "reply+@problems.example.org", "report@example.org",
     "reply@problems.example.org", "reply+aaaa@problems.example.org", "tracker+x@example.org",
     "replyx+aaaa@problems.example.org", "reply+é@problems.example.org"],
)  # fmt: skip
def test_everything_else_is_nobody(address: str) -> None:
    with pytest.raises(NoSuchAddress):
        read_recipient(address)


@given(st.text(max_size=80))
def test_nothing_that_is_typed_breaks_it(text: str) -> None:
    for address in (text, f"reply+{text}@problems.example.org", f"{text}@problems.example.org"):
        try:
            found = read_recipient(address)
        except NoSuchAddress:
            continue
        assert isinstance(found, ReportTo)


def test_where_no_mail_comes_in_there_are_no_addresses(settings: Settings) -> None:
    address = addresses.reply_address(7, 4711)
    settings.MAIL_IN_DOMAIN = ""
    assert addresses.reply_address(7, 4711) == addresses.report_address() == ""
    assert not addresses.is_ours(address)
    with pytest.raises(NoSuchAddress):
        read_recipient(address)


def test_our_own_addresses_are_known_whatever_their_token() -> None:
    assert addresses.is_ours(addresses.reply_address(7, 4711))
    assert addresses.is_ours(addresses.report_address())
    assert not addresses.is_ours("rita@example.org")
    assert not addresses.is_ours("rita@problems.example.org")
