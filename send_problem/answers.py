"""Problem documents (RFC 9457) as sentences."""

from __future__ import annotations

from typing import Any

from send_problem.failures import Exit, Refused
from send_problem.words import clean

_CODES = {403: Exit.NOT_ALLOWED, 404: Exit.NO_INPUT, 410: Exit.NO_INPUT}


def refusal(status: int, document: dict[str, Any]) -> Refused:
    """The refusal that a problem document describes, with one line for each wrong field."""
    errors = _field_errors(document)
    message = _sentence(document.get("detail") or document.get("title") or f"Refused ({status})")
    lines = [f"{error['field']}: {error['detail']}" for error in errors]
    members = {"errors": errors} if errors else {}
    return Refused(message, _CODES.get(status, Exit.DATA), status, lines=lines, **members)


def _field_errors(document: dict[str, Any]) -> list[dict[str, str]]:
    errors = document.get("errors")
    if not isinstance(errors, list):
        return []
    return [
        {"field": _field(error.get("field")), "detail": _sentence(error.get("detail", ""))}
        for error in errors
        if isinstance(error, dict)
    ]


def _field(name: object) -> str:
    return clean(str(name or "report"))


def _sentence(text: object) -> str:
    words = clean(str(text)).strip()
    return words if words.endswith((".", "!", "?")) else f"{words}."
