"""A database that is migrated once for a run of tests, and copied by all who need one.

Migrating takes a processor ten seconds, which each worker and each product that a test starts
would spend anew. ``tests.run`` names what it has migrated in MIGRATED_SQLITE (a file) and
MIGRATED_POSTGRESQL (as DATABASE_URL does). Without them each migrates for itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from config.environment import PROJECT_DIR

SQLITE = "MIGRATED_SQLITE"
POSTGRESQL = "MIGRATED_POSTGRESQL"


def begin(environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Make the database that these variables name, in a process of its own."""
    environment = dict(environment)
    if SQLITE in environment:
        # Not the file of DATA_DIR, which is what a process of the product would write to.
        environment["DATA_DIR"] = str(Path(environment[SQLITE]).parent)
    return subprocess.Popen(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=PROJECT_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
    )


def copy_sqlite(environment: Mapping[str, str], target: Path) -> None:
    """Copy the file to a place where none is yet; do nothing where nobody has migrated it."""
    source = environment.get(SQLITE)
    if source and not target.exists():
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(source, target)


def template() -> str | None:
    """The name of the migrated database on the PostgreSQL of the tests, None where it is empty."""
    return os.environ.get(POSTGRESQL, "").rpartition("/")[2] or None


@contextmanager
def postgresql() -> Iterator[str | None]:
    """Yield the DATABASE_URL of a copy on that PostgreSQL; None where nobody has migrated it."""
    import psycopg

    url, _, source = os.environ.get(POSTGRESQL, "").rpartition("/")
    if not source:
        yield None
        return
    name = f"copy_{uuid.uuid4().hex}"
    folder = url.partition("@/")[2]
    with psycopg.connect(f"host={folder} user=groundswell dbname=postgres", autocommit=True) as sql:
        sql.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
        yield f"{url}/{name}"
        sql.execute(f"DROP DATABASE {name} WITH (FORCE)")
