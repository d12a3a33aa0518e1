"""Processes that die with the supervisor, whatever kills it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from config.environment import PROJECT_DIR

PR_SET_PDEATHSIG = 1

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
# A process that ran this many seconds was healthy: its next failure counts as the first.
HEALTHY_AFTER = 30.0

# Loaded here, because between fork and exec nothing may be imported.
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Program:
    """What to run. ``stop_limit`` is the seconds it gets after SIGTERM before SIGKILL."""

    name: str
    arguments: Sequence[str]
    stop_limit: float
    environment: Mapping[str, str] = field(default_factory=dict)
    inherited: Sequence[int] = ()


class Child:
    """A program, and the process that runs it now."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.failures = 0
        self.started_at = 0.0
        self.start_again_at: float | None = None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def exit_code(self) -> int | None:
        """How the process ended: negative for the signal that killed it, None while it runs."""
        return self.process.poll() if self.process is not None else None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process; its output is a pipe."""
        self.start_again_at = None
        self.started_at = time.monotonic()
        self.process = spawn(self.program)
        return self.process

    def died(self) -> float:
        """Note a death that nobody asked for; return the seconds until the next start."""
        if time.monotonic() - self.started_at > HEALTHY_AFTER:
            self.failures = 0
        delay: float = min(LONGEST_DELAY, FIRST_DELAY * 2**self.failures)
        self.failures += 1
        self.start_again_at = time.monotonic() + delay
        return delay

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process and to what it started; a dead one is left alone."""
        if self.process is None or self.process.poll() is not None:
            return
        if number == signal.SIGKILL:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)


def spawn(program: Program) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, so that Ctrl-C reaches only the supervisor.

    Must be called from the main thread: the kernel sends the death signal when the *thread* that
    started the process ends.
    """
    return subprocess.Popen(  # noqa: S603 - the arguments are ours
        program.arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=PROJECT_DIR,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **program.environment},
        pass_fds=program.inherited,
        start_new_session=True,
        preexec_fn=partial(die_with, os.getpid(), signal.SIGKILL),  # noqa: PLW1509 - there is one thread
    )


def die_with(parent: int, number: signal.Signals) -> None:
    """Ask the kernel for a signal when the parent dies; it may have died before we asked."""
    _libc.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
