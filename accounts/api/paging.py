"""Pages of lists that are ordered by one unique column."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

USUAL: Final = 30
MOST: Final = 100

Row = TypeVar("Row", bound=Model)


@dataclass
class Slice(Generic[Row]):
    """The rows of one page and the addresses of its neighbours."""

    rows: list[Row]
    next: str | None
    previous: str | None

    def answer(self, results: list[Any]) -> dict[str, Any]:
        """The page as the API gives it."""
        return {"next": self.next, "previous": self.previous, "results": results}


def page_serializer(entry: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
    """The schema of a page of `entry`."""
    name = entry.__name__.removesuffix("Serializer")
    members = {
        "next": serializers.URLField(allow_null=True),
        "previous": serializers.URLField(allow_null=True),
        "results": entry(many=True),
    }
    return type(f"{name}PageSerializer", (serializers.Serializer,), members)


def entries(
    kind: type[serializers.Serializer[Any]], rows: Iterable[Any], **context: Any
) -> list[dict[str, Any]]:
    """Each row as `kind` shows it."""
    shown: Any = kind(rows, many=True, context=context)
    return list(shown.data)


def slice_of(rows: QuerySet[Row], request: Request, column: str) -> Slice[Row]:
    """The page that `?cursor=` and `?limit=` ask for. `column` is unique; "-" puts the last first.

    Raises ValidationError for a limit or a cursor that make no sense.
    """
    limit = limit_of(request)
    name, is_falling = column.removeprefix("-"), column.startswith("-")
    is_backward, key = _decode(request.query_params.get("cursor", ""), column)
    if key is not None:
        op = "lt" if is_falling != is_backward else "gt"
        try:
            rows = rows.filter(**{f"{name}__{op}": key})
        except (TypeError, ValueError) as error:
            raise _no_page() from error
    order = name if is_falling == is_backward else f"-{name}"
    found = list(rows.order_by(order)[: limit + 1])
    has_more = len(found) > limit
    found = found[:limit]
    if is_backward:
        found.reverse()
    has_next = bool(found) and (is_backward or has_more)
    has_previous = bool(found) and (has_more if is_backward else key is not None)
    return Slice(
        found,
        _address(request, column, found[-1], is_backward=False) if has_next else None,
        _address(request, column, found[0], is_backward=True) if has_previous else None,
    )


def limit_of(request: Request) -> int:
    """How many entries are asked for, 100 at the most."""
    said = request.query_params.get("limit", "")
    if not said:
        return USUAL
    if not (said.isascii() and said.isdigit() and len(said) < 6 and int(said) > 0):
        raise ValidationError({"limit": f"Give a number from 1 to {MOST}."})
    return min(int(said), MOST)


def address_of(request: Request, cursor: str) -> str | None:
    """The same list at another page; None for no page."""
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


def _address(request: Request, column: str, row: Model, *, is_backward: bool) -> str | None:
    key = getattr(row, column.removeprefix("-"))
    text = json.dumps([column, int(is_backward), key], separators=(",", ":"))
    return address_of(request, base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))


def _decode(cursor: str, column: str) -> tuple[bool, Any]:
    """(backwards, key) of a cursor; the key is None without one."""
    if not cursor:
        return False, None
    try:
        padded = cursor[:400] + "=" * (-len(cursor[:400]) % 4)
        made_for, is_backward, key = json.loads(base64.urlsafe_b64decode(padded))
    except (TypeError, ValueError, RecursionError) as error:
        raise _no_page() from error
    is_number = isinstance(key, int) and abs(key) < 2**63
    if made_for != column or not (is_number or isinstance(key, str)) or "\0" in str(key):
        raise _no_page()
    return bool(is_backward), key


def _no_page() -> ValidationError:
    return ValidationError({"cursor": "This page no longer exists; start at the first one."})
