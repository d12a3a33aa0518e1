"""A message is kept whole, for good and once, or nothing of it is."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import addresses, storing
from notifications.gate.models import IncomingMail
from notifications.gate.storing import NotTaken
from notifications.outbox import bell
from tests.gate.letters import content

pytestmark = pytest.mark.django_db

REPORTS = "report@problems.example.org"
TEXT = (
    b"From: rita@example.org\r\nSubject: It hangs\r\nMessage-ID: <1@example.org>\r\n"
    b"\r\nSo it is.\r\n"
)


@pytest.fixture(autouse=True)
def gate(settings: Settings) -> None:
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "", "problems.example.org"


def receive(
    raw: bytes = TEXT, sender: str = "rita@example.org", recipient: str = REPORTS
) -> IncomingMail:
    return storing.receive(raw, sender, recipient, IncomingMail.Door.LMTP)


def files(settings: Settings) -> list[Path]:
    return sorted(path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file())


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """A real failure in the middle of a file, as that of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_message_is_kept_byte_for_byte(settings: Settings) -> None:
    raw = TEXT + bytes(range(256)) * 2000
    incoming = receive(raw)

    incoming.refresh_from_db()
    assert content() == raw
    assert [incoming.sender, incoming.recipient, incoming.size, incoming.state] == [
        "rita@example.org",
        REPORTS,
        len(raw),
        "received",
    ]
    (path,) = files(settings)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "again",
    [
        TEXT,
        b"Received: from a by b;\r\n\tMon, 1 Jan 2026 10:00:00 +0000\r\n" + TEXT,
        b"Return-Path: <rita@example.org>\r\nDelivered-To: x@example.org\r\n" + TEXT,
        b"Authentication-Results: mx; dkim=pass\r\n header.d=example.org\r\n" + TEXT,
        TEXT.replace(b"\r\n", b"\n"),
    ],
)
def test_the_same_message_delivered_again_is_the_one_that_is_there(
    settings: Settings, again: bytes
) -> None:
    first = receive()

    assert receive(again).pk == first.pk
    assert receive(again, recipient=REPORTS.upper()).pk == first.pk
    assert len(files(settings)) == 1


@pytest.mark.parametrize(
    ("raw", "recipient"),
    [
        (TEXT, "report+base@problems.example.org"),
        (TEXT.replace(b"<1@", b"<2@"), REPORTS),
        (TEXT + b"More.\r\n", REPORTS),
        # A header of the text is text.
        (TEXT + b"\r\nReceived: this\r\n", REPORTS),
    ],
)
def test_what_differs_is_another_message(raw: bytes, recipient: str) -> None:
    assert receive().pk != receive(raw, recipient=recipient).pk


@pytest.mark.parametrize(("raw", "code"), [(b"", 554), (b"\r\n \r\n", 554), (b"x" * 2000, 552)])
def test_what_is_no_message_or_too_large_leaves_nothing(
    settings: Settings, raw: bytes, code: int
) -> None:
    settings.MAIL_IN_BYTES = 1999
    with pytest.raises(NotTaken) as refused:
        receive(raw)

    assert refused.value.code == code
    assert not files(settings)
    assert not IncomingMail.objects.exists()


def test_a_disk_that_is_full_in_the_middle_of_a_message_leaves_nothing(
    settings: Settings,
) -> None:
    raw = TEXT + b"x" * (12 << 20)
    with no_file_larger_than(8 << 20), pytest.raises(NotTaken) as refused:
        receive(raw)

    assert refused.value.is_passing
    assert not files(settings)
    assert not IncomingMail.objects.exists()
    assert receive(raw).size == len(raw)


def test_a_folder_that_cannot_be_written_to_puts_mail_off(settings: Settings) -> None:
    Path(settings.MEDIA_ROOT).mkdir(parents=True)
    (Path(settings.MEDIA_ROOT) / "mail").write_text("")

    with pytest.raises(NotTaken, match="try again later") as refused:
        receive()
    assert refused.value.code == 451


def test_an_envelope_is_kept_as_a_database_can(settings: Settings) -> None:
    incoming = receive(sender="<r\udcffi\0ta@example.org>")

    incoming.refresh_from_db()
    assert incoming.sender == "r?ita@example.org"
    assert receive(TEXT + b"2", sender="").sender == ""


def test_a_reason_is_one_line_of_ascii() -> None:
    assert NotTaken(550, "Nö\r\n250 yes").reason == "N? 250 yes"


@pytest.mark.parametrize(
    "recipient",
    [
        "nobody@problems.example.org",
        "report@elsewhere.example.org",
        "reply+aaaaaaaa@problems.example.org",
        "",
    ],
)
def test_an_address_that_is_not_ours_is_refused(recipient: str) -> None:
    with pytest.raises(NotTaken) as refused:
        storing.check_recipient(recipient)
    assert refused.value.code == 550


def test_a_reply_address_is_taken_until_its_person_is_gone(reporter: Person) -> None:
    address = addresses.reply_address(reporter.pk, 1)
    storing.check_recipient(address)

    reporter.is_active = False
    reporter.save()
    with pytest.raises(NotTaken) as refused:
        storing.check_recipient(address)
    assert refused.value.code == 550


def test_files_that_a_crash_left_are_deleted_after_a_day(settings: Settings) -> None:
    kept = Path(receive().file.path)
    left, young = kept.with_name("left.eml"), kept.with_name("young.eml")
    for path in (left, young):
        path.write_bytes(TEXT)
    a_day_ago = time.time() - timedelta(hours=25).total_seconds()
    for path in (kept, left):
        os.utime(path, (a_day_ago, a_day_ago))

    assert storing.sweep_leftovers() == 1
    assert files(settings) == sorted([kept, young])


@pytest.mark.django_db(transaction=True)
def test_a_door_that_is_stopped_after_the_commit_leaves_the_message_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stop(pk: int) -> bool:
        raise SystemExit

    monkeypatch.setattr(bell, "ring_for_incoming", stop)
    with pytest.raises(SystemExit):
        receive()

    # Its server heard no answer and delivers it again.
    assert receive().pk == IncomingMail.objects.get().pk
    assert content() == TEXT


def test_sweeping_where_no_mail_ever_came_finds_nothing() -> None:
    assert storing.sweep_leftovers() == 0
