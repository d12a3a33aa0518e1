"""The page of incoming mail: what administrators see and do, and that nobody else does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import overview
from notifications.gate.models import Bounce, IncomingMail, SuspendedAddress
from tests.conftest import sign_in
from tests.gate.letters import open_gate

pytestmark = pytest.mark.django_db

RAW = b"From: <script>alert(1)</script>\r\nSubject: x\r\n\r\nHello\r\n"


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    open_gate(settings)


def came(**values: Any) -> IncomingMail:
    """A message that came in and is done, unless `values` say otherwise."""
    number = IncomingMail.objects.count()
    values = {
        "door": "lmtp", "recipient": "report@problems.example.org", "size": len(RAW),
        "digest": f"{number:064d}", "state": "done", "from_address": "rita@example.org",
        "subject": f"Mail {number}", "outcome": "A comment.", "processed_at": timezone.now(),
    } | values  # fmt: skip
    row = IncomingMail(**values)
    if "file" not in values:
        row.file.save("x.eml", ContentFile(RAW), save=False)
    row.save()
    return row


@pytest.fixture
def desk(administrator: Person) -> Client:
    return sign_in(Client(), administrator)


def test_the_newest_mails_come_first_with_what_became_of_them(desk: Client) -> None:
    came(subject="The first", outcome="A comment on #7.")
    came(subject="<b>bold</b>", state="failed", outcome="KeyError: 'x'", attempts=5)
    page = desk.get("/mail-in/").text
    assert page.index("&lt;b&gt;bold&lt;/b&gt;") < page.index("The first")
    assert "<b>bold" not in page
    assert "A comment on #7." in page
    assert "KeyError: &#x27;x&#x27;" in page


def test_mails_are_found_by_state_outcome_sender_and_subject(desk: Client) -> None:
    came(subject="Alpha", from_address="rita@example.org")
    came(subject="Beta", from_address="sam@example.org", state="ignored", outcome="Automatic: x.")
    for query, found in {
        "state=ignored": {"Beta"},
        "q=RITA": {"Alpha"},
        "q=beta": {"Beta"},
        "outcome=automatic": {"Beta"},
        "q=beta&state=done": set(),
        "state=nonsense": {"Alpha", "Beta"},
        "before=x&q=%00": {"Alpha", "Beta"},
    }.items():
        page = desk.get(f"/mail-in/?{query}").text
        assert {word for word in ("Alpha", "Beta") if word in page} == found, query


def test_a_long_list_goes_on_where_the_page_ended(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overview, "ON_A_PAGE", 2)
    mails = [came(subject=f"Mail no. {n}", file="x") for n in range(3)]
    first = desk.get("/mail-in/?state=done&q=mail")
    assert f"?state=done&amp;q=mail&amp;outcome=&amp;before={mails[1].pk}" in first.text
    second = desk.get(f"/mail-in/?state=done&q=mail&before={mails[1].pk}").text
    assert "Mail no. 0" in second
    assert "Mail no. 1" not in second


def test_a_message_is_had_as_it_came_and_never_shown_as_a_page(desk: Client) -> None:
    answer = desk.get(f"/mail-in/{came().pk}/raw")
    assert b"".join(answer) == RAW
    assert answer["Content-Type"] == "text/plain"
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_a_message_that_was_deleted_is_not_found(desk: Client) -> None:
    gone = came(file="")
    lost = came(file="mail/lost.eml")
    for mail in (gone, lost):
        assert desk.get(f"/mail-in/{mail.pk}/raw").status_code == 404
    assert f"/mail-in/{gone.pk}/raw" not in desk.get("/mail-in/").text


@pytest.mark.parametrize(
    ("state", "again"), [("failed", True), ("ignored", True), ("done", False), ("held", False)]
)
def test_only_what_brought_nothing_about_is_read_again(
    state: str, again: bool, desk: Client
) -> None:
    mail = came(state=state, attempts=5)
    assert ("Read again" in desk.get("/mail-in/").text) is again
    answer = desk.post(f"/mail-in/{mail.pk}/read", follow=True)
    assert ("The mail is read again." in answer.text) is again
    mail.refresh_from_db()
    assert mail.state == ("received" if again else state)


def test_mail_that_waits_and_mail_that_was_too_much_are_pointed_out(desk: Client) -> None:
    assert "Does the worker run?" not in desk.get("/mail-in/").text
    came(state="received", received_at=timezone.now() - timedelta(minutes=6), outcome="")
    came(state="ignored", outcome="Too many mails: over 30 from x@example.org within an hour.")
    page = desk.get("/mail-in/").text
    assert "Does the worker run?" in page
    assert "Too many mails: over 30 from x@example.org within an hour. The rest was not" in page


def test_without_a_gate_the_page_says_so(desk: Client, settings: Settings) -> None:
    assert "MAIL_IN" not in desk.get("/mail-in/").text
    settings.MAIL_IN_DOMAIN = ""
    assert "<code>MAIL_IN</code> is off" in desk.get("/mail-in/").text


def test_suspended_addresses_and_what_came_back_are_below(desk: Client, reporter: Person) -> None:
    SuspendedAddress.objects.create(address=reporter.email, words="550 no such <user>")
    Bounce.objects.create(address="sam@example.org", is_permanent=True, words="5.1.1 gone")
    page = desk.get("/mail-in/").text
    assert f"/people/{reporter.pk}/manage" in page
    assert "550 no such &lt;user&gt;" in page
    assert "5.1.1 gone" in page


@pytest.mark.parametrize(
    ("who", "status"),
    [("reporter", 403), ("maintainer", 403), ("triager", 403), ("committer", 403),
     ("administrator", 200)],
)  # fmt: skip
def test_only_administrators_see_incoming_mail(
    who: str, status: int, request: pytest.FixtureRequest
) -> None:
    mail = came(state="failed")
    SuspendedAddress.objects.create(address="x@example.org")
    client = sign_in(Client(), request.getfixturevalue(who))
    assert client.get("/mail-in/").status_code == status
    raw = client.get(f"/mail-in/{mail.pk}/raw")
    assert (raw.status_code, RAW in b"".join(raw)) == (status, status == 200)
    done = 302 if status == 200 else 403
    assert client.post(f"/mail-in/{mail.pk}/read").status_code == done
    assert client.post("/mail-in/lift", {"address": "x@example.org"}).status_code == done
    mail.refresh_from_db()
    assert (mail.state == "received") is (status == 200)
    assert SuspendedAddress.objects.exists() is (status != 200)


def test_strangers_are_asked_to_sign_in(db: None) -> None:
    mail = came(state="failed")
    for address in ("/mail-in/", f"/mail-in/{mail.pk}/raw", "/my/mail/suspended/"):
        answer = Client().get(address)
        assert (answer.status_code, "/login/" in answer["Location"]) == (302, True)
    Client().post(f"/mail-in/{mail.pk}/read")
    mail.refresh_from_db()
    assert mail.state == "failed"


def test_a_get_changes_nothing(desk: Client) -> None:
    mail = came(state="failed")
    assert desk.get(f"/mail-in/{mail.pk}/read").status_code == 405
    assert desk.get("/mail-in/lift").status_code == 405


def test_the_page_costs_the_same_however_much_came(
    desk: Client, reporter: Person, django_assert_num_queries: Any
) -> None:
    desk.get("/mail-in/")
    for count in (1, 30, 300):
        IncomingMail.objects.bulk_create(
            IncomingMail(door="lmtp", recipient="r", digest=f"{count}-{n}", size=1, person=reporter)
            for n in range(count)
        )
        SuspendedAddress.objects.bulk_create(
            SuspendedAddress(address=f"p{count}-{n}@example.org") for n in range(count)
        )
        Bounce.objects.bulk_create(Bounce(address="x", is_permanent=False) for n in range(count))
        with django_assert_num_queries(10):
            desk.get("/mail-in/")
