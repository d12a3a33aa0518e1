"""How many digests a minute one installation sends, as files and by SMTP.

    .venv/bin/python bench/outbox.py [--people 500]                # SQLite
    .venv/bin/python bench/outbox.py --postgresql                  # a PostgreSQL of its own

Starts the whole product, lets digests of many developers come due at once, and prints the seconds
from the first to the last mail, the mails per second, and how many rows ended in which state.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.notifications.test_kills import digest_files, start_digests, states
from tests.services import Groundswell, groundswell, postgresql, smtp, wait_until


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--people", type=int, default=500)
    parser.add_argument("--postgresql", action="store_true")
    options = parser.parse_args()
    with ExitStack() as servers:
        database = {}
        if options.postgresql:
            database = {"DATABASE_URL": servers.enter_context(postgresql())}
        with groundswell(**database) as installation:
            measure("files", installation, options.people, lambda: len(digest_files(installation)))
    with ExitStack() as servers:
        server = servers.enter_context(smtp())
        if options.postgresql:
            database = {"DATABASE_URL": servers.enter_context(postgresql())}
        with groundswell(EMAIL_URL=server.url, **database) as installation:
            measure("SMTP", installation, options.people, lambda: len(server.recipients))


def measure(name: str, installation: Groundswell, people: int, arrived: Callable[[], int]) -> None:
    """Time from the first mail to the last."""
    code = f"from tests.notifications.crowd import *; make_developers({people})"
    installation.manage("shell", "-c", code)
    start_digests(installation)
    wait_until(arrived, what="the first mail")
    start, first = time.monotonic(), arrived()
    wait_until(lambda: arrived() >= people, 600, "the last mail")
    seconds = time.monotonic() - start
    wait_until(lambda: states(installation)["sent"] == people, 60, "the last row")
    rate = (people - first) / seconds
    print(f"{name}: {people} digests in {seconds:.1f} s, {rate:.0f} a second", flush=True)


if __name__ == "__main__":
    main()
