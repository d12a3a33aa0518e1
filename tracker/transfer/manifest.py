"""The manifest: what an archive holds, and by what its files are known to be whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

FORMAT: Final = "groundswell archive"
VERSION: Final = 1
NAME: Final = "manifest.json"
LARGEST_BYTES: Final = 1024 * 1024


class BadArchive(Exception):
    """The archive cannot be used; the message says where and why, and what to do."""


@dataclass
class FileEntry:
    """One table's file: how many rows it has and its SHA-256 in hexadecimal digits."""

    rows: int
    sha256: str


@dataclass
class Manifest:
    """`product` is "" for all of them. `files` and `file_bytes` count what is under `files/`, and
    `missing` names the stored files that had been lost before the export, by their SHA-256.
    """

    tables: dict[str, FileEntry] = field(default_factory=dict)
    product: str = ""
    is_public: bool = False
    files: int = 0
    file_bytes: int = 0
    missing: list[str] = field(default_factory=list)

    def encode(self) -> bytes:
        """The same bytes for the same archive."""
        document = {
            "format": FORMAT,
            "version": VERSION,
            "product": self.product,
            "public": self.is_public,
            "tables": {
                f"{name}.jsonl": {"rows": entry.rows, "sha256": entry.sha256}
                for name, entry in self.tables.items()
            },
            "files": {"count": self.files, "bytes": self.file_bytes, "missing": self.missing},
        }
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()


def decode(data: bytes) -> Manifest:
    """Raises `BadArchive` for what is no manifest, or one of another version."""
    try:
        document = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise BadArchive(f"{NAME} is not JSON: the archive is damaged.") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadArchive(f"{NAME} does not say “{FORMAT}”: this is something else.")
    if document.get("version") != VERSION:
        raise BadArchive(
            f"The archive has version {str(document.get('version'))[:20]} of the format and this "
            f"Groundswell reads version {VERSION}. Import it with the Groundswell that wrote it, "
            "update that one, and export again."
        )
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadArchive(f"{NAME} lacks what belongs into it: the archive is damaged.") from None


def _manifest(document: Mapping[str, Any]) -> Manifest:
    tables = {
        name.removesuffix(".jsonl"): FileEntry(_whole(entry["rows"]), _text(entry["sha256"]))
        for name, entry in document["tables"].items()
    }
    files = document["files"]
    return Manifest(
        tables, _text(document["product"]), document["public"] is True, _whole(files["count"]),
        _whole(files["bytes"]), [_text(each) for each in files["missing"]],
    )  # fmt: skip


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
