"""The door for mail servers, spoken to as they speak: over a socket, a port, and by SMTP."""

from __future__ import annotations

import signal
import smtplib
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from config.environment import PROJECT_DIR
from tests import services
from tests.gate.letters import letter
from tests.services import Groundswell, groundswell, wait_until

pytestmark = pytest.mark.end_to_end

REPORTS = "report@localhost"
NOBODY = "nobody@localhost"
COLUMNS = ("door", "sender", "recipient", "file")


@pytest.fixture(scope="module")
def running() -> Iterator[Groundswell]:
    with groundswell() as installation:
        wait_until(lambda: "lmtp" in installation.pids())
        yield installation


@pytest.fixture
def client(running: Groundswell) -> Iterator[smtplib.LMTP]:
    with smtplib.LMTP(str(running.data_dir / "lmtp.sock"), timeout=60) as client:
        client.ehlo_or_helo_if_needed()
        yield client


def rows(running: Groundswell, raw: bytes) -> list[tuple[str, str, str]]:
    """Door, sender and recipient of every row whose file is this message, byte for byte."""
    path = running.data_dir / "groundswell.sqlite3"
    with closing(sqlite3.connect(path, timeout=60)) as database:
        query = f"SELECT {', '.join(COLUMNS)} FROM notifications_incomingmail ORDER BY id"
        found = database.execute(query).fetchall()
    files = running.data_dir / "files"
    return [tuple(row) for *row, file in found if (files / file).read_bytes() == raw]


def answers(client: smtplib.LMTP, raw: bytes, recipients: list[str]) -> list[tuple[int, bytes]]:
    """What the server answers to each recipient after the message, in LMTP's way."""
    assert client.mail("rita@example.org")[0] == 250
    for recipient in recipients:
        assert client.rcpt(recipient)[0] == 250
    first = client.data(raw)
    return [first, *(client.getreply() for _ in recipients[1:])]


def test_a_message_is_answered_for_each_recipient_and_stored_as_it_came(
    running: Groundswell, client: smtplib.LMTP
) -> None:
    raw = letter(text=".\n..\n.dots\nand a long line " + "x" * 200_000) + b"\xff\xfe\r\n"
    recipients = [REPORTS, "report+base@localhost"]

    assert [code for code, _ in answers(client, raw, recipients)] == [250, 250]
    assert rows(running, raw) == [("lmtp", "rita@example.org", each) for each in recipients]


def test_whom_the_mail_cannot_reach_is_refused_before_it_comes_with_the_reason(
    running: Groundswell, client: smtplib.LMTP
) -> None:
    raw = letter()
    refused = client.sendmail("", [NOBODY, "reply+forged@localhost", REPORTS], raw)

    assert refused == {
        NOBODY: (550, b"5.1.1 There is no such mailbox."),
        "reply+forged@localhost": (
            550,
            b"5.1.1 This address is not complete, or not one of ours.",
        ),
    }
    assert rows(running, raw) == [("lmtp", "", REPORTS)]


def test_a_message_that_came_is_read(running: Groundswell, client: smtplib.LMTP) -> None:
    client.sendmail("rita@example.org", [REPORTS], letter(subject="read me"))

    def is_read() -> bool:
        path = running.data_dir / "groundswell.sqlite3"
        with closing(sqlite3.connect(path, timeout=60)) as database:
            query = "SELECT state FROM notifications_incomingmail WHERE subject = 'read me'"
            return database.execute(query).fetchall() not in ([], [("received",)])

    wait_until(is_read, 60, "a worker that reads it")


def test_what_it_can_is_announced_and_what_it_has_not_is_refused(client: smtplib.LMTP) -> None:
    for name in ("pipelining", "enhancedstatuscodes", "8bitmime", "smtputf8"):
        assert client.has_extn(name)
    assert int(client.esmtp_features["size"]) == 35 * 1024 * 1024
    for command in ("VRFY", "EXPN"):
        assert client.docmd(command, REPORTS)[0] == 502
    assert client.docmd("HELO", "example.org")[0] == 500
    assert client.docmd("MAIL FROM:<rita@example.org> SIZE=99999999")[0] == 552


def test_too_large_a_message_is_answered_for_each_and_the_next_one_is_taken(
    running: Groundswell, client: smtplib.LMTP
) -> None:
    recipients = [REPORTS, "report+base@localhost"]
    huge = letter(text=("x" * 998 + "\n") * 37_000)
    assert [code for code, _ in answers(client, huge, recipients)] == [552, 552]

    raw = letter()
    assert [code for code, _ in answers(client, raw, recipients)] == [250, 250]
    assert len(rows(running, raw)) == 2


