"""What is mailed back: marked as automatic, with nobody to answer, and harmless in every header."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.backends.base import to_bytes
from notifications.gate.addresses import reply_address
from notifications.gate.answers import plain_id, queue_answer, reply_subject
from notifications.models import Message
from notifications.outbox import sending
from notifications.outbox.rendering import render
from tests.gate.letters import DOMAIN, deliver, letter, open_gate
from tests.notifications.mails import parsed
from tests.services import SmtpServer, smtp
from tracker.models import Problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    open_gate(settings)
    settings.DEFAULT_FROM_EMAIL = "Groundswell <tracker@example.org>"


def queued(to: str = "nia@example.net", subject: str = "Re: x", **values: Any) -> Message:
    message = queue_answer(to, subject, "Thank you.\n\nIt is done.", **values)
    assert message is not None
    return Message.objects.get(pk=message.pk)


def test_an_answer_leaves_by_smtp_with_the_null_return_path(settings: Settings) -> None:
    senders: list[str] = []

    async def handle_mail(_: SmtpServer, __: Any, ___: Any, envelope: Any, *rest: Any) -> str:
        envelope.mail_from = rest[0]
        senders.append(rest[0])
        return "250 fine"

    message = queued(in_reply_to="<abc@example.net>")
    with smtp() as server:
        server.handle_MAIL = handle_mail.__get__(server)  # type: ignore[attr-defined]
        settings.EMAIL_BACKEND = "notifications.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.host, server.port
        settings.EMAIL_FILE_PATH = settings.MAIL_FOLDER = None
        assert sending.deliver(message.pk)
        (mail,) = server.messages
    assert senders in [[""], ["<>"]]
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["In-Reply-To"] == mail["References"] == "<abc@example.net>"
    assert mail["To"] == "nia@example.net"
    assert mail["X-Loop"]
    message.refresh_from_db()
    assert (message.state, message.text) == (Message.State.SENT, "")


def test_an_answer_to_ones_own_act_can_be_answered_with_a_comment(
    problem: Problem, reporter: Person
) -> None:
    mail = parsed(render(queued("other@example.net", person=reporter, problem=problem)))
    assert mail["To"] == "other@example.net"
    assert mail["Reply-To"] == reply_address(reporter.pk, problem.pk)


@pytest.mark.parametrize(
    "address",
    [
        "", "nobody", "a@b@c", "a b@example.net", "a@example.net\nBcc: b@example.net",
        "a@example.net, b@example.net", f"report@{DOMAIN}", f"reply+x@{DOMAIN}",
        "TRACKER@example.org", "josé@example.net", f"a@{'x' * 64}.example",
    ],
)  # fmt: skip
def test_nothing_is_sent_to_what_is_no_address_or_our_own(address: str) -> None:
    assert queue_answer(address, "Re: x", "y") is None
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("The card stops", "Re: The card stops"),
        ("Re: RE: Aw: re[2]: The card", "Re: The card"),
        ("x\r\nBcc: eve@example.net", "Re: x Bcc: eve@example.net"),
        ("", "Re: your mail"),
        ("Re:", "Re: your mail"),
        ("Regarding: x", "Re: Regarding: x"),
    ],
)
def test_the_subject_of_an_answer_is_one_line_with_one_re(subject: str, answer: str) -> None:
    assert reply_subject(subject) == answer
    assert len(reply_subject("x" * 500)) <= 200


@pytest.mark.parametrize(
    "given", ["a b@c", "x>\r\nBcc: y", "", "é@example.net", "<a><b>", "x" * 999]
)
def test_what_is_no_message_id_is_left_out(given: str) -> None:
    assert plain_id(given) == ""


def test_two_trackers_that_mail_each_other_end_at_once(db: None, settings: Settings) -> None:
    deliver(letter("nia@example.net"), sender="nia@example.net")
    (message,) = Message.objects.filter(kind=Message.Kind.ANSWER)
    answer = to_bytes(render(message))
    settings.BASE_URL = "https://another.example.net"
    for sender in ("", "tracker@example.org"):
        assert deliver(answer, sender=sender).state == "ignored"
    assert Message.objects.filter(kind=Message.Kind.ANSWER).count() == 1
