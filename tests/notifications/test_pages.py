"""Pages of subscriptions, the digest and the outbox, and the unsubscribing that needs no cookie."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.utils import timezone

from accounts.models import Person
from notifications.digests import runs
from notifications.models import DigestSubscription, Message, Subscription
from notifications.outbox import queueing, sending
from notifications.outbox.envelopes import unsubscribe_token
from tests.conftest import sign_in
from tests.notifications.mails import mail_to, told
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.models import Door, Problem, Product
from tracker.services import comment
from votes.services import cast_vote

pytestmark = pytest.mark.django_db


def signed_in(person: Person) -> Client:
    return sign_in(Client(enforce_csrf_checks=False), person)


def stop_address(person: Person, **values: Any) -> str:
    """Where the header of the person's latest mail says that a POST ends it."""
    header = mail_to(person, **values)["List-Unsubscribe"]
    found = re.fullmatch(r"<http://127\.0\.0\.1:8000(/unsubscribe/.+/)>", header)
    assert found is not None, header
    return found[1]


def one_click(address: str) -> int:
    """What a reader of mail does: a POST without cookies, referrer or form token (RFC 8058)."""
    client = Client(enforce_csrf_checks=True)
    return client.post(address, {"List-Unsubscribe": "One-Click"}).status_code


