"""Which domain answers for a mail, with real signatures and a real server of DNS."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import dkim
import pytest
import time_machine
from pytest_django.fixtures import Settings

from notifications.gate import signatures
from notifications.gate.addresses import NoSuchAddress, read_recipient
from notifications.gate.signatures import is_aligned, signing_domain
from tests.gate.letters import REPORTS, letter
from tests.gate.signed import NameServer, ask_of, name_server, sign

RITA = "rita@example.org"


@pytest.fixture(scope="module")
def running() -> Iterator[NameServer]:
    with name_server() as server:
        yield server


@pytest.fixture(autouse=True)
def server(running: NameServer, monkeypatch: pytest.MonkeyPatch) -> NameServer:
    running.texts.clear()
    running.asked.clear()
    running.is_silent = False
    running.knows("example.org", "mail.example.org", "other.example")
    ask_of(running, monkeypatch)
    return running


def domain_of(raw: bytes, address: str = RITA, recipient: str = REPORTS) -> str:
    return signing_domain(raw, address, recipient)


def test_a_signature_of_its_own_domain_answers_for_a_mail() -> None:
    assert domain_of(sign(letter())) == "example.org"


def test_one_of_a_domain_above_does_so_too_but_none_of_a_domain_below_or_beside() -> None:
    deep = letter("rita@dev.example.org")
    assert domain_of(sign(deep), "rita@dev.example.org") == "example.org"
    assert domain_of(sign(letter(), "mail.example.org")) == ""
    assert domain_of(sign(letter(), "other.example")) == ""


@pytest.mark.parametrize(
    ("signer", "domain", "is_so"),
    [
        ("example.org", "example.org", True),
        ("example.org", "a.b.example.org", True),
        ("ample.org", "example.org", False),
        ("org", "example.org", False),
        ("", "example.org", False),
    ],
)
def test_no_top_level_domain_and_no_part_of_a_name_is_above(
    signer: str, domain: str, is_so: bool
) -> None:
    assert is_aligned(signer, domain) is is_so


def test_a_mail_that_was_changed_is_not_signed() -> None:
    assert domain_of(sign(letter()).replace(b"broken", b"mended")) == ""
    assert domain_of(sign(letter()).replace(b"The card stops", b"The card works")) == ""


def test_a_signature_of_only_the_beginning_is_none() -> None:
    signed = sign(letter(), length=True)
    assert b"l=" in signed
    assert domain_of(signed) == ""


@pytest.mark.parametrize("left_out", [b"to", b"subject", b"message-id"])
def test_a_signature_must_cover_what_a_mail_is_taken_for(left_out: bytes) -> None:
    names = (b"from", b"to", b"subject", b"message-id")
    covered = [name for name in names if name != left_out]
    assert domain_of(sign(letter(), include_headers=covered)) == ""


def test_a_mail_that_could_be_sent_again_and_again_is_not_signed() -> None:
    assert domain_of(sign(letter(Message_ID=""))) == ""


@pytest.mark.parametrize(
    "added",
    [
        b"X-Eve: a\r\n \r\n Words of Eve's\r\n",
        b"X-Eve: a\r\n\t\r\n Words of Eve's\r\n",
        b"From her chair Eve wrote this\r\n",
        b"x" * 201 + b": Words of Eve's\r\n",
        b"".join(b"X-%d: Eve\r\n" % n for n in range(1_100)),
    ],
)
def test_what_only_one_reader_takes_for_a_header_spoils_the_signature(added: bytes) -> None:
    head, blank, body = sign(letter()).partition(b"\r\n\r\n")
    changed = head + b"\r\n" + added + blank[2:] + body
    assert dkim.verify(changed, dnsfunc=signatures._Keys(time.monotonic() + 3).text_of)
    assert domain_of(changed) == ""


def test_a_mail_to_somebody_else_is_not_signed_for_us() -> None:
    assert domain_of(sign(letter(to="friend@example.net"))) == ""
    assert domain_of(sign(letter(to=f"friend@example.net, Bugs <{REPORTS.upper()}>")))


@pytest.mark.parametrize(
    "again",
    [
        b"From: eve@example.org\r\n",
        b"Subject: Worse\r\n",
        b"Content-Type: multipart/mixed; boundary=quoted\r\n",
        b"MIME-Version: 1.0\r\n",
    ],
)
def test_a_header_that_is_there_twice_spoils_the_signature(again: bytes) -> None:
    assert domain_of(again + sign(letter())) == ""


def test_what_has_expired_is_not_signed() -> None:
    now = int(time.time())
    assert domain_of(sign(letter(), expires=now + 3600)) == "example.org"
    with time_machine.travel(now - 7200):
        signed = sign(letter(), expires=now - 3600)
        assert domain_of(signed) == "example.org"
    assert domain_of(signed) == ""


def test_of_many_signatures_only_the_first_five_are_looked_at() -> None:
    once = sign(letter())
    rubbish = once.partition(b"\r\nFrom:")[0].replace(b"d=example.org", b"d=x.example") + b"\r\n"
    assert domain_of(rubbish * 4 + once) == "example.org"
    assert domain_of(rubbish * 5 + once) == ""


def test_of_a_large_mail_fewer_signatures_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    once = sign(letter())
    wrong = re.sub(rb"bh=[^;]+;", b"bh=AAAA;", once.partition(b"\r\nFrom:")[0]) + b"\r\n"
    assert domain_of(wrong * 2 + once) == "example.org"
    monkeypatch.setattr(signatures, "LARGE", 100)
    assert domain_of(wrong + once) == "example.org"
    assert domain_of(wrong * 2 + once) == ""


def test_a_name_server_that_is_away_makes_a_mail_unsigned(
    server: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signatures, "DNS_SECONDS", 0.2)
    server.is_silent = True
    assert domain_of(sign(letter())) == ""
    server.is_silent = False
    assert domain_of(sign(letter())) == "example.org"


def test_a_key_is_asked_for_once_and_so_is_one_that_does_not_exist(server: NameServer) -> None:
    for _ in range(3):
        assert domain_of(sign(letter())) == "example.org"
        assert domain_of(sign(letter("jo@example.net"), "example.net"), "jo@example.net") == ""
    assert sorted(server.asked) == ["mail._domainkey.example.net.", "mail._domainkey.example.org."]


def test_two_keys_under_one_name_are_none(server: NameServer) -> None:
    name = "mail._domainkey.example.org."
    server.texts[name] *= 2
    server.texts[name][1] = "v=DKIM1; p="
    assert domain_of(sign(letter())) == ""


def test_what_would_cost_too_much_is_not_even_asked_for(server: NameServer) -> None:
    assert domain_of(sign(letter(text="a" + " " * 300 + "b"))) == ""
    assert domain_of(sign(letter(text="a " * (signatures.BLANKS + 1)))) == ""
    assert domain_of(b"X-Long: " + b"x" * 300_000 + b"\r\n" + sign(letter())) == ""
    assert server.asked == []


def test_ones_own_server_is_believed_and_only_on_top(
    settings: Settings, server: NameServer
) -> None:
    server.texts.clear()
    settings.MAIL_AUTHSERV_ID = "mx.example.net"
    signed = sign(letter())
    ours = b"Authentication-Results: mx.example.net (ok) 1;\r\n spf=fail; dkim=pass (2048-bit)\r\n"
    ours += b" header.d=example.org header.s=mail\r\n"
    theirs = ours.replace(b"mx.example.net", b"mx.example.com")
    assert domain_of(ours + signed) == "example.org"
    assert domain_of(theirs + ours + signed) == ""
    assert domain_of(theirs + signed) == ""
    assert domain_of(ours.replace(b"dkim=pass", b"dkim=fail") + signed) == ""
    assert domain_of(ours.replace(b"header.d=example.org", b"header.d=x.org") + signed) == ""
    assert domain_of(ours + sign(letter(), include_headers=[b"from"])) == ""
    settings.MAIL_AUTHSERV_ID = ""
    assert domain_of(ours + signed) == ""


@pytest.mark.parametrize("sign_of", ["(", "a:", "<", '"'])
def test_a_header_of_open_brackets_names_nobody(sign_of: str) -> None:
    for address in (sign_of * 5_000, f"{sign_of * 5_000}{REPORTS}"):
        assert domain_of(letter(to=address)) == ""
        with pytest.raises(NoSuchAddress):
            read_recipient(address + "@example.net")
