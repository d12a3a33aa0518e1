"""What the OpenAPI document says of every operation alike: headers, paging and errors."""

from __future__ import annotations

from typing import Final

from drf_spectacular.utils import OpenApiParameter

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
    " longer the current one.",
)
IF_NONE_MATCH: Final = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The `ETag` of what is known already; 304 when nothing has changed.",
)

_FIELD_ERROR: Final = {
    "type": "object",
    "required": ["field", "detail"],
    "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
}
PROBLEM_DOCUMENT: Final = {
    "type": "object",
    "description": "An error as RFC 9457 has it. `errors` lists every wrong field.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": _FIELD_ERROR},
        "head": {
            "type": "object",
            "description": "Of a duplicate: the problem to vote on instead.",
            "properties": {"number": {"type": "integer"}, "url": {"type": "string"}},
        },
    },
    "example": {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing here, or nothing that you may see.",
    },
}
ALWAYS: Final = ("400", "429", "500", "503")
