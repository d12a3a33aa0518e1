"""One form, sent twice at the same moment: two requests that race for one row."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client

from tests.conftest import sign_in
from tests.people import make_person
from tests.problems import make_product
from tracker.models import Attachment, Problem

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_form_sent_many_times_at_once_makes_one_problem(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    product, person = make_product("base"), make_person()
    clients = [sign_in(Client(), person) for _ in range(5)]
    gate = threading.Barrier(len(clients))

    def send(client: Client) -> str:
        report = {
            "product": product.slug,
            "component": "kernel",
            "synopsis": "pressed twice",
            "description": "It happens.",
            "form_token": "the same",
            "uploads": SimpleUploadedFile("a.txt", b"abc"),
        }
        gate.wait(timeout=60)
        try:
            response = client.post("/problems/new", report)
            return f"{response.status_code} {response.headers['Location']}"
        finally:
            connection.close()

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = set(pool.map(send, clients))
    problem = Problem.objects.get()
    assert answers == {f"302 /{problem.pk}"}
    assert Attachment.objects.count() == 1


def test_a_report_that_is_refused_leaves_no_trace_and_may_be_sent_again(
    settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    make_product("base")
    client = sign_in(Client(), make_person())
    report = {"product": "base", "component": "kernel", "description": "x", "form_token": "one"}
    assert client.post("/problems/new", report | {"synopsis": ""}).status_code == 400
    settings.ATTACHMENT_BYTES = 2
    upload = SimpleUploadedFile("a.txt", b"abc")
    whole = report | {"synopsis": "it stops"}
    assert client.post("/problems/new", whole | {"uploads": upload}).status_code == 400
    assert not Problem.objects.exists()
    settings.ATTACHMENT_BYTES = 3
    upload.seek(0)
    assert client.post("/problems/new", whole | {"uploads": upload}).status_code == 302
    assert Problem.objects.count() == Attachment.objects.count() == 1
