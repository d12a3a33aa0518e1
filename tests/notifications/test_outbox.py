"""The outbox: each message leaves once, whatever the server or another worker does."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
import redis
import time_machine
from celery import current_app
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.signals import account_mail_requested
from notifications.backends.base import ClaimLost
from notifications.backends.eml import file_name
from notifications.models import Message
from notifications.outbox import bell, queueing, sending
from notifications.outbox.handover import journal
from notifications.outbox.rendering import render
from tests.services import SmtpServer, deaf_server, free_port, parse_message, smtp
from tests.services import redis as redis_server

pytestmark = pytest.mark.django_db

NOW = Message.State


def make_message(address: str = "rita@example.org", **values: Any) -> Message:
    """A queued account mail."""
    message = queueing.queue_account_mail(address, "Your code", "The code is 123456.")
    if values:
        Message.objects.filter(pk=message.pk).update(**values)
    message.refresh_from_db()
    return message


@pytest.fixture
def server(settings: Settings) -> Iterator[SmtpServer]:
    """A mail server that the product sends to."""
    with smtp() as running:
        use_smtp(settings, running.port)
        yield running


@dataclass
class Broker:
    """A Redis of the test's own, and what was asked of the workers through it."""

    url: str

    def use(self, url: str) -> None:
        """Let the tasks be published there."""
        app: Any = current_app
        kombu.pools.reset()
        app._pool = None
        app.amqp._producer_pool = None
        app.conf.broker_url = app.conf.broker_write_url = url
        bell.breaker.reset()

    def waiting(self) -> list[dict[str, Any]]:
        """What the workers would be given, in their order."""
        with redis.Redis.from_url(self.url) as connection:
            queues = [f"celery{suffix}" for suffix in ("", "\x06\x163", "\x06\x166")]
            # Taken from the right end.
            return [json.loads(m) for q in queues for m in reversed(connection.lrange(q, 0, -1))]

    def tasks(self) -> list[str]:
        return [task["headers"]["task"] for task in self.waiting()]

    def bells(self) -> list[int]:
        """The messages that were rung for."""
        bodies = [json.loads(base64.b64decode(task["body"])) for task in self.waiting()]
        return [arguments[0] for arguments, *_ in bodies if arguments]


