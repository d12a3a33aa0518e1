"""Many messages at once: each leaves once, in turn, at the pace of its domain."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any
from unittest.mock import Mock

import pytest
import time_machine
from django.core import signing
from django.core.mail import get_connection
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.models import Person, RoleGrant
from notifications.backends.base import OutgoingMail, to_bytes
from notifications.digests import runs
from notifications.models import DigestDelivery, DigestSubscription, MailDomain, Message
from notifications.outbox import batches, bell, pacing, queueing, sending
from notifications.outbox.envelopes import unsubscribe_token
from notifications.outbox.handover import Slot, journal
from notifications.outbox.rendering import Renderer, render
from tests.notifications.crowd import make_developers
from tests.notifications.test_outbox import use_smtp
from tests.notifications.test_pages import signed_in
from tests.services import SmtpServer, free_port, smtp

pytestmark = pytest.mark.django_db

State = Message.State


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing remembered of other tests, nobody who hears the bell, and no haste."""
    monkeypatch.setattr(pacing, "temper", pacing.Temper())
    monkeypatch.setattr(bell, "_publish", lambda *task: True)
    monkeypatch.setattr(batches, "_known_rate", [100.0])
    # A batch goes on for as long as a busy machine needs for its few mails.
    monkeypatch.setattr(batches, "SECONDS", 60.0)
    monkeypatch.setattr(batches, "HANDED_FOR", 60.0)


@pytest.fixture
def server(settings: Settings) -> Iterator[SmtpServer]:
    with smtp() as running:
        use_smtp(settings, running.port)
        yield running


def make_mails(count: int, domain: str = "example.org") -> list[Message]:
    """Queued answers: their text is in the row."""
    rows = [
        Message(
            kind="answer",
            address=f"p{serial}@{domain}",
            domain=domain,
            message_id=f"{serial}.{time.monotonic_ns()}@{domain}",
            subject="Subject",
            text="Text",
        )
        for serial in range(count)
    ]
    return Message.objects.bulk_create(rows)


def make_digests(people: int, domain: str = "") -> list[Message]:
    """Queued digests of developers; with a `domain` the first six of them are there."""
    make_developers(people)
    if domain:
        for person in Person.objects.order_by("pk")[:6]:
            person.email = f"{person.handle}@{domain}"
            person.save(update_fields=["email"])
    DigestSubscription.objects.update(next_due_at=timezone.now())
    runs.send_due()
    return list(Message.objects.filter(kind="digest").select_related(*sending.RELATED))


def counts() -> Counter[str]:
    return Counter(Message.objects.values_list("state", flat=True))


def test_a_batch_sends_each_digest_once_and_settles_it(server: SmtpServer) -> None:
    messages = make_digests(25)
    assert batches.deliver_batch() == 25
    assert batches.deliver_batch() == 0
    assert Counter(server.recipients) == Counter(f"dev{n}@example.org" for n in range(25))
    assert counts() == {"sent": 25}
    assert not DigestDelivery.objects.exclude(outcome="sent").exists()
    (told,) = set(DigestSubscription.objects.values_list("last_covered_until", flat=True))
    assert messages[0].delivery is not None
    assert told == messages[0].delivery.covers_until


def test_a_digest_of_a_batch_is_the_one_that_would_be_made_alone(db: None) -> None:
    messages = make_digests(12)
    with time_machine.travel(timezone.now(), tick=False):
        together = dict(Renderer().render(messages))
        for message in messages:
            mail = together[message]
            assert not isinstance(mail, Exception)
            assert lines(to_bytes(mail)) == lines(to_bytes(render(message)))


def lines(mail: bytes) -> list[bytes]:
    """All but the boundaries, which are new each time."""
    found = mail.split(b"\r\n")
    return [line for line in found if not line.startswith((b"--=_", b"Content-Type: multi"))]


