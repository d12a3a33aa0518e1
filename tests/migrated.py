"""A database that is migrated once for a run of tests, and copied by all who need one.

Migrating takes a processor ten seconds, which each worker and each product that a test starts
would spend anew. ``tests.run`` names what it has migrated in MIGRATED_SQLITE (a file) and
MIGRATED_POSTGRESQL (a database beside the one of DATABASE_URL). Without them each migrates for
itself.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
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
