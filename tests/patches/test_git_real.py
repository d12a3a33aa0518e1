"""The project's own repository beside the tracker: what applies to its branches."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django.fixtures import Settings

from patches.finding import read
from patches.git import real
from patches.git.combined import combined
from patches.models import Patch
from patches.versions import applying, comparing
from tests.patches.repositories import Repository, numbered
from tests.patching import make_patch, newest, next_version
from tracker.models import Product

pytestmark = pytest.mark.django_db


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "work")
    made.commit("Base", {"src/a.c": numbered(30), "b.c": numbered(9)})
    made.git("tag", "base")
    return made


def publish(repository: Repository, settings: Settings, product: Product) -> None:
    """Put a bare copy where the tracker looks for it."""
    settings.DATA_DIR = repository.path.parent / "data"
    to = settings.DATA_DIR / "git" / f"{product.slug}.git"
    if to.exists():
        repository.git("push", "-q", "--mirror", str(to))
    else:
        repository.git("clone", "-q", "--mirror", ".", str(to))


def patch_of(repository: Repository, product: Product) -> Patch:
    """Two commits of which the second goes on where the first was."""
    repository.git("checkout", "-q", "-b", "work", "base")
    repository.commit("One", {"src/a.c": numbered(30, n7="seven"), "new": "a\n"})
    repository.commit("Two", {"src/a.c": numbered(30, n7="SEVEN"), "new": "b\n", "b.c": "x\n"})
    mails = repository.mails("base")
    repository.git("checkout", "-q", "main")
    return make_patch(product, text=read(mails))


def test_without_a_repository_nothing_is_said(product: Product, settings: Settings) -> None:
    version = newest(make_patch(product))
    assert applying.applies_or_ask(version) == real.UNKNOWN
    assert real.applies(version, "") == real.UNKNOWN
    assert not real.has_commit(product, "0" * 40)


def test_a_patch_applies_until_the_branch_changes_its_lines(
    repository: Repository, product: Product, settings: Settings, client: Client
) -> None:
    version = newest(patch_of(repository, product))
    publish(repository, settings, product)
    assert real.known(version, "") is None
    assert applying.try_on_branch(version.pk) == real.Applies(True, "applies to main")
    assert applying.applies_or_ask(version).words == "applies to main"
    repository.commit("Else", {"src/a.c": numbered(30, n7="other"), "b.c": numbered(9)})
    publish(repository, settings, product)
    assert applying.applies_or_ask(version) == real.UNKNOWN
    found = applying.try_on_branch(version.pk)
    assert found == real.Applies(False, "does not apply to main: src/a.c")
    page = client.get(version.patch.get_absolute_url())
    assert "it does not apply to main: src/a.c" in page.text
    assert real.applies(version, "no such branch") == real.UNKNOWN


def test_lines_that_moved_on_the_branch_are_no_obstacle(
    repository: Repository, product: Product, settings: Settings
) -> None:
    version = newest(patch_of(repository, product))
    repository.commit("Above", {"src/a.c": "new\nlines\n" + numbered(30)})
    publish(repository, settings, product)
    assert real.applies(version, "").answer is True


def test_nothing_is_written_to_the_projects_repository(
    repository: Repository, product: Product, settings: Settings
) -> None:
    version = newest(patch_of(repository, product))
    publish(repository, settings, product)
    path = real.path_of(product)
    assert path
    before = {file: file.stat().st_mtime_ns for file in path.rglob("*")}
    real.applies(version, "main")
    assert real.has_commit(product, version.base_commit)
    assert {file: file.stat().st_mtime_ns for file in path.rglob("*")} == before


def test_what_the_base_has_is_known_where_it_is_at_hand(
    repository: Repository, product: Product, settings: Settings
) -> None:
    """One line of context is too little to put two commits together otherwise."""
    repository.git("checkout", "-q", "-b", "work", "base")
    repository.commit("One", {"src/a.c": numbered(30, n7="seven"), "é.c": "a\n"})
    repository.commit("Two", {"src/a.c": numbered(30, n7="seven", n11="eleven"), "é.c": "b\n"})
    mails = repository.mails("base", "work", "-U1")
    version = newest(make_patch(product, text=read(mails)))
    assert b" line 9 of the file\n line 10" not in combined(version)
    publish(repository, settings, product)
    diff = combined(version)
    assert b" line 9 of the file\n line 10" in diff
    next_one = next_version(version.patch, read(mails.replace(b"+eleven", b"+ELEVEN")))
    how, words = comparing.compare(next_one)
    assert how == "range-diff"
    assert "  line 9 of the file\n" in words


@pytest.fixture(autouse=True)
def empty_cache() -> None:
    cache.clear()
