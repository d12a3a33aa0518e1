"""A mailbox of a real Dovecot is emptied: taken once, moved, and nothing of others touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import imap, storing
from notifications.gate.addresses import bounce_address, reply_address
from notifications.gate.mailbox import ImapBox
from notifications.gate.models import IncomingMail
from tests import services
from tests.conftest import sign_in
from tests.gate.letters import content, letter
from tests.services import ImapServer

pytestmark = pytest.mark.django_db

BOX = "tracker@problems.example.org"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[ImapServer]:
    with services.dovecot() as server:
        yield server


@pytest.fixture
def server(dovecot: ImapServer, settings: Settings) -> ImapServer:
    """Empty, and named by the set-up."""
    dovecot.empty()
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "tracker", "problems.example.org"
    settings.MAIL_IN_IMAP = box_of(dovecot)
    cache.clear()
    return dovecot


def box_of(server: ImapServer, **changes: object) -> ImapBox:
    box = ImapBox("localhost", server.port, server.user, server.password, security="imap")
    return replace(box, **changes)  # type: ignore[arg-type]


def received() -> list[tuple[str, str]]:
    found = IncomingMail.objects.filter(door=IncomingMail.Door.IMAP).order_by("id")
    return list(found.values_list("sender", "recipient"))


def test_mail_for_us_is_taken_whole_and_moved(server: ImapServer) -> None:
    raw = letter(to=BOX, Return_Path="<bounces@example.org>") + bytes(range(128, 256)) + b"\r\n"
    server.deliver(raw)

    assert imap.poll() is False
    assert received() == [("bounces@example.org", BOX)]
    assert content() == raw
    assert server.messages() == []
    assert len(server.messages(imap.FOLDER)) == 1


def test_mail_for_others_stays_and_is_flagged_once(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.deliver(letter(to="friends@example.org"))
    imap.poll()
    (left,) = server.mail.glob("*/*,*F*")
    assert "S" not in left.name.rpartition(",")[2], "a person shall still find it unread"

    def not_again(*_: object) -> None:
        raise AssertionError("it was looked at twice")

    monkeypatch.setattr(imap, "our_addresses", not_again)
    imap.poll()
    assert received() == []


def test_what_a_crash_left_in_the_inbox_is_not_taken_twice(server: ImapServer) -> None:
    raw = letter(to=BOX)
    server.deliver(raw)
    storing.receive(raw, "rita@example.org", BOX, IncomingMail.Door.IMAP)

    imap.poll()
    assert len(received()) == 1
    assert server.messages() == []


def test_one_run_takes_so_many_and_says_that_there_are_more(
    server: ImapServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imap, "MOST_MESSAGES", 2)
    for _ in range(3):
        server.deliver(letter(to=BOX))

    assert imap.poll() is True
    assert len(received()) == 2
    assert imap.poll() is False
    assert len(received()) == 3


def test_a_message_that_is_too_large_stays_and_holds_up_nobody(
    server: ImapServer, settings: Settings
) -> None:
    settings.MAIL_IN_BYTES = 2000
    server.deliver(letter(to=BOX, text="x" * 3000))
    server.deliver(letter(to=BOX))

    imap.poll()
    assert len(received()) == 1
    assert len(server.messages()) == 1


def test_what_somebody_else_marked_as_deleted_is_not_thrown_away(server: ImapServer) -> None:
    server.deliver(letter(to=BOX))
    (fresh,) = server.mail.glob("new/*")
    fresh.rename(server.mail / "cur" / f"{fresh.name}:2,T")

    server.deliver(letter(to="friends@example.org"))
    imap.poll()
    assert received() == []
    assert len(server.messages()) == 2


def test_a_wrong_password_is_told_once_and_not_tried_again_until_it_changes(
    server: ImapServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    server.deliver(letter(to=BOX))
    settings.MAIL_IN_IMAP = box_of(server, password="wrong")
    for _ in range(2):
        imap.poll()
    told = [r.getMessage() for r in caplog.records if r.name == imap.__name__]
    assert len(told) == 1
    assert "correct IMAP_URL" in told[0]
    assert "wrong" not in told[0]
    assert "does not let tracker@example.org in" in imap.trouble()
    tries = (server.folder / "log").read_text().count("auth failed")
    assert tries <= 1

    settings.MAIL_IN_IMAP = box_of(server)
    imap.poll()
    assert imap.trouble() == ""
    assert len(received()) == 1


def test_a_server_that_is_away_is_told_once_and_shown_to_administrators(
    server: ImapServer,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    client: Client,
    administrator: Person,
) -> None:
    settings.MAIL_IN_IMAP = box_of(server, port=services.free_port())
    for _ in range(2):
        imap.poll()
    assert "does not serve us" in imap.trouble()
    assert len([r for r in caplog.records if r.name == imap.__name__]) == 1
    page = sign_in(client, administrator).get("/mail-in/").content.decode()
    assert f"No mail comes in by IMAP: {imap.trouble()}" in page


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_password_goes_only_to_who_has_the_certificate(
    server: ImapServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, *, is_trusted: bool
) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.certificate))
    settings.MAIL_IN_IMAP = box_of(server, security="imap+tls")
    server.deliver(letter(to=BOX))

    imap.poll()
    assert len(received()) == is_trusted
    assert ("certificate" in imap.trouble()) is not is_trusted


def test_a_folder_that_is_not_there_is_told(server: ImapServer, settings: Settings) -> None:
    settings.MAIL_IN_IMAP = box_of(server, folder="Nowhere")
    imap.poll()
    assert "Nowhere" in imap.trouble()


def test_only_one_run_at_a_time(
    server: ImapServer, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    server.deliver(letter(to=BOX))
    with imap._alone(box_of(server)):
        assert imap.poll() is False
    assert received() == []
    imap.poll()
    assert len(received()) == 1


@pytest.mark.parametrize("box", ["tracker", ""])
def test_the_address_is_found_in_whichever_header_has_it(settings: Settings, box: str) -> None:
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = box, "problems.example.org"
    reply, bounce = reply_address(7, 11), bounce_address(3)
    plus = "+report-base" if box else "+base"
    bare = BOX if box else "report@problems.example.org"

    def found(**headers: str) -> list[str]:
        lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return imap.our_addresses(message_from_bytes("\r\n".join([*lines, "", ""]).encode()))

    assert found(To=f"Groundswell <{reply}>", Cc="friends@example.org") == [reply]
    assert found(To="friends@example.org", Cc=f"a@example.org, {reply.upper()}") == [reply]
    assert found(Delivered_To=bounce, To="friends@example.org") == [bounce]
    # Servers strip what follows the plus when they deliver.
    assert found(Delivered_To=bare, To=reply) == [reply]
    assert found(Delivered_To=bare, To="friends@example.org") == [bare]
    assert found(To=f"{bare}, {reply}") == [reply]
    assert found(To="friends@example.org") == []
    many = ", ".join(f"{bare.replace('@', f'{plus}{n}@')}" for n in range(30))
    assert len(found(To=many)) == imap.MOST_RECIPIENTS
    assert found(To="reply+forged@problems.example.org", Subject="x") == []
