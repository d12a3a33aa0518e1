"""Tokens, one for each server, and codes that are still awaited."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from send_problem.disk import (
    close_to_others,
    config_folder,
    private_folder,
    read_json,
    sync_folder,
    write_json,
)

TOKENS = "tokens.json"
PENDING = "pending.json"


@dataclass(frozen=True)
class Account:
    """Who this system is for one server; ``token`` is the secret."""

    token: str
    handle: str
    email: str
    system: str


@dataclass(frozen=True)
class AwaitedCode:
    """A code was mailed and not yet entered; ``expires_at`` is in seconds since the epoch."""

    challenge: str
    system: str
    expires_at: float


def close_secrets() -> list[Path]:
    """Close the folder and files of secrets to others; return those that were open."""
    folder = config_folder()
    return [p for p in (folder, folder / TOKENS, folder / PENDING) if close_to_others(p)]


def account_for(server: str) -> Account | None:
    """The account that this system has at ``server``."""
    entry = _entries(TOKENS).get(server)
    try:
        return Account(**entry) if entry else None
    except TypeError:
        return None


def keep_account(server: str, account: Account) -> None:
    """Store the token of ``server``; the tokens of other servers stay."""
    _store(TOKENS, {**_entries(TOKENS), server: asdict(account)})


def forget_account(server: str) -> None:
    """Remove the token of ``server``, and the file with it when it was the last one."""
    entries = _entries(TOKENS)
    if entries.pop(server, None) is not None:
        _store(TOKENS, entries)


def awaited_code(server: str, email: str) -> AwaitedCode | None:
    """The code that was mailed to ``email`` and is still good."""
    entry = _entries(PENDING).get(_key(server, email))
    try:
        awaited = AwaitedCode(**entry) if entry else None
    except TypeError:
        return None
    return awaited if awaited and awaited.expires_at > time.time() else None


def await_code(server: str, email: str, awaited: AwaitedCode) -> None:
    """Remember the challenge, so that a later call can enter the code."""
    now = time.time()
    alive = {k: v for k, v in _entries(PENDING).items() if v.get("expires_at", 0) > now}
    _store(PENDING, {**alive, _key(server, email): asdict(awaited)})


def forget_code(server: str, email: str) -> None:
    """The code was used."""
    entries = _entries(PENDING)
    if entries.pop(_key(server, email), None) is not None:
        _store(PENDING, entries)


def _key(server: str, email: str) -> str:
    return f"{email.strip().lower()} {server}"


def _entries(name: str) -> dict[str, dict[str, Any]]:
    entries = read_json(config_folder() / name)
    return {k: v for k, v in entries.items() if isinstance(v, dict)}


def _store(name: str, entries: dict[str, dict[str, Any]]) -> None:
    path = private_folder(config_folder()) / name
    if entries:
        write_json(path, entries)
        return
    path.unlink(missing_ok=True)
    sync_folder(path.parent)
