"""Every error of the API as an RFC 9457 problem document.

`describe` turns an exception into a `Document`. Higher apps register their own exceptions with
`describe.register`, so that this app need not know them; what nobody registered is a 500.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core import signals
from django.core.exceptions import (
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import OperationalError
from django.http import Http404
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.policies import Denied, as_person

CONTENT_TYPE = "application/problem+json"
RETRY_SECONDS = 3
ABOUT_BLANK = "about:blank"

log = logging.getLogger(__name__)


@dataclass
class Document:
    """One problem document. `kind` names its section in the docs; "" for a plain HTTP error."""

    status: int
    detail: str
    kind: str = ""
    title: str = ""
    errors: list[dict[str, str]] = field(default_factory=list)
    members: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The answer that carries this document."""
        body: dict[str, Any] = {
            "type": f"{settings.BASE_URL}/api/v1/docs/#{self.kind}" if self.kind else ABOUT_BLANK,
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            body["errors"] = self.errors
        return Response(
            body | self.members, self.status, headers=self.headers, content_type=CONTENT_TYPE
        )


class KeyReused(exceptions.APIException):
    """An `Idempotency-Key` came again with another request."""

    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_detail = (
        "This Idempotency-Key was used for another request. Make a new key for each new request."
    )


class LengthRequired(exceptions.APIException):
    """A body of unknown length."""

    status_code = HTTPStatus.LENGTH_REQUIRED
    default_detail = "Say how long the body is: send Content-Length, not a chunked body."


class TooLarge(exceptions.APIException):
    """A body that is larger than this address takes."""

    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class Changed(exceptions.APIException):
    """`If-Match` names a representation that is no longer the current one."""

    status_code = HTTPStatus.PRECONDITION_FAILED
    default_detail = (
        "Somebody changed this problem since you read it. Read it again, and send your change with"
        " the ETag of that answer."
    )


def problem_document(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: never None, so that no error leaves as HTML."""
    request: Request = context["request"]
    set_rollback()
    if isinstance(error, Denied):
        error = _denied(error, request)
    document = describe(error)
    if document.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        # As Django's own handler does, for whoever listens: the test client, an error collector.
        signals.got_request_exception.send(sender=None, request=request._request)  # noqa: SLF001
    return document.response()


def _denied(error: Denied, request: Request) -> exceptions.APIException:
    if as_person(request.user) is not None:
        return exceptions.PermissionDenied(error.reason)
    refusal = exceptions.NotAuthenticated(error.reason)
    refusal.auth_header = 'Bearer realm="groundswell"'  # type: ignore[attr-defined]
    return refusal


@singledispatch
def describe(error: Exception) -> Document:
    """What an exception tells the client; for one that nobody foresaw, nothing of its inside."""
    return Document(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "The server has made a mistake, which it has noted. Nothing of this request was kept.",
    )


@describe.register
def _(error: exceptions.APIException) -> Document:
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    if (wait := getattr(error, "wait", None)) is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    if isinstance(error.detail, str):
        return Document(
            error.status_code, str(error.detail), _KINDS.get(type(error), ""), headers=headers
        )
    return invalid(_flat(error.detail))


_KINDS: dict[type[exceptions.APIException], str] = {
    KeyReused: "key-reused",
    Changed: "stale",
    exceptions.Throttled: "too-many",
}


def invalid(errors: list[dict[str, str]]) -> Document:
    """400 with one entry for each wrong field; `field` is "" for the request as a whole."""
    named = [error for error in errors if error["field"]]
    if named:
        fields = ", ".join(dict.fromkeys(error["field"] for error in named))
        return Document(400, f"Put right: {fields}.", "invalid", "Invalid fields", errors)
    return Document(400, " ".join(error["detail"] for error in errors), "invalid")


def _flat(detail: Any, name: str = "") -> list[dict[str, str]]:
    if isinstance(detail, Mapping):
        return [
            entry
            for key, value in detail.items()
            for entry in _flat(value, _joined(name, "" if key == "non_field_errors" else str(key)))
        ]
    if isinstance(detail, list):
        return [entry for value in detail for entry in _flat(value, name)]
    return [{"field": name, "detail": str(detail)}]


def _joined(outer: str, inner: str) -> str:
    return f"{outer}.{inner}" if outer and inner else outer or inner


@describe.register
def _(error: Http404) -> Document:
    return Document(404, "There is nothing here, or nothing that you may see.")


@describe.register
def _(error: PermissionDenied) -> Document:
    return Document(403, str(error) or "You may not do this.")


@describe.register
def _(error: SuspiciousOperation) -> Document:
    return Document(400, "This request cannot be read.")


@describe.register
def _(error: TooManyFilesSent) -> Document:
    most = settings.DATA_UPLOAD_MAX_NUMBER_FILES
    return Document(
        400,
        f"At most {most} files are taken at once. Put them into one, as “git format-patch --stdout”"
        " does with a series.",
    )


@describe.register
def _(error: TooManyFieldsSent) -> Document:
    return Document(
        400, f"At most {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} fields are taken at once."
    )


@describe.register
def _(error: exceptions.UnsupportedMediaType) -> Document:
    return Document(
        error.status_code,
        f"{error.detail} Send JSON as “application/json”, or a form with files, where one is taken,"
        " as “multipart/form-data”.",
    )


@describe.register
def _(error: RequestDataTooBig) -> Document:
    return Document(413, "The fields of this form are too large; send long text as a file.")


@describe.register(OperationalError)
@describe.register(BrokerError)
@describe.register(RedisError)
def _(error: Exception) -> Document:
    log.warning("not available: %s", error)
    return Document(
        503,
        "The server is busy or a part of it is down. Send the same request again in a moment.",
        headers={"Retry-After": str(RETRY_SECONDS)},
    )
