"""Parts of addresses: only what can name something reaches a view, and so the database.

Importing this makes `<short_name:...>` and `<handle:...>` known to `path`.
"""

from __future__ import annotations

from django.urls import register_converter


class _Words:
    """A part of an address that stays text."""

    regex = ""

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


class ShortName(_Words):
    """The slug of a product or component."""

    regex = r"[a-z0-9._+-]{1,50}"


class Handle(_Words):
    """The handle of a person."""

    regex = r"[A-Za-z0-9._-]{1,40}"


register_converter(ShortName, "short_name")
register_converter(Handle, "handle")