@pytest.fixture
def broker() -> Iterator[Broker]:
    """A Redis that tasks are published to."""
    before = current_app.conf.broker_url
    with redis_server() as url:
        found = Broker(url)
        found.use(url)
        yield found
        found.use(before)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that anybody tried to publish, to a broker that is not asked again in this test."""
    tried: list[str] = []
    send = bell._send

    def note(task: str, *rest: Any) -> None:
        tried.append(task)
        send(task, *rest)

    monkeypatch.setattr(bell, "_send", note)
    monkeypatch.setattr(bell, "QUIET_SECONDS", 3600.0)
    return tried


def use_smtp(settings: Settings, port: int) -> None:
    settings.MAIL_FOLDER = None
    settings.EMAIL_BACKEND = "notifications.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 5


def is_soon(at: datetime, seconds: float) -> bool:
    return timedelta(0) < at - timezone.now() <= timedelta(seconds=seconds)


def test_an_account_mail_is_sent_and_its_code_forgotten(files: Path) -> None:
    account_mail_requested.send(
        None, to="rita@example.org", subject="Your code", text="It is 123456.", html="", kind="code"
    )
    message = Message.objects.get()
    assert sending.deliver(message.pk)
    mail = parse_message(next(files.glob("*.eml")).read_bytes())
    assert (mail["To"], mail["Subject"]) == ("rita@example.org", "Your code")
    assert "123456" in mail.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    message.refresh_from_db()
    assert (message.state, message.text, message.html) == (NOW.SENT, "", "")


def test_delivering_twice_sends_once(server: SmtpServer) -> None:
    message = make_message()
    assert sending.deliver(message.pk)
    assert not sending.deliver(message.pk)
    assert server.recipients == ["rita@example.org"]


def test_the_files_are_for_this_user_only(files: Path) -> None:
    sending.deliver(make_message().pk)
    (file,) = files.iterdir()
    assert (files.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_mail_that_is_written_twice_is_one_file(files: Path) -> None:
    for _ in range(2):
        mail = EmailMessage("Subject", "Text", to=["rita@example.org"])
        mail.extra_headers["Message-ID"] = "<event-1.person-2@example.org>"
        get_connection().send_messages([mail])
    assert [file.name for file in files.iterdir()] == ["event-1.person-2@example.org.eml"]


def test_no_message_id_escapes_from_the_folder() -> None:
    names = [file_name(f"<{id_}>") for id_ in ("../../etc/passwd", "a/b@c", "a_b@c", ".hidden")]
    assert len(set(names)) == 4
    assert all("/" not in name and not name.startswith(".") for name in names)


def test_lines_with_a_dot_arrive_as_they_were(server: SmtpServer) -> None:
    text = "one\n.\n..two\n.three"
    message = queueing.queue_account_mail("rita@example.org", "Dots", text)
    sending.deliver(message.pk)
    body = server.messages[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().strip().splitlines() == text.splitlines()


def test_a_later_no_is_asked_again_and_arrives(server: SmtpServer) -> None:
    server.refuse = lambda message: "451 come back later"
    message = make_message()
    assert not sending.deliver(message.pk)
    message.refresh_from_db()
    assert (message.state, message.attempts) == (NOW.QUEUED, 1)
    assert message.last_error == "451 come back later"
    assert is_soon(message.due_at, 13)
    server.refuse = lambda message: None
    assert not sending.deliver(message.pk), "it is not due yet"
    with time_machine.travel(message.due_at):
        assert sending.deliver(message.pk)
    assert len(server.messages) == 1


def test_a_final_no_fails_with_the_servers_words(server: SmtpServer) -> None:
    server.refuse = lambda message: "550 no such person"
    message = make_message()
    assert sending.deliver(message.pk)
    message.refresh_from_db()
    assert (message.state, message.last_error) == (NOW.FAILED, "550 no such person")
    assert message.text == ""


def test_a_server_that_is_away_loses_nothing_and_is_asked_less_and_less(
    settings: Settings,
) -> None:
    use_smtp(settings, free_port())
    first, *others = (make_message(f"person{i}@example.org") for i in range(20))
    waits = []
    for _ in range(5):
        sending.deliver(first.pk)
        first.refresh_from_db()
        assert {m.due_at for m in Message.objects.exclude(pk=first.pk)} == {first.due_at}
        waits.append(first.due_at - timezone.now())
        Message.objects.update(due_at=timezone.now())
    assert waits == sorted(waits)
    assert all(not other.attempts for other in others)
    with smtp() as server:
        use_smtp(settings, server.port)
        for message in Message.objects.all():
            sending.deliver(message.pk)
    assert len(set(server.recipients)) == len(server.recipients) == 20


def test_the_operator_is_told_of_a_server_that_is_away_once_for_each_try(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    use_smtp(settings, port)
    for message in [make_message(f"person{i}@example.org") for i in range(5)]:
        sending.deliver(message.pk)
    (record,) = [r for r in caplog.records if r.levelname == "WARNING"]
    assert f"127.0.0.1:{port} takes no mail" in record.getMessage()


def test_a_worker_that_was_taken_for_dead_cannot_finish(server: SmtpServer) -> None:
    message = make_message()
    slow = sending._claim(message.pk, uuid.uuid4())
    assert slow is not None
    assert slow.claim is not None
    with time_machine.travel(timezone.now() + timedelta(seconds=31)):
        assert sending.deliver(message.pk)
        with journal().slots(slow.claim, [slow.pk]) as slots:
            word, mail = sending.OneByOne(slow, slots[slow.pk]), render(slow)
            with pytest.raises(ClaimLost):
                sending.carry(get_connection(), mail, word)
            assert not slots[slow.pk].is_marked
    assert len(server.messages) == 1


def test_a_claim_that_is_young_is_respected(server: SmtpServer) -> None:
    message = make_message()
    assert sending._claim(message.pk, uuid.uuid4())
    with time_machine.travel(timezone.now() + timedelta(seconds=29)):
        assert not sending.deliver(message.pk)
    assert server.messages == []


def test_an_answer_that_never_came_is_taken_as_sent_and_shown(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        use_smtp(settings, listener.getsockname()[1])
        message = make_message()
        with deaf_after_the_dot(listener):
            assert not sending.deliver(message.pk)
    message.refresh_from_db()
    assert message.state == NOW.HANDED_OVER
    with time_machine.travel(timezone.now() + timedelta(seconds=62)):
        sending.sweep()
    message.refresh_from_db()
    assert (message.state, message.is_unconfirmed) == (NOW.SENT, True)


def deaf_after_the_dot(listener: socket.socket) -> Any:
    """Speaks SMTP with one client until it has the mail, and hangs up without an answer."""

    def talk() -> None:
        peer, _ = listener.accept()
        with peer, peer.makefile("rwb", buffering=0) as lines:
            lines.write(b"220 hello\r\n")
            for line in iter(lines.readline, b""):
                if line.upper().startswith(b"DATA"):
                    lines.write(b"354 go on\r\n")
                elif line == b".\r\n":
                    return
                elif line[:4].upper() in {b"EHLO", b"MAIL", b"RCPT"}:
                    lines.write(b"250 fine\r\n")

    @contextlib.contextmanager
    def running() -> Iterator[None]:
        thread = threading.Thread(target=talk)
        thread.start()
        yield
        thread.join(10)

    return running()


WORKER = """
import os, sys, uuid
from pathlib import Path
from notifications.outbox.handover import Journal

