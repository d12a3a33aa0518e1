"""What the tests of the import share: running it, and the sample of each format."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command

from tracker.importing.formats import FORMATS, choose
from tracker.importing.people import People
from tracker.importing.planning import Source, judged
from tracker.importing.rows import ImportRow
from tracker.importing.source import Reading
from tracker.importing.words import make_words
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


def look(path: Path, name: str = "auto") -> tuple[list[ImportRow], list[tuple[str, str]], Reading]:
    """(rows, what was skipped, the reading) of a file, judged without a database."""
    chosen = FORMATS[name] if name != "auto" else choose(path, name)
    source = Source(path, chosen, make_words(chosen.system, []), People(), "Heath")
    reading, skipped = Reading(path.parent), list[tuple[str, str]]()
    rows = [row for _, row in judged(source, reading, skipped) if row is not None]
    return rows, skipped, reading


def bugzilla(inside: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>\n{before}<bugzilla version="5.0">{inside}</bugzilla>'


def a_bug(number: int = 1, more: str = "", **said: str) -> str:
    values = {
        "bug_id": str(number), "creation_ts": "2020-01-02 10:00:00 +0000",
        "short_desc": f"bug {number}", "bug_status": "NEW", "component": "net",
    } | said  # fmt: skip
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f"<bug>{fields}{more}</bug>"


def attachment(data: str, name: str = "a.txt") -> str:
    return (
        f"<attachment><attachid>1</attachid><filename>{name}</filename>"
        f'<data encoding="base64">{data}</data></attachment>'
    )


def mail(text: bytes, headers: bytes = b"", key: bytes = b"one@example.org") -> bytes:
    return (
        b"From x Mon Mar 02 10:00:00 2020\nFrom: Rita Rook <rita@example.org>\nSubject: It breaks\n"
        b"Date: Mon, 2 Mar 2020 10:00:00 +0000\nMessage-ID: <" + key + b">\n" + headers + b"\n"
        + text + b"\n\n"
    )  # fmt: skip
