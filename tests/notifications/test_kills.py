"""Digests to hundreds while web, worker, beat and broker are killed: each gets exactly one."""

from __future__ import annotations

import os
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services import (
    Groundswell,
    groundswell,
    migrated_postgresql,
    process,
    smtp,
    wait_until,
)

pytestmark = pytest.mark.end_to_end

PEOPLE = 500
SEED = int(os.environ.get("KILL_SEED", "1"))
# In seconds: what a rescue may take at the most, with everybody killed several times.
PATIENCE = 180
PROGRAMS = ("web", "worker", "beat", "redis")


def start_digests(installation: Groundswell, people: int = PEOPLE, times: int = 1) -> None:
    """Make so many people, and let their digests come due, in one process: each takes seconds."""
    code = f"from tests.notifications.crowd import *; make_developers({people}); make_due({times})"
    installation.manage("shell", "-c", code)


def states(installation: Groundswell) -> Counter[str]:
    """How many digests are in each state of the outbox, read past all of our code."""
    query = "SELECT state, count(*) FROM notifications_message WHERE kind = 'digest' GROUP BY state"
    url = installation.environment.get("DATABASE_URL", "")
    if url:
        host, _, name = url.partition("@/")[2].rpartition("/")
        with psycopg.connect(f"host={host} user=groundswell dbname={name}") as connection:
            return Counter(dict(connection.execute(query).fetchall()))
    path = installation.data_dir / "groundswell.sqlite3"
    with closing(sqlite3.connect(path, timeout=60)) as database:
        return Counter(dict(database.execute(query).fetchall()))


def kill_at_random(installation: Groundswell, arrived: Callable[[], int], seed: int) -> list[str]:
    """Kill the worker at once, and then each program in any order; what was killed."""
    chance = random.Random(seed)
    order = list(PROGRAMS)
    chance.shuffle(order)
    killed = []
    for name in ["worker", *order]:
        installation.kill(name)
        killed.append(f"{name} at {arrived()}")
        time.sleep(chance.uniform(0.05, 0.5))
    return killed


def wait_for_all(installation: Groundswell, people: int = PEOPLE) -> None:
    """Until no digest waits any more."""
    wait_until(lambda: states(installation) == {"sent": people}, PATIENCE, "the last digest")


def digest_files(installation: Groundswell) -> list[Path]:
    return list((installation.data_dir / "mail").glob("digest-*.eml"))


def readers(installation: Groundswell) -> Counter[str]:
    return Counter(m["To"] for m in installation.mails() if "digest" in m["Subject"])


def exactly_one_each(people: int = PEOPLE) -> Counter[str]:
    return Counter(f"dev{serial}@example.org" for serial in range(people))


def test_each_gets_one_file_whoever_is_killed() -> None:
    # Files are written within a second or two, while the command that began it ends.
    people = 2 * PEOPLE
    with groundswell(MAIL_IN="off") as installation, ThreadPoolExecutor(1) as aside:
        begun = aside.submit(start_digests, installation, people)
        wait_until(lambda: len(digest_files(installation)) > 20, what="the first digests")
        killed = kill_at_random(installation, lambda: len(digest_files(installation)), SEED)
        begun.result()
        assert int(killed[0].split()[-1]) < people, "all was sent before anybody was killed"
        wait_for_all(installation, people)
        assert readers(installation) == exactly_one_each(people), killed


def test_each_gets_one_mail_by_smtp_whoever_is_killed() -> None:
    with smtp() as server, migrated_postgresql() as database:
        server.delay = 0.01
        with groundswell(DATABASE_URL=database, EMAIL_URL=server.url) as installation:
            start_digests(installation)
            wait_until(lambda: len(server.recipients) > 20, what="the first digests")
            killed = kill_at_random(installation, lambda: len(server.recipients), SEED)
            wait_for_all(installation)
            assert Counter(server.recipients) == exactly_one_each(), killed


def test_a_mail_is_sent_again_just_when_its_worker_died_before_the_server_had_it() -> None:
    asked: list[str] = []

    async def handle_rcpt(_: object, session: object, envelope: Any, *rest: Any) -> str:
        asked.append(rest[0])
        envelope.rcpt_tos.append(rest[0])
        kill_the_worker_at(installation, 10, len(asked))
        return "250 fine"

    with smtp() as server, groundswell(EMAIL_URL=server.url) as installation:
        server.handle_RCPT = handle_rcpt  # type: ignore[attr-defined]
        server.refuse = lambda message: kill_the_worker_at(
            installation, 20, 1 + len(server.messages)
        )
        start_digests(installation, 40)
        wait_for_all(installation, 40)
        assert Counter(server.recipients) == exactly_one_each(40)
        assert len(asked) > 40
        assert unconfirmed(installation) >= 1


def kill_the_worker_at(installation: Groundswell, when: int, count: int) -> None:
    if count == when:
        installation.kill("worker")


def unconfirmed(installation: Groundswell) -> int:
    """How many mails were handed over by a worker that never heard the answer."""
    with closing(sqlite3.connect(installation.data_dir / "groundswell.sqlite3")) as database:
        query = "SELECT count(*) FROM notifications_message WHERE is_unconfirmed"
        return int(database.execute(query).fetchone()[0])


def test_two_workers_and_two_beats_send_each_digest_once() -> None:
    with smtp() as server, groundswell(EMAIL_URL=server.url) as installation, ExitStack() as more:
        celery = [sys.executable, "-m", "celery", "--quiet", "--app", "config.celery"]
        log = installation.data_dir / "more.log"
        for part in (
            ["worker", "--pool", "threads", "--concurrency", "4", "--hostname", "second@%h"],
            ["beat", "--pidfile=", f"--schedule={installation.data_dir}/second-beat"],
        ):
            arguments = [*celery, *part, "-l", "WARNING"]
            more.enter_context(process(arguments, log=log, environment=installation.environment))
        start_digests(installation, 150, times=6)
        wait_for_all(installation, 150)
        assert Counter(server.recipients) == exactly_one_each(150)
