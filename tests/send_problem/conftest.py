"""A server that keeps to the contract, and a user who is signed in there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from send_problem.credentials import Account, keep_account
from send_problem.servers import remember_server
from tests.send_problem.contract_server import World, contract_server
from tests.send_problem.running import Client


@pytest.fixture
def world() -> Iterator[World]:
    with contract_server() as running:
        yield running


@pytest.fixture
def stranger(tmp_path: Path) -> Client:
    """A user whom no server knows."""
    return Client(tmp_path)


def give_account(client: Client, world: World, server: str) -> None:
    """What a login leaves behind, without the time that one takes."""
    token = f"gw_{uuid.uuid4().hex}"
    world.tokens[token] = "rita@example.org"
    with client.at_home():
        keep_account(server, Account(token, "rita", "rita@example.org", "rita@laptop"))
        remember_server(server)


@pytest.fixture
def client(stranger: Client, world: World) -> Client:
    """A user who is signed in as rita@example.org."""
    give_account(stranger, world, world.base_url)
    return stranger
