"""Whose a mail is: who may write as whom, who is asked first, and who is told how to take part."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import processing, senders
from notifications.gate.addresses import REPLIES_FOR, NoSuchAddress, read_recipient, reply_address
from notifications.gate.models import HeldMail, IncomingMail, KnownSender, PoliteAnswer
from notifications.models import Message
from tests.gate.letters import (
    REPORTS,
    answers_to,
    deliver,
    letter,
    link_in,
    open_gate,
    reply,
    store,
)
from tests.gate.signed import NameServer, ask_of, name_server, sign
from tests.people import make_person
from tests.problems import make_problem
from tracker.models import Comment, Problem, Product

pytestmark = pytest.mark.django_db

State = IncomingMail.State


@pytest.fixture(scope="module")
def running() -> Iterator[NameServer]:
    with name_server() as server:
        server.knows("example.org", "example.net")
        yield server


@pytest.fixture(autouse=True)
def gate(settings: Settings, running: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    open_gate(settings)
    ask_of(running, monkeypatch)


def say(client: Client, incoming: IncomingMail, answer: str = "mine") -> None:
    """Follow the link of the last question about a mail, and answer it."""
    path = link_in(answers_to(HeldMail.objects.get(incoming=incoming).person.email)[-1])
    client.post(path, {"answer": answer})
    incoming.refresh_from_db()


def texts(problem: Problem) -> list[str]:
    return [comment.text for comment in Comment.objects.filter(problem=problem).order_by("pk")]


# To a reply address


@pytest.mark.parametrize(
    "sender", ["rita@example.org", "RITA@Example.ORG", '"Mara" <rita@example.org>']
)
def test_an_answer_from_the_persons_own_address_is_theirs(
    problem: Problem, reporter: Person, sender: str
) -> None:
    incoming = reply(reporter, problem, "Still so.", sender)
    assert incoming.state == State.DONE
    assert (incoming.person, incoming.problem) == (reporter, problem)
    assert Comment.objects.get() == incoming.comment
    assert incoming.comment.author == reporter


def test_an_address_is_the_same_however_its_domain_is_written(db: None) -> None:
    person = make_person("jo", email="jo@xn--bcher-kva.example")
    problem = make_problem(reporter=person)
    assert reply(person, problem, "Hello.", "jo@bücher.example").state == State.DONE


@pytest.mark.parametrize(
    "sender",
    [
        "eve@example.net",
        '"rita@example.org" <eve@example.net>',
        "rita@example.org <eve@example.net>",
        "eve@example.net (rita@example.org)",
        "rita@example.org, eve@example.net",
        "Friends: rita@example.org, eve@example.net;",
        "rita@example.org.example.net",
        "rita@example.org@example.net",
        "=?utf-8?q?rita=40example=2Eorg?= <eve@example.net>",
        "undisclosed-recipients:;",
    ],
)
def test_an_answer_from_anybody_else_does_nothing_and_its_person_is_asked(
    problem: Problem, reporter: Person, sender: str
) -> None:
    incoming = reply(reporter, problem, "Please close this.", sender)
    assert incoming.state == State.HELD
    assert texts(problem) == []
    (question,) = answers_to("rita@example.org")
    assert "Please close" not in question.text
    assert [message.address for message in Message.objects.filter(kind="answer")] == [
        "rita@example.org"
    ]


def test_a_mail_without_an_author_or_with_two_headers_of_one_is_held(
    problem: Problem, reporter: Person
) -> None:
    to = reply_address(reporter.pk, problem.pk)
    nobody = deliver(letter("", to), to, "eve@example.net")
    both = deliver(b"From: eve@example.net\r\n" + letter("rita@example.org", to), to)
    assert [nobody.state, both.state] == [State.HELD, State.HELD]


def test_what_a_person_confirms_is_posted_as_theirs_once(
    client: Client, problem: Problem, reporter: Person
) -> None:
    incoming = reply(reporter, problem, "From my other mailbox.", "rita@example.net")
    say(client, incoming)
    say(client, incoming)
    assert texts(problem) == ["From my other mailbox."]
    assert incoming.state == State.DONE
    assert incoming.comment == Comment.objects.get(author=reporter)
    assert not KnownSender.objects.exists()


def test_an_address_with_its_signature_is_known_once_it_was_confirmed(
    client: Client, problem: Problem, reporter: Person
) -> None:
    to = reply_address(reporter.pk, problem.pk)
    first = deliver(sign(letter("rita@example.net", to, "One."), "example.net"), to)
    say(client, first)
    second = deliver(sign(letter("Rita@example.net", to, "Two."), "example.net"), to)
    unsigned = deliver(letter("rita@example.net", to, "Three."), to)
    another = deliver(sign(letter("eve@example.net", to, "Four."), "example.net"), to)
    assert [each.state for each in (first, second, unsigned, another)] == [
        State.DONE, State.DONE, State.HELD, State.HELD,
    ]  # fmt: skip
    assert texts(problem) == ["One.", "Two."]


def test_what_one_person_confirmed_is_not_known_for_another(
    client: Client, problem: Problem, reporter: Person, outsider: Person
) -> None:
    senders.remember(outsider, "shared@example.net", "example.net")
    to = reply_address(reporter.pk, problem.pk)
    incoming = deliver(sign(letter("shared@example.net", to), "example.net"), to)
    assert (incoming.state, incoming.held.person) == (State.HELD, reporter)


def test_a_person_can_say_that_a_mail_is_not_theirs(
    client: Client, problem: Problem, reporter: Person
) -> None:
    incoming = reply(reporter, problem, "Nonsense.", "eve@example.net")
    say(client, incoming, "not mine")
    assert incoming.state == State.REFUSED
    say(client, incoming)
    assert incoming.state == State.REFUSED
    assert texts(problem) == []


def test_an_expired_address_takes_nothing_and_only_its_person_is_told(
    problem: Problem, reporter: Person
) -> None:
    with time_machine.travel(timezone.now() - REPLIES_FOR - timedelta(hours=2)):
        to = reply_address(reporter.pk, problem.pk)
    with pytest.raises(NoSuchAddress, match="expired"):
        senders.check_recipient(read_recipient(to))
    assert deliver(letter("eve@example.net", to), to).state == State.REFUSED
    assert not Message.objects.filter(kind="answer").exists()
    assert deliver(letter("rita@example.org", to), to).state == State.REFUSED
    assert "expired" in answers_to("rita@example.org")[0].text
    assert texts(problem) == []


@pytest.mark.parametrize("of_one", [False, True])
def test_revoked_addresses_are_void_and_those_made_an_hour_later_are_good(
    problem: Problem, reporter: Person, outsider: Person, of_one: bool
) -> None:
    now = timezone.now()
    theirs, its = reply_address(reporter.pk, problem.pk), reply_address(outsider.pk, problem.pk)
    other = reply_address(reporter.pk, problem.pk + 1)
    senders.revoke_replies(reporter, problem if of_one else None)
    later = reply_address(reporter.pk, problem.pk, now + timedelta(hours=1))
    with pytest.raises(NoSuchAddress, match="void"):
        senders.check_recipient(read_recipient(theirs))
    for good in [its, later, *([other] if of_one else [])]:
        senders.check_recipient(read_recipient(good))
    if not of_one:
        with pytest.raises(NoSuchAddress):
            senders.check_recipient(read_recipient(other))


@pytest.mark.parametrize("gone", [{"is_active": False}, {"email_confirmed_at": None}])
def test_an_address_of_a_closed_account_takes_nothing(
    problem: Problem, reporter: Person, gone: dict[str, object]
) -> None:
    Person.objects.filter(pk=reporter.pk).update(**gone)
    with pytest.raises(NoSuchAddress):
        senders.check_recipient(read_recipient(reply_address(reporter.pk, problem.pk)))
    assert reply(reporter, problem, "Hello?").state == State.REFUSED
    assert not Message.objects.filter(kind="answer").exists()


def test_nobody_is_asked_about_a_mail_that_could_do_nothing(reporter: Person) -> None:
    """An answer to a digest, from an address that is not its person's."""
    to = reply_address(reporter.pk, 0)
    assert deliver(letter("eve@example.net", to), to).state == State.REFUSED
    assert not Message.objects.exists()


