"""What the tests of the import share: running it, and the sample of each format."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from tracker.models import Attachment, Comment, Problem

SAMPLES = Path(__file__).parent / "samples"


def run(path: Path | str, product: str = "Heath", **options: Any) -> str:
    """Import a file, or a sample by its name; returns what was said."""
    out = StringIO()
    call_command("import_problems", SAMPLES / path, product=product, stdout=out, **options)
    return out.getvalue()


def write(folder: Path, text: str | bytes, name: str) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def comments_of(problem: Problem) -> list[tuple[str, str]]:
    """(author as it is shown, text) of each comment."""
    return [(c.origin_author, c.text) for c in problem.comments.order_by("id")]


def content_of(attachment: Attachment) -> bytes:
    with attachment.file.open("rb") as file:
        return bytes(file.read())


def counts() -> tuple[int, int, int]:
    """How many problems, comments and files are here."""
    return Problem.objects.count(), Comment.objects.count(), Attachment.objects.count()
