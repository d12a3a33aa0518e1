"""Machines that write to each other: whatever they are, it ends after one round."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.backends.base import return_path
from notifications.gate import loops, processing, storing
from notifications.gate.addresses import bounce_address, reply_address
from notifications.gate.models import Bounce, IncomingMail
from notifications.models import Message
from notifications.outbox import sending
from notifications.outbox.rendering import render
from tests.gate import bounce_mails
from tests.gate.letters import (
    REPORTS,
    answers_to,
    deliver,
    letter,
    open_gate,
    reply,
)
from tests.services import free_port
from tracker.models import Comment, Door, Problem
from tracker.services import comment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    open_gate(settings)


def event_mail(problem: Problem, actor: Person) -> Message:
    """The mail to the reporter about a new comment."""
    comment(problem, actor, "Hello", Door.WEB)
    return Message.objects.filter(person=problem.reporter, kind="event").latest("pk")


def rows() -> tuple[int, int]:
    """How much was written and queued so far."""
    return Comment.objects.count(), Message.objects.count()


def test_another_tracker_that_reports_our_answer_is_answered_once(db: None) -> None:
    theirs = "bugs@tracker.example.net"
    first = deliver(letter(theirs, subject="New ticket 1"), sender=theirs)
    (answer,) = answers_to(theirs)
    sent = render(answer)
    assert return_path(sent) == "", "what comes back of it goes to nobody"
    assert sent.extra_headers["Auto-Submitted"] == "auto-replied"
    for serial in range(3):
        deliver(letter(theirs, subject=f"Re: New ticket 1, {serial}"), sender=theirs)
    assert len(answers_to(theirs)) == 1
    assert first.state == "refused"


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-generated"},
        {"X-Groundswell-Reason": "reporter"},
        {"X-Loop": "127.0.0.1"},
        {"X-Loop": "tracker.example.net", "Precedence": "bulk"},
    ],
)
def test_two_trackers_that_follow_each_other_end_at_once(
    headers: dict[str, str], problem: Problem, reporter: Person, triager: Person
) -> None:
    event_mail(problem, triager)
    before = rows()
    to = reply_address(reporter.pk, problem.pk)
    mails = [letter(reporter.email, to, **headers), letter("bugs@tracker.example.net", **headers)]
    for raw, recipient in zip(mails, (to, REPORTS), strict=True):
        assert deliver(raw, recipient).state == "ignored"
    assert rows() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto-Submitted": "auto-replied (vacation)"},
        {"Precedence": "bulk", "X-Autoreply": "yes"},
        {"X-Auto-Response-Suppress": "All", "Subject": "Automatic reply: [base/kernel] #7"},
        {"Subject": "Out of office: the card stops"},
    ],
)
def test_a_vacation_responder_neither_comments_nor_gets_an_answer(
    headers: dict[str, str], problem: Problem, reporter: Person, triager: Person
) -> None:
    event_mail(problem, triager)
    before = rows()
    to = reply_address(reporter.pk, problem.pk)
    raw = letter(reporter.email, to, "I am out of the office until the 7th.", **headers)
    assert deliver(raw, to, reporter.email).state == "ignored"
    assert rows() == before


@pytest.mark.parametrize("door", IncomingMail.Door.values)
def test_a_null_return_path_says_that_a_program_wrote_whatever_door_it_came_by(
    door: str, problem: Problem, reporter: Person
) -> None:
    to = reply_address(reporter.pk, problem.pk)
    before = rows()
    incoming = storing.receive(letter(reporter.email, to, "I am away."), "", to, door)
    processing.process(incoming.pk)
    incoming.refresh_from_db()
    assert (incoming.state, rows()) == ("ignored", before)


def test_a_vacation_answer_to_the_return_path_is_ignored(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    message = event_mail(problem, triager)
    before = rows()
    raw = bounce_mails.vacation(reporter.email)
    incoming = deliver(raw, bounce_address(message.pk), "")
    assert (incoming.state, rows()) == ("ignored", before)
    assert Bounce.objects.count() == 0


def test_a_mailing_list_that_has_our_reply_address_as_a_member_comments_nothing(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    event_mail(problem, triager)
    before = rows()
    to = reply_address(reporter.pk, problem.pk)
    raw = letter("sam@example.org", "hackers@lists.example.org", "Hello, list.",
                 List_Id="Hackers <hackers.lists.example.org>", Precedence="list")  # fmt: skip
    sender = "hackers-bounces@lists.example.org"
    assert deliver(raw, to, sender).state == "ignored"
    assert rows() == before


def test_the_bounce_of_an_answer_ends_there(db: None) -> None:
    theirs = "stranger@example.net"
    deliver(letter(theirs), sender=theirs)
    (answer,) = answers_to(theirs)
    before = rows()
    # A server that ignores the null return path and writes to the From.
    bounce = bounce_mails.dsn(theirs)
    for recipient in (REPORTS, bounce_address(answer.pk)):
        assert deliver(bounce, recipient, "").state == "ignored"
    assert rows() == before


def came_in(count: int, **values: Any) -> None:
    """So many mails of Rita's address within the hour."""
    values = {"processed_at": timezone.now(), "state": "done"} | values
    IncomingMail.objects.bulk_create(
        IncomingMail(door="lmtp", recipient=REPORTS, digest=f"{n:064d}", size=1,
                     from_address="Rita@example.org", **values)
        for n in range(count)
    )  # fmt: skip