# To the report address


def test_a_report_is_held_until_its_sender_said_so_and_then_the_next_is_taken_at_once(
    client: Client, product: Product, reporter: Person
) -> None:
    to = f"report+base.kernel@{REPORTS.partition('@')[2]}"
    first = deliver(sign(letter(to=to, subject="Panic on boot")), to)
    assert (first.state, Problem.objects.count()) == (State.HELD, 0)
    say(client, first)
    assert (first.state, Problem.objects.get().reporter) == (State.DONE, reporter)
    second = deliver(sign(letter(to=to, subject="Panic on halt")), to)
    assert second.state == State.DONE
    assert second.problem is not None
    assert second.problem.synopsis == "Panic on halt"
    forged = deliver(letter(to=to, subject="Panic in the disco"), to)
    assert (forged.state, Problem.objects.count()) == (State.HELD, 2)


def test_an_address_that_its_person_gave_up_is_known_no_longer(reporter: Person) -> None:
    for address in ("rita@example.org", "rita@example.net"):
        senders.remember(reporter, address, "example.net")
    old = EmailAddress(user=reporter, email="Rita@example.org")
    new = EmailAddress(user=reporter, email="rita@example.com")
    email_changed.send(
        Person, request=None, user=reporter, from_email_address=old, to_email_address=new
    )
    assert [known.address for known in reporter.known_senders.all()] == ["rita@example.net"]


def test_a_signed_mail_that_somebody_sends_again_does_nothing_twice(
    product: Product, reporter: Person
) -> None:
    senders.remember(reporter, reporter.email, "example.org")
    to = f"report+base.kernel@{REPORTS.partition('@')[2]}"
    signed = sign(letter(to=to))
    assert deliver(signed, to).state == State.DONE
    again = deliver(b"X-Extra: other bytes\r\n" + signed, to, "eve@example.net")
    assert (again.state, Problem.objects.count()) == (State.IGNORED, 1)
    elsewhere = deliver(sign(letter(to="friends@example.net")), to, "eve@example.net")
    assert (elsewhere.state, Problem.objects.count()) == (State.HELD, 1)


