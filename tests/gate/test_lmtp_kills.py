"""The door is killed again and again while mail comes in: none is lost and none is doubled."""

from __future__ import annotations

import os
import random
import signal
import smtplib
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from config.environment import PROJECT_DIR
from tests import migrated
from tests.gate.letters import letter
from tests.services import clean_environment, stop, temporary_folder, wait_until

pytestmark = pytest.mark.end_to_end

SEED = int(os.environ.get("KILL_SEED", "1"))
ROUNDS = int(os.environ.get("KILL_ROUNDS", "20"))
SERVERS = 4
RECIPIENTS = ("report@localhost", "report+base@localhost")
# In seconds: what a mail server waits before it tries again, and what all of it may take.
RETRY = 0.02
PATIENCE = 120.0


class Door:
    """The process that serves now, and the folder where it stores."""

    def __init__(self, data_dir: Path, process: subprocess.Popen[bytes]) -> None:
        self.data_dir = data_dir
        self.process = process
        self.serving = self._next()

    @property
    def socket(self) -> str:
        return str(self.data_dir / "lmtp.sock")

    def kill(self) -> None:
        """kill -9; another begins at once."""
        os.kill(self.serving, signal.SIGKILL)
        self.serving = self._next()

    def stored(self) -> list[tuple[str, bytes]]:
        """Recipient and content of every row."""
        path = self.data_dir / "groundswell.sqlite3"
        with closing(sqlite3.connect(path, timeout=60)) as database:
            rows = database.execute("SELECT recipient, file FROM notifications_incomingmail")
            files = self.data_dir / "files"
            return [(recipient, (files / file).read_bytes()) for recipient, file in rows]

    def _next(self) -> int:
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())


@contextmanager
def door() -> Iterator[Door]:
    """A door with an empty database, and a broker that is away: the rows are what counts."""
    with temporary_folder() as folder:
        environment = clean_environment() | {
            "DATA_DIR": str(folder / "data"),
            "REDIS_URL": f"unix://{folder}/none.sock",
        }
        migrated.copy_sqlite(environment, folder / "data/groundswell.sqlite3")
        with (folder / "log").open("ab") as log:
            migration = [sys.executable, "manage.py", "migrate", "-v0"]
            subprocess.run(migration, cwd=PROJECT_DIR, env=environment, stderr=log, check=True)
            server = [sys.executable, "-m", "tests.gate.lmtp_server"]
            with subprocess.Popen(
                server, cwd=PROJECT_DIR, env=environment, stderr=log, stdout=subprocess.PIPE
            ) as process:
                try:
                    yield Door(folder / "data", process)
                finally:
                    stop(process)


class MailServer(threading.Thread):
    """Delivers message after message, each until it is answered for each recipient."""

    def __init__(self, door: Door, size: int) -> None:
        super().__init__(daemon=True)
        self.door = door
        self.size = size
        self.delivered: list[bytes] = []
        self.attempts = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            raw = letter(text="x" * 70 + "\n" + ("y" * 70 + "\n") * self.size)
            left = list(RECIPIENTS)
            while left:
                self.attempts += 1
                left = self._try(raw, left)
            self.delivered.append(raw)

    def _try(self, raw: bytes, recipients: list[str]) -> list[str]:
        """Whom the message still has to be delivered to."""
        left = list(recipients)
        try:
            with smtplib.LMTP(self.door.socket, timeout=PATIENCE) as client:
                client.ehlo_or_helo_if_needed()
                client.mail("rita@example.org")
                codes = [client.rcpt(recipient)[0] for recipient in recipients]
                assert codes == [250] * len(recipients), codes
                answer = client.data(raw)
                for recipient in recipients:
                    if recipient != recipients[0]:
                        answer = client.getreply()
                    if answer[0] == 250:
                        left.remove(recipient)
        except (OSError, smtplib.SMTPException):
            time.sleep(RETRY)
        return left


def test_what_was_answered_is_stored_once_whenever_the_door_is_killed() -> None:
    chance = random.Random(SEED)
    with door() as open_door:
        servers = [MailServer(open_door, size) for size in (1, 20, 500, 5000)[:SERVERS]]
        for server in servers:
            server.start()
        wait_until(lambda: any(server.delivered for server in servers), what="the first message")
        for _ in range(ROUNDS):
            time.sleep(chance.uniform(0.01, 0.25))
            open_door.kill()
        for server in servers:
            server.is_over.set()
        for server in servers:
            server.join(PATIENCE)
            assert not server.is_alive()

        messages = [raw for server in servers for raw in server.delivered]
        expected = Counter((each, raw) for raw in messages for each in RECIPIENTS)
        stored = Counter(open_door.stored())
        assert len(messages) >= SERVERS
        assert sum(server.attempts for server in servers) > len(messages), "no kill hit anything"
        assert stored == expected
