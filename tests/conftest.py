"""The cast that tests know by name, and how they sign in."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from pytest_django.fixtures import Settings

from accounts.models import Person, Role
from config import cache
from notifications.live import publishing
from notifications.outbox import bell
from patches import bell as patches_bell
from tests import migrated
from tests.people import make_person
from tests.problems import make_maintainer, make_problem, make_product
from tests.services import START_LIMIT
from tracker.models import Problem, Product

# The files with the longest tests, most of which wait for processes. Two workers begin with them,
# one with every other one.
LONGEST = (
    "tests/test_supervisor.py",
    "tests/notifications/test_kills.py",
    "tests/transfer/test_round_trip.py",
    "tests/end_to_end/test_first_day.py",
    "tests/gate/test_lmtp_kills.py",
    "tests/test_make_run.py",
    "tests/gate/test_lmtp.py",
    "tests/browser/test_live.py",
    "tests/test_demo.py",
    "tests/send_problem/test_end_to_end.py",
    "tests/web/test_confidential.py",
    "tests/gate/test_processing_kills.py",
    "tests/api/test_permissions.py",
    "tests/web/test_confidential_ties.py",
)

# How long an example takes says nothing on a machine that is busy.
hypothesis.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def patience() -> Iterator[None]:
    """Redis and the broker are waited for; a test of those that hang says how long itself.

    Whoever waits for a page is spared a broker that answers late, and the process does without it
    for seconds. On a busy machine that would come over tests that ask what was told to it.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module in (cache, publishing, bell, patches_bell):
            patch.setattr(module, "PATIENCE", START_LIMIT)
        yield


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """SQLite in a file, as in production: in memory it has other locks and one connection."""
    database = connections.settings["default"]
    if not database["ENGINE"].endswith("sqlite3"):
        database["TEST"]["TEMPLATE"] = migrated.template()
        yield
        return
    file = tmp_path_factory.mktemp("database") / "test.sqlite3"
    database["TEST"]["NAME"] = str(file)
    migrated.copy_sqlite(os.environ, file)
    yield
    file.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def django_db_keepdb(request: pytest.FixtureRequest) -> bool:
    """Django would throw away the file that was copied, and make an empty one."""
    return bool(os.environ.get(migrated.SQLITE) or request.config.getoption("reuse_db"))


@pytest.fixture(autouse=True)
def files_of_their_own(settings: Settings, tmp_path: Path) -> None:
    """Attachments and mails of a test go to a folder of that test."""
    # Else each new test client looks through all static files first.
    settings.WHITENOISE_AUTOREFRESH = True
    # A chart that was kept belongs to another test's database.
    settings.CHART_SECONDS = 0
    # Each event is a mail of its own, except where a test is about those that are not.
    settings.EVENT_MAIL_WINDOW = 0
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.MAIL_FOLDER = tmp_path / "mail"
    settings.EMAIL_FILE_PATH = str(tmp_path / "mail")


@pytest.fixture
def product(db: None) -> Product:
    return make_product("base")


@pytest.fixture
def reporter(db: None) -> Person:
    return make_person("rita")


@pytest.fixture
def second_reporter(db: None) -> Person:
    return make_person("sam")


@pytest.fixture
def maintainer(product: Product) -> Person:
    """Maintains base/kernel."""
    return make_maintainer(product.components.get(slug="kernel"), "mara")


@pytest.fixture
def triager(db: None) -> Person:
    return make_person("tom", Role.TRIAGER)


@pytest.fixture
def committer(db: None) -> Person:
    return make_person("cleo", Role.COMMITTER)


@pytest.fixture
def administrator(db: None) -> Person:
    return make_person("ada", Role.ADMINISTRATOR)


@pytest.fixture
def outsider(db: None) -> Person:
    """Confirmed, but has nothing to do with anything here."""
    return make_person("otto")


@pytest.fixture
def problem(product: Product, reporter: Person) -> Problem:
    """A problem of base/kernel that `reporter` reported."""
    return make_problem(product, reporter, component="kernel")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Who has a long test at the end has all others wait; while it waits, others have work.

    Each worker gets a piece of the list at first, as long as those of the others.
    """
    ranks = {item: _rank(item) for item in items}
    halves = [
        sorted((item for item in items if ranks[item] in within), key=ranks.__getitem__)
        for within in (range(0, len(LONGEST), 2), range(1, len(LONGEST), 2))
    ]
    others = [item for item in items if ranks[item] == len(LONGEST)]
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    filling = max(0, len(items) // workers - len(halves[0]))
    items[:] = [*halves[0], *others[:filling], *halves[1], *others[filling:]]


def _rank(item: pytest.Item) -> int:
    path = item.nodeid.partition("::")[0]
    return LONGEST.index(path) if path in LONGEST else len(LONGEST)


def pytest_collection_finish() -> None:
    """What was loaded stays for good: looking through it for garbage takes a twentieth of a run."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    """In CI everything that a test needs is there, so a skip is a failure."""
    report = yield
    if report.skipped and os.environ.get("CI") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI, where nothing may be: {report.longrepr}"
    return report


def sign_in(client: Client, person: Person) -> Client:
    """The client, signed in as `person`."""
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client
