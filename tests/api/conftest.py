"""What every test of the API needs."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from accounts.models import Person
from accounts.signals import account_mail_requested
from tests.people import make_person
from tests.problems import make_maintainer, make_problem
from tracker.models import Problem, Product


@pytest.fixture(autouse=True)
def limits_of_their_own(settings: Settings) -> None:
    """Each test counts its requests from nought, also where all share one Redis."""
    default = settings.CACHES["default"] | {"KEY_PREFIX": uuid.uuid4().hex}
    settings.CACHES = settings.CACHES | {"default": default}


@pytest.fixture
def mails() -> Iterator[list[dict[str, Any]]]:
    """The account mails that were asked for, the newest last."""
    asked: list[dict[str, Any]] = []

    def note(**mail: Any) -> None:
        asked.append(mail)

    account_mail_requested.connect(note)
    yield asked
    account_mail_requested.disconnect(note)


@pytest.fixture
def developer(product: Product) -> Person:
    """Maintains base/net, and so nothing of `problem`, which is in base/kernel."""
    return make_maintainer(product.components.get(slug="net"), "dev")


@pytest.fixture
def unconfirmed(db: None) -> Person:
    return make_person("una", email_confirmed_at=None)


@pytest.fixture
def secret_problem(product: Product, reporter: Person) -> Problem:
    """A confidential problem of base/kernel that `reporter` reported."""
    return make_problem(
        product, reporter, component="kernel", synopsis="Root for all", is_confidential=True
    )
