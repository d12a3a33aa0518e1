"""Mail that tests can read, and digests that do not remember those of other tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from notifications.digests.content import forget_shared_parts


@pytest.fixture(autouse=True)
def nothing_shared() -> None:
    forget_shared_parts()


@pytest.fixture(scope="session")
def notes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this process keeps its journal."""
    return tmp_path_factory.mktemp("notes")


@pytest.fixture(autouse=True)
def notes_of_the_tests(settings: Settings, notes: Path) -> None:
    settings.DATA_DIR = notes


@pytest.fixture
def files(settings: Settings) -> Path:
    """The folder that the product writes mail to."""
    settings.EMAIL_BACKEND = "notifications.backends.eml.EmailBackend"
    return Path(settings.EMAIL_FILE_PATH)
