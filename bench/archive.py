"""How long an archive takes to leave and to come, and how much memory.

    DATA_DIR=... .venv/bin/python bench/archive.py export            # that instance, to a .tar file
    .venv/bin/python bench/archive.py import FILE.tar                 # SQLite, in a fresh folder
    DATABASE_URL=postgres://user@host/empty .venv/bin/python bench/archive.py import FILE.tar

`bench/lists.py` fills an instance. Each step is a process of its own. Printed are seconds, the
processor seconds of the process (with SQLite that is the database as well), and the most memory
that it held. The index of the texts is left out unless --index is given: it is the same work
as that of `manage.py index_problems`.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLAIN = "from django.core.management import execute_from_command_line as run; run()"
# What follows the rows is left to a later command.
WITHOUT_INDEX = (
    "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; "
    "django.setup(); from accounts.transfer.registry import registry; "
    "registry.after_commit.clear(); " + PLAIN
)


def timed(what: str, arguments: list[str], *, with_index: bool = True) -> None:
    """Run one command of manage.py; print what it took."""
    code = PLAIN if with_index else WITHOUT_INDEX
    command = [sys.executable, "-c", code, *arguments]
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    started = time.monotonic()
    pid = os.posix_spawn(sys.executable, command, os.environ)
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"{what} has failed.")
    print(
        f"{what:<8} {time.monotonic() - started:8.1f} s {used.ru_utime + used.ru_stime:8.1f} s cpu "
        f"{used.ru_maxrss / 1024:6.0f} MB",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("step", choices=["export", "import"])
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--index", action="store_true", help="make the index of the texts as well")
    given = parser.parse_args()
    os.chdir(ROOT)
    if given.step == "export":
        target = given.file or Path(tempfile.mkdtemp(prefix="bench-archive-")) / "archive.tar"
        timed("export", ["export", str(target)])
        print(f"{target}: {target.stat().st_size:,} bytes")
        return
    os.environ.setdefault("DATA_DIR", tempfile.mkdtemp(prefix="bench-archive-"))
    timed("migrate", ["migrate", "--verbosity", "0"])
    timed("import", ["import_archive", str(given.file)], with_index=given.index)


if __name__ == "__main__":
    main()
