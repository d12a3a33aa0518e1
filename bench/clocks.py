"""What the clocks cost with many problems: `python -m bench.clocks [problems]`.

Runs on the database that DATABASE_URL names, or SQLite in DATA_DIR, which must be empty. It writes
problems as an import does, winds their clocks, switches one off and on, and lets some act.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import Person, Role  # noqa: E402
from accounts.services import grant_role  # noqa: E402
from notifications.models import Message  # noqa: E402
from tracker.clocks import acting, keeping, settings  # noqa: E402
from tracker.models import (  # noqa: E402
    Clock,
    ClockKind,
    ClockSetting,
    Component,
    Door,
    Event,
    Problem,
    Product,
)

ACTS = 1000


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    call_command("migrate", verbosity=0)
    product, triager = fill(count)
    timed("wind all", wind)
    timed("look for more to wind, none there", keeping.wind)
    timed("look for what is due, nothing is", acting.fire_due)
    for is_on in (False, True):
        wanted = {ClockKind.STALE: (is_on, "180")}
        settings.set_clocks(product, triager, wanted)
        pk = ClockSetting.objects.get().pk
        timed(f"switch a clock {'on' if is_on else 'off'}", lambda pk=pk: apply(pk))  # type: ignore[misc]
    past = timezone.now() - timedelta(days=1)
    ClockSetting.objects.all().delete()
    some = list(Clock.objects.filter(paused_at=None).order_by("pk").values_list("pk", flat=True))
    due = Clock.objects.filter(pk__in=some[:ACTS])
    due.update(due_at=past, started_at=past - timedelta(days=400))
    run_until_done()
    print(f"{'mails':<44}{Message.objects.count():>9,}")


def fill(count: int) -> tuple[Product, Person]:
    """Imported problems of one product: one in ten is assigned, one in twenty in feedback."""
    triager = Person.objects.create_user(
        "tom@example.org", "tom", email_confirmed_at=timezone.now(), joined_at=timezone.now()
    )
    grant_role(triager, Role.TRIAGER, by=None)
    product = Product.objects.create(slug="base", title="Base")
    component = Component.objects.create(product=product, slug="kernel", title="Kernel")
    for start in range(0, count, 5000):
        problems = Problem.objects.bulk_create(
            Problem(
                product=product, component=component, synopsis=f"old {n}", description="-",
                state="feedback" if n % 20 == 0 else "open",
                assignee=triager if n % 10 == 1 else None,
            )
            for n in range(start, min(start + 5000, count))
        )  # fmt: skip
        Event.objects.bulk_create(
            Event(problem=problem, kind=Event.Kind.IMPORTED, door=Door.IMPORT)
            for problem in problems
        )
    return product, triager


def wind() -> None:
    last: int | None = 0
    while last is not None:
        last = keeping.wind(last)


def apply(pk: int) -> None:
    last: int | None = 0
    while last is not None:
        last = settings.apply_setting(pk, last)


def run_until_done() -> None:
    """As the tasks do, 8 s at a time."""
    runs, total, is_more = [], 0, True
    began = time.perf_counter()
    while is_more:
        started = time.perf_counter()
        fired, is_more = acting.fire_due()
        total += fired
        runs.append(time.perf_counter() - started)
    seconds = time.perf_counter() - began
    print(f"{'let some go off':<44}{seconds:>9.1f} s, {total:,} acts, {seconds / total * 1000:.2f}"
          f" ms each; {len(runs)} tasks, the longest {max(runs):.1f} s")  # fmt: skip


def timed(what: str, act: Callable[[], object]) -> None:
    started = time.perf_counter()
    act()
    print(f"{what:<44}{time.perf_counter() - started:>9.3f} s", flush=True)


if __name__ == "__main__":
    main()