def test_messages_may_follow_each_other_in_one_packet(running: Groundswell) -> None:
    first, second = letter(), letter()
    envelope = f"MAIL FROM:<>\r\nRCPT TO:<{REPORTS}>\r\nDATA\r\n".encode()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(running.data_dir / "lmtp.sock"))
        connection.sendall(b"LHLO example.org\r\n" + envelope)
        connection.sendall(first + b".\r\n" + envelope + second + b".\r\n" + envelope + b".\r\n")
        connection.sendall(b"QUIT\r\n")
        said = connection.makefile("rb").read().decode()

    assert said.count("250 2.0.0 Stored.") == 2
    assert said.count("554 5.6.0 The message is empty.") == 1
    assert len(rows(running, first)) == len(rows(running, second)) == 1


def test_half_a_message_leaves_nothing(running: Groundswell, client: smtplib.LMTP) -> None:
    raw = letter()
    client.mail("rita@example.org")
    client.rcpt(REPORTS)
    client.docmd("DATA")
    client.send(raw[:-2])
    client.close()

    assert rows(running, raw) == []


def test_the_socket_is_for_its_owner_and_its_group(running: Groundswell) -> None:
    assert (running.data_dir / "lmtp.sock").stat().st_mode & 0o777 == 0o660


def test_more_connections_than_there_may_be_are_told_to_come_later(running: Groundswell) -> None:
    with ExitStack() as held:
        codes = []
        for _ in range(55):
            connection = held.enter_context(socket.socket(socket.AF_UNIX))
            connection.settimeout(60)
            connection.connect(str(running.data_dir / "lmtp.sock"))
            codes.append(connection.recv(3))

    # Those of earlier tests may just be leaving.
    assert codes[:45] == [b"220"] * 45
    assert codes[-5:] == [b"421"] * 5


def test_a_pipe_stores_a_message_and_puts_it_off_without_a_database(
    running: Groundswell, tmp_path: Path
) -> None:
    raw = letter()
    assert pipe(running.environment, raw).returncode == 0
    assert rows(running, raw) == [("pipe", "rita@example.org", REPORTS)]

    without = running.environment | {"DATA_DIR": str(tmp_path / "data")}
    done = pipe(without, raw)
    assert done.returncode == 75
    assert b"try again later" in done.stderr
    assert not list((tmp_path / "data" / "files").rglob("*.eml"))
    assert pipe(running.environment | {"MAIL_IN": "not a domain"}, raw).returncode == 75


def pipe(environment: dict[str, str], raw: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "manage.py", "receive_mail", "--recipient", REPORTS],
        input=raw,
        capture_output=True,
        cwd=PROJECT_DIR,
        env=environment | {"SENDER": "rita@example.org"},
        check=False,
    )


@contextmanager
def another_door(
    running: Groundswell, dialect: str
) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A second process on the same data, at a port."""
    port = services.free_port()
    environment = running.environment | {"LMTP_LISTEN": f"{dialect}://127.0.0.1:{port}"}
    log = running.data_dir.parent / f"{dialect}.log"
    command = [sys.executable, "-m", "config.runtime.lmtp"]
    with services.process(command, log=log, environment=environment) as process:
        wait_until(lambda: services._greets(port, b"220"), what=f"{dialect}: {log.read_text()}")
        yield port, process


def test_a_port_serves_smtp_for_who_knows_nothing_else_and_stops_when_told(
    running: Groundswell,
) -> None:
    raw = letter()
    with another_door(running, "smtp") as (port, process):
        with smtplib.SMTP("127.0.0.1", port, timeout=60) as client:
            refused = client.sendmail("rita@example.org", [REPORTS, NOBODY], raw)
        assert refused == {NOBODY: (550, b"5.1.1 There is no such mailbox.")}
        assert len(rows(running, raw)) == 1

        with smtplib.SMTP("127.0.0.1", port, timeout=60) as idle:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            idle.close()


def test_a_disk_that_is_away_puts_mail_off_and_keeps_the_connection(
    running: Groundswell, client: smtplib.LMTP
) -> None:
    raw = letter()
    mail = running.data_dir / "files" / "mail"
    away = mail.with_name("away")
    mail.rename(away) if mail.exists() else away.mkdir(parents=True)
    mail.write_text("")
    try:
        ((code, reason),) = answers(client, raw, [REPORTS])
        assert (code, reason) == (451, b"4.3.0 The message cannot be stored; try again later.")
    finally:
        mail.unlink()
        away.rename(mail)
    assert [code for code, _ in answers(client, raw, [REPORTS])] == [250]
