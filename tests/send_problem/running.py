"""Runs the client as people do: as a process, piped or on a terminal of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from tests.send_problem.contract_server import CODE
from tests.services import START_LIMIT

ROOT = Path(__file__).resolve().parents[2]
# Makes the terminal the one that Ctrl-C goes to, then becomes the client.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execv(sys.argv[1], sys.argv[1:])"
)


@dataclass
class Done:
    """A call that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Standard output, which must be exactly one JSON object."""
        value = json.loads(self.out)
        assert isinstance(value, dict)
        return value


@dataclass
class Client:
    """One user on one system: a home of their own, and the program."""

    home: Path
    program: list[str] = field(default_factory=lambda: [sys.executable, "-m", "send_problem"])
    environ: dict[str, str] = field(default_factory=dict)

    def env(self, **more: str) -> dict[str, str]:
        base = {"HOME": str(self.home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
        return {
            **base,
            "PYTHONPATH": str(ROOT),
            "SEND_PROBLEM_TIMEOUT": "60",
            **self.environ,
            **more,
        }

    def run(self, *args: str, stdin: bytes | str = b"", **env: str) -> Done:
        """Run to the end, piped."""
        data = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*self.program, *args],
            input=data,
            capture_output=True,
            env=self.env(**env),
            cwd=self.home,
            timeout=START_LIMIT,
            check=False,
        )
        result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.err, result.err
        return result

    def shell(self, line: str) -> Done:
        """Run a line of the shell."""
        done = subprocess.run(
            line,
            shell=True,
            capture_output=True,
            text=True,
            env=self.env(),
            timeout=START_LIMIT,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start without waiting."""
        return subprocess.Popen(
            [*self.program, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.env(),
            cwd=self.home,
        )

    @contextlib.contextmanager
    def terminal(self, *args: str, **env: str) -> Iterator[Terminal]:
        """Run on a terminal of its own."""
        mine, theirs = pty.openpty()
        command = [sys.executable, "-c", _ON_TERMINAL, *self.program, *args]
        process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=self.env(TERM="xterm", **env),
            cwd=self.home,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            yield Terminal(mine, process)
        finally:
            process.kill()
            process.wait()
            os.close(mine)

    def sign_in(self, server: str, email: str = "rita@example.org") -> None:
        """Leave this system signed in."""
        done = self.run("--server", server, "login", email, stdin=CODE)
        assert done.code == 0, done.err

    @contextlib.contextmanager
    def at_home(self) -> Iterator[None]:
        """Let functions of the package that are called here use this user's folders."""
        folders = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")
        with mock.patch.dict(os.environ, {"HOME": str(self.home)}):
            for name in folders:
                os.environ.pop(name, None)
            yield

    def write(self, name: str, data: str | bytes) -> Path:
        """A file in the home."""
        path = self.home / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    @property
    def config(self) -> Path:
        return self.home / ".config" / "send-problem"

    @property
    def outbox(self) -> Path:
        return self.home / ".local" / "state" / "send-problem" / "outbox"

    def waiting(self) -> list[str]:
        """Ids of what is in the outbox."""
        if not self.outbox.exists():
            return []
        return sorted(path.name for path in self.outbox.iterdir() if path.name.isdigit())


@dataclass
class Terminal:
    """What is on the screen, and the keys."""

    handle: int
    process: subprocess.Popen[bytes]
    screen: str = ""

    def expect(self, text: str, seconds: float = START_LIMIT) -> None:
        """Wait until the text has appeared."""
        end = time.monotonic() + seconds
        while text not in self.screen:
            assert time.monotonic() < end, f"no {text!r} in:\n{self.screen}"
            assert self._read(0.2) or text in self.screen, f"no {text!r} in:\n{self.screen}"

    def type(self, text: str) -> None:
        """Press keys."""
        os.write(self.handle, text.encode())

    def ends(self, seconds: float = START_LIMIT) -> int:
        """The exit code."""
        end = time.monotonic() + seconds
        while self._read(0.1) and time.monotonic() < end:
            pass
        return self.process.wait(timeout=seconds)

    def _read(self, seconds: float) -> bool:
        # Asked first: what a process wrote that is over by now is there to be read.
        is_running = self.process.poll() is None
        if not select.select([self.handle], [], [], seconds)[0]:
            return is_running
        try:
            piece = os.read(self.handle, 65536)
        except OSError:
            return False
        self.screen += piece.decode(errors="replace").replace("\r\n", "\n")
        return bool(piece)


REPORT = """\
#: a note
Product: base
Component: kernel
Kind: defect
Severity: serious
Release: 15.0
Architecture: amd64
Hardware: a laptop
Confidential: no
Synopsis: Kernel panics when the lid is closed
Description:
It panics.

How-To-Repeat:
# close the lid
"""


def report(**changes: str) -> str:
    """A good report; a change gives a header another value, ``None`` is not needed."""
    text = REPORT
    for name, value in changes.items():
        lines = [
            f"{name}: {value}" if line.startswith(f"{name}:") else line
            for line in text.splitlines()
        ]
        text = "\n".join(lines) + "\n"
    return text


def kill(process: subprocess.Popen[bytes]) -> None:
    """As ``kill -9`` does."""
    process.send_signal(signal.SIGKILL)
    process.communicate()
