"""The commands that a stranger types first, in a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from config.environment import PROJECT_DIR
from tests import migrated, services
from tests.services import START_LIMIT, copy_of_the_checkout, temporary_folder, wait_until

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def checkout() -> Iterator[Path]:
    """A copy of the checkout that shares only the virtual environment."""
    with temporary_folder() as folder:
        copy = copy_of_the_checkout(folder / "groundswell")
        (copy / ".venv").symlink_to(PROJECT_DIR / ".venv")
        yield copy


@pytest.fixture(scope="module")
def bare_checkout() -> Iterator[Path]:
    """A folder with the Makefile and the locks, and no virtual environment."""
    with temporary_folder() as folder:
        for name in ("Makefile", "requirements.lock", "requirements-dev.lock"):
            shutil.copy(PROJECT_DIR / name, folder)
        yield folder


def make(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=services.clean_environment() | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def a_python(folder: Path, *lines: str) -> str:
    """Write a program that stands for another Python; return its path."""
    path = folder / f"python-{len(list(folder.iterdir()))}"
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return str(path)


def test_make_alone_tells_what_there_is(bare_checkout: Path) -> None:
    told = make(bare_checkout).stdout

    for target in ("run", "dev", "demo", "test", "check", "lock", "venv", "clean"):
        assert any(line.split()[:2] == ["make", target] for line in told.splitlines()), target


def test_make_run_serves_from_a_fresh_checkout_until_ctrl_c(checkout: Path) -> None:
    port = services.free_port()
    log = checkout.parent / "output"
    with services.process(
        ["make", "-C", str(checkout), "run"],
        log=log,
        environment=services.clean_environment() | {"PORT": str(port)},
        stop_with=signal.SIGTERM,
    ) as running:
        wait_until(lambda: "is ready at" in log.read_text() or running.poll() is not None)
        assert f"Groundswell is ready at http://127.0.0.1:{port}/" in log.read_text()
        assert f"Mail is written to {checkout}/data/mail" in log.read_text()
        assert "migrations applied" in log.read_text()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/accounts/login/") as answer:
            assert answer.status == 200
        # What a terminal does on Ctrl-C: the signal goes to the whole group.
        os.killpg(running.pid, signal.SIGINT)
        running.wait(START_LIMIT)

    assert not [command for _, _, command in services.all_processes() if str(checkout) in command]
    assert "Traceback" not in log.read_text()
    # What there is now is of its owner only.
    data = checkout / "data"
    assert data.stat().st_mode & 0o077 == 0
    assert (data / "secret_key").stat().st_mode & 0o777 == 0o600


def test_a_wrong_value_stops_make_run_with_one_sentence(checkout: Path) -> None:
    done = make(checkout, "run", PORT="eighty")

    told = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert told == [
        "Groundswell cannot start: PORT is 'eighty': it must be a number from 1 to 65535."
    ]
    assert done.returncode != 0


def test_where_venv_is_absent_the_debian_package_is_named(bare_checkout: Path) -> None:
    python = a_python(bare_checkout, 'case "$*" in *ensurepip*) exit 1;; esac', 'exec python3 "$@"')
    done = make(bare_checkout, "run", f"PYTHON={python}")

    assert "apt install python3-venv" in done.stdout
    assert done.returncode != 0
    assert not (bare_checkout / ".venv").exists()


def test_where_python_is_too_old_its_version_is_named(bare_checkout: Path) -> None:
    python = a_python(bare_checkout, '[ "$1" = -V ] && echo "Python 3.9.2" && exit 0', "exit 1")
    done = make(bare_checkout, "run", f"PYTHON={python}")

    assert "needs Python 3.11 or newer" in done.stdout
    assert "is Python 3.9.2" in done.stdout
    assert done.returncode != 0
    assert not (bare_checkout / ".venv").exists()


def test_make_demo_prepares_the_database_that_nobody_has_started_yet(tmp_path: Path) -> None:
    file = tmp_path / "data" / "groundswell.sqlite3"
    without_its_last_table(file)
    done = make(PROJECT_DIR, "demo", "ARGS=--problems 60", DATA_DIR=str(file.parent))

    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "reporter@example.org" in done.stdout
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT count(*) FROM django_session").fetchone() == (0,)


def without_its_last_table(file: Path) -> None:
    """A database that was not migrated to the end, where one is at hand: all would take long."""
    migrated.copy_sqlite(os.environ, file)
    if file.exists():
        with closing(sqlite3.connect(file)) as database, database:
            database.execute("DROP TABLE django_session")
            database.execute("DELETE FROM django_migrations WHERE app = 'sessions'")


def test_a_command_before_the_first_start_says_that_the_database_is_not_prepared(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "recount_votes", "--check"],
        cwd=PROJECT_DIR,
        env=services.clean_environment() | {"DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "run `make run` once" in done.stderr


def test_the_client_starts_from_a_checkout_whose_path_has_a_blank(tmp_path: Path) -> None:
    checkout = tmp_path / "my checkouts" / ("long " * 30)
    checkout.mkdir(parents=True)
    shutil.copytree(PROJECT_DIR / "send_problem", checkout / "send_problem")
    (checkout / ".venv/bin").mkdir(parents=True)
    (checkout / ".venv/bin/python").symlink_to(sys.executable)
    makefile = (PROJECT_DIR / "Makefile").read_text() + "\nclient:\n\t@$(write_client)\n"
    (checkout / "Makefile").write_text(makefile)
    assert make(checkout, "client").returncode == 0

    client = [str(checkout / ".venv/bin/send-problem"), "--help"]
    done = subprocess.run(client, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    assert "template" in done.stdout


def test_nothing_is_installed_again_while_the_lock_stays_as_it_is(checkout: Path) -> None:
    make(checkout, "venv")
    done = make(checkout, "venv")

    assert done.returncode == 0, done.stderr
    assert "Installing" not in done.stdout


def test_no_index_is_named_in_what_is_committed() -> None:
    for name in ("Makefile", "requirements.lock", "requirements-dev.lock", ".ci/run"):
        text = (PROJECT_DIR / name).read_text()
        assert "--index" not in text
        assert "https://" not in text.replace("https://problems.example.org", "")