def test_one_click_ends_the_mails_of_a_problem_for_good(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    comment(problem, triager, "One", Door.WEB)
    address = stop_address(reporter)
    assert one_click(address) == one_click(address) == 200
    comment(problem, triager, "Two", Door.WEB)
    assert told(problem) == []
    assert Subscription.objects.get(person=reporter).is_muted


def test_one_click_ends_just_what_the_mail_was_about(
    maintainer: Person, product: Product, problem: Problem, triager: Person
) -> None:
    one_click(stop_address(maintainer))
    comment(problem, triager, "Hello", Door.WEB)
    assert told(problem) == ["rita"]
    assert Subscription.objects.get(person=maintainer).component == problem.component


def test_one_click_switches_the_digest_off(maintainer: Person, problem: Problem) -> None:
    runs.make_missing_subscriptions(timezone.now() - timedelta(days=8))
    runs.send_due()
    assert one_click(stop_address(maintainer, kind="digest")) == 200
    assert DigestSubscription.objects.get().period == "off"


def test_looking_at_the_address_changes_nothing(
    problem: Problem, reporter: Person, triager: Person
) -> None:
    comment(problem, triager, "One", Door.WEB)
    address = stop_address(reporter)
    page = Client().get(address)
    assert f"problem #{problem.pk}" in page.text
    assert problem.synopsis not in page.text, "who holds an old mail may no longer see it"
    assert Client().head(address).status_code == 200
    assert not Subscription.objects.filter(person=reporter).exists()


@pytest.mark.parametrize("token", ["x", "W10:x", "%00", "WzEsMiwzXQ:abc"])
def test_a_token_that_is_not_ours_ends_nothing(token: str, reporter: Person) -> None:
    assert one_click(f"/unsubscribe/{token}/") == 404
    assert Subscription.objects.count() == 0


def test_a_changed_token_ends_nothing(reporter: Person, second_reporter: Person) -> None:
    token = unsubscribe_token(reporter.pk, "everything", None)
    other = unsubscribe_token(second_reporter.pk, "everything", None)
    mixed = f"{token.rpartition(':')[0]}:{other.rpartition(':')[2]}"
    assert one_click(f"/unsubscribe/{mixed}/") == 404


def test_a_token_for_what_is_gone_says_so_politely(reporter: Person) -> None:
    token = unsubscribe_token(reporter.pk, "problem", 4711)
    assert one_click(f"/unsubscribe/{token}/") == 200


def button(person: Person, problem: Problem) -> str:
    request = RequestFactory().get("/")
    request.user = person
    template = Template("{% load notifications %}{% subscription_button problem %}")
    return template.render(Context({"request": request, "problem": problem}))


def test_the_button_follows_and_mutes_from_the_problems_page(
    problem: Problem, outsider: Person, reporter: Person
) -> None:
    assert "Follow</button>" in button(outsider, problem)
    assert "because you reported it" in button(reporter, problem)
    for person, action in ((outsider, "subscribe"), (reporter, "mute")):
        answer = signed_in(person).post(
            "/my/subscriptions/change",
            {"target": f"problem:{problem.pk}", "action": action, "next": f"/{problem.pk}"},
        )
        assert (answer.status_code, answer["Location"]) == (302, f"/{problem.pk}")
    assert "Mute</button>" in button(outsider, problem)
    assert "Unmute</button>" in button(reporter, problem)


def test_the_page_lists_what_one_follows_and_why(
    maintainer: Person, product: Product, problem: Problem
) -> None:
    client = signed_in(maintainer)
    page = client.get("/my/subscriptions/").text
    assert "you maintain it" in page
    client.post("/my/subscriptions/change", {"target": "everything", "action": "subscribe"})
    client.post("/my/subscriptions/change", {"target": f"product:{product.pk}", "action": "mute"})
    page = client.get("/my/subscriptions/").text
    assert page.index("everything") < page.index("<h2>Muted</h2>") < page.rindex("all of Base")
    client.post(
        "/my/subscriptions/change", {"target": f"product:{product.pk}", "action": "unsubscribe"}
    )
    assert "<h2>Muted</h2>" not in client.get("/my/subscriptions/").text


def test_a_hidden_problem_can_be_neither_followed_nor_found_out(
    product: Product, reporter: Person, outsider: Person
) -> None:
    problem = make_problem(product, reporter, is_confidential=True, synopsis="SECRET")
    client = signed_in(outsider)
    answers = set()
    for number in (problem.pk, problem.pk + 1):
        answer = client.post(
            "/my/subscriptions/change", {"target": f"problem:{number}", "action": "subscribe"}
        )
        assert answer.status_code == 404
        answers.add(re.sub(r'value="\w{64}"', "", answer.text))
    assert len(answers) == 1, "what is hidden looks like what is not there"
    Subscription.objects.create(person=outsider, problem=problem)
    assert "SECRET" not in client.get("/my/subscriptions/").text


@pytest.mark.parametrize("target", ["", "problem:", "problem:x", "galaxy:1", "product:99999999"])
def test_a_target_that_there_is_not_is_refused(target: str, outsider: Person) -> None:
    answer = signed_in(outsider).post(
        "/my/subscriptions/change", {"target": target, "action": "subscribe"}
    )
    assert answer.status_code == 404


def test_the_preview_is_the_mail_that_would_come(maintainer: Person, product: Product) -> None:
    for _ in range(3):
        cast_vote(make_problem(product, component="kernel"), make_person(), Door.WEB)
    client = signed_in(maintainer)
    page = client.get("/my/digest/")
    text = client.get("/my/digest/mail.txt").text
    html = client.get("/my/digest/mail.html").text
    DigestSubscription.objects.create(person=maintainer, next_due_at=timezone.now())
    runs.send_due()
    mail = mail_to(maintainer, kind="digest")
    assert mail["Subject"] in page.text
    assert mail.get_body(("plain",)).get_content().replace("\r\n", "\n") == text  # type: ignore[union-attr]
    assert mail.get_body(("html",)).get_content().replace("\r\n", "\n").strip() == html.strip()  # type: ignore[union-attr]


def test_the_settings_are_kept_and_the_next_time_is_told(maintainer: Person) -> None:
    answer = signed_in(maintainer).post(
        "/my/digest/",
        {"period": "daily", "weekday": "2", "hour": "17", "time_zone": "Europe/Berlin"},
        follow=True,
    )
    assert "at 17:00." in answer.text
    row = DigestSubscription.objects.get(person=maintainer)
    assert (row.period, row.weekday, row.hour, row.is_chosen) == ("daily", 2, 17, True)
    maintainer.refresh_from_db()
    assert maintainer.time_zone == "Europe/Berlin"


def test_wrong_settings_are_refused_and_nothing_kept(maintainer: Person) -> None:
    answer = signed_in(maintainer).post(
        "/my/digest/", {"period": "hourly", "weekday": "9", "hour": "24", "time_zone": "Mars"}
    )
    assert answer.status_code == 400
    assert answer.text.count("errorlist") >= 4
    assert DigestSubscription.objects.count() == 0


def test_a_reporter_has_no_digest_until_asking_for_one(reporter: Person) -> None:
    client = signed_in(reporter)
    assert "It is switched off." in client.get("/my/digest/").text
    client.post("/my/digest/", {"period": "weekly", "weekday": 0, "hour": 8, "time_zone": "UTC"})
    assert DigestSubscription.objects.get().person == reporter


def test_the_page_tells_the_next_digest_by_the_clock_of_whom_it_is_for(reporter: Person) -> None:
    client = signed_in(reporter)
    choice = {"period": "weekly", "weekday": 0, "hour": 9, "time_zone": "Asia/Tokyo"}
    client.post("/my/digest/", choice)
    shown = client.get("/my/digest/").text
    assert re.findall(r"The next[^.<]*? comes on Monday, [^.<]*? at (\d\d:\d\d)", shown) == [
        "09:00", "09:00",
    ]  # fmt: skip


ADDRESSES = ("/my/subscriptions/", "/my/digest/", "/my/digest/mail.txt", "/outbox/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_strangers_are_asked_to_sign_in(address: str, db: None) -> None:
    answer = Client().get(address)
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]


@pytest.mark.parametrize(
    ("who", "status"),
    [("reporter", 403), ("maintainer", 403), ("triager", 403), ("committer", 403),
     ("administrator", 200)],
)  # fmt: skip
def test_only_administrators_see_the_outbox(
    who: str, status: int, request: pytest.FixtureRequest
) -> None:
    person = request.getfixturevalue(who)
    message = queueing.queue_account_mail("x@example.org", "Code", "123456")
    client = signed_in(person)
    assert client.get("/outbox/").status_code == status
    assert client.post(f"/outbox/{message.pk}/send").status_code == (302 if status == 200 else 403)


def test_the_outbox_shows_what_failed_and_sends_it_again(
    problem: Problem, reporter: Person, triager: Person, administrator: Person
) -> None:
    comment(problem, triager, "One", Door.WEB)
    message = Message.objects.get(person=reporter)
    Message.objects.update(state="failed", last_error="550 no such person", rung_at=None)
    client = signed_in(administrator)
    page = client.get("/outbox/?state=failed").text
    assert "550 no such person" in page
    client.post(f"/outbox/{message.pk}/send")
    message.refresh_from_db()
    assert message.state == "queued"
    assert sending.deliver(message.pk)


def test_the_outbox_never_shows_a_code(administrator: Person) -> None:
    queueing.queue_account_mail("x@example.org", "Your code is 987654", "987654")
    assert "987654" not in signed_in(administrator).get("/outbox/").text


def test_the_outbox_costs_the_same_however_full_it_is(
    administrator: Person, django_assert_num_queries: Any
) -> None:
    client = signed_in(administrator)
    client.get("/outbox/")
    for count in (1, 60):
        for serial in range(count):
            queueing.queue_account_mail(f"p{count}.{serial}@example.org", "Code", "1")
        with django_assert_num_queries(14):
            client.get("/outbox/")


def test_a_new_product_can_be_followed_from_the_page(outsider: Person) -> None:
    product = make_product("ports")
    assert f'value="product:{product.pk}"' in signed_in(outsider).get("/my/subscriptions/").text
