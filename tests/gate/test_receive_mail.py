"""The pipe: a message on standard input, an exit code that every mail server knows."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import addresses, storing
from notifications.gate.models import IncomingMail
from tests.gate.letters import REPORTS, content, letter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gate(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "", "problems.example.org"
    for name in ("SENDER", "RECIPIENT", "ORIGINAL_RECIPIENT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pipe:
    return Pipe(monkeypatch, capsys)


class Pipe:
    """Calls the command as a mail server would; `told` is what it wrote to standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.told = ""

    def __call__(self, raw: bytes, *arguments: str, **environment: str) -> int:
        self._monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)
        try:
            call_command("receive_mail", *arguments)
        except SystemExit as end:
            code = end.code
        else:
            code = 0
        output = self._capsys.readouterr()
        assert output.out == ""
        self.told = output.err
        assert isinstance(code, int)
        return code


def test_a_message_is_stored_and_nothing_is_said(pipe: Pipe) -> None:
    raw = letter()
    assert pipe(raw, "--recipient", REPORTS, "--sender", "rita@example.org") == 0

    incoming = IncomingMail.objects.get()
    assert (incoming.door, incoming.sender, incoming.recipient) == (
        "pipe",
        "rita@example.org",
        REPORTS,
    )
    assert content() == raw
    assert pipe.told == ""


def test_the_same_message_again_is_fine_and_stored_once(pipe: Pipe) -> None:
    raw = letter()
    for _ in range(2):
        assert pipe(raw, "--recipient", REPORTS) == 0
    assert IncomingMail.objects.count() == 1


def test_the_recipient_is_the_one_before_aliases(pipe: Pipe, reporter: Person) -> None:
    reply = addresses.reply_address(reporter.pk, 1)
    assert pipe(letter(), RECIPIENT="tracker@mx.example.org", ORIGINAL_RECIPIENT=reply) == 0
    assert pipe(letter(), RECIPIENT=reply, ORIGINAL_RECIPIENT="list@mx.example.org") == 0

    assert set(IncomingMail.objects.values_list("recipient", flat=True)) == {reply}


def test_of_several_recipients_each_gets_it_whatever_becomes_of_the_others(pipe: Pipe) -> None:
    """Postfix's pipe hands over all recipients of a message as words of one command."""
    other, nobody = "report+base@problems.example.org", "nobody@problems.example.org"
    raw = letter()
    assert pipe(raw, "--sender", "", "--recipient", REPORTS, other) == 0
    assert pipe(raw, "--recipient", nobody, REPORTS, "report+x@problems.example.org") == 67

    assert pipe.told == f"receive_mail: {nobody}: There is no such mailbox.\n"
    assert sorted(IncomingMail.objects.values_list("recipient", flat=True)) == sorted(
        [REPORTS, other, "report+x@problems.example.org"]
    )


def test_where_one_of_several_may_be_tried_again_all_are(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = storing.receive

    def refuse(raw: bytes, sender: str, recipient: str, door: str) -> IncomingMail:
        if recipient == REPORTS:
            raise storing.NotTaken(storing.NO_ROOM, "The disk is full; try again later.")
        return take(raw, sender, recipient, door)

    monkeypatch.setattr(storing, "receive", refuse)
    everybody = ["nobody@problems.example.org", REPORTS, "report+base@problems.example.org"]
    assert pipe(letter(), "--recipient", *everybody) == 75
    assert "disk is full" in pipe.told
    assert IncomingMail.objects.get().recipient == everybody[2]


@pytest.mark.parametrize(
    ("arguments", "environment", "sender"),
    [
        (["--sender", "a@example.org"], {"SENDER": "b@example.org"}, "a@example.org"),
        (["--sender", ""], {"SENDER": "b@example.org"}, ""),
        (["--sender", "MAILER-DAEMON"], {}, ""),
        ([], {"SENDER": "b@example.org"}, "b@example.org"),
        ([], {"SENDER": "<>"}, ""),
        ([], {}, "path@example.org"),
    ],
)
def test_the_return_path_is_what_the_server_says(
    pipe: Pipe, arguments: list[str], environment: dict[str, str], sender: str
) -> None:
    raw = letter(Return_Path="<path@example.org>")
    assert pipe(raw, "--recipient", REPORTS, *arguments, **environment) == 0
    assert IncomingMail.objects.get().sender == sender


def test_the_line_of_mailbox_files_is_no_part_of_the_message(pipe: Pipe) -> None:
    raw = letter().replace(b"\r\n", b"\n")
    assert pipe(b"From rita@example.org Mon Nov 23 12:00:00 2026\n" + raw, RECIPIENT=REPORTS) == 0
    assert content() == raw


@pytest.mark.parametrize(
    ("raw", "recipient", "code", "told"),
    [
        (letter(), "nobody@problems.example.org", 67, "no such mailbox"),
        (letter(), "reply+forged@problems.example.org", 67, "not one of ours"),
        (letter(), "report@elsewhere.example.org", 67, "no mail for that domain"),
        (letter(), "", 64, "no recipient"),
        (b"", REPORTS, 65, "empty"),
        (letter(text="x" * 4000), REPORTS, 65, "larger than"),
    ],
)
def test_what_is_not_taken_has_a_code_and_one_line_of_reason(
    pipe: Pipe, settings: Settings, raw: bytes, recipient: str, code: int, told: str
) -> None:
    settings.MAIL_IN_BYTES = 3000
    assert pipe(raw, "--recipient", recipient) == code

    assert told in pipe.told
    assert pipe.told.count("\n") == 1
    assert not IncomingMail.objects.exists()


def test_without_mail_in_the_set_up_is_named(pipe: Pipe, settings: Settings) -> None:
    settings.MAIL_IN_DOMAIN = ""
    assert pipe(letter(), "--recipient", REPORTS) == 78
    assert "MAIL_IN is off" in pipe.told
