"""The OpenAPI document is right, and the API does what it says."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.conf import settings
from django.core import signals
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.api.docs import openapi
from accounts.models import Person, Role
from config.environment import PROJECT_DIR
from patches.owners.requests import claim
from patches.reviews.rating import Said
from patches.reviews.reviewing import add_line_comment, send_review
from tests.api.calls import Caller
from tests.patching import make_patch, newest
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.models import Door, Problem

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
FEW = examples(
    max_examples=6,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations() -> list[Any]:
    """One entry for each operation of the document."""
    schema: Any = schemathesis.openapi.from_dict(openapi())
    found = [operation.ok() for operation in schema.get_all_operations()]
    return [pytest.param(operation, id=operation.label) for operation in found]


def test_the_document_is_valid_and_made_without_a_warning(tmp_path: Any) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "api.yml"))


def test_the_version_is_that_of_the_package() -> None:
    package = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())
    assert package["project"]["version"] == settings.VERSION


@pytest.mark.django_db
def test_the_document_is_served_with_its_errors_and_headers(client: Client) -> None:
    document = client.get("/api/v1/schema/").json()
    report = document["paths"]["/api/v1/problems/"]["post"]
    assert {"201", "400", "401", "403", "413", "422", "429", "503"} <= report["responses"].keys()
    assert "Location" in report["responses"]["201"]["headers"]
    assert "Idempotency-Key" in {each["name"] for each in report["parameters"]}
    for status, error in document["components"]["responses"].items():
        assert "application/problem+json" in error["content"], status


@pytest.mark.django_db
def test_the_page_explains_every_operation_without_anything_from_elsewhere(client: Client) -> None:
    answer = client.get("/api/v1/docs/")
    page = answer.content.decode()
    for path, methods in openapi()["paths"].items():
        for operation in methods.values():
            assert f'<article id="{operation["operationId"]}"' in page, path
    assert "style=" not in page
    assert "<script>" not in page
    sources = [part.split('"')[0] for part in page.split('src="')[1:]]
    assert all(source.startswith("/") for source in sources)


def test_every_operation_has_a_name_of_its_own_and_says_what_it_does() -> None:
    found = [op for methods in openapi()["paths"].values() for op in methods.values()]
    assert Counter(op["operationId"] for op in found).most_common(1)[0][1] == 1
    assert all(op.get("description") for op in found)


@pytest.fixture
def one_connection() -> Iterator[None]:
    """The application works in the test's own transaction, as Django's test client lets it."""
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


@pytest.fixture
def somebody(db: None, one_connection: None) -> Person:
    """May do everything, so that requests reach the inside."""
    product = make_product("base")
    for number in range(1, 4):
        if not Problem.objects.filter(pk=number).exists():
            make_problem(product)
    return make_person("ada", Role.ADMINISTRATOR)


@pytest.mark.parametrize("operation", operations())
def test_the_api_answers_as_its_document_says(operation: Any, somebody: Person) -> None:
    if "/patches/{" in operation.path:
        make_patch(Problem.objects.earliest("pk").product)
    headers = Caller(somebody).headers
    application = get_wsgi_application()

    @given(case=operation.as_strategy())
    @FEW
    def answers(case: Any) -> None:
        case.operation.app = application
        response = case.call(app=application, headers=headers)
        case.validate_response(response, checks=CHECKS)

    answers()


def test_a_patch_that_was_talked_about_is_as_the_document_says(
    somebody: Person,
) -> None:
    patch = make_patch(Problem.objects.earliest("pk").product)
    place: Any = {"commit": 1, "path": "sys/dev/em/if_em.c", "side": "new", "start": 13, "end": 13}
    add_line_comment(newest(patch), somebody, "Who frees it?", **place)
    said = Said("works", 1, architecture="amd64")
    send_review(newest(patch), somebody, Door.API, text="Nearly.", ratings=[said])
    claim(patch, somebody, Door.API)
    application = get_wsgi_application()
    headers = Caller(somebody).headers
    reading = [o for (o,) in (each.values for each in operations()) if o.method.upper() == "GET"]
    for operation in [o for o in reading if "/patches/{" in o.path]:
        operation.app = application
        case = operation.Case(path_parameters={"patch": patch.pk, "version": 1})
        response = case.call(app=application, headers=headers)
        assert response.status_code == 200, operation.path
        case.validate_response(response, checks=CHECKS)
