"""The message behind a comment or report: who may look at it, and what they see."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries, Settings

from accounts.models import Person
from notifications.gate import originals
from notifications.gate.addresses import reply_address, report_address
from notifications.gate.models import IncomingMail
from tests.conftest import sign_in
from tests.gate.acts import stored
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem
from tracker.services import change, comment
from tracker.timeline import timeline

pytestmark = pytest.mark.django_db

KEY = "eyJwIjo3LCJyIjoicHJvYmxlbSJ9:1tXyZ9:aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "", "problems.example.org"
    settings.BASE_URL = "https://bugs.example.org"


@pytest.fixture
def author(db: None) -> Person:
    return make_person("wim")


def mail_of(author: Person, problem: Problem, text: str = "Since the update.") -> IncomingMail:
    """A comment that came by mail, with what the mail said beside it."""
    raw = (
        f"From: Wim <wim@home.example.org>\r\nTo: {reply_address(author.pk, problem.pk)}\r\n"
        f"Subject: Re: #{problem.pk} for {author.email}\r\nMessage-ID: <1@home.example.org>\r\n\r\n"
        f"{text}\r\n\r\nOn Monday, mara@example.org wrote:\r\n> See https://bugs.example.org/12\r\n"
        f"> https://bugs.example.org/unsubscribe/{KEY}/\r\n> {KEY}\r\n"
        f"> {reply_address(author.pk, problem.pk)}\r\n"
    )
    added = comment(problem, author, text, Door.MAIL)
    recipient = reply_address(author.pk, problem.pk)
    return stored(author, raw.encode(), recipient=recipient, problem=problem, comment=added)


def get(person: Person | None, address: str) -> Any:
    client = Client()
    return (sign_in(client, person) if person is not None else client).get(address)


def page(row: IncomingMail) -> str:
    return f"/mail/original/{row.pk}/"


def test_each_role_gets_what_the_table_says(
    request: pytest.FixtureRequest, problem: Problem, author: Person, maintainer: Person
) -> None:
    row = mail_of(author, problem)
    table = {
        "author": (200, 200),
        "administrator": (200, 200),
        "triager": (200, 404),
        "maintainer": (404, 404),
        "committer": (404, 404),
        "reporter": (404, 404),
        "outsider": (404, 404),
    }
    found = {}
    for role in table:
        person = request.getfixturevalue(role)
        answers = (get(person, page(row)), get(person, f"{page(row)}message.eml"))
        found[role] = tuple(answer.status_code for answer in answers)
    assert found == table
    for address in (page(row), f"{page(row)}message.eml", "/mail/original/999999/"):
        assert get(None, address).status_code == 302


def test_its_writer_takes_the_message_away_as_it_came(problem: Problem, author: Person) -> None:
    row = mail_of(author, problem)
    shown = get(author, page(row)).text
    assert "mara@example.org wrote" in shown
    answer = get(author, f"{page(row)}message.eml")
    assert answer.content == originals.bytes_of(row)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_a_triager_reads_it_without_addresses_and_keys(
    problem: Problem, author: Person, triager: Person
) -> None:
    shown = get(triager, page(mail_of(author, problem))).text
    assert "Since the update." in shown
    assert "On Monday, [address] wrote:" in shown
    assert "https://bugs.example.org/12" in shown
    for secret in ("@example.org", "@home", "unsubscribe/", KEY[:20], "reply+"):
        assert secret not in shown, secret


def test_masking_leaves_words_and_short_names_alone() -> None:
    text = "In /usr/src/sys/dev/e1000/if_em.c, line 4711: see https://lists.example.org/a/2026-11/1"
    assert originals.masked(text) == text
    assert originals.masked("https://bugs.example.org/12/edit") == "[link]"
    assert originals.masked("https://bugs.example.org/12.") == "https://bugs.example.org/12."
    assert originals.masked("x" * 200_000 + "@" * 9) == "x" * 200_000 + "@" * 9


def test_a_problem_that_is_hidden_hides_its_mails(
    problem: Problem, author: Person, triager: Person
) -> None:
    row = mail_of(author, problem)
    change(problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    assert get(author, page(row)).status_code == 404
    assert get(author, f"{page(row)}message.eml").status_code == 404
    assert get(triager, page(row)).status_code == 200


def test_only_what_was_done_is_shown(problem: Problem, author: Person) -> None:
    row = mail_of(author, problem)
    for state in IncomingMail.State:
        IncomingMail.objects.filter(pk=row.pk).update(state=state)
        expected = 200 if state == IncomingMail.State.DONE else 404
        assert get(author, page(row)).status_code == expected


def test_a_message_that_is_not_kept_any_more_is_said_to_be_gone(
    problem: Problem, author: Person
) -> None:
    row = mail_of(author, problem)
    row.file.storage.delete(row.file.name)
    assert "not kept any more" in get(author, page(row)).text
    assert get(author, f"{page(row)}message.eml").status_code == 404
    IncomingMail.objects.filter(pk=row.pk).update(file="")
    assert "not kept any more" in get(author, page(row)).text
    assert "/mail/original/" not in get(author, f"/{problem.pk}").text


def test_the_problem_links_to_originals_for_whom_they_are(
    author: Person, triager: Person, reporter: Person
) -> None:
    problem = make_problem(reporter=reporter, door=Door.MAIL)
    report = stored(reporter, recipient=report_address("base"), problem=problem)
    stored(reporter, recipient=reply_address(reporter.pk, problem.pk), problem=problem)
    row = mail_of(author, problem)
    links = {
        who: [each for each in (report, row) if page(each) in get(person, f"/{problem.pk}").text]
        for who, person in {"t": triager, "a": author, "r": reporter, "nobody": None}.items()
    }
    assert links == {"t": [report, row], "a": [row], "r": [report], "nobody": []}


def test_the_desk_links_to_originals(problem: Problem, author: Person, triager: Person) -> None:
    row = mail_of(author, problem)
    assert page(row) in get(triager, f"/triage/?at={problem.pk}").text


@pytest.mark.parametrize("count", [0, 1, 30])
def test_finding_originals_is_one_query_however_many_there_are(
    problem: Problem,
    author: Person,
    django_assert_num_queries: DjangoAssertNumQueries,
    count: int,
) -> None:
    for _ in range(count):
        mail_of(author, problem)
    entries = timeline(problem, author).entries
    author.roles  # noqa: B018 - read once per person, here
    with django_assert_num_queries(1 if count else 0):
        found = originals.originals_of(author, problem, entries)
    assert len(found.of_comments) == count


def test_the_help_is_public_and_names_the_report_address(settings: Settings) -> None:
    shown = Client().get("/mail/help").text
    assert "report@problems.example.org" in shown
    assert "!duplicate NUMBER" in shown
    settings.MAIL_IN_DOMAIN = ""
    assert "takes no mail" in Client().get("/mail/help").text
