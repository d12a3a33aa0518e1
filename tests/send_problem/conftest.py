"""A server that keeps to the contract, and a user who is signed in there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.fixture
def client(stranger: Client, world: World) -> Client:
    """A user who is signed in as rita@example.org; the requests for that are not counted."""
    stranger.sign_in(world.base_url)
    world.seen.clear()
    return stranger
