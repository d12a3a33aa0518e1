"""How fast a run of digests leaves, beside a bare smtplib loop that sends the same bytes.

    .venv/bin/python bench/outbox.py --recipients 100000                 # SQLite
    .venv/bin/python bench/outbox.py --recipients 100000 --postgresql    # a PostgreSQL of its own
    .venv/bin/python bench/outbox.py --server library                    # aiosmtpd takes the mail

Starts the whole product and a mail server that takes everything (`smtp_sink.py`), and makes so many
readers: maintainers of twenty components at fifty domains, whose digests come due in rounds. After
each round a loop of `smtplib.SMTP.sendmail` over one connection sends as many of the same mails to
the same server, so that whatever else the machine does hits both alike.

Prints for each round and for all: mails a second of both, their ratio, the processor time per mail
of both sides and of the server, and the memory of a worker. "all" counts from the moment the
digests come due, "sent" from the first mail to the last. Ends with how many mails each got.
"""

from __future__ import annotations

import argparse
import os
import smtplib
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.notifications.test_kills import states
from tests.services import (
    Groundswell,
    all_processes,
    free_port,
    groundswell,
    postgresql,
    process,
    temporary_folder,
    wait_until,
)

SAMPLES = 200
MADE_AT_ONCE = 20_000
TICKS = os.sysconf("SC_CLK_TCK")

MAKE = """
from datetime import timedelta
from django.utils import timezone
from accounts.models import Person, Role, RoleGrant
from notifications.models import DigestSubscription
from tests.problems import make_problem, make_product
from tracker.models import Component, Maintainership, Product
from tracker.models import Door
from votes.services import cast_vote
first, count = {first}, {count}
long_ago = timezone.now() - timedelta(days=400)
people = Person.objects.bulk_create([
    Person(handle=f"dev{{n}}", email=f"dev{{n}}@d{{n % 50}}.example.org", password="!",
           joined_at=long_ago, email_confirmed_at=long_ago)
    for n in range(first, first + count)], batch_size=1000)
RoleGrant.objects.bulk_create(
    [RoleGrant(person=p, role=Role.DEVELOPER) for p in people], batch_size=1000)
if first == 0:
    product = make_product("bench", *[f"c{{n}}" for n in range(20)])
    for n in range(100):
        problem = make_problem(product, people[n], component=f"c{{n % 20}}")
        for voter in people[n + 1 : n + 1 + n % 7]:
            cast_vote(problem, voter, Door.WEB)
components = list(Component.objects.filter(product__slug="bench").order_by("pk"))
Maintainership.objects.bulk_create([
    Maintainership(person=p, component=components[p.pk % len(components)]) for p in people],
    batch_size=1000)
later = timezone.now() + timedelta(days=7)
DigestSubscription.objects.bulk_create(
    [DigestSubscription(person=p, next_due_at=later) for p in people], batch_size=1000)
"""
COUNT = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
"""
DUE = """
from django.utils import timezone
from notifications.models import DigestSubscription
from notifications.tasks import send_due_digests
pks = DigestSubscription.objects.order_by("pk").values_list("pk", flat=True)
first, last = pks[{first}], pks[{last}]
DigestSubscription.objects.filter(pk__range=(first, last)).update(next_due_at=timezone.now())
send_due_digests.delay()
"""
RENDER = """
from pathlib import Path
from django.utils import timezone
from notifications.outbox import sending
from notifications.backends.base import to_bytes
from notifications.models import Message
from notifications.outbox.rendering import Renderer
rows = Message.objects.filter(kind="digest").select_related(*sending.RELATED)[:{count}]
for message, mail in Renderer().render(list(rows)):
    if not isinstance(mail, Exception):
        (Path({folder!r}) / str(message.pk)).write_bytes(to_bytes(mail))
