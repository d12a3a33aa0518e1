"""Files through the API: taken within limits, given as downloads only."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient
from pytest_django.fixtures import Settings

from accounts.models import Person
from tests.api.calls import Caller, body_of, document, fields_of
from tracker.downloads import PIECE_BYTES
from tracker.models import Attachment, Problem

pytestmark = pytest.mark.django_db


def test_a_file_comes_back_as_it_was_sent(problem: Problem, outsider: Person) -> None:
    content = bytes(range(256)) * 5000
    caller = Caller(outsider)
    made = caller.upload(f"problems/{problem.pk}/attachments/", content, "dump.bin").json()
    assert (made["size"], made["name"]) == (len(content), "dump.bin")
    assert made["sha256"] == hashlib.sha256(content).hexdigest()
    answer = Caller().get(made["url"][made["url"].index("/api") :])
    assert body_of(answer) == content
    listed = Caller().get(f"problems/{problem.pk}/attachments/").json()["results"]
    assert listed == [made]


def test_it_comes_in_pieces_from_the_server_that_runs_in_production(
    problem: Problem, outsider: Person
) -> None:
    content = bytes(range(256)) * 4096
    path = f"problems/{problem.pk}/attachments/"
    made = Caller(outsider).upload(path, content).json()

    async def fetch() -> list[bytes]:
        answer: Any = await AsyncClient().get(f"/api/v1/{path}{made['id']}/")
        return [piece async for piece in aiter(answer)]

    pieces = async_to_sync(fetch)()
    assert b"".join(pieces) == content
    assert len(pieces) == len(content) / PIECE_BYTES


@pytest.mark.parametrize(
    "name", ["x.html", "x.svg", "x.xhtml", "x.pdf", "x.js", "x.xml", "x.unknown"]
)
def test_what_could_be_active_is_served_as_plain_bytes(
    name: str, problem: Problem, outsider: Person
) -> None:
    path = f"problems/{problem.pk}/attachments/"
    made = Caller(outsider).upload(path, b"<script>alert(1)</script>", name).json()
    answer = Caller().get(f"{path}{made['id']}/")
    body_of(answer)
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_a_name_of_any_script_is_kept_and_never_breaks_a_header(
    problem: Problem, outsider: Person
) -> None:
    path = f"problems/{problem.pk}/attachments/"
    made = Caller(outsider).upload(path, b"x", "Fehler ü\r\nSet-Cookie: a=b.txt").json()
    answer = Caller().get(f"{path}{made['id']}/")
    body_of(answer)
    assert "filename*=utf-8''_Fehler%20%C3%BC" in answer.headers["Content-Disposition"]
    assert "Set-Cookie" not in answer.headers


def test_a_file_that_is_known_is_not_sent_again(problem: Problem, outsider: Person) -> None:
    path = f"problems/{problem.pk}/attachments/"
    made = Caller(outsider).upload(path).json()
    etag = f'"{made["sha256"]}"'
    again = Caller().get(f"{path}{made['id']}/", If_None_Match=etag)
    assert (again.status_code, body_of(again)) == (304, b"")


def test_a_file_that_is_too_large_is_refused(
    problem: Problem, outsider: Person, settings: Settings
) -> None:
    settings.ATTACHMENT_BYTES = 1000
    path = f"problems/{problem.pk}/attachments/"
    assert "at most 1,000" in document(Caller(outsider).upload(path, b"x" * 1001), 413)["detail"]
    document(Caller(outsider).upload(path, b"x" * 100_000), 413)
    assert Caller(outsider).upload(path, b"x" * 1000).status_code == 201


def test_one_file_too_many_is_refused(
    problem: Problem, outsider: Person, settings: Settings
) -> None:
    settings.ATTACHMENTS_PER_PROBLEM = 1
    path = f"problems/{problem.pk}/attachments/"
    assert Caller(outsider).upload(path).status_code == 201
    assert "1 files at the most" in fields_of(Caller(outsider).upload(path))["file"]


def test_a_form_without_a_file_or_with_two_is_refused(problem: Problem, outsider: Person) -> None:
    caller = Caller(outsider)
    address = f"/api/v1/problems/{problem.pk}/attachments/"
    two = [SimpleUploadedFile("a", b"a"), SimpleUploadedFile("b", b"b")]
    for form in ({"text": "x"}, {"file": "words"}, {"file": two}, {"other": two[0]}):
        answer = caller.client.post(address, form, headers=caller.headers)
        assert "form field “file”" in fields_of(answer)["file"]
    assert not Attachment.objects.exists()


def test_the_file_of_one_problem_is_not_found_under_another(
    problem: Problem, secret_problem: Problem, reporter: Person
) -> None:
    made = Caller(reporter).upload(f"problems/{secret_problem.pk}/attachments/").json()
    document(Caller(reporter).get(f"problems/{problem.pk}/attachments/{made['id']}/"), 404)
