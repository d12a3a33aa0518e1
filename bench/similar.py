"""How long it takes to find likely duplicates among 200,000 problems, and to index those.

    .venv/bin/python bench/similar.py                                   # SQLite, in a fresh folder
    DATABASE_URL=postgres://user@host/empty .venv/bin/python bench/similar.py

Fills the database (an empty one: it refuses any other) with problems of two products whose words
fall off as 1/rank, as words do, out of two million; a median description has fifty of them, and
one in ten 160 or more. Indexes them through the code that an upgrade runs, then asks for the
duplicates of reports that are near copies of problems, by the API through the whole stack but the
socket, with the synopsis alone and with the description. Prints in milliseconds the median and
the 95th percentile of the time and of this process's own processor time (with SQLite that is the
database as well; it says the same on a busy machine), the longest time, and how often the copied
problem was among the first five.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import lists

RANKS = 2_000_000
SYLLABLES = [c + v for c in "bdfgklmnprtvz" for v in "aiou"]
COMMON = [
    "the",
    "to",
    "is",
    "in",
    "of",
    "not",
    "and",
    "with",
    "when",
    "bug",
    "error",
    "crash",
    "fails",
    "file",
    "test",
    "window",
    "page",
    "server",
    "user",
    "after",
    "on",
    "for",
    "build",
    "version",
    "open",
    "network",
    "driver",
    "kernel",
]


def word(rank: int) -> str:
    """The word of that rank; one in ten is a name as programs have them."""
    if rank < len(COMMON):
        return COMMON[rank]
    parts = []
    left = rank
    while left:
        left, index = divmod(left, len(SYLLABLES))
        parts.append(SYLLABLES[index])
    spelled = "".join(parts) + "x"
    if rank % 20 == 0:
        return f"{parts[0]}{parts[-1]}/{spelled}_{parts[0]}.c:{rank % 900}"
    if rank % 20 == 1:
        return f"{spelled}Get{spelled.title()}"
    return spelled


def words(chance: random.Random, count: int) -> list[str]:
    """Zipf's law: the probability of a rank is proportional to 1/rank."""
    return [word(int(RANKS ** chance.random()) - 1) for _ in range(count)]


def texts(chance: random.Random, number: int) -> tuple[str, str]:
    """A synopsis of some nine words and a description whose length is log-normal."""
    synopsis = " ".join(words(chance, chance.randrange(5, 14)))[:250]
    length = min(3_000, int(chance.lognormvariate(3.9, 0.9)) + 3)
    return synopsis, " ".join(words(chance, length))


def near_copy(chance: random.Random, text: str, keep: float) -> str:
    """Some of the words, and as many others."""
    said = text.split()
    kept = [each for each in said if chance.random() < keep]
    others = words(chance, len(said) - len(kept))
    mixed = kept + others
    chance.shuffle(mixed)
    return " ".join(mixed)


def index_all() -> None:
    """As after an upgrade."""
    from tracker.models import Problem
    from tracker.text_index.rebuilding import rebuild

    start = time.perf_counter()
    rebuild()
    took = time.perf_counter() - start
    print(f"indexed {Problem.objects.count():,} problems in {took:.0f} s", flush=True)


def size() -> None:
    """Rows and bytes of the index."""
    from django.db import connection

    from tracker.text_index.models import Frequency, Posting

    print(f"{Posting.objects.count():,} postings, {Frequency.objects.count():,} frequencies")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT relname, pg_total_relation_size(oid) FROM pg_class WHERE relkind = 'r' "
                "AND relname IN ('tracker_posting', 'tracker_frequency', 'tracker_indexedtext', "
                "'tracker_problem')"
            )
        else:
            cursor.execute(
                "SELECT 'all tables', page_count * page_size "
                "FROM pragma_page_count, pragma_page_size"
            )
        for name, count in cursor.fetchall():
            print(f"  {name:<22}{count / 1e6:8.0f} MB")


def measure(name: str, rounds: int, *, with_body: bool) -> None:
    """Print one line of the table."""
    from django.test import Client

    from tracker.models import Problem

    chance = random.Random(7)
    client = Client()
    highest = Problem.objects.order_by("-number").values_list("number", flat=True)[0]
    times, busy, hits = [], [], 0
    for asked in range(-5, rounds):
        number = chance.randrange(1, highest + 1)
        problem = Problem.objects.select_related("product").get(pk=number)
        said = {
            "product": problem.product.slug,
            "synopsis": near_copy(chance, problem.synopsis, 0.6),
            "limit": "20",
        }
        if with_body:
            said["description"] = near_copy(chance, problem.description, 0.5)
        start, used = time.perf_counter(), time.process_time()
        response = client.post("/api/v1/problems/similar/", said, "application/json")
        took = (time.perf_counter() - start) * 1000
        if response.status_code != 200:
            sys.exit(f"{name}: answered {response.status_code}: {response.content[:300]!r}")
        if asked >= 0:
            times.append(took)
            busy.append((time.process_time() - used) * 1000)
            numbers = [row["number"] for row in response.json()["results"][:5]]
            hits += number in numbers or problem.is_confidential
    late = int(rounds * 0.95)
    figures = [
        figure
        for each in (sorted(times), sorted(busy))
        for figure in (each[rounds // 2], each[late])
    ]
    columns = "".join(f"{figure:9.1f}" for figure in [*figures, max(times)])
    print(f"{name:<24}{columns}{hits / rounds:9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--problems", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--filled", action="store_true", help="the database is filled already")
    parser.add_argument("--no-index", action="store_true", help="and indexed")
    given = parser.parse_args()
    lists.prepare()
    from django.db import connection

    if not given.filled:
        lists.fill(given.problems, given.problems, texts)
        print(f"{connection.vendor}: filled", flush=True)
    if not given.no_index:
        index_all()
    size()
    print(f"{connection.vendor:<24}      p50      p95  cpu p50  cpu p95      max  found in 5")
    measure("synopsis", given.rounds, with_body=False)
    measure("synopsis, description", given.rounds, with_body=True)


if __name__ == "__main__":
    main()