"""


@dataclass
class Sink:
    """The mail server of the measurement, asked over a connection of its own."""

    port: int
    connection: smtplib.SMTP

    def ask(self) -> tuple[int, int, int, float]:
        """Mails, distinct recipients, bytes, seconds of its processor time."""
        mails, people, size, seconds = self.connection.docmd("XSTAT")[1].split()
        return int(mails), int(people), int(size), float(seconds)


@dataclass
class Leg:
    """One side of one round: how many mails, in which times, for how much of the processor."""

    mails: int
    seconds: float
    sent_seconds: float
    own: float
    sink: float
    size: int

    def line(self, name: str) -> str:
        return (
            f"{name:10} {self.mails:7} mails of {self.size / self.mails:6.0f} bytes, "
            f"all {self.mails / self.seconds:6.0f}/s, "
            f"sent {self.mails / self.sent_seconds:6.0f}/s, "
            f"processor {self.own / self.mails * 1e6:5.0f} us a mail, "
            f"server {self.sink / self.mails * 1e6:4.0f} us"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--recipients", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--server", choices=["quick", "library"], default="quick")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with ExitStack() as servers:
        sink = servers.enter_context(sink_server(options.server))
        database = {}
        if options.postgresql:
            database = {"DATABASE_URL": servers.enter_context(postgresql())}
        url = f"smtp://127.0.0.1:{sink.port}"
        workers = str(options.workers)
        running = groundswell(EMAIL_URL=url, WORKERS=workers, **database)
        installation = servers.enter_context(running)
        make(installation, options.recipients)
        measure(installation, sink, options.recipients, options.rounds)
        wait_until(lambda: set(states(installation)) == {"sent"}, 60, "the last row")
        mails, people, *_ = sink.ask()
        print(f"{options.recipients} readers, rows: {dict(states(installation))}")
        print(f"the server has {people} distinct recipients in {mails} mails of both sides")


@contextmanager
def sink_server(kind: str) -> Iterator[Sink]:
    port = free_port()
    script = str(Path(__file__).with_name("smtp_sink.py"))
    with (
        temporary_folder() as folder,
        process([sys.executable, script, str(port), kind], log=folder / "log"),
    ):
        wait_until(lambda: answers(port), what="the mail server")
        with smtplib.SMTP("127.0.0.1", port) as connection:
            yield Sink(port, connection)


def answers(port: int) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", port).quit()
    except OSError:
        return False
    return True


def make(installation: Groundswell, count: int) -> None:
    for first in range(0, count, MADE_AT_ONCE):
        some = min(MADE_AT_ONCE, count - first)
        installation.manage("shell", "-v0", "-c", MAKE.format(first=first, count=some))
    # PostgreSQL does so by itself a minute later.
    installation.manage("shell", "-v0", "-c", COUNT)


def measure(installation: Groundswell, sink: Sink, count: int, rounds: int) -> None:
    product: list[Leg] = []
    bare: list[Leg] = []
    memory = []
    for number in range(rounds):
        first, last = count * number // rounds, count * (number + 1) // rounds - 1
        product.append(product_leg(installation, sink, first, last))
        bare.append(bare_leg(sink, samples(installation), last - first + 1))
        memory.append(memory_of(installation.pid("worker")))
        for name, leg in (("product", product[-1]), ("smtplib", bare[-1])):
            print(leg.line(name), flush=True)
    ours, theirs = added(product), added(bare)
    print(f"\n{ours.line('product')}\n{theirs.line('smtplib')}")
    sent = (ours.mails / ours.sent_seconds) / (theirs.mails / theirs.seconds)
    whole = (ours.mails / ours.seconds) / (theirs.mails / theirs.seconds)
    print(f"ratio: sent {sent:.2f}, all {whole:.2f}")
    print("worker after each round, MB: " + ", ".join(f"{now:.0f}" for now, _ in memory))
    print(f"its peak: {max(peak for _, peak in memory):.0f} MB")


def added(legs: list[Leg]) -> Leg:
    columns = zip(*((x.mails, x.seconds, x.sent_seconds, x.own, x.sink, x.size) for x in legs),
                  strict=True)  # fmt: skip
    mails, seconds, sent, own, sink, size = map(sum, columns)
    return Leg(int(mails), seconds, sent, own, sink, int(size))


def product_leg(installation: Groundswell, sink: Sink, first: int, last: int) -> Leg:
    mails, _, size, sink_before = sink.ask()
    count = last - first + 1
    own_before = busy()
    installation.manage("shell", "-v0", "-c", DUE.format(first=first, last=last))
    started = time.monotonic()
    wait_until(lambda: sink.ask()[0] > mails, 60, "the first mail")
    begun, begun_with = time.monotonic(), sink.ask()[0]
    wait_until(lambda: sink.ask()[0] >= mails + count, 1200, "the last mail")
    ended = time.monotonic()
    after = sink.ask()
    sent = (ended - begun) * count / max(mails + count - begun_with, 1)
    own = busy() - own_before
    return Leg(count, ended - started, sent, own, after[3] - sink_before, after[2] - size)


def bare_leg(sink: Sink, mails: list[bytes], count: int) -> Leg:
    _, _, size, sink_before = sink.ask()
    own, started = time.process_time(), time.monotonic()
    with smtplib.SMTP("127.0.0.1", sink.port) as connection:
        for number in range(count):
            mail = mails[number % len(mails)]
            connection.sendmail("tracker@example.org", [f"dev{number}@bare.example.org"], mail)
    seconds, own = time.monotonic() - started, time.process_time() - own
    after = sink.ask()
    return Leg(count, seconds, seconds, own, after[3] - sink_before, after[2] - size)


def samples(installation: Groundswell) -> list[bytes]:
    """Some of the mails of the last round, made once more."""
    with temporary_folder() as folder:
        code = RENDER.format(count=SAMPLES, folder=str(folder))
        installation.manage("shell", "-v0", "-c", code)
        return [path.read_bytes() for path in folder.iterdir()]


def busy() -> float:
    """Seconds of the processor that all of the product, its database too, has taken so far."""
    running = [row for row in all_processes() if "smtp_sink" not in row[2]]
    ours = {os.getpid()}
    while more := {pid for pid, parent, _ in running if parent in ours} - ours:
        ours |= more
    return sum(seconds_of(pid) for pid in ours - {os.getpid()})


def seconds_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:13])) / TICKS


def memory_of(pid: int) -> tuple[float, float]:
    """Resident megabytes of a process, now and at its peak."""
    status = Path(f"/proc/{pid}/status").read_text()
    lines = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return int(lines["VmRSS"].split()[0]) / 1024, int(lines["VmHWM"].split()[0]) / 1024


if __name__ == "__main__":
    main()
