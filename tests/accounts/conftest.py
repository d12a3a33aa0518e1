"""A real Redis for rate limits, and nothing in it from the test before."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from pytest_django.fixtures import Settings

from tests.services import redis


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis() as url:
        yield url


@pytest.fixture(autouse=True)
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as it is, at a cost that lets these tests sign in hundreds of times."""
    monkeypatch.setattr(Argon2PasswordHasher, "time_cost", 1)
    monkeypatch.setattr(Argon2PasswordHasher, "memory_cost", 1024)


@pytest.fixture(autouse=True)
def cache_of_its_own(settings: Settings, redis_url: str) -> None:
    """Each test counts its own tries."""
    settings.CACHES = {
        "default": settings.CACHES["default"]
        | {"LOCATION": redis_url, "KEY_PREFIX": uuid.uuid4().hex}
    }
