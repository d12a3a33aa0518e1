"""What the OpenAPI document says of all operations alike: headers, errors, and who may ask.

Operations name only what is their own; `complete` adds what follows from the rules of the API, so
that no operation can forget an error that it may answer with.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiExample, OpenApiParameter

Json = dict[str, Any]

KEY: Final = OpenApiParameter(
    "Idempotency-Key",
    str,
    OpenApiParameter.HEADER,
    description="A new random word for each new request, and the same word for its retries: a retry"
    " gets the first answer and makes nothing twice. With another body the answer is 422. Kept for"
    " a week; errors are not kept.",
)
PAGING: Final = [
    OpenApiParameter("cursor", str, description="From `next` or `previous` of another page."),
    OpenApiParameter("limit", int, description="Entries on a page, 100 at the most."),
]
IF_MATCH: Final = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of the representation that the change starts from; 412 when it is no"
    " longer the current one. `*` for any.",
)


def sample(body: Json) -> OpenApiExample:
    """A request's body as somebody may send it."""
    return OpenApiExample("request", value=body, request_only=True)


# What may go wrong, in words, and an example of what is then said.
_ERRORS: Final[dict[int, tuple[str, str]]] = {
    400: ("Something in the request is wrong; `errors` names every field.", "Put right: synopsis."),
    401: ("Nobody is signed in, or the token was revoked.", "Sign in to do this: send a token."),
    403: ("The person may not do this; the reason is given.", "Confirm your e-mail address first."),
    404: (
        "There is nothing here, or nothing that one may see.",
        "There is nothing here, or nothing that you may see.",
    ),
    409: (
        "It cannot be done to the thing as it is now. Of a duplicate, `head` is where to vote.",
        "#12 is a duplicate of #7. Vote there instead.",
    ),
    411: ("A body without Content-Length.", "Say how long the body is."),
    412: ("The thing is no longer what `If-Match` names.", "Somebody changed this problem."),
    413: ("The body or the file is too large.", "At most 26,279,936 bytes are taken here."),
    415: ("The body is of another type.", 'Unsupported media type "text/plain" in request.'),
    422: ("The key was used for another request.", "This Idempotency-Key was used before."),
    429: ("Too many requests; `Retry-After` says when to come back.", "That was 60 times."),
    500: ("The server has made a mistake, and noted it.", "The server has made a mistake."),
    503: ("Busy, or a part is down; `Retry-After` says when to come back.", "The server is busy."),
}
_HEADERS: Final[dict[str, tuple[str, str]]] = {
    "ETag": ("string", "Stands for this representation, for this viewer."),
    "Location": ("string", "The address of what was made."),
    "Retry-After": ("integer", "Seconds to wait."),
    "WWW-Authenticate": ("string", "How to sign in."),
}
_HEADERS_OF_ERRORS: Final = {
    401: ["WWW-Authenticate"],
    429: ["Retry-After"],
    503: ["Retry-After"],
}
_PROBLEM: Final[Json] = {
    "type": "object",
    "description": "An error as RFC 9457 has it.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
        "errors": {
            "type": "array",
            "description": "Every wrong field; the empty name is the request as a whole.",
            "items": {
                "type": "object",
                "required": ["field", "detail"],
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
        "head": {
            "type": "object",
            "description": "Of a duplicate: the problem to vote on instead.",
            "required": ["number", "url"],
            "properties": {"number": {"type": "integer"}, "url": {"type": "string"}},
        },
    },
}
# A body that carries a secret or asks for one is open to everybody.
_OPEN_TO_ALL: Final = "/auth/"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> Json:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "gw_…"}


class SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> Json:
        from django.conf import settings

        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of the web pages; everything but reading needs the header"
            " X-CSRFToken too.",
        }


def complete(result: Json, **kwargs: Any) -> Json:
    """The post-processing hook of drf-spectacular."""
    components = result.setdefault("components", {})
    components.setdefault("schemas", {})["ProblemDocument"] = _PROBLEM
    components["headers"] = {
        name: {"description": text, "schema": {"type": kind}}
        for name, (kind, text) in _HEADERS.items()
    }
    components["responses"] = {_name(status): _error(status) for status in _ERRORS}
    for path, method, operation in _operations(result):
        _add_headers(method, operation)
        for status in sorted(_errors_of(path, method, operation)):
            operation["responses"].setdefault(str(status), _ref("responses", _name(status)))
        if method != "get" and _OPEN_TO_ALL not in path:
            operation["security"] = [each for each in operation.get("security", []) if each]
    return result


def _operations(result: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in result.get("paths", {}).items():
        for method, operation in methods.items():
            yield path, method, operation


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _name(status: int) -> str:
    return "".join(
        word.capitalize() for word in HTTPStatus(status).phrase.replace("-", " ").split()
    )


def _error(status: int) -> Json:
    text, detail = _ERRORS[status]
    example = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if status == 400:
        example["errors"] = [{"field": "synopsis", "detail": "Say in one line what is wrong."}]
    headers = {name: _ref("headers", name) for name in _HEADERS_OF_ERRORS.get(status, [])}
    return {
        "description": text,
        **({"headers": headers} if headers else {}),
        "content": {
            "application/problem+json": {
                "schema": _ref("schemas", "ProblemDocument"),
                "example": example,
            }
        },
    }


def _errors_of(path: str, method: str, operation: Json) -> set[int]:
    """Which errors follow from what the operation is."""
    parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
    found = {401, 429, 500, 503}
    if parameters or "requestBody" in operation:
        found.add(400)
    if "{" in path or path.endswith("/current/"):
        found.add(404)
    if method != "get" and _OPEN_TO_ALL not in path:
        found.add(403)
    if _OPEN_TO_ALL in path:
        found.discard(401)
    if "requestBody" in operation:
        found |= {411, 413, 415}
    if "Idempotency-Key" in parameters:
        found.add(422)
    if "If-Match" in parameters:
        found |= {409, 412}
    if _can_conflict(path, method):
        found.add(409)
    if path.endswith("/tokens/") or "/triage/" in path:
        found.add(403)
    return found


def _can_conflict(path: str, method: str) -> bool:
    """Whether what is there already may stand against it."""
    if method == "put":
        return True
    return ("/bulk-changes/" in path and method == "post") or (
        ("/patches/" in path or "/products/" in path) and method != "get"
    )


def _add_headers(method: str, operation: Json) -> None:
    responses = operation["responses"]
    if method == "get" and "200" in responses:
        responses["200"]["headers"] = {"ETag": _ref("headers", "ETag")}
        responses["304"] = {"description": "Unchanged since the `ETag` that was sent."}
        operation.setdefault("parameters", []).append(
            {
                "in": "header",
                "name": "If-None-Match",
                "schema": {"type": "string"},
                "description": "The `ETag` of what is known already.",
            }
        )
    if method == "patch" and "200" in responses:
        responses["200"]["headers"] = {"ETag": _ref("headers", "ETag")}
    has_address = "Idempotency-Key" in {p["name"] for p in operation.get("parameters", [])}
    if "201" in responses and has_address:
        responses["201"]["headers"] = {"Location": _ref("headers", "Location")}
