"""Words that no browser sends: every page answers them with a 2xx, 3xx or 4xx."""

from __future__ import annotations

import itertools
from io import BytesIO
from typing import Any

import pytest
from django.test import Client

from accounts.models import Person
from tests.conftest import sign_in
from tests.web.test_problem_pages import an_edit, hidden
from tracker.models import Problem, Product

pytestmark = pytest.mark.django_db

HOSTILE = {
    "zero byte": "\x00",
    "lone surrogate": "\udc80",
    "turned direction": "\u202egnp.exe",
    "long": "x" * 300_000,
    "number too big": "9" * 40,
    "markup": '"><script>alert(1)</script>{{ 7|add:7 }}',
    "deep": "[" * 90_000,
}
FORMS = (
    (
        "/problems/new",
        "product component synopsis description how_to_repeat kind severity release architecture",
    ),
    ("/P/comment", "text then form_token"),
    ("/P/vote", "release architecture note next"),
    ("/P/no-longer", "release architecture note next"),
    ("/P/releases", "release status"),
    ("/products/new", "slug title description component maintainers"),
    ("/products/base/edit", "title description"),
    ("/products/base/components/new", "slug title description maintainers"),
    ("/products/base/releases/new", "name released_on branch after"),
    ("/markdown/preview", "text description"),
)
ADDRESSES = (
    "/99999999999999999999999999",
    "/0",
    "/P/attachments/99999999999999999999999999/x",
    "/P/history?page=x",
    "/P/voters?page=99999999999999999999999999",
    "/problems/new?product=%00",
    "/problems/new/choices?product=%00",
    "/problems/similar?product=%00&synopsis=%00%00%00",
    "/problems/similar?product=base&synopsis=%00%00%00",
    "/problems/similar?product=base&synopsis=100%25_%5C",
    "/products/%00/edit",
    "/products/base/components/%00/edit",
    "/products/base/releases/99999999999999999999999999/edit",
)


class Named(BytesIO):
    """A file that says of itself what it likes."""

    name = ""


def sent(text: str) -> str:
    """The text as it can be encoded in a form."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")


@pytest.mark.parametrize(("path", "fields"), FORMS)
def test_a_form_with_hostile_words_is_answered(
    client: Client, problem: Problem, administrator: Person, path: str, fields: str
) -> None:
    sign_in(client, administrator)
    path = path.replace("P", str(problem.pk))
    usual = {"product": "base", "component": "kernel", "synopsis": "s", "description": "d"}
    for field, (name, words) in itertools.product(fields.split(), HOSTILE.items()):
        response = client.post(path, usual | {field: sent(words)})
        assert response.status_code < 500, (field, name)
        assert response.status_code != 429, "not read"
        assert b"<script>alert" not in response.content


@pytest.mark.parametrize("name", HOSTILE)
def test_an_edit_with_hostile_words_is_answered(
    client: Client, problem: Problem, triager: Person, name: str
) -> None:
    sign_in(client, triager)
    form = an_edit(client, problem)
    for field in form:
        response = client.post(f"/{problem.pk}/edit", form | {field: sent(HOSTILE[name])})
        assert response.status_code < 500, field
        assert b"<script>alert" not in response.content
        if response.status_code == 302:
            form["base"] = hidden(client, f"/{problem.pk}/edit", "base")


def test_a_hostile_address_is_answered(
    client: Client, problem: Problem, administrator: Person
) -> None:
    sign_in(client, administrator)
    for path in ADDRESSES:
        assert client.get(path.replace("P", str(problem.pk))).status_code < 500, path


def test_a_voter_that_cannot_be_is_not_found(
    client: Client, problem: Problem, triager: Person
) -> None:
    sign_in(client, triager)
    assert client.post(f"/{problem.pk}/voters/%00/trust").status_code == 404


def test_a_hostile_file_name_is_kept_as_a_plain_one(
    client: Client, problem: Problem, outsider: Person, settings: Any, tmp_path: Any
) -> None:
    settings.MEDIA_ROOT = tmp_path
    sign_in(client, outsider)
    for name in ("../../etc/passwd", "a\x00b.txt", 'q"uo\r\nX: y.txt', "x" * 300 + ".txt", "…/é"):
        upload = Named(b"x")
        upload.name = name
        client.post(f"/{problem.pk}/comment", {"uploads": upload, "form_token": name})
    assert problem.attachments.exists()
    for attachment in problem.attachments.all():
        assert not set(attachment.name) & set('/\\\x00\r\n"')
        response = client.get(attachment.get_absolute_url())
        assert b"".join(response) == b"x"
        assert "X" not in response.headers


def test_a_product_without_components_says_so(client: Client, db: None, outsider: Person) -> None:
    Product.objects.create(slug="bare", title="Bare")
    sign_in(client, outsider)
    for path in ("/problems/new", "/problems/new/choices?product=bare"):
        assert b"no component" in client.get(path).content