def test_a_batch_costs_the_same_statements_for_many_as_for_some(
    server: SmtpServer, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is.
    monkeypatch.setattr(batches, "GROUP_SECONDS", 1.0)
    make_digests(60)
    batches.deliver_batch()
    DigestSubscription.objects.update(next_due_at=timezone.now())
    with time_machine.travel(timezone.now() + timedelta(days=7)):
        runs.send_due()
        batches._known_rate[0] = 100.0
        with django_assert_max_num_queries(60):
            assert batches.deliver_batch() == 60


@pytest.mark.parametrize("more", [[], ["250-PIPELINING"]])
def test_a_batch_uses_one_connection_and_a_refused_mail_does_not_end_it(
    more: list[str], server: SmtpServer
) -> None:
    greeted: list[str] = []

    async def handle_ehlo(
        server_: object, session: Any, envelope: object, name: str, answers: list[str]
    ) -> list[str]:
        greeted.append(name)
        session.host_name = name
        return [answers[0], *more, *answers[1:]]

    async def handle_rcpt(
        server_: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address.startswith("p3@"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 fine"

    server.handle_EHLO = handle_ehlo  # type: ignore[attr-defined]
    server.handle_RCPT = handle_rcpt  # type: ignore[attr-defined]
    make_mails(8)
    assert batches.deliver_batch() == 7
    assert len(greeted) == 1
    assert counts() == {"sent": 7, "failed": 1}


def test_a_code_overtakes_a_digest_run(server: SmtpServer) -> None:
    make_digests(30)
    queueing.queue_account_mail("rita@example.org", "Your code", "It is 123456.")
    batches.deliver_batch()
    assert server.recipients[0] == "rita@example.org"


def test_a_code_leaves_while_as_many_batches_are_under_way_as_may_be(server: SmtpServer) -> None:
    lanes = [batches._lanes.acquire(blocking=False) for _ in range(batches.LANES)]
    try:
        message = queueing.queue_account_mail("rita@example.org", "Your code", "It is 1.")
        make_mails(3)
        assert batches.deliver_batch() == 0
        assert sending.deliver(message.pk)
    finally:
        for _ in lanes:
            batches._lanes.release()
    assert server.recipients == ["rita@example.org"]


def test_what_a_dead_server_did_not_take_waits_together_without_an_attempt_each(
    settings: Settings,
) -> None:
    use_smtp(settings, free_port())
    make_mails(20)
    assert batches.deliver_batch() == 0
    assert sorted(Message.objects.values_list("attempts", flat=True))[-2:] == [0, 1]
    assert counts() == {"queued": 20}
    assert not Message.objects.filter(due_at__lte=timezone.now()).exists()


def test_a_domain_that_says_not_now_is_held_and_no_other(server: SmtpServer) -> None:
    server.refuse = lambda mail: "451 later" if "slow.example" in mail["To"] else None
    make_digests(12, "slow.example")
    batches.deliver_batch()
    assert Message.objects.filter(domain="example.org", state="sent").count() == 6
    slow = Message.objects.filter(domain="slow.example", state="queued")
    assert sorted(slow.values_list("attempts", flat=True)) == [0, 0, 0, 1, 1, 1]
    (row,) = MailDomain.objects.all()
    assert (row.domain, row.last_error) == ("slow.example", "451 later")
    assert row.held_until is not None
    assert row.held_until > timezone.now()


def test_a_server_that_says_nothing_for_one_domain_does_not_stop_the_others(
    server: SmtpServer, settings: Settings
) -> None:
    async def handle_rcpt(
        server_: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address.endswith("@slow.example"):
            await asyncio.sleep(60)
        envelope.rcpt_tos.append(address)
        return "250 fine"

    server.handle_RCPT = handle_rcpt  # type: ignore[attr-defined]
    make_digests(12, "slow.example")
    settings.EMAIL_TIMEOUT = 3
    batches.deliver_batch()
    assert Message.objects.filter(domain="example.org", state="sent").count() == 6
    slow = Message.objects.filter(domain="slow.example", state="queued")
    assert sorted(slow.values_list("attempts", flat=True)) == [0, 0, 0, 0, 0, 1]
    assert MailDomain.objects.get().held_until is not None


def test_a_hold_ends_with_the_first_mail_that_goes_through(server: SmtpServer) -> None:
    for _ in range(pacing.PATIENCE):
        pacing.temper.put_off("slow.example")
    pacing.hold("slow.example", timezone.now() - timedelta(seconds=1), "451 later")
    make_mails(1, "slow.example")
    assert batches.deliver_batch() == 1
    (row,) = MailDomain.objects.all()
    assert (row.held_until, row.last_error) == (None, "")


def test_a_limit_spreads_mail_over_the_minutes_and_costs_no_attempt(server: SmtpServer) -> None:
    make_digests(25)
    pacing.set_limit("EXAMPLE.org", 10)
    start = datetime(2027, 1, 4, 12, 0, 30, tzinfo=timezone.get_default_timezone())
    Message.objects.update(due_at=start)
    with time_machine.travel(start):
        assert batches.deliver_batch() == 10, set(
            Message.objects.values_list("state", "last_error")
        )
        waiting = Message.objects.filter(state="queued").order_by("due_at", "pk")
        minutes = Counter(waiting.values_list("due_at", flat=True))
    first = start.replace(second=0) + timedelta(minutes=1)
    assert minutes == {first: 10, first + timedelta(minutes=1): 5}
    assert set(waiting.values_list("attempts", flat=True)) == {0}
    with time_machine.travel(first):
        assert batches.deliver_batch() == 10


def test_what_is_not_spread_at_once_waits_for_the_last_minute_that_was(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pacing, "MOST_SPREAD", 5)
    make_digests(20)
    now = timezone.now()
    Message.objects.update(due_at=now)
    pacing._spread("example.org", 2, now, keep=[])
    first = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    due = Message.objects.order_by("due_at").values_list("due_at", flat=True)
    minutes = [int((at - first).total_seconds()) // 60 for at in due]
    assert minutes == [0, 0, 1, 1, *[2] * 16]


def test_a_code_does_not_wait_for_a_limit_but_is_counted(server: SmtpServer) -> None:
    with time_machine.travel(timezone.now().replace(second=0)):
        pacing.set_limit("example.org", 1)
        pacing.hold("example.org", timezone.now() + timedelta(hours=1), "451 later")
        for serial in range(3):
            message = queueing.queue_account_mail(f"p{serial}@example.org", "Code", "1")
            assert sending.deliver(message.pk)
        assert MailDomain.objects.get().sent_in_minute == 3


def test_the_limit_of_the_installation_holds_for_each_domain(
    server: SmtpServer, settings: Settings
) -> None:
    settings.MAIL_PER_MINUTE = 5
    now = timezone.now().replace(second=10)
    wishes = [
        pacing.Wish(serial, domain, "digest") for serial in range(8) for domain in ("a.b", "c.d")
    ]
    assert Counter(pacing.admit(wishes, now)) == Counter([*range(5), *range(5)])
    assert pacing.admit(wishes, now) == []


def test_one_domain_leaves_a_thread_to_the_others() -> None:
    room = pacing.Room()
    entered = [room._enter("slow.example", now) for now in (100.0, 100.5, 101.0, 101.5)]
    assert entered == [True, True, True, False]
    assert room._enter("quick.example", 101.5)
    room._leave("slow.example", 101.0)
    assert not room._enter("slow.example", 103.0), "two of them hang"


def test_a_server_that_is_silent_to_two_domains_is_away_itself() -> None:
    temper = pacing.Temper()
    assert temper.said_nothing("a.example") == pacing.FIRST_HOLD
    assert temper.said_nothing("b.example") is None


def test_greylisting_is_met_by_ever_more_of_a_domain_at_once() -> None:
    temper = pacing.Temper()
    held = [n for n in range(1, 22) if temper.put_off("grey.example") is not None]
    assert held == [3, 9, 21]


def test_what_a_batch_could_not_write_is_written_by_the_next(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_mails(3)
    finish = sending.finish_sent

    def fail(*args: Any, **kwargs: Any) -> int:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(sending, "finish_sent", fail)
    with pytest.raises(RuntimeError):
        batches.deliver_batch()
    assert counts() == {"handed over": 3}
    monkeypatch.setattr(sending, "finish_sent", finish)
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        sending.sweep()
        assert counts() == {"handed over": 3}, "its process lives and has noted them"
    batches.deliver_batch()
    assert counts() == {"sent": 3}
    assert len(server.recipients) == 3


def test_a_digest_of_which_nobody_knows_is_told_once_more_by_the_next(db: None) -> None:
    (message, *_) = make_digests(10)
    Message.objects.filter(pk=message.pk).update(
        state=State.HANDED_OVER, claimed_at=timezone.now() - timedelta(minutes=2)
    )
    sending.sweep()
    message.refresh_from_db()
    assert (message.state, message.is_unconfirmed) == (State.SENT, True)
    assert message.delivery is not None
    assert message.delivery.subscription.last_covered_until is None


def test_the_page_finds_messages_by_domain_address_and_kind(administrator: Person) -> None:
    make_mails(2, "a.example")
    make_mails(2, "b.example")
    client = signed_in(administrator)
    found = {
        query: sorted(each.address for each in client.get(f"/outbox/?{query}").context["outbox"])
        for query in ("domain=A.example", "to=P1@b.example", "kind=digest", "state=failed")
    }
    assert found == {
        "domain=A.example": ["p0@a.example", "p1@a.example"],
        "to=P1@b.example": ["p1@b.example"],
        "kind=digest": [],
        "state=failed": [],
    }


def test_all_that_failed_of_a_domain_is_sent_again_at_once(administrator: Person) -> None:
    make_digests(10)
    Message.objects.update(state="failed", last_error="550 no")
    other = Message.objects.latest("pk")
    Message.objects.filter(pk=other.pk).update(domain="other.example")
    make_mails(1)
    Message.objects.filter(kind="answer").update(state="failed")
    client = signed_in(administrator)
    client.post("/outbox/send-failed", {"domain": "example.org"})
    assert counts() == {"queued": 9, "failed": 2}


def test_an_administrator_sets_a_limit_and_ends_a_hold(administrator: Person) -> None:
    client = signed_in(administrator)
    client.post("/outbox/pace", {"domain": "Example.org", "per_minute": "60"})
    pacing.hold("example.org", timezone.now() + timedelta(hours=1), "451 later")
    assert "at most 60 a minute" in client.get("/outbox/").text
    client.post("/outbox/let-go", {"domain": "example.org"})
    row = MailDomain.objects.get()
    assert (row.domain, row.per_minute, row.held_until) == ("example.org", 60, None)
    refused = client.post("/outbox/pace", {"domain": "a@b", "per_minute": "0"})
    assert refused.status_code == 400
    assert "what stands behind the @" in refused.text


@pytest.mark.parametrize("path", ["send-failed", "pace", "let-go"])
def test_nobody_else_changes_how_mail_goes(path: str, triager: Person) -> None:
    answer = signed_in(triager).post(f"/outbox/{path}", {"domain": "example.org"})
    assert answer.status_code == 403
    assert not MailDomain.objects.exists()


def test_the_connection_is_kept_for_a_batch_only(server: SmtpServer) -> None:
    backend: Any = get_connection()
    message = make_mails(1)[0]
    claim = uuid.uuid4()
    claimed = sending._claim(message.pk, claim)
    assert claimed is not None
    with journal().slots(claim, [message.pk]) as slots:
        sending.carry(backend, render(claimed), sending.OneByOne(claimed, slots[message.pk]))
    assert backend.connection is None


class Pipelining:
    """Lets a server say that it takes several commands at once; knows how often it was greeted."""

    def __init__(self, server: Any) -> None:
        self.greeted = 0
        # Answers to MAIL, one after the other; all is fine after the last.
        self.to_senders: list[str] = []
        self.unknown: set[str] = set()
        server.handle_EHLO = self.handle_ehlo
        server.handle_MAIL = self.handle_mail
        server.handle_RCPT = self.handle_rcpt

    async def handle_ehlo(
        self, server: object, session: Any, envelope: object, name: str, answers: list[str]
    ) -> list[str]:
        self.greeted += 1
        session.host_name = name
        # The first line is the name of the server.
        return [answers[0], "250-PIPELINING", *answers[1:]]

    async def handle_mail(
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        answer = self.to_senders.pop(0) if self.to_senders else "250 fine"
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_rcpt(
        self, server: object, session: object, envelope: Any, address: str, options: object
    ) -> str:
        if address in self.unknown:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 fine"


def refuse_some(answers: dict[str, str]) -> Callable[[EmailMessage], str | None]:
    return lambda message: answers.get(str(message["To"]))


def test_refused_mails_among_those_that_are_announced_end_alone(server: SmtpServer) -> None:
    said = Pipelining(server)
    said.unknown = {"dev3@example.org", "dev4@example.org"}
    server.refuse = refuse_some(
        {"dev6@example.org": "554 not this", "dev8@example.org": "451 later"}
    )
    make_digests(20)
    batches._known_rate[0] = 1000.0
    assert batches.deliver_batch() == 16
    fine = Counter(f"dev{n}@example.org" for n in range(20) if n not in {3, 4, 6, 8})
    assert Counter(server.recipients) == fine
    assert Counter(str(message["To"]) for message in server.messages) == fine
    assert counts() == {"sent": 16, "failed": 3, "queued": 1}
    assert said.greeted == 1


@pytest.mark.parametrize("answer", ["554 5.5.0 protocol synchronization", "421 enough"])
def test_a_server_that_takes_no_commands_behind_a_mail_gets_each_mail_once(
    answer: str, server: SmtpServer
) -> None:
    said = Pipelining(server)
    said.to_senders = ["250 fine", "250 fine", answer]
    make_digests(10)
    batches._known_rate[0] = 1000.0
    assert batches.deliver_batch() == 10
    assert Counter(server.recipients) == Counter(f"dev{n}@example.org" for n in range(10))
    assert said.greeted == 2


def test_what_was_announced_and_does_not_come_is_not_in_another_mail(server: SmtpServer) -> None:
    said = Pipelining(server)
    backend: Any = get_connection()
    first, second, third = (
        OutgoingMail(f"mail {n}", f"text {n}", "t@example.org", [f"p{n}@example.org"])
        for n in range(3)
    )
    word = batches._Noted(Mock(spec=Slot))
    with backend.kept_open():
        backend.carry(first, word, second)
        backend.carry(third, word, second)
    assert server.recipients == ["p0@example.org", "p2@example.org"]
    assert [str(m["Subject"]) for m in server.messages] == ["mail 0", "mail 2"]
    assert said.greeted == 2


def test_any_of_finds_what_in_finds(db: None) -> None:
    pks = [message.pk for message in make_mails(5)]
    rows = Message.objects.order_by("pk").values_list("pk", flat=True)
    assert list(rows.filter(pk__any_of=[*pks[1:3], 0])) == pks[1:3]
    assert not rows.filter(pk__any_of=[]).exists()
    make_developers(12)
    people = list(Person.objects.values_list("pk", flat=True)[:2])
    waiting = Message.objects.filter(pk__any_of=pks)
    assert waiting.filter(state__unindexed="queued").count() == 5
    assert not waiting.filter(state__unindexed__in=["sent", "in flight"]).exists()
    granted = RoleGrant.objects.filter(person__pk__any_of=people)
    assert set(granted.values_list("person", flat=True)) == set(people)


def test_digests_are_stored_as_the_model_would_store_them(db: None) -> None:
    stored = make_digests(12)[0]
    again = Message(kind="digest", delivery=stored.delivery, person=stored.person)
    again.address, again.domain = stored.person.email, "example.org"  # type: ignore[union-attr]
    apart = {"id", "message_id", "due_at", "created_at"}
    for column in (f.attname for f in Message._meta.concrete_fields if f.name not in apart):
        assert getattr(stored, column) == getattr(again, column), column
    assert abs(stored.due_at - again.due_at) < timedelta(minutes=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        queueing.queue_digests(list(DigestDelivery.objects.select_related("subscription__person")))


def test_the_token_that_ends_a_digest_is_the_one_of_the_signer(db: None) -> None:
    named = [7, "digest", None]
    signed = signing.Signer(salt="notifications.unsubscribe").sign_object(named)
    assert unsubscribe_token(7, "digest", None) == signed
