"""Calling the API in tests as a system with a token does."""

from __future__ import annotations

import itertools
import json
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponseBase
from django.test import Client
from django.test.client import ClientHandler

from accounts.models import Person
from accounts.services import make_token

_serial = itertools.count(1)
# Building the middleware looks at every static file: once is enough for all callers.
_HANDLER = ClientHandler()
ROOT = "/api/v1/"


class Caller:
    """A client of the API, signed in by a token of `person`, or nobody."""

    def __init__(self, person: Person | None = None, **headers: str) -> None:
        self.person = person
        self.headers = dict(headers)
        if person is not None:
            _, secret = make_token(person, f"system {next(_serial)}")
            self.headers["Authorization"] = f"Bearer {secret}"
        self.client = Client()
        self.client.handler = _HANDLER

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Any:
        """One request below /api/v1/ with a JSON body, if any."""
        return self.client.generic(
            method,
            path if path.startswith("/") else ROOT + path,
            data="" if body is None else json.dumps(body),
            content_type="application/json",
            headers=self.headers | (headers or {}),
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.send("GET", path, headers=_names(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, {} if body is None else body, headers=_names(headers))

    def put(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PUT", path, body, headers=_names(headers))

    def patch(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("PATCH", path, body or {}, headers=_names(headers))

    def delete(self, path: str, **headers: str) -> Any:
        return self.send("DELETE", path, headers=_names(headers))

    def upload(
        self, path: str, content: bytes = b"boot log", name: str = "boot.log", **headers: str
    ) -> Any:
        """One file in the form field `file`."""
        file = SimpleUploadedFile(name, content)
        return self.client.post(ROOT + path, {"file": file}, headers=self.headers | _names(headers))


def _names(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def report_of(**values: Any) -> dict[str, Any]:
    """The body of a report that is right, unless `values` say otherwise."""
    usual = {
        "product": "base",
        "component": "kernel",
        "synopsis": "Panic on boot",
        "description": "It stops after the loader.",
    }
    return usual | values


def document(response: Any, status: int) -> dict[str, Any]:
    """The problem document of an answer, which must have `status`."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    return body


def fields_of(response: Any) -> dict[str, str]:
    """Field -> sentence of a 400."""
    errors = document(response, 400)["errors"]
    return {error["field"]: error["detail"] for error in errors}


def body_of(response: HttpResponseBase) -> bytes:
    """All bytes of an answer, streamed or not."""
    if response.streaming:
        return b"".join(response.streaming_content)  # type: ignore[attr-defined]
    return response.content  # type: ignore[attr-defined, no-any-return]
