"""How long "which problems does this release have" takes with 200,000 problems.

    .venv/bin/python bench/versions.py                                # SQLite, in a fresh folder
    DATABASE_URL=postgres://user@host/empty .venv/bin/python bench/versions.py

Fills an empty database: one product of 25 releases in six lines, 80 % of the problems reported in
one of them, 55 % closed, 15 % with marks of one to three releases. Prints for four releases the
best of three times in milliseconds, and this process's own processor time (with SQLite that is the
database as well): pages by heat, counts, and the counts of the product's page.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.lists import insert, prepare

PROBLEMS = 200_000
NOW = datetime.now(UTC).replace(microsecond=0)
TEXT = "After an hour of load no packet leaves the card. " * 40
RESOLUTIONS = [
    "fixed", "fixed", "fixed", "not a defect", "will not fix", "feedback timeout",
    "cannot reproduce",
]  # fmt: skip
COLUMNS = [
    "number", "product_id", "component_id", "kind", "severity", "synopsis", "description",
    "how_to_repeat", "release_id", "architecture", "hardware", "fixed_in_id", "state", "is_open",
    "resolution", "is_confidential", "origin", "origin_author", "created_at", "changed_at",
    "closed_at", "version", "people", "waiting", "heat",
]  # fmt: skip


def fill() -> None:
    """The product, its releases, problems and marks."""
    from django.db import connection, transaction

    from tracker.models import Component, Problem, Product, Release

    if Problem.objects.exists():
        sys.exit("This database is not empty; the benchmark fills only one that is.")
    chance = random.Random(1)
    product = Product.objects.create(slug="base", title="Base")
    component = Component.objects.create(product=product, slug="kernel", title="Kernel")
    releases = [
        Release.objects.create(
            product=product,
            name=f"{major}.{minor}",
            branch=f"stable/{major}" if minor else "",
            position=major * 10 + minor,
            released_on=date(1999 + major, 1 + 2 * minor, 1),
        ).pk
        for major in range(11, 16)
        for minor in range(5)
    ]
    with transaction.atomic():
        rows = problems(chance, product.pk, component.pk, releases)
        insert("tracker_problem", COLUMNS, rows)
        columns = ["id", "problem_id", "release_id", "status", "set_at"]
        insert("tracker_releasestatus", columns, marks(chance, releases))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def problems(
    chance: random.Random, product: int, component: int, releases: list[int]
) -> Iterator[tuple[Any, ...]]:
    for number in range(1, PROBLEMS + 1):
        resolution = chance.choice(RESOLUTIONS) if chance.random() < 0.55 else ""
        made = NOW - timedelta(days=chance.randint(100, 4000))
        yield (
            number, product, component, "defect", "normal", f"problem {number} stops",
            TEXT[: chance.randint(100, 2000)], "",
            chance.choice(releases) if chance.random() < 0.8 else None, "amd64", "",
            chance.choice(releases) if resolution == "fixed" and chance.random() < 0.3 else None,
            "closed" if resolution else "open", not resolution, resolution, number % 100 == 0,
            "", "", made, made, made + timedelta(days=100) if resolution else None,
            1, chance.randint(1, 50), 0, chance.random() * 100,
        )  # fmt: skip


def marks(chance: random.Random, releases: list[int]) -> Iterator[tuple[Any, ...]]:
    serial = 0
    for number in range(1, PROBLEMS + 1):
        if chance.random() < 0.15:
            for release in chance.sample(releases, chance.randint(1, 3)):
                serial += 1
                status = chance.choice(["affected", "fixed", "not affected"])
                yield serial, number, release, status, NOW


def measure(label: str, work: Callable[[], Any]) -> None:
    times = []
    for _ in range(3):
        begin, cpu = time.perf_counter(), time.process_time()
        answer = work()
        times.append((1000 * (time.perf_counter() - begin), 1000 * (time.process_time() - cpu)))
    print(f"{label:42} {min(times)[0]:8.1f} {min(c for _, c in times):8.1f}   {answer}", flush=True)


def main() -> None:
    prepare()
    from tracker.models import OPEN, Product, Release
    from tracker.policies import visible_problems
    from tracker.versions import affected_in, fixed_in, newly_fixed_in
    from tracker.versions.counts import count_affected
    from votes.listing import count_up_to
    from votes.versions import hottest

    fill()
    seen = visible_problems(None)
    for release in Release.objects.filter(name__in=["11.0", "13.2", "15.0", "15.4"]):
        affected, fixed = affected_in([release.pk]), fixed_in([release.pk])
        news = newly_fixed_in(release.pk)
        by_heat = seen.filter(OPEN, affected).order_by("-heat", "-number").values_list("pk")
        measure(f"{release} affected, open, by heat", lambda q=by_heat: len(q[:31]))
        measure(f"{release} affected, open, counted to 1,000",
                lambda q=affected: count_up_to(seen.filter(OPEN, q)))  # fmt: skip
        measure(f"{release} affected, all of them counted",
                lambda q=affected: seen.filter(q).count())  # fmt: skip
        measure(f"{release} fixed, counted to 1,000",
                lambda q=fixed: count_up_to(seen.filter(q)))  # fmt: skip
        measure(f"{release} page: known problems", lambda q=affected: len(hottest(None, q, 16)))
        measure(f"{release} page: solved in it", lambda q=news: len(hottest(None, q, 16)))
    product = Product.objects.get()
    measure("counts of all 25 releases", lambda: sum(count_affected(product).values()))


if __name__ == "__main__":
    main()
