"""The cache without a Redis behind it."""

from __future__ import annotations

import pytest
from django.core.cache import cache, caches
from pytest_django.fixtures import Settings

import config.cache
from tests.services import callers, deaf_server, free_port


def test_the_cache_keeps_things_in_redis() -> None:
    cache.set("word", "kept", 60)
    assert cache.get("word") == "kept"
    assert cache.add("word", "other") is False
    cache.set("number", 4)
    assert cache.incr("number", 3) == 7
    assert cache.get_many(["word", "none"]) == {"word": "kept"}


def test_without_redis_the_cache_is_empty_and_takes_everything(settings: Settings) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{free_port()}/0"}
    }
    assert cache.add("word", 1) is True
    cache.set("word", 1)
    assert cache.get("word", "nothing") == "nothing"
    assert cache.get_many(["word"]) == {}
    assert cache.incr("word") == 1
    assert cache.delete("word") is False
    cache.set_many({"word": 1})
    cache.delete_many(["word"])
    assert "word" not in cache


def test_a_redis_that_hangs_is_waited_for_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config.cache, "PATIENCE", 0.2)
    monkeypatch.setattr(config.cache, "PAUSE", 3600.0)
    with deaf_server() as deaf:
        port = deaf.getsockname()[1]
        settings.CACHES = {
            "default": settings.CACHES["default"] | {"LOCATION": f"redis://127.0.0.1:{port}/0"}
        }
        for number in range(50):
            # As every request under ASGI does.
            fresh = caches.create_connection("default")
            assert fresh.get(f"word{number}") is None
        # Twice, as the first connection could have been an old one that was closed meanwhile.
        assert callers(deaf) == 2


def test_a_missing_socket_is_no_error_either(
    settings: Settings, tmp_path: pytest.TempPathFactory
) -> None:
    settings.CACHES = {
        "default": settings.CACHES["default"] | {"LOCATION": f"unix://{tmp_path}/none.sock"}
    }
    assert cache.get("word") is None