def test_strangers_do_not_have_us_ask_their_name_server(
    product: Product, running: NameServer
) -> None:
    running.asked.clear()
    deliver(sign(letter("nia@example.net"), "example.net"), sender="nia@example.net")
    assert running.asked == []


def test_at_most_five_questions_a_day_are_asked_of_a_person(
    problem: Problem, reporter: Person
) -> None:
    for number in range(7):
        reply(reporter, problem, f"Number {number}", "eve@example.net")
    assert HeldMail.objects.filter(person=reporter).count() == 7
    assert len(answers_to("rita@example.org")) == 5
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        reply(reporter, problem, "Tomorrow", "eve@example.net")
    assert len(answers_to("rita@example.org")) == 6


# Unknown senders


def test_who_is_unknown_is_told_once_a_day_how_to_take_part(product: Product) -> None:
    first = deliver(letter("nia@example.net"), sender="nia@example.net")
    deliver(letter("nia@example.net"), sender="Nia@Example.net")
    assert first.state == State.REFUSED
    (answer,) = answers_to("nia@example.net")
    assert "/accounts/signup/" in answer.text
    assert "broken" not in answer.text + answer.subject
    with time_machine.travel(timezone.now() + timedelta(days=1, minutes=1)):
        deliver(letter("nia@example.net"), sender="nia@example.net")
    assert len(answers_to("nia@example.net")) == 2


def test_a_closed_account_and_none_look_the_same(product: Product, outsider: Person) -> None:
    nobody = deliver(letter("nia@example.net"), sender="nia@example.net")
    for closed in ({"is_active": False}, {"is_active": True, "email_confirmed_at": None}):
        PoliteAnswer.objects.all().delete()
        Person.objects.filter(pk=outsider.pk).update(**closed)
        incoming = deliver(letter(outsider.email), sender=outsider.email)
        assert (incoming.state, incoming.outcome) == (nobody.state, nobody.outcome)
    texts = {message.text for message in Message.objects.filter(kind="answer")}
    assert len(texts) == 1


@pytest.mark.parametrize(
    ("headers", "sender"),
    [
        ({}, ""),
        ({}, "MAILER-DAEMON@example.net"),
        ({}, "no-reply@example.net"),
        ({}, "list-bounces@example.net"),
        ({}, REPORTS),
        ({}, "somebody@problems.example.org"),
        ({"Auto_Submitted": "auto-replied"}, "nia@example.net"),
        ({"List_Id": "<x.example.net>"}, "nia@example.net"),
        ({"Precedence": "bulk"}, "nia@example.net"),
        ({"X_Loop": "localhost"}, "nia@example.net"),
    ],
)
def test_nobody_answers_a_machine_or_oneself(
    product: Product, headers: dict[str, str], sender: str, settings: Settings
) -> None:
    settings.BASE_URL = "http://localhost:8000"
    incoming = deliver(letter("nia@example.net", **headers), sender=sender)
    assert incoming.state in {State.IGNORED, State.REFUSED}
    assert not Message.objects.filter(kind="answer").exists()


def test_a_domain_and_everybody_together_are_answered_so_often_and_no_more(
    product: Product,
) -> None:
    now = timezone.now()
    told = [
        PoliteAnswer(address=f"a{number}@example.net", answered_at=now) for number in range(100)
    ]
    PoliteAnswer.objects.bulk_create(told)
    deliver(letter("nia@example.net"), sender="nia@example.net")
    deliver(letter("nia@example.com"), sender="nia@example.com")
    assert [len(answers_to(f"nia@example.{end}")) for end in ("net", "com")] == [0, 1]
    PoliteAnswer.objects.bulk_create(
        PoliteAnswer(address=f"b{number}@d{number}.example", answered_at=now)
        for number in range(400)
    )
    deliver(letter("joe@example.edu"), sender="joe@example.edu")
    assert answers_to("joe@example.edu") == []


def test_an_automatic_mail_in_a_persons_name_never_acts(problem: Problem, reporter: Person) -> None:
    to = reply_address(reporter.pk, problem.pk)
    for headers in ({"Auto_Submitted": "auto-generated"}, {"List_Id": "<x.example.net>"}):
        assert deliver(letter("rita@example.org", to, **headers), to).state == State.IGNORED
    assert deliver(letter("rita@example.org", to), to, "").state == State.IGNORED
    assert texts(problem) == []
    assert not Message.objects.filter(kind="answer").exists()


def test_an_address_that_means_nothing_any_more_is_refused(settings: Settings) -> None:
    settings.MAIL_IN_DOMAIN = "old.example.org"
    incoming = store(letter(), "report@old.example.org")
    settings.MAIL_IN_DOMAIN = "new.example.org"
    assert processing.process(incoming.pk)
    incoming.refresh_from_db()
    assert incoming.state == State.REFUSED
