"""A mail that comes back: whose it was, what follows, and how an address comes back to life."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.account.signals import email_changed
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.backends.base import return_path
from notifications.gate import bounces, suspension, way_back
from notifications.gate.addresses import BounceOf, Recipient, ReplyTo, bounce_address
from notifications.gate.models import Bounce, IncomingMail, SuspendedAddress
from notifications.gate.parsed import ParsedMail
from notifications.models import Message
from notifications.outbox import queueing, sending
from notifications.outbox.rendering import Withheld, render
from tests.conftest import sign_in
from tests.gate import bounce_mails
from tests.gate.bounce_mails import dsn
from tests.gate.letters import deliver
from tests.notifications.mails import told
from tests.notifications.test_outbox import use_smtp
from tests.services import smtp
from tracker.models import Door, Problem
from tracker.services import comment

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    settings.MAIL_IN_DOMAIN = "problems.example.org"


def sent_to(address: str = "rita@example.org", **values: Any) -> Message:
    """A mail that left."""
    message = queueing.queue_account_mail(address, "Hello", "Hello")
    values = {"state": Message.State.SENT, "sent_at": timezone.now()} | values
    Message.objects.filter(pk=message.pk).update(**values)
    message.refresh_from_db()
    return message


def came(**values: Any) -> IncomingMail:
    """The row of a message that came in, whatever it says."""
    digest = f"{IncomingMail.objects.count():064d}"
    values = {"door": "lmtp", "recipient": "bounce@problems.example.org"} | values
    return IncomingMail.objects.create(digest=digest, size=1, **values)


def take(raw: bytes, recipient: Recipient) -> str:
    return bounces.take(ParsedMail(is_bounce=True), raw, came(), recipient)


def bounce(message: Message, raw: bytes | None = None) -> str:
    """The mail comes back to its own return path, for good unless `raw` says otherwise."""
    return take(raw or dsn(message.address), BounceOf(message.pk))


def suspend(person: Person) -> None:
    for _ in range(3):
        bounce(sent_to(person.email, person=person))
    person.refresh_from_db()


def test_a_mail_that_came_back_is_shown_beside_its_state() -> None:
    message = sent_to()
    outcome = bounce(message)
    message.refresh_from_db()
    assert message.state == "sent"
    assert message.last_error == "came back: 550 5.1.1 No such user here"
    assert outcome.startswith("The mail to rita@example.org came back: 550 5.1.1")
    row = Bounce.objects.get()
    assert (row.message, row.address, row.status) == (message, "rita@example.org", "5.1.1")
    assert row.is_permanent


def test_the_same_mail_comes_back_once() -> None:
    message = sent_to()
    for _ in range(3):
        bounce(message)
    assert Bounce.objects.count() == 1
    assert not suspension.is_suspended("rita@example.org")


def test_three_mails_that_came_back_suspend_the_address(reporter: Person) -> None:
    for count in range(3):
        assert not suspension.is_suspended("RITA@example.org")
        outcome = bounce(sent_to(reporter.email.upper() if count else reporter.email))
    assert "Nothing is sent to this address any more." in outcome
    assert suspension.suspended_among(["RITA@example.org", "sam@example.org"]) == {
        "rita@example.org"
    }
    reporter.refresh_from_db()
    assert reporter.mail_suspended_at is not None
    assert reporter.account_events.get().kind == "mail suspended"


def test_what_came_back_more_than_two_weeks_ago_no_longer_counts() -> None:
    for _ in range(2):
        bounce(sent_to())
    Bounce.objects.update(at=timezone.now() - timedelta(days=15))
    bounce(sent_to())
    assert not suspension.is_suspended("rita@example.org")


def test_a_forged_bounce_of_somebody_elses_address_does_nothing_to_it() -> None:
    for _ in range(3):
        message = sent_to()
        outcome = bounce(message, dsn("sam@example.org"))
    assert "Not counted" in outcome
    assert SuspendedAddress.objects.count() == 0
    assert not Bounce.objects.filter(is_permanent=True).exists()
    message.refresh_from_db()
    assert message.last_error.startswith("came back from sam@example.org: 550 5.1.1")


def test_a_bounce_that_does_not_come_to_a_return_path_is_not_counted(reporter: Person) -> None:
    message = sent_to(message_id="event-7.person-3@127.0.0.1")
    to_reply = ReplyTo(reporter.pk, 7, timezone.now())
    outcome = take(dsn("rita@example.org"), to_reply)
    assert "not counted" in outcome
    assert f"the mail to {message.address}" in outcome, "it is found by the id in what came back"
    assert Bounce.objects.count() == 0


@pytest.mark.parametrize("kind", bounce_mails.NO_BOUNCES)
def test_an_automatic_answer_to_the_return_path_is_not_counted(kind: str) -> None:
    message = sent_to()
    outcome = bounce(message, bounce_mails.NO_BOUNCES[kind](message.address))
    assert "tells of no failure" in outcome
    message.refresh_from_db()
    assert (message.last_error, Bounce.objects.count()) == ("", 0)


def test_a_warning_is_noted_and_a_report_of_success_is_not() -> None:
    message = sent_to()
    bounce(message, bounce_mails.gmail_delay(message.address))
    bounce(message, bounce_mails.arrival(message.address))
    message.refresh_from_db()
    assert message.last_error.startswith("late: 4.4.1")
    assert Bounce.objects.count() == 0


def test_a_mail_that_was_not_wanted_says_nothing_about_the_address() -> None:
    for _ in range(3):
        outcome = bounce(sent_to(), bounce_mails.exchange_blocked("rita@example.org"))
    assert "says nothing about the address" in outcome
    assert not suspension.is_suspended("rita@example.org")


def event_mail(problem: Problem, triager: Person) -> Message:
    """A mail about an event that left."""
    comment(problem, triager, "Hello", Door.WEB)
    message = Message.objects.filter(person=problem.reporter).latest("pk")
    Message.objects.filter(pk=message.pk).update(state="sent")
    message.refresh_from_db()
    return message


def test_a_mail_comes_back_for_a_passing_reason_and_is_sent_again_three_times(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    message = event_mail(problem, triager)
    waits = []
    for _ in range(4):
        began = timezone.now()
        outcome = bounce(message, bounce_mails.qmail_full(reporter.email))
        message.refresh_from_db()
        waits.append(message.due_at - began)
        assert message.last_error.startswith("came back: The user is over quota")
        if message.state == "queued":
            assert not sending.deliver(message.pk), "it waits"
            Message.objects.filter(pk=message.pk).update(state="sent")
    assert outcome.endswith("It is not sent again.")
    assert waits[0] < waits[1] < waits[2]
    assert waits[0] > timedelta(minutes=29)
    assert message.state == "sent"
    assert not suspension.is_suspended(reporter.email)


def test_the_outbox_says_what_came_back_and_when_it_is_sent_again(
    problem: Problem, reporter: Person, triager: Person, administrator: Person
) -> None:
    bounce(event_mail(problem, triager), bounce_mails.qmail_full(reporter.email))
    bounce(sent_to("sam@example.org"))
    page = signed_in(administrator).get("/outbox/").text
    assert "came back: 550 5.1.1 No such user here" in page
    shown = re.sub(r"<[^>]*>|\s+", " ", page)
    assert re.search(r"queued, again [^<]{1,40} came back: The user is over quota", shown)


def test_a_mail_that_came_back_for_good_can_be_sent_again_from_the_outbox(
    problem: Problem, triager: Person, administrator: Person
) -> None:
    message = event_mail(problem, triager)
    assert not message.can_be_resent
    bounce(message)
    client = signed_in(administrator)
    assert f"Send again: {message.address}" in client.get("/outbox/?state=sent").text
    client.post(f"/outbox/{message.pk}/send")
    message.refresh_from_db()
    assert (message.state, message.can_be_resent) == ("queued", False)


def test_a_mail_of_last_week_is_not_sent_again(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    message = event_mail(problem, triager)
    Message.objects.update(created_at=timezone.now() - timedelta(days=6))
    bounce(message, bounce_mails.sendmail_gave_up(reporter.email))
    message.refresh_from_db()
    assert message.state == "sent"


def test_a_code_that_came_back_is_not_sent_again_as_its_text_is_gone() -> None:
    message = sent_to()
    bounce(message, bounce_mails.qmail_full(message.address))
    message.refresh_from_db()
    assert message.state == "sent"


def test_reading_a_bounce_again_changes_nothing(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    message = event_mail(problem, triager)
    incoming = came()
    raw = bounce_mails.qmail_full(reporter.email)
    for _ in range(2):
        outcome = bounces.take(ParsedMail(), raw, incoming, BounceOf(message.pk))
    assert outcome == "It was read before."
    assert Bounce.objects.count() == 1


def test_a_bounce_that_is_quicker_than_our_own_note_is_read_again_later() -> None:
    message = sent_to(state="handed over")
    to = bounce_address(message.pk)
    incoming = deliver(dsn(message.address), to, "")
    assert (incoming.state, incoming.attempts) == ("received", 1)
    assert incoming.due_at > timezone.now()
    assert Bounce.objects.count() == 0


@pytest.mark.parametrize(
    ("words", "counts"),
    [("550 5.1.1 no such user", True), ("550 5.7.1 your server is on a list", False),
     ("550 go away", False)],
)  # fmt: skip
def test_a_refusal_counts_only_where_the_server_says_that_there_is_no_mailbox(
    words: str, counts: bool, settings: Settings
) -> None:
    with smtp() as server:
        use_smtp(settings, server.port)
        server.refuse = lambda mail: words
        for _ in range(3):
            message = queueing.queue_account_mail("rita@example.org", "Hello", "Hello")
            assert sending.deliver(message.pk)
    assert suspension.is_suspended("rita@example.org") is counts


def test_a_bounce_of_a_mail_that_is_gone_is_kept_quiet() -> None:
    assert "no longer in the outbox" in take(dsn("rita@example.org"), BounceOf(4711))


def test_nothing_but_account_mails_goes_to_a_suspended_address(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    queued = event_mail(problem, triager)
    suspend(reporter)
    with pytest.raises(Withheld):
        render(queued)
    comment(problem, triager, "Nobody hears this", Door.WEB)
    assert told(problem) == []
    code = queueing.queue_account_mail(reporter.email, "Code", "123456", person=reporter)
    assert "123456" in render(code).body


def test_many_addresses_are_asked_after_in_one_query(
    django_assert_num_queries: Any,
) -> None:
    SuspendedAddress.objects.create(address="p7@example.org")
    for count in (10, 600):
        with django_assert_num_queries(1):
            found = suspension.suspended_among([f"P{n}@example.org" for n in range(count)])
        assert found == {"p7@example.org"}


# The notice, and the way back


def signed_in(person: Person) -> Client:
    return sign_in(Client(), person)


def test_who_is_concerned_sees_a_notice_on_every_page_and_nobody_else(
    reporter: Person, outsider: Person
) -> None:
    suspend(reporter)
    for address in ("/problems/", "/my/profile/"):
        assert "/my/mail/suspended/" in signed_in(reporter).get(address).text
        assert "/my/mail/suspended/" not in signed_in(outsider).get(address).text


def test_the_notice_costs_no_query(reporter: Person, django_assert_num_queries: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = signed_in(reporter)
    client.get("/problems/")
    with CaptureQueriesContext(connection) as without:
        client.get("/problems/")
    Person.objects.filter(pk=reporter.pk).update(mail_suspended_at=timezone.now())
    with django_assert_num_queries(len(without)):
        assert "/my/mail/suspended/" in client.get("/problems/").text


def mail_link(text: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:8000(/mail/works/\S+/)", text)
    assert found is not None, text
    return found[1]


def test_a_link_mailed_to_the_address_brings_it_back_once_confirmed(reporter: Person) -> None:
    suspend(reporter)
    client = signed_in(reporter)
    assert "550 5.1.1 No such user here" in client.get("/my/mail/suspended/").text
    client.post("/my/mail/suspended/")
    mail = render(Message.objects.filter(person=reporter, subject=way_back.SUBJECT).get())
    assert mail.to == [reporter.email]
    link = mail_link(str(mail.body))
    stranger = Client(enforce_csrf_checks=False)
    assert "Nothing has changed yet" in stranger.get(link).text
    assert suspension.is_suspended(reporter.email), "a link scanner follows every link"
    assert "comes to you again" in stranger.post(link).text
    assert not suspension.is_suspended(reporter.email)
    reporter.refresh_from_db()
    assert reporter.mail_suspended_at is None
    assert "This was done before" in stranger.post(link).text


def test_an_old_link_does_not_end_a_later_suspension(reporter: Person) -> None:
    suspend(reporter)
    way_back.send_test_mail(reporter)
    text = Message.objects.get(subject=way_back.SUBJECT).text
    suspension.lift(reporter.email)
    suspend(reporter)
    Client().post(mail_link(text))
    assert suspension.is_suspended(reporter.email)


@pytest.mark.parametrize("token", ["x", "W10:x:y", "%00"])
def test_a_link_that_is_not_ours_does_nothing(token: str, db: None) -> None:
    assert Client().get(f"/mail/works/{token}/").status_code == 404
    assert Client().post(f"/mail/works/{token}/").status_code == 404


def test_test_mails_are_not_sent_without_end(reporter: Person) -> None:
    suspend(reporter)
    Message.objects.all().delete()
    asked = [way_back.send_test_mail(reporter) for _ in range(way_back.TESTS + 1)]
    assert asked == [True] * way_back.TESTS + [False]


def test_one_bounce_after_the_way_back_does_not_suspend_again(reporter: Person) -> None:
    suspend(reporter)
    suspension.lift(reporter.email)
    bounce(sent_to(reporter.email))
    assert not suspension.is_suspended(reporter.email)


def test_another_confirmed_address_ends_the_notice_and_not_what_came_back(
    reporter: Person,
) -> None:
    suspend(reporter)
    Person.objects.filter(pk=reporter.pk).update(email="rita@elsewhere.example.org")
    EmailAddress.objects.update_or_create(user=reporter, email="rita@elsewhere.example.org")
    reporter.email = "rita@elsewhere.example.org"
    email_changed.send(Person, request=None, user=reporter, from_email_address=None,
                       to_email_address=None)  # fmt: skip
    reporter.refresh_from_db()
    assert reporter.mail_suspended_at is None
    assert suspension.suspended_among([reporter.email, "rita@example.org"]) == {"rita@example.org"}


def test_an_administrator_brings_an_address_back_from_the_persons_page(
    reporter: Person, administrator: Person, triager: Person
) -> None:
    suspend(reporter)
    page = f"/people/{reporter.pk}/manage"
    client = signed_in(administrator)
    assert "Send mail again" in client.get(page).text
    assert "Send mail again" not in signed_in(triager).get(page).text
    form = {"address": reporter.email}
    assert signed_in(triager).post("/mail-in/lift", form).status_code == 403
    assert suspension.is_suspended(reporter.email)
    client.post("/mail-in/lift", form)
    assert not suspension.is_suspended(reporter.email)
    event = reporter.account_events.latest("pk")
    assert (event.kind, event.actor) == ("mail resumed", administrator)


def test_bounces_of_long_ago_are_forgotten(db: None) -> None:
    for _ in range(2):
        bounce(sent_to())
    Bounce.objects.filter(pk=Bounce.objects.latest("pk").pk).update(
        at=timezone.now() - timedelta(days=91)
    )
    assert bounces.purge() == 1


def test_each_mail_has_its_own_return_path_where_mail_comes_in(settings: Settings) -> None:
    first, second = sent_to(), sent_to()
    assert return_path(render(first)) == bounce_address(first.pk) != bounce_address(second.pk)
    settings.MAIL_IN_DOMAIN = ""
    mail = render(first)
    assert return_path(mail) == mail.from_email
