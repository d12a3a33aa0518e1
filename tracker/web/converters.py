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


class OldKey(_Words):
    """A key as JIRA gives them, such as SUITE-12."""

    regex = r"[A-Za-z][A-Za-z0-9_]{0,49}-[0-9]{1,15}"


class OldNumber(_Words):
    """The number of an issue of another tracker."""

    regex = r"[0-9]{1,15}"


class OldRepository(_Words):
    """A repository as forges name them, such as heath/lamp."""

    regex = r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}"


register_converter(OldKey, "old_key")
register_converter(OldNumber, "old_number")
register_converter(OldRepository, "old_repository")
register_converter(ShortName, "short_name")
register_converter(Handle, "handle")
