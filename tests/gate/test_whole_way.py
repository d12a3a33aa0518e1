"""From the bytes that a server hands over to the comment, vote or report that they become."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import processing
from notifications.gate.addresses import read_recipient, reply_address
from notifications.gate.models import IncomingMail
from notifications.outbox.rendering import render
from tests.conftest import sign_in
from tests.gate.acts import PATCH
from tests.gate.letters import DOMAIN, answers_to, deliver, letter, open_gate, reply
from tests.gate.test_commands import filled_template
from tracker.models import Attachment, Comment, Door, Problem, Product
from votes.models import Vote

pytestmark = pytest.mark.django_db

QUOTED = """\


On Mon, 23 Nov 2026 at 12:00, mara via Groundswell <tracker@example.org> wrote:
> ----- Reply above this line -----
> mara commented:
> !close fixed
> Do you still have it?
"""


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    open_gate(settings)


def with_files(person: Person, to: str, text: str) -> bytes:
    """An answer with a logo within it, a log, and a patch under another name."""
    message = EmailMessage()
    message["From"], message["To"] = person.email, to
    message["Subject"], message["Message-ID"] = "Re: The card stops", "<a@example.org>"
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p><img src='cid:logo'>", subtype="html")
    html = message.get_payload()[1]  # type: ignore[index]
    html.add_related(b"\x89PNG logo", "image", "png", cid="<logo>", filename="image001.png")  # type: ignore[union-attr]
    message.add_attachment(b"em0: watchdog", "text", "plain", filename="dmesg.txt")
    message.add_attachment(PATCH.encode(), "application", "octet-stream", filename="fix.1")
    return message.as_bytes()


def test_an_answer_with_commands_and_files_is_done_once(
    problem: Problem, maintainer: Person
) -> None:
    to = reply_address(maintainer.pk, problem.pk)
    text = f"!state feedback\n!assign me\n\nPlease try this.\n\n-- \nMara\n{QUOTED}"
    raw = with_files(maintainer, to, text)
    incoming = deliver(raw, to, maintainer.email)
    again = deliver(raw, to, maintainer.email)
    assert not processing.process(incoming.pk)
    added = Comment.objects.get()
    assert (added.text, added.author, added.door) == ("Please try this.", maintainer, Door.MAIL)
    kept = dict(Attachment.objects.filter(comment=added).values_list("name", "content_type"))
    assert kept == {"dmesg.txt": "text/plain", "fix.1": "text/x-diff"}
    problem.refresh_from_db()
    assert (problem.state, problem.assignee) == ("feedback", maintainer)
    assert (again.pk, incoming.state) == (incoming.pk, IncomingMail.State.DONE)
    assert (incoming.problem, incoming.comment) == (problem, added)
    assert answers_to(maintainer.email) == []
    shown = sign_in(Client(), maintainer).get(f"/{problem.pk}").text
    assert f"/mail/original/{incoming.pk}/" in shown


def test_wrong_commands_are_mailed_back_once_and_nothing_is_done(
    problem: Problem, outsider: Person
) -> None:
    incoming = reply(outsider, problem, f"!severity critcal\n!clsoe fixed\n\nDone.{QUOTED}")
    processing.process(incoming.pk)
    (answer,) = answers_to(outsider.email)
    assert "“!severity critcal”: there is no severity “critcal”." in answer.text
    assert "“!close”" in answer.text
    assert incoming.state == IncomingMail.State.REFUSED
    assert not Comment.objects.exists()


def test_a_plus_one_above_a_quote_is_a_vote_and_its_answer_can_be_answered(
    problem: Problem, outsider: Person
) -> None:
    reply(outsider, problem, f"+1\n\nSent from my iPhone{QUOTED}")
    assert Vote.objects.filter(problem=problem, person=outsider).exists()
    (answer,) = answers_to(outsider.email)
    (to,) = render(answer).reply_to
    meant = read_recipient(to)
    assert (meant.person, meant.problem) == (outsider.pk, problem.pk)  # type: ignore[union-attr]
    deliver(letter(outsider.email, to, f"-1{QUOTED}"), to, outsider.email)
    assert not Vote.objects.filter(problem=problem, person=outsider).exists()


def test_nothing_above_the_quote_is_refused(problem: Problem, outsider: Person) -> None:
    incoming = reply(outsider, problem, QUOTED)
    assert incoming.state == IncomingMail.State.REFUSED
    assert not Comment.objects.exists()


def test_a_report_is_made_once_its_sender_has_said_that_it_is_theirs(
    product: Product, outsider: Person
) -> None:
    to = f"report+base.net@{DOMAIN}"
    incoming = deliver(letter(outsider.email, to), to, outsider.email)
    assert incoming.state == IncomingMail.State.HELD
    assert not Problem.objects.exists()
    processing.confirm(incoming.held)
    problem = Problem.objects.get()
    assert (problem.synopsis, problem.reporter) == ("The card stops", outsider)
    assert problem.description == "It is still broken here."
    answer = answers_to(outsider.email)[-1]
    assert f"/{problem.pk}" in answer.text
    assert read_recipient(render(answer).reply_to[0]).problem == problem.pk  # type: ignore[union-attr]
    shown = sign_in(Client(), outsider).get(f"/{problem.pk}").text
    assert f"/mail/original/{incoming.pk}/" in shown


def test_a_filled_in_template_comes_through_as_it_was_written(
    product: Product, outsider: Person
) -> None:
    to = f"report@{DOMAIN}"
    incoming = deliver(letter(outsider.email, to, filled_template()), to, outsider.email)
    processing.confirm(incoming.held)
    problem = Problem.objects.get()
    assert (problem.synopsis, problem.component.slug) == ("No route", "net")
    assert problem.how_to_repeat == "Close the lid."
