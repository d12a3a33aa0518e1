"""Gitea's and Forgejo's issues: GitHub's shape, with differences.

Every issue has a `pull_request`, null where it is none; why one was closed is not said; what was
moved there from elsewhere names its author in `original_author`; attachments are `assets`, of which
the export has only the addresses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tracker.importing.formats import github
from tracker.importing.source import Format, Reading, Record

# Keys that only these have in an issue.
MARKS: Final = ("original_author", "pin_order", "is_locked", "original_author_id", "due_date")


def read(path: Path, reading: Reading) -> Iterator[Record]:
    """The issues of a file, as GitHub's would be."""

    def translate(thing: dict[str, Any]) -> dict[str, Any]:
        assets = thing.get("assets")
        if isinstance(assets, list) and assets:
            reading.left_out["attachments, of which the export has only addresses"] += len(assets)
        writer = thing.get("original_author")
        return {**thing, "user": {"login": writer}} if writer else thing

    return github.read_as(path, reading, translate)


def has_marks(head: str) -> bool:
    """Whether the beginning of a file is Gitea's and not GitHub's."""
    return any(json.dumps(mark) in head for mark in MARKS)


FORMAT: Final = Format("gitea", "Gitea's issues", "github", "json", read)
