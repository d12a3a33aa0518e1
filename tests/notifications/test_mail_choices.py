"""The page on which people choose how soon they are told, and the one click that ends it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from accounts.models import Person
from notifications.models import (
    DigestSubscription,
    EventChoice,
    MailSettings,
    Message,
    Occasion,
    Subscription,
)
from notifications.outbox.rendering import Withheld
from notifications.services import subscribe
from tests.conftest import sign_in
from tests.notifications.mails import html_of, mail_to, text_of
from tests.problems import make_problem
from tracker import bulk
from tracker.bulk import Asked, Pick
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import comment

pytestmark = pytest.mark.django_db

PAGE = "/my/subscriptions/"
CHOOSE = "/my/subscriptions/choices"
USUAL = dict.fromkeys(Occasion.values, "instantly")


def choose(person: Person, **values: str) -> Any:
    return sign_in(Client(), person).post(CHOOSE, USUAL | values, follow=True)


def one_click(person: Person) -> int:
    """What a reader of mail does with the person's latest mail."""
    mail = mail_to(person)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = re.sub(r"<http://[^/]+(.*)>", r"\1", mail["List-Unsubscribe"])
    assert f"http://127.0.0.1:8000{address}" in text_of(mail), "the text says how, too"
    assert address in html_of(mail)
    assert Client().get(address).status_code == 200
    client = Client(enforce_csrf_checks=True)
    form = {"List-Unsubscribe": "One-Click"}
    assert client.post(address, form).status_code == 200
    return client.post(address, form).status_code


def test_what_was_chosen_is_kept_and_shown(reporter: Person) -> None:
    answer = choose(
        reporter, commented="hourly", edited="never", quiet_from="22", quiet_until="7",
        tells_own_acts="on",
    )  # fmt: skip
    assert 'value="hourly" selected' in answer.text
    chosen = dict(EventChoice.objects.values_list("occasion", "pace"))
    assert chosen == USUAL | {"commented": "hourly", "edited": "never"}
    row = MailSettings.objects.get(person=reporter)
    assert (row.quiet_from, row.quiet_until, row.tells_own_acts) == (22, 7, True)
    choose(reporter)
    row.refresh_from_db()
    assert (row.quiet_from, row.quiet_until, row.tells_own_acts) == (None, None, False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"commented": "weekly"},
        {"quiet_from": "24", "quiet_until": "7"},
        {"quiet_from": "22"},
        {"quiet_from": "22", "quiet_until": "22"},
    ],
)
def test_a_choice_that_there_is_not_is_refused_and_nothing_kept(
    wrong: dict[str, str], reporter: Person
) -> None:
    answer = choose(reporter, **wrong)
    assert answer.status_code == 400
    assert "errorlist" in answer.text
    assert not EventChoice.objects.exists()


def test_choosing_the_digest_switches_one_on_and_says_when_it_comes(reporter: Person) -> None:
    answer = choose(reporter, commented="digest")
    row = DigestSubscription.objects.get(person=reporter)
    assert (row.kind, row.period, row.is_chosen) == ("votes", "weekly", True)
    assert "The digest that tells them comes every week from Monday" in answer.text
    DigestSubscription.objects.update(period="daily")
    assert "The digest that tells them" not in choose(reporter, commented="digest").text
    assert DigestSubscription.objects.get().period == "daily", "what one has is left as it is"


def test_strangers_choose_nothing(db: None) -> None:
    assert Client().post(CHOOSE, USUAL).status_code == 302
    assert not EventChoice.objects.exists()


def test_the_page_costs_the_same_however_much_one_follows(
    reporter: Person, product: Product, django_assert_num_queries: Any
) -> None:
    client = sign_in(Client(), reporter)
    client.get(PAGE)
    for count in (1, 30):
        for _ in range(count):
            subscribe(reporter, make_problem(product))
        with django_assert_num_queries(12):
            client.get(PAGE)


def test_one_click_ends_the_mails_of_the_hour(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    EventChoice.objects.create(person=reporter, occasion="commented", pace="hourly")
    comment(problem, triager, "One", Door.WEB)
    assert Message.objects.get(person=reporter).kind == "roundup"
    assert one_click(reporter) == 200
    assert EventChoice.objects.get().pace == "never"
    assert Message.objects.get(person=reporter).state == "dropped", "what was collected ends, too"


def test_one_click_ends_mail_about_ones_own_acts(problem: Problem, reporter: Person) -> None:
    MailSettings.objects.create(person=reporter, tells_own_acts=True)
    comment(problem, reporter, "One", Door.WEB)
    assert one_click(reporter) == 200
    assert not MailSettings.objects.get().tells_own_acts
    with pytest.raises(Withheld):
        mail_to(reporter)
    assert not Subscription.objects.filter(person=reporter, is_muted=True).exists()


def test_one_click_mutes_what_a_mail_about_many_problems_was_about(
    product: Product, maintainer: Person, reporter: Person, triager: Person
) -> None:
    two = [make_problem(product, reporter, component="kernel") for _ in range(2)]
    asked = Asked(ProblemChange(state="closed", resolution="fixed"), "")
    bulk.apply(triager, [Pick(p.pk, 1) for p in two], asked, Door.WEB)
    for person, muted in ((maintainer, {("component", two[0].component_id)}),
                          (reporter, {("problem", p.pk) for p in two})):  # fmt: skip
        assert Message.objects.filter(person=person).latest("pk").kind == "bulk"
        address = re.sub(r"<http://[^/]+(.*)>", r"\1", mail_to(person)["List-Unsubscribe"])
        assert Client(enforce_csrf_checks=True).post(address).status_code == 200
        rows = Subscription.objects.filter(person=person, is_muted=True)
        assert {(str(row.reach), row.target_id) for row in rows} == muted
