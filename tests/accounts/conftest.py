"""A real Redis for rate limits, and nothing in it from the test before."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.services import redis


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    with redis() as url:
        yield url


@pytest.fixture(autouse=True)
def cache_of_its_own(settings: Settings, redis_url: str) -> None:
    """Each test counts its own tries."""
    settings.CACHES = {
        "default": settings.CACHES["default"]
        | {"LOCATION": redis_url, "KEY_PREFIX": uuid.uuid4().hex}
    }
