"""Folders and files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from send_problem.failures import Exit, Failure


def config_folder() -> Path:
    """Where tokens and the remembered server are: ``$XDG_CONFIG_HOME/send-problem``."""
    return _xdg("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """Where the outbox is: ``$XDG_STATE_HOME/send-problem``."""
    return _xdg("XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """Where the answers of servers are kept for calls without a network."""
    return _xdg("XDG_CACHE_HOME", ".cache")


def _xdg(variable: str, fallback: str) -> Path:
    value = os.environ.get(variable, "")
    # The XDG specification says that a relative path is to be ignored.
    base = Path(value) if Path(value).is_absolute() else Path.home() / fallback
    return base / "send-problem"


def private_folder(path: Path) -> Path:
    """Make ``path`` (mode 0700) and return it; raise ``Failure`` where that is impossible."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def close_to_others(path: Path) -> bool:
    """Take the rights of group and others from ``path``; true when there were any."""
    if not path.exists() or not path.stat().st_mode & 0o077:
        return False
    path.chmod(path.stat().st_mode & 0o700)
    return True


def write_whole(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Replace ``path`` by ``data``; after a crash it holds either the old bytes or the new ones."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise cannot_write(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        sync_folder(path.parent)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in ``path``; empty when there is none or when it is damaged."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Replace ``path`` by ``value`` as JSON, readable by its owner only."""
    write_whole(path, json.dumps(value, indent=1).encode())


def cannot_write(path: Path, error: OSError) -> Failure:
    """The failure that says which path could not be written, and why."""
    return Failure(f"{path} cannot be written: {why(error)}.", Exit.CANNOT_WRITE)


def why(error: OSError) -> str:
    """The system's own words for an error, without number and path."""
    words = error.strerror or str(error)
    return words[:1].lower() + words[1:]
