"""Run a whole installation under one command: ``python -m config.supervisor``.

Starts the embedded Redis where none is named, prepares the database, and keeps web, worker, beat
and the door for mail running until Ctrl-C. Nothing it started outlives it, not even after
``kill -9``.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from config.environment import PROJECT_DIR, ConfigurationError, Environment, load_environment
from config.runtime import redis_server
from config.runtime.checks import check_redis, listen, listen_for_mail, lock_data_dir
from config.runtime.children import Child, Program
from config.runtime.console import Console
from config.runtime.loop import Loop
from config.runtime.prepare import REPORT

REDIS_START_LIMIT = 30.0
PREPARE_LIMIT = 600.0
WORKER_THREADS = 4
CELERY = [sys.executable, "-m", "celery", "--quiet", "--app", "config.celery"]
IDLE_TURN = 5.0


class Stopped(Exception):
    """Somebody asked to stop before everything was running."""


class Supervisor:
    """Starts, watches and stops the processes of one installation."""

    def __init__(self, environment: Environment, *, reload: bool = False) -> None:
        self.environment = environment
        self.reload = reload
        self.console = Console()
        self.loop = Loop()
        self.children: list[Child] = []
        self.link: str | None = None

    def run(self) -> int:
        """Serve until told to stop; return the exit code."""
        with ExitStack() as held:
            held.enter_context(lock_data_dir(self.environment.data_dir))
            listener = held.enter_context(listen(self.environment.host, self.environment.port))
            mail = self.environment.mail_listen
            mail_listener = held.enter_context(listen_for_mail(mail)) if mail else None
            self.loop.install_signals()
            try:
                self._start_all(listener, mail_listener)
                self._watch()
            except Stopped:
                pass
            finally:
                self._stop_all()
        return 0

    # Starting

    def _start_all(self, listener: socket.socket, mail_listener: socket.socket | None) -> None:
        if self.environment.redis_socket is not None:
            self._start_redis(self.environment.redis_socket)
        else:
            check_redis(self.environment.redis_url)
        gate, opener = os.pipe()
        programs = self._programs(listener.fileno(), gate)
        if mail_listener is not None:
            programs.append(_lmtp_program(mail_listener.fileno()))
        web, *others = map(Child, programs)
        # It loads the application while the database is prepared, which halves the time to start.
        self._start(web)
        self._prepare()
        os.close(opener)
        self._announce_when_it_answers(listener)
        for child in others:
            self._start(child)

    def _start(self, child: Child) -> None:
        if child not in self.children:
            self.children.append(child)
        process = child.start()
        self.loop.watch_output(process, lambda line: self._on_line(child, line))

    def _start_redis(self, listening_on: Path) -> None:
        folder = self.environment.data_dir / "redis"
        redis = Child(redis_server.redis_program(folder, listening_on))
        self._start(redis)
        self._wait(
            lambda: redis_server.answers(listening_on) or not redis.is_running, REDIS_START_LIMIT
        )
        if not redis.is_running or not redis_server.answers(listening_on):
            raise ConfigurationError(
                f"the embedded Redis does not start: see {redis_server.log_file(folder)};"
                f" if its file is damaged, remove {folder} (the database holds what matters)."
            )

    def _prepare(self) -> None:
        """Migrate in a process of its own, whose memory and imports are gone afterwards."""
        lines: list[str] = []
        setup = Child(
            Program("setup", [sys.executable, "-m", "config.runtime.prepare"], stop_limit=10)
        )
        process = setup.start()
        self.children.append(setup)
        self.loop.watch_output(process, lines.append)
        self._wait(lambda: not setup.is_running, PREPARE_LIMIT)
        self.loop.drain()
        self.children.remove(setup)
        self._read_report(lines, process.returncode)

    def _read_report(self, lines: list[str], code: int | None) -> None:
        reports = [line.removeprefix(REPORT) for line in lines if line.startswith(REPORT)]
        others = [line for line in lines if line.strip() and not line.startswith(REPORT)]
        if code == 2 and others:
            raise ConfigurationError(others[-1].removeprefix("Groundswell cannot start: "))
        for line in others:
            self.console.line("setup", line)
        if code != 0 or not reports:
            raise ConfigurationError("the database could not be prepared: see the lines above.")
        report = json.loads(reports[-1])
        self.link = report["link"]
        if report["migrated"]:
            self.console.line("setup", f"{report['migrated']} migrations applied")

    def _programs(self, listener: int, gate: int) -> list[Program]:
        """Return web first; it serves once the other end of `gate` is closed."""
        level = "INFO" if self.environment.debug else "WARNING"
        programs = [
            Program(
                "web",
                [
                    *(sys.executable, "-m", "config.runtime.web"),
                    *("--fd", str(listener), "--gate", str(gate)),
                ],
                stop_limit=10,
                inherited=[listener, gate],
            ),
            *worker_programs(self.environment.workers, level),
            Program("beat", [*CELERY, "beat", "-l", level, "--pidfile="], stop_limit=10),
        ]
        if self.reload:
            watch = [sys.executable, "-m", "config.runtime.watch"]
            programs.append(Program("reload", watch, stop_limit=1))
        return programs

    def _announce_when_it_answers(self, listener: socket.socket) -> None:
        """Ask the web process for a page; the socket is open, so the question waits in it."""
        connection = socket.create_connection(_reachable(listener))
        host = self.environment.base_url.partition("://")[2]
        connection.sendall(
            f"GET /api/v1/server/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        connection.setblocking(False)

        def on_readable() -> None:
            self.loop.forget(connection.fileno())
            if _has_answered(connection):
                self._announce()
            else:
                self._announce_when_it_answers(listener)

        self.loop.watch_socket(connection, on_readable)

    def _announce(self) -> None:
        environment = self.environment
        self.console.say(f"\nGroundswell is ready at {environment.base_url}/")
        if environment.mail_folder is not None:
            readable = (
                f", read it at {environment.base_url}/dev/mail/"
                if environment.is_default_setup
                else ""
            )
            self.console.say(f"Mail is written to {environment.mail_folder}{readable}")
        if environment.mail_listen is not None:
            dialect = environment.mail_listen.dialect.upper()
            self.console.say(f"Mail comes in by {dialect} at {environment.mail_listen}")
        if self.link:
            self.console.say(
                f"Nobody administers it yet; this link, good once, is for you:\n{self.link}"
            )
        self.console.say("Ctrl-C stops it.\n")

    # Watching

    def _watch(self) -> None:
        while not self.loop.stop_requests:
            self.loop.turn(self._until_next_start())
            for child in self.children:
                if child.start_again_at is None and not child.is_running:
                    self._on_death(child)
                elif child.start_again_at is not None and time.monotonic() >= child.start_again_at:
                    self._start(child)

    def _until_next_start(self) -> float:
        waits = [c.start_again_at - time.monotonic() for c in self.children if c.start_again_at]
        return min([IDLE_TURN, *waits])

    def _on_death(self, child: Child) -> None:
        how = _how_it_ended(child.exit_code)
        self.console.line(child.name, f"{how}; starting it again in {child.died():g} s")

    def _on_line(self, child: Child, line: str) -> None:
        if child.name == "reload":
            self._restart_for(line)
        elif line.strip():
            self.console.line(child.name, line)

    def _restart_for(self, path: str) -> None:
        """Start again what has read the source; browsers wait in the open socket meanwhile."""
        self.console.line("reload", f"{os.path.relpath(path, PROJECT_DIR)} has changed")
        for child in self.children:
            if _part(child) in {"web", "worker", "beat", "lmtp"} and child.is_running:
                child.send(signal.SIGKILL)
                child.failures = 0
                child.start_again_at = time.monotonic()

    def _wait(self, condition: Callable[[], bool], seconds: float) -> None:
        self.loop.wait_until(lambda: condition() or self.loop.stop_requests > 0, seconds)
        if self.loop.stop_requests:
            raise Stopped

    # Stopping

    def _stop_all(self) -> None:
        """Doors first and the queue last, so that what was accepted can still be handed over."""
        already = self.loop.stop_requests
        for name in ("reload", "setup", "web", "lmtp", "beat", "worker", "redis"):
            for child in [child for child in self.children if _part(child) == name]:
                self._stop(child, already)

    def _stop(self, child: Child, already: int) -> None:
        child.send(signal.SIGTERM)
        self.loop.wait_until(
            lambda: not child.is_running or self.loop.stop_requests > max(1, already),
            child.program.stop_limit,
        )
        if child.is_running:
            self.console.line(child.name, "does not stop and is killed")
            child.send(signal.SIGKILL)
            self.loop.wait_until(lambda: not child.is_running, 2)
        self.loop.drain()


def worker_programs(count: int, level: str) -> list[Program]:
    """So many workers, the first of them called "worker".

    They have threads and no processes of their own, so that nothing outlives them. When the broker
    dies under a task, the worker finishes the task, fails while it closes the lost connection
    (kombu 5.7) and ends; it is started again like any other that died. An idle worker reconnects
    by itself.
    """
    names = ["worker", *(f"worker{number}" for number in range(2, count + 1))]
    pool = ["--pool", "threads", "--concurrency", str(WORKER_THREADS)]
    # They need to know nothing of each other, and each of these costs time at the start.
    lonely = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    start = [*CELERY, "worker", "-l", level, *pool]
    return [
        Program(name, [*start, "--hostname", f"{name}@%h", *lonely], stop_limit=10)
        for name in names
    ]


def _part(child: Child) -> str:
    """Which part of the installation it is; of several workers each is one."""
    return child.name.rstrip("0123456789")


def _lmtp_program(listener: int) -> Program:
    return Program(
        "lmtp",
        [sys.executable, "-m", "config.runtime.lmtp", "--fd", str(listener)],
        stop_limit=10,
        inherited=[listener],
    )


def _has_answered(connection: socket.socket) -> bool:
    """Close the connection; tell whether it brought an answer before its server died."""
    with connection:
        try:
            return connection.recv(16).startswith(b"HTTP/")
        except OSError:
            return False


def _reachable(listener: socket.socket) -> tuple[str, int]:
    """Return an address that leads to the socket from this machine."""
    host, port = listener.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port  # noqa: S104


def _how_it_ended(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def main() -> int:
    """Run until Ctrl-C. Exit code 2 and one sentence where the set-up is wrong."""
    try:
        environment = load_environment(os.environ)
        return Supervisor(environment, reload="--reload" in sys.argv[1:]).run()
    except ConfigurationError as error:
        print(f"Groundswell cannot start: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
