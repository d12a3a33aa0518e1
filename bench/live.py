"""How much open pages cost, and how soon they hear: many streams on one web process.

    .venv/bin/python -m bench.live [STREAMS]                                       # SQLite
    DATABASE_URL=postgres://user@host/empty .venv/bin/python -m bench.live [STREAMS]

Starts the whole product on a free port with data in a temporary folder, opens the streams of one
problem (a quarter of them signed in), comments, and prints what that took.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import resource
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.services import Groundswell, groundswell

PROBLEM = """
from django.test import Client
from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_problem
problem = make_problem()
for _ in range({people}):
    print("cookie", sign_in(Client(), make_person()).cookies["groundswell_session"].value)
print("problem", problem.pk)
"""
# Pauses between comments, so that each is told of by itself.
COMMENT = """
import time
from accounts.models import Person
from tracker.models import Door, Problem
from tracker.services import comment
problem, person = Problem.objects.get(), Person.objects.order_by("pk").first()
for number in range({rounds}):
    comment(problem, person, "Something new.", Door.WEB)
    print(time.time(), flush=True)
    time.sleep(2)
"""
DATABASE = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    print(cursor.fetchone()[0] - 1)
"""
ROUNDS = 5


@dataclass
class Page:
    """One stream: when it was opened, when it heard of news, and within which ms to fetch them."""

    opened: float = 0.0
    heard: list[float] = field(default_factory=list)
    spread: float = 0.0


async def listen(port: int, number: int, cookie: str, page: Page, ready: asyncio.Event) -> None:
    """Read a stream until it ends."""
    started = time.time()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    session = f"Cookie: groundswell_session={cookie}\r\n" if cookie else ""
    writer.write(f"GET /{number}/live HTTP/1.1\r\nHost: 127.0.0.1\r\n{session}\r\n".encode())
    try:
        while line := await reader.readline():
            if line.startswith(b"retry:"):
                page.opened = time.time() - started
                ready.set()
            elif line.startswith(b"id:"):
                page.heard.append(time.time())
            elif line.startswith(b"data:"):
                page.spread = json.loads(line[5:])["spread"]
    finally:
        writer.close()


def of_process(pid: int, what: str) -> int:
    """A number of /proc/PID/status: VmRSS (kB) or Threads."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1])
    raise LookupError(what)


def files_named(pid: int, name: str) -> int:
    """How often a process holds a file of that name."""
    return sum(
        name in str(link.readlink())
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if link.is_symlink()
    )


async def measure(installation: Groundswell, streams: int) -> None:
    """Open, wait, comment, and print."""
    made = await _manage(installation, PROBLEM.format(people=max(streams // 60, 1)))
    words = [line.split() for line in made.splitlines()]
    cookies = [value for name, value in words if name == "cookie"]
    number = next(int(value) for name, value in words if name == "problem")
    web = installation.pid("web")
    for _ in range(20):
        await asyncio.to_thread(installation.get, f"/{number}")
    before = {what: of_process(web, what) for what in ("VmRSS", "Threads")}
    pages = [Page() for _ in range(streams)]
    tasks, started = [], time.time()
    for place, page in enumerate(pages):
        cookie = cookies[place // 4 % len(cookies)] if place % 4 == 0 else ""
        ready = asyncio.Event()
        tasks.append(asyncio.create_task(listen(installation.port, number, cookie, page, ready)))
        if place % 20 == 19:
            await ready.wait()
    while not all(page.opened for page in pages):
        await asyncio.sleep(0.1)
    print(f"{streams} streams open after {time.time() - started:.1f} s")
    await asyncio.sleep(3)
    after = {what: of_process(web, what) for what in before}
    grown = (after["VmRSS"] - before["VmRSS"]) / streams
    memory = [numbers["VmRSS"] // 1024 for numbers in (before, after)]
    print(f"memory {memory[0]} MB, then {memory[1]} MB: {grown:.0f} kB each")
    print(f"threads {before['Threads']}, then {after['Threads']}")
    print(f"connections to the database while idle: {await _connections(installation, web)}")
    await _rounds(installation, pages)
    started = time.time()
    fetched = await asyncio.gather(*(_fetch(installation, number, page) for page in pages))
    print(f"all have fetched the news after {max(fetched) - started:.1f} s")
    print(f"a page with all streams open: {await _page_time(installation, number):.0f} ms (median)")
    started = time.monotonic()
    await asyncio.to_thread(installation.stop)
    print(f"stop with all streams open: {time.monotonic() - started:.1f} s")
    await asyncio.gather(*tasks, return_exceptions=True)


async def _manage(installation: Groundswell, code: str) -> str:
    return await asyncio.to_thread(installation.manage, "shell", "-v", "0", "-c", code)


async def _connections(installation: Groundswell, web: int) -> int:
    if "DATABASE_URL" in installation.environment:
        return int(await _manage(installation, DATABASE))
    return files_named(web, "groundswell.sqlite3")


async def _rounds(installation: Groundswell, pages: list[Page]) -> None:
    for page in pages:
        page.heard.clear()
    times = await _manage(installation, COMMENT.format(rounds=ROUNDS))
    await asyncio.sleep(3)
    said = [float(line) for line in times.split()]
    firsts, lasts = [], []
    for place, at in enumerate(said):
        heard = sorted(page.heard[place] - at for page in pages if len(page.heard) > place)
        if len(heard) < len(pages):
            raise SystemExit(
                f"{len(pages) - len(heard)} did not hear comment {place}:\n{installation.output()}"
            )
        firsts.append(heard[0])
        lasts.append(heard[-1])
    print(f"first page hears after {1000 * statistics.median(firsts):.0f} ms (median)")
    print(f"last page hears after {1000 * statistics.median(lasts):.0f} ms (median)"
          f" and {1000 * max(lasts):.0f} ms (worst of {len(lasts)})")  # fmt: skip


async def _fetch(installation: Groundswell, number: int, page: Page) -> float:
    """Fetch the news as an open page does; return when they were there."""
    await asyncio.sleep(random.random() * page.spread / 1000)
    reader, writer = await asyncio.open_connection("127.0.0.1", installation.port)
    path = f"/{number}/news?seen=1"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    writer.close()
    return time.time()


async def _page_time(installation: Groundswell, number: int) -> float:
    taken = []
    for _ in range(20):
        started = time.perf_counter()
        await asyncio.to_thread(installation.get, f"/{number}")
        taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


def main() -> None:
    streams = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4 * streams + 1000, hard), hard))
    given = {"DATABASE_URL": os.environ["DATABASE_URL"]} if "DATABASE_URL" in os.environ else {}
    room = {"LIVE_STREAMS": str(2 * streams + 10)}
    with groundswell(**given, **room) as installation:
        asyncio.run(measure(installation, streams))


if __name__ == "__main__":
    main()
