"""How long the lists take with 200,000 problems and 1,000,000 votes, and how they are read.

    .venv/bin/python bench/lists.py                                   # SQLite, in a fresh folder
    DATABASE_URL=postgres://user@host/empty .venv/bin/python bench/lists.py

Searches for words are measured, too, with --filled on a database that bench/similar.py has filled.

Fills the database (an empty one: it refuses any other), asks each page many times through the
whole stack but the socket, and prints the median and the 95th percentile in milliseconds, the
median of this process's own processor time (with SQLite that is the database as well; it says the
same on a busy machine), the number of queries, and the plan of every query that takes long.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

NOW = datetime.now(UTC).replace(microsecond=0)
PEOPLE, COMPONENTS = 20_000, 40
WORDS = [
    "kernel",
    "driver",
    "panics",
    "stops",
    "hangs",
    "after",
    "load",
    "resume",
    "boot",
    "disk",
    "network",
    "mirror",
    "firewall",
    "window",
    "window",
    "server",
    "backup",
    "restore",
    "slow",
    "wrong",
    "missing",
    "empty",
    "page",
    "table",
    "cache",
    "timer",
    "lock",
    "queue",
]
SLOW_MS = 15.0


def prepare() -> None:
    """Settings of the default set-up, but for a cache that needs no Redis."""
    os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="bench-lists-"))
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    import django
    from django.conf import settings

    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    settings.ALLOWED_HOSTS = ["*"]
    settings.LOGGING_CONFIG = None
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def insert(table: str, columns: list[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """As fast as each database takes them."""
    from django.db import connection

    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with cursor.cursor.copy(f'COPY "{table}" ({names}) FROM STDIN') as copy:
                for row in rows:
                    copy.write_row(row)
            return
        marks = ", ".join(["?"] * len(columns))
        connection.connection.executemany(
            f'INSERT INTO "{table}" ({names}) VALUES ({marks})', map(_for_sqlite, rows)
        )


def _for_sqlite(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value
        for value in row
    )


Texts = Callable[[random.Random, int], tuple[str, str]]


def few_words(chance: random.Random, number: int) -> tuple[str, str]:
    """A synopsis and a description; enough for lists."""
    synopsis = f"{' '.join(chance.choices(WORDS, k=6))} {number}"
    return synopsis, " ".join(chance.choices(WORDS, k=80))


def fill(problems: int, votes: int, texts: Texts = few_words) -> None:
    """Twenty thousand people; popularity falls off as 1/rank, as it does."""
    from django.db import connection, transaction

    from accounts.models import Person
    from tracker.models import Component, Problem, Product, Release

    if Problem.objects.exists() or Person.objects.exists():
        sys.exit("This database is not empty; the benchmark fills only one that is.")
    chance = random.Random(1)
    with transaction.atomic():
        products = [Product.objects.create(slug=f"product{i}", title=f"P{i}") for i in (1, 2)]
        components = [
            Component.objects.create(product=products[i % 2], slug=f"part{i}", title=f"Part {i}")
            for i in range(COMPONENTS)
        ]
        releases = {
            product: Release.objects.create(product=product, name="1.0") for product in products
        }
        insert("accounts_person", *_people())
        cast = _votes(chance, problems, votes)
        insert("tracker_problem", *_problems(chance, components, releases, cast, problems, texts))
        insert("votes_vote", *_vote_rows(cast))
        _restart_counters(connection)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _people() -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    columns = [
        "id", "password", "is_superuser", "email", "handle", "email_confirmed_at", "joined_at",
        "is_active", "time_zone",
    ]  # fmt: skip
    old = NOW - timedelta(days=900)
    rows = (
        (i, "!", False, f"p{i}@example.org", f"p{i}", old, old, True, "UTC")
        for i in range(1, PEOPLE + 1)
    )
    return columns, rows


def _votes(chance: random.Random, problems: int, votes: int) -> dict[int, dict[int, datetime]]:
    """problem -> person -> when. Half of the votes fall on the newest fifth of the problems."""
    cast: dict[int, dict[int, datetime]] = {i: {} for i in range(1, problems + 1)}
    while votes:
        number = min(problems, int(problems * chance.random() ** 0.4) + 1)
        if chance.random() < 0.25:
            number = min(problems, int(chance.paretovariate(0.5)))
        person = chance.randrange(1, PEOPLE + 1)
        if person not in cast[number]:
            share = number / problems
            age = 730 * (1 - share) * chance.random() ** 0.7
            cast[number][person] = NOW - timedelta(days=age, seconds=chance.randrange(86_400))
            votes -= 1
    return cast


def _problems(
    chance: random.Random,
    components: list[Any],
    releases: dict[Any, Any],
    cast: dict[int, dict[int, datetime]],
    count: int,
    texts: Texts,
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    from votes.heat import log_sum

    columns = [
        "number", "product_id", "component_id", "kind", "severity", "synopsis", "description",
        "how_to_repeat", "release_id", "architecture", "hardware", "state", "is_open",
        "resolution", "is_confidential", "reporter_id", "assignee_id", "origin", "origin_author",
        "created_at",
        "changed_at", "closed_at", "version", "people", "waiting", "heat",
    ]  # fmt: skip

    def row(number: int) -> tuple[Any, ...]:
        component = chance.choice(components)
        created = NOW - timedelta(days=730 * (1 - number / count), minutes=1)
        closed = chance.random() < 0.6
        synopsis, description = texts(chance, number)
        votes = cast[number].values()
        return (
            number, component.product_id, component.pk, "defect",
            chance.choice(["critical", "major", "normal", "minor"]), synopsis, description, "",
            releases[component.product].pk if chance.random() < 0.3 else None, "amd64", "",
            "closed" if closed else chance.choice(["new", "open", "in progress"]), not closed,
            "fixed" if closed else "", chance.random() < 0.01, chance.randrange(1, PEOPLE + 1),
            chance.randrange(1, 400) if chance.random() < 0.3 else None, "", "", created,
            created + (NOW - created) * chance.random(), NOW if closed else None, 1,
            len(votes), 0, log_sum(votes),
        )  # fmt: skip

    return columns, (row(number) for number in range(1, count + 1))


def _vote_rows(
    cast: dict[int, dict[int, datetime]],
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    columns = [
        "problem_id", "person_id", "cast_at", "status", "is_young", "architecture", "note", "door"
    ]  # fmt: skip
    rows = (
        (number, person, at, "counted", False, "amd64", "", "web")
        for number, voters in cast.items()
        for person, at in voters.items()
    )
    return columns, rows


def _restart_counters(connection: Any) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for table, column in (("tracker_problem", "number"), ("accounts_person", "id")):
                cursor.execute(
                    f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), "
                    f'(SELECT max("{column}") FROM "{table}"))'
                )


def pages() -> dict[str, str]:
    """What is measured: name -> address."""
    from tracker.models import Problem
    from votes.listing import _encode

    deep = Problem.objects.filter(is_open=True).order_by("-heat", "-number")[50_000]
    middle = Problem.objects.filter(is_open=True).order_by("-number")[40_000]
    found = {"front page": "/"}
    for sort in ("heat", "people", "newest", "active"):
        found[f"by {sort}"] = f"/problems/?sort={sort}"
    found |= {
        "50,000 down by heat": f"/problems/?cursor={_encode(deep, 'heat', backwards=False)}",
        "40,000 down by newest": "/problems/?sort=newest&cursor="
        + _encode(middle, "newest", backwards=False),
        "one product": "/problems/?product=product1",
        "one component": "/problems/?product=product1&component=part4",
        "closed ones": "/problems/?state=closed",
        "in progress": "/problems/?state=in+progress",
        "any state, newest": "/problems/?state=any&sort=newest",
        "critical": "/problems/?severity=critical",
        "critical in a component": "/problems/?component=part4&severity=critical",
        "of a release": "/problems/?release=1.0",
        "assigned to p7": "/problems/?assignee=p7",
        "reported by p7": "/problems/?reporter=p7&state=any",
        "one problem, most votes": "/1",
        "that one's voters": "/1/voters",
        "that one's arithmetic": "/1/why",
        "page of a product": "/products/product1/",
        "page of a release": "/products/product1/releases/1.0/",
        "Atom feed": "/problems.atom",
        "API by heat": "/api/v1/problems/",
        "API by newest, 100": "/api/v1/problems/?sort=newest&limit=100",
        "API 50,000 down": f"/api/v1/problems/?cursor={_encode(deep, 'heat', backwards=False)}",
    }
    return found


def searches() -> dict[str, str]:
    """Searches by words, each by match and by heat, where `bench/similar.py` filled and indexed."""
    from bench.similar import COMMON, word
    from tracker.text_index.models import Posting

    if not Posting.objects.exists():
        return {}
    rare, middle = word(90_003), word(2_004)
    told = COMMON[8:28]  # without those that are in every text
    pairs = list(itertools.permutations(told, 2))
    texts = {
        "rare word": rare,
        "middle word": middle,
        "common word": "bug",
        "two common words": "bug crash",
        "three common words": "bug kernel window",
        "three, one rare": f"bug kernel {rare}",
        "common, one excluded": "bug -kernel",
        "phrase, common words": '"network driver"',
        "phrase nobody said": '"window network page"',
        "phrase, middle word": f'"the {middle}"',
        "common, in the synopsis": "in:synopsis kernel",
        "common, one component": "kernel component:part4",
        "common, any state": "bug is:any",
        "word that nobody said": "xyzzyplugh",
        "twenty common words": " ".join(told),
        "phrase of twenty": f'"{" ".join(told)}"',
        "five phrases": " ".join(f'"{a} {b}"' for a, b in itertools.pairwise(told[:6])),
        "thirty-one phrases": " ".join(f'"{a} {b}"' for a, b in pairs[:31]),
        "twenty excluded": "bug " + " ".join(f"-{word}" for word in told[2:]),
        "four phrases excluded": "bug " + " ".join(f'-"{a} {b}"' for a, b in pairs[:4]),
        "thirty-two excluded": " ".join(f"-{word}" for word in [*told, *map(word, range(40, 52))]),
        "twenty in the comments": "in:comments " + " ".join(told),
    }
    return {
        f"{name}, {sort}": "/problems/?" + urlencode({"q": f"{text} sort:{sort}"})
        for name, text in texts.items()
        for sort in ("match", "heat")
    }


def signed_in() -> Iterator[tuple[str, str, Any]]:
    """(name, address, client) of what is shown to somebody, with ten searches kept or the desk."""
    from django.test import Client

    from accounts.models import Person, Role
    from accounts.services import grant_role
    from votes import saved_searches

    member, triager = (Person.objects.get(handle=handle) for handle in ("p7", "p8"))
    if not saved_searches.visible_searches(member).exists():
        grant_role(triager, Role.TRIAGER, by=None)
        for i in range(10):
            saved_searches.save(member, f"Search {i}", f"component:part{i} severity:critical")
    search = saved_searches.visible_searches(member)[0]
    clients = {}
    for person in (member, triager):
        clients[person] = Client()
        backend = "allauth.account.auth_backends.AuthenticationBackend"
        clients[person].force_login(person, backend)
    yield "signed in: front page", "/", clients[member]
    yield "signed in: my votes", "/problems/?voted=me", clients[member]
    yield "signed in: my page", "/my/", clients[member]
    yield "signed in: my searches", "/searches/", clients[member]
    yield "signed in: a kept search", search.get_absolute_url(), clients[member]
    yield "triager: most votes", "/1", clients[triager]
    yield "triager: the desk", "/triage/", clients[triager]
    yield "triager: the queue, API", "/api/v1/triage/", clients[triager]


class Watch:
    """Counts the queries of a request and keeps the slow ones."""

    def __init__(self) -> None:
        self.count = 0
        self.slow: dict[str, tuple[float, Any]] = {}

    def __call__(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        start = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            took = (time.perf_counter() - start) * 1000
            self.count += 1
            if took > SLOW_MS:
                self.slow[sql] = (took, params)


def measure(name: str, address: str, client: Any, rounds: int) -> Watch:
    """Print one line of the table."""
    from django.db import connection

    watch = Watch()
    for _ in range(2):
        response = client.get(address)
        if response.status_code != 200:
            print(f"{name:<32} answered {response.status_code}")
            return watch
    times, cpu = [], []
    for _ in range(rounds):
        watch.count = 0
        start, busy = time.perf_counter(), time.process_time()
        with connection.execute_wrapper(watch):
            client.get(address).getvalue()
        times.append((time.perf_counter() - start) * 1000)
        cpu.append((time.process_time() - busy) * 1000)
        if sum(times) > 15_000:
            break
    times.sort()
    cpu.sort()
    median, late = times[len(times) // 2], times[int(len(times) * 0.95)]
    print(
        f"{name:<32} {median:8.1f} {late:8.1f} {cpu[len(cpu) // 2]:8.1f} {watch.count:4}",
        flush=True,
    )
    return watch


def explain(sql: str, took: float, params: Any) -> None:
    from django.db import connection

    prefix = "EXPLAIN (ANALYZE, BUFFERS)" if connection.vendor == "postgresql" else (
        "EXPLAIN QUERY PLAN"
    )  # fmt: skip
    print(f"\n-- {took:.0f} ms\n{sql[:160]} … {sql[-700:] if len(sql) > 160 else ''}")
    with connection.cursor() as cursor:
        cursor.execute(f"{prefix} {sql}", params)
        for row in cursor.fetchall():
            print("   ", row[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--problems", type=int, default=200_000)
    parser.add_argument("--votes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--filled", action="store_true", help="the database is filled already")
    parser.add_argument("--only", default="", help="only pages whose name contains this")
    given = parser.parse_args()
    prepare()
    from django.db import connection
    from django.test import Client

    start = time.perf_counter()
    if not given.filled:
        fill(given.problems, given.votes)
        print(f"{connection.vendor}: filled in {time.perf_counter() - start:.0f} s")
    client = Client()
    slow: dict[str, tuple[float, Any]] = {}
    print(f"{connection.vendor:<32}      p50      p95      cpu  queries")
    for name, address in (pages() | searches()).items():
        if given.only in name:
            slow |= measure(name, address, client, given.rounds).slow
    for name, address, member in signed_in():
        if given.only in name:
            slow |= measure(name, address, member, given.rounds).slow
    for sql, (took, params) in slow.items():
        explain(sql, took, params)


if __name__ == "__main__":
    main()