def test_more_than_thirty_mails_an_hour_of_one_person_are_left_alone_and_told_once(
    problem: Problem, reporter: Person
) -> None:
    came_in(loops.AN_HOUR_AT_MOST - 1, person=reporter)
    assert reply(reporter, problem, "The thirtieth").state == "done"
    for _ in range(2):
        too_many = reply(reporter, problem, "One too many")
        assert (too_many.state, too_many.comment) == ("ignored", None)
    assert too_many.outcome.startswith(loops.TOO_MANY)
    to = reply_address(reporter.pk, problem.pk)
    part = letter(reporter.email, to, "One of a long series", "[PATCH v2 31/40] em: stop")
    assert deliver(part, to, reporter.email).state == "done"
    (told,) = answers_to(reporter.email)
    assert "Send them again later" in told.text
    IncomingMail.objects.update(processed_at=timezone.now() - timedelta(minutes=61))
    assert reply(reporter, problem, "An hour later").state == "done"


def test_more_than_thirty_mails_an_hour_that_may_be_anybodys_are_left_alone(
    reporter: Person,
) -> None:
    came_in(loops.AN_HOUR_AT_MOST, person=reporter, state="held")
    assert deliver(letter()).outcome.startswith(loops.TOO_MANY)


def test_who_writes_in_anothers_name_does_not_use_up_what_they_may_send(
    problem: Problem, reporter: Person
) -> None:
    came_in(loops.AN_HOUR_AT_MOST, person=reporter, state="held")
    assert reply(reporter, problem, "It is really me").state == "done"


# A real server that takes a mail and finds out later that it cannot deliver it


@dataclass
class FarServer:
    """Takes everything and keeps to whom it should send what comes back."""

    envelopes: list[tuple[str, str, bytes]] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos[0], envelope.content))
        return "250 taken"


@contextmanager
def far_server(settings: Settings) -> Iterator[FarServer]:
    """A server on a port of this machine, to which the product sends."""
    server = FarServer()
    controller = Controller(server, hostname="127.0.0.1", port=free_port())
    settings.MAIL_FOLDER = None
    settings.EMAIL_BACKEND = "notifications.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = controller.hostname, controller.port
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def test_what_a_real_server_sends_back_finds_the_mail_it_is_about(
    settings: Settings, problem: Problem, reporter: Person, triager: Person
) -> None:
    message = event_mail(problem, triager)
    answer = answer_to_a_stranger()
    with far_server(settings) as far:
        assert sending.deliver(message.pk)
        assert sending.deliver(answer.pk)
    paths = {to: path for path, to, _ in far.envelopes}
    assert paths["stranger@example.net"] == "<>"
    # In another case, as servers on the way may write it.
    path = str(paths[reporter.email]).upper()
    outcome = deliver(bounce_mails.dsn(reporter.email), path, "").outcome
    assert outcome.startswith(f"The mail to {reporter.email} came back: 550 5.1.1")
    assert Bounce.objects.get().message == message


def answer_to_a_stranger() -> Message:
    deliver(letter("stranger@example.net"), sender="stranger@example.net")
    (answer,) = answers_to("stranger@example.net")
    return answer
