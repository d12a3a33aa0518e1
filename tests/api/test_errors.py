"""Whatever goes wrong, the answer is a problem document."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from pytest_django.fixtures import Settings

from accounts.models import Person
from tests.api.calls import ROOT, Caller, document, fields_of, report_of
from tests.patching import diff, make_patch
from tracker.models import Problem, Product

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("path", ["/api/", "/api/v2/problems/", "/api/v1/problems/x/", "/api/v1/a"])
def test_an_unknown_address(path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        assert path in document(Caller().send(method, path), 404)["detail"]


def test_an_address_without_its_slash_says_what_is_missing(db: None) -> None:
    assert "end with a slash" in document(Caller().get("problems"), 404)["detail"]


@pytest.mark.parametrize("text", ["{", "", "nul", '{"a": NaN}', "[" * 100_000, b"\xff\xfe"])
def test_malformed_json(text: str | bytes, product: Product, reporter: Person) -> None:
    caller = Caller(reporter)
    answer = caller.client.post(
        "/api/v1/problems/", text, content_type="application/json", headers=caller.headers
    )
    document(answer, 400)


def test_another_content_type(product: Product, reporter: Person) -> None:
    caller = Caller(reporter)
    sent = {"data": "synopsis=Panic", "content_type": "application/x-www-form-urlencoded"}
    document(caller.client.post("/api/v1/problems/", **sent, headers=caller.headers), 415)  # type: ignore[arg-type]


def test_a_body_that_is_too_large_is_not_read(
    product: Product, reporter: Person, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    answer = Caller(reporter).post("problems/", report_of(description="x" * 1000))
    assert "1,000 bytes" in document(answer, 413)["detail"]


def test_a_body_of_unknown_length_is_refused(product: Product, reporter: Person) -> None:
    caller = Caller(reporter)
    chunked: dict[str, Any] = {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = caller.client.generic(
        "POST", "/api/v1/problems/", "{}", "application/json", headers=caller.headers, **chunked
    )
    document(answer, 411)


def test_another_method_says_which_there_are(problem: Problem, outsider: Person) -> None:
    answer = Caller(outsider).delete(f"problems/{problem.pk}/")
    document(answer, 405)
    assert {"GET", "PATCH"} <= set(answer.headers["Allow"].split(", "))


def test_a_mistake_of_ours_tells_nothing_of_the_inside(
    problem: Problem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(raise_request_exception=False)
    monkeypatch.setattr("votes.api.problems.whole", fail_with(ZeroDivisionError("a secret")))
    answer = client.get(f"/api/v1/problems/{problem.pk}/")
    assert "secret" not in str(document(answer, 500))
    assert "ZeroDivisionError" in caplog.text


def test_a_database_that_is_away_asks_to_come_back(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("votes.api.problems.whole", fail_with(OperationalError("gone")))
    answer = Caller().get(f"problems/{problem.pk}/")
    document(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def fail_with(error: Exception) -> Any:
    def fail(*args: Any) -> None:
        raise error

    return fail


def test_a_refusal_names_its_kind_and_where_it_is_explained(
    product: Product, reporter: Person, client: Client
) -> None:
    refused = document(Caller(reporter).post("problems/", {}), 400)
    address, _, anchor = refused["type"].partition("#")
    page = client.get(address[address.index("/api") :]).content.decode()
    assert f'id="{anchor}"' in page


def test_a_browser_that_asks_for_html_gets_the_same_document(db: None) -> None:
    document(Caller().get("problems/0/", Accept="text/html"), 404)


def test_a_comment_without_words_is_refused(problem: Problem, outsider: Person) -> None:
    caller = Caller(outsider)
    assert "text" in fields_of(caller.post(f"problems/{problem.pk}/comments/", {"text": "  "}))
    assert "text" in fields_of(caller.post(f"problems/{problem.pk}/comments/", {}))


@pytest.mark.parametrize("path", ["patches/P/requests/", "patches/P/reviews/", "patches/"])
def test_what_no_database_or_answer_can_hold_is_refused_by_name(
    path: str, product: Product, reporter: Person
) -> None:
    patch = make_patch(product, reporter)
    named = {"person": "\ud800\0", "comments": [{"path": "\0\ud800", "start": 1, "text": "x"}]}
    body = named | {"field\ud800": 1}
    assert "field\ufffd" in fields_of(Caller(reporter).post(path.replace("P", str(patch.pk)), body))
    for name, end in (("person", "requests/"), ("comments", "reviews/")):
        sent = Caller(reporter).post(f"patches/{patch.pk}/{end}", {name: named[name]})
        assert any(field.startswith(name) for field in fields_of(sent))
    document(Caller().get("products/%00/rating-dimensions/"), 404)


def test_too_many_files_are_told_to_be_one(
    product: Product, reporter: Person, settings: Settings
) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
    files = [SimpleUploadedFile(f"{n}.patch", diff()) for n in range(2)]
    caller = Caller(reporter)
    form = {"file": files, "product": product.slug}
    answer = caller.client.post(f"{ROOT}patches/", form, headers=caller.headers)
    assert "--stdout" in document(answer, 400)["detail"]
    files = [SimpleUploadedFile(f"{n}.patch", diff()) for n in range(2)]
    page = Client().post("/patches/new", {"uploads": files})
    assert (page.status_code, "At most 1 file" in page.content.decode()) == (400, True)
