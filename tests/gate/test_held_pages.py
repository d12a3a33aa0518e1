"""The question whether a mail is yours, and the page of mail to the tracker."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from accounts.models import Person
from notifications.gate import senders
from notifications.gate.addresses import NoSuchAddress, read_recipient, reply_address
from notifications.gate.models import HeldMail, IncomingMail, KnownSender
from notifications.web import mail
from tests.conftest import sign_in
from tests.gate.letters import REPORTS, answers_to, link_in, open_gate, reply
from tests.problems import make_problem
from tracker.models import Comment, Problem

pytestmark = pytest.mark.django_db

EVE = "eve@example.net"


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    open_gate(settings)


@pytest.fixture
def held(problem: Problem, reporter: Person) -> HeldMail:
    """An answer in rita's name from another address."""
    incoming = reply(reporter, problem, "From <b>elsewhere</b>.", EVE)
    return HeldMail.objects.get(incoming=incoming)


@pytest.fixture
def link(held: HeldMail) -> str:
    return link_in(answers_to("rita@example.org")[-1])


def page(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status
    return str(answer.content.decode())


def test_the_link_shows_what_would_be_posted_and_a_get_never_acts(
    client: Client, held: HeldMail, link: str
) -> None:
    for _ in range(2):
        text = page(client, link)
        assert "From &lt;b&gt;elsewhere&lt;/b&gt;." in text
        assert EVE in text
        assert f"problem #{held.incoming.problem_id or Problem.objects.get().pk}" in text
    assert client.head(link).status_code == 200
    assert client.post(link).status_code == 400
    assert client.post(link, {"answer": "yes"}).status_code == 400
    held.incoming.refresh_from_db()
    assert held.incoming.state == IncomingMail.State.HELD
    assert not Comment.objects.exists()


def test_the_link_needs_the_token_of_its_page_but_no_account(link: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(link, {"answer": "mine"}).status_code == 403
    strict.get(link)
    token = strict.cookies["groundswell_csrf"].value
    answer = strict.post(link, {"answer": "mine", "csrfmiddlewaretoken": token}, follow=True)
    assert "Done" in answer.content.decode()
    assert str(Comment.objects.get().author) == "rita"


def test_what_was_settled_says_so_and_does_nothing_again(client: Client, link: str) -> None:
    first = client.post(link, {"answer": "not mine"}, follow=True).content.decode()
    assert "is not kept" in first
    again = client.post(link, {"answer": "mine"}, follow=True).content.decode()
    assert "is not kept" in again
    assert "elsewhere" not in again
    assert not Comment.objects.exists()


def test_a_link_that_is_wrong_or_a_week_old_leads_nowhere(client: Client, link: str) -> None:
    assert page(client, "/mail/confirm/abc/", 404)
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        assert "elsewhere" not in page(client, link, 410)
        assert client.post(link, {"answer": "mine"}).status_code == 410
    assert not Comment.objects.exists()


def test_a_refusal_is_shown_where_it_was_confirmed(
    client: Client, problem: Problem, reporter: Person
) -> None:
    reply(reporter, problem, "!state nonsense", EVE)
    link = link_in(answers_to("rita@example.org")[-1])
    assert "nonsense" in client.post(link, {"answer": "mine"}, follow=True).content.decode()
    assert len(answers_to("rita@example.org")) == 1


def test_what_is_answered_to_a_confirmed_mail_goes_to_the_account(
    client: Client, problem: Problem, reporter: Person
) -> None:
    reply(reporter, problem, "!help", EVE)
    client.post(link_in(answers_to("rita@example.org")[-1]), {"answer": "mine"})
    assert answers_to(EVE) == []
    assert "!close" in answers_to("rita@example.org")[-1].text


def test_a_mail_to_an_address_that_is_ours_no_longer_is_refused(
    client: Client, settings: Settings, held: HeldMail, link: str
) -> None:
    settings.MAIL_IN_DOMAIN = "other.example.org"
    client.post(link, {"answer": "mine"})
    held.incoming.refresh_from_db()
    assert held.incoming.state == IncomingMail.State.REFUSED


def test_an_account_that_was_closed_meanwhile_posts_nothing(
    client: Client, held: HeldMail, link: str
) -> None:
    Person.objects.filter(pk=held.person_id).update(is_active=False)
    client.post(link, {"answer": "mine"})
    assert not Comment.objects.exists()


def test_the_settled_page_names_no_problem_that_its_person_may_not_see(
    client: Client, held: HeldMail, link: str, outsider: Person
) -> None:
    client.post(link, {"answer": "mine"})
    Problem.objects.update(is_confidential=True, reporter=outsider, synopsis="A secret thing")
    assert "A secret thing" not in page(client, link)


def test_only_the_person_themselves_sees_what_waits_on_their_page(
    client: Client, held: HeldMail, outsider: Person
) -> None:
    path = f"/my/mail/held/{held.pk}"
    assert client.get("/my/mail/").status_code == client.get(path).status_code == 302
    sign_in(client, outsider)
    assert EVE not in page(client, "/my/mail/")
    page(client, path, 404)
    assert client.post(path, {"answer": "mine"}).status_code == 404
    sign_in(client, held.person)
    assert path in page(client, "/my/mail/")
    client.post(path, {"answer": "mine"})
    assert Comment.objects.get().author == held.person
    assert path not in page(client, "/my/mail/")


def test_a_known_sender_can_be_forgotten_by_its_person_only(
    client: Client, reporter: Person, outsider: Person
) -> None:
    senders.remember(reporter, "Rita@Example.NET", "example.net")
    known = KnownSender.objects.get()
    path = f"/my/mail/senders/{known.pk}/forget"
    assert sign_in(client, outsider).post(path).status_code == 404
    sign_in(client, reporter)
    assert "rita@example.net" in page(client, "/my/mail/")
    assert client.get(path).status_code == 405
    assert client.post(path).status_code == 302
    assert not KnownSender.objects.exists()


def test_reply_addresses_can_be_made_void_for_one_problem_or_all(
    client: Client, problem: Problem, reporter: Person, outsider: Person
) -> None:
    sign_in(client, reporter)
    hidden = make_problem(reporter=outsider, is_confidential=True)
    ours = [reply_address(reporter.pk, number) for number in (problem.pk, problem.pk + 9)]
    for wrong in ("", "x", "99999999999999999999", str(hidden.pk), str(hidden.pk + 1)):
        client.post("/my/mail/void", {"what": "one", "number": wrong})
    assert void(ours) == [False, False]
    client.post("/my/mail/void", {"what": "one", "number": f"#{problem.pk}"})
    assert void(ours) == [True, False]
    client.post("/my/mail/void", {"what": "all", "number": "1"})
    assert void(ours) == [True, True]
    assert "are void" in page(client, "/my/mail/")


def void(replies: list[str]) -> list[bool]:
    """Whether each takes no mail any more."""
    found = []
    for each in replies:
        try:
            senders.check_recipient(read_recipient(each))
            found.append(False)
        except NoSuchAddress:
            found.append(True)
    return found


def test_the_page_asks_as_much_for_thirty_as_for_one(
    client: Client,
    problem: Problem,
    reporter: Person,
    django_assert_num_queries: DjangoAssertNumQueries,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sign_in(client, reporter)
    reply(reporter, problem, "0", EVE)
    client.get("/my/mail/")
    with django_assert_num_queries(QUERIES):
        client.get("/my/mail/")
    for number in range(29):
        reply(reporter, problem, f"And {number}", EVE)
    with django_assert_num_queries(QUERIES):
        assert page(client, "/my/mail/").count("Look at it") == 30
    monkeypatch.setattr(mail, "SHOWN", 20)
    (following,) = re.findall(r"\?before=\d+", page(client, "/my/mail/"))
    older = page(client, f"/my/mail/{following}")
    assert (older.count("Look at it"), "?before=" in older) == (10, False)


QUERIES = 6


def test_where_no_mail_comes_in_the_page_says_so(
    client: Client, reporter: Person, settings: Settings
) -> None:
    sign_in(client, reporter)
    assert REPORTS in page(client, "/my/mail/")
    settings.MAIL_IN_DOMAIN = ""
    assert "takes no mail yet" in page(client, "/my/mail/")
