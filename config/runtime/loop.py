"""One thread that waits for the output, the death and the signals of all processes.

It has to be one thread: the kernel's death signal follows the thread that started a process.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from types import FrameType
from typing import IO, cast

CHUNK = 65536
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds. `timeout` and make send one request twice: to a process and to its group.
ONE_REQUEST = 0.5


class Loop:
    """Waits, and calls back with whole lines of output."""

    def __init__(self) -> None:
        self.stop_requests = 0
        self._last_request = -ONE_REQUEST
        self._selector = selectors.DefaultSelector()
        self._wake_in, self._wake_out = socket.socketpair()
        for end in (self._wake_in, self._wake_out):
            end.setblocking(False)
        self._selector.register(self._wake_out, selectors.EVENT_READ, self._drain_wakeups)

    def install_signals(self) -> None:
        """Count requests to stop; wake up for them and for every process that ends."""
        hangup = signal.getsignal(signal.SIGHUP)
        signal.set_wakeup_fd(self._wake_in.fileno())
        for number in STOPPING:
            signal.signal(number, self._request_stop)
        # nohup has asked that the end of the terminal be ignored.
        if hangup == signal.SIG_IGN:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def watch_output(
        self, process: subprocess.Popen[bytes], on_line: Callable[[str], None]
    ) -> None:
        """Call ``on_line`` for each line of the process until it closes its output."""
        pipe = cast("IO[bytes]", process.stdout)
        os.set_blocking(pipe.fileno(), False)
        rest = bytearray()

        def read() -> None:
            chunk = _read(pipe.fileno())
            if chunk is None:
                return
            rest.extend(chunk or (b"\n" if rest else b""))
            *lines, last = bytes(rest).split(b"\n")
            rest[:] = last
            for line in lines:
                on_line(line.decode(errors="replace").rstrip("\r"))
            if not chunk:
                self.forget(pipe.fileno())
                pipe.close()

        self._selector.register(pipe, selectors.EVENT_READ, read)

    def watch_socket(self, connection: socket.socket, on_readable: Callable[[], None]) -> None:
        """Call ``on_readable`` whenever the socket has data; ``forget`` ends it."""
        self._selector.register(connection, selectors.EVENT_READ, on_readable)

    def forget(self, descriptor: int) -> None:
        """Stop watching a descriptor."""
        self._selector.unregister(descriptor)

    def turn(self, seconds: float) -> None:
        """Wait once, at most so long, and handle what has come."""
        for key, _ in self._selector.select(max(0.0, seconds)):
            key.data()

    def wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Turn until the condition holds; False when the time is over."""
        deadline = time.monotonic() + seconds
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.turn(min(left, 0.05))
        return True

    def drain(self) -> None:
        """Handle what has already come, without waiting."""
        self.turn(0)

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._last_request >= ONE_REQUEST:
            self._last_request = now
            self.stop_requests += 1

    def _drain_wakeups(self) -> None:
        _read(self._wake_out.fileno())


def _read(descriptor: int) -> bytes | None:
    """Return what is there, nothing at the end, None when there is nothing yet."""
    try:
        return os.read(descriptor, CHUNK)
    except BlockingIOError:
        return None