claim, pk, how_far = uuid.UUID(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
with Journal(Path(sys.argv[1])).slots(claim, [pk]) as slots:
    if how_far != "open":
        slots[pk].mark()
    if how_far == "heard":
        slots[pk].heard()
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("how_far", "state", "expected"),
    [
        ("open", NOW.IN_FLIGHT, (NOW.QUEUED, False)),
        ("open", NOW.HANDED_OVER, (NOW.QUEUED, False)),
        ("marked", NOW.HANDED_OVER, (NOW.SENT, True)),
        ("heard", NOW.HANDED_OVER, (NOW.SENT, False)),
    ],
)
def test_a_dead_process_has_left_word_whether_its_mail_was_sent(
    how_far: str, state: str, expected: tuple[str, bool], settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "handover"
    folder.mkdir()
    claim = uuid.uuid4()
    message = make_message(state=state, claim=claim, claimed_at=timezone.now())
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    file = str(folder / f"{boot}.1.x")
    arguments = [sys.executable, "-c", WORKER, file, str(claim), str(message.pk), how_far]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n"
        sending.sweep()
        message.refresh_from_db()
        assert message.state == state, "its process lives, and may still finish"
        worker.kill()
    sending.sweep()
    message.refresh_from_db()
    assert (message.state, message.is_unconfirmed) == expected
    assert list(folder.iterdir()) == []


def test_the_word_of_an_earlier_boot_is_not_believed(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "handover"
    folder.mkdir()
    claim = uuid.uuid4()
    message = make_message(state=NOW.HANDED_OVER, claim=claim, claimed_at=timezone.now())
    note = claim.bytes + message.pk.to_bytes(8, "big") + b"\x01"
    (folder / "an-earlier-boot.1.x").write_bytes(note)
    sending.sweep()
    message.refresh_from_db()
    assert message.state == NOW.HANDED_OVER
    assert list(folder.iterdir()) == []


def test_the_sweep_rings_for_what_nobody_came_for(broker: Broker) -> None:
    waits, rung = make_message(rung_at=None), make_message()
    later = make_message(rung_at=None, due_at=timezone.now() + timedelta(minutes=1))
    assert sending.sweep() == 1
    assert broker.bells() == [waits.pk]
    assert sending.sweep() == 0, "a bell is heard or lost; it is not rung every time"
    with time_machine.travel(timezone.now() + timedelta(seconds=26)):
        assert sending.sweep() == 2
        assert broker.bells() == [waits.pk, waits.pk, rung.pk]
    with time_machine.travel(later.due_at):
        sending.sweep()
    assert later.pk in broker.bells()


def test_codes_are_rung_for_before_digests(broker: Broker) -> None:
    message = make_message(rung_at=None)
    assert bell.ring(Message(pk=7, kind="digest"))
    assert bell.ring(Message(pk=8, kind="event"))
    sending.sweep()
    assert broker.bells() == [message.pk, 8, 7]


@pytest.mark.django_db(transaction=True)
def test_a_message_is_rung_for_once_its_transaction_is_committed(broker: Broker) -> None:
    with transaction.atomic():
        message = make_message()
        assert broker.bells() == []
    assert broker.bells() == [message.pk]


@pytest.mark.django_db(transaction=True)
def test_many_messages_at_once_ring_for_one_sweep(broker: Broker) -> None:
    queueing.queue([unsaved(i) for i in range(11)])
    assert broker.tasks() == ["notifications.tasks.sweep_outbox"]


@pytest.mark.django_db(transaction=True)
def test_a_dead_broker_delays_nobody_and_the_sweep_finds_the_mail(
    broker: Broker, calls: list[str]
) -> None:
    broker.use(f"redis://127.0.0.1:{free_port()}/0")
    messages = [make_message() for _ in range(30)]
    assert len(calls) == 1
    assert Message.objects.filter(rung_at=None).count() == 30
    broker.use(broker.url)
    assert sending.sweep() == 30
    assert broker.bells() == [message.pk for message in messages]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_is_waited_for_once_and_not_long(
    broker: Broker, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "PATIENCE", 0.2)
    with deaf_server() as deaf:
        broker.use(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        for _ in range(20):
            make_message()
        assert len(calls) == 1
    assert Message.objects.filter(rung_at=None).count() == 20


def test_what_a_killed_writer_left_is_cleared_away(files: Path) -> None:
    files.mkdir()
    left, young = files / ".abc.part", files / ".def.part"
    for path in (left, young):
        path.touch()
    os.utime(left, (0, 0))
    sending.purge()
    assert list(files.iterdir()) == [young]


def unsaved(serial: int) -> Message:
    return Message(kind="account", address="a@example.org", message_id=f"m{serial}@example.org")


def test_old_messages_are_purged_and_waiting_ones_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    old = timezone.now() - timedelta(days=91)
    gone = [make_message(state=NOW.SENT, created_at=old) for _ in range(3)]
    kept = make_message(created_at=old)
    make_message(state=NOW.SENT)
    monkeypatch.setattr(sending, "PURGED_AT_ONCE", 2)
    assert sending.purge() == 3
    left = Message.objects.values_list("pk", flat=True)
    assert not {message.pk for message in gone} & set(left)
    assert kept.pk in left
