"""Outgoing mail as files, for installations without a mail server and for reading along."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.parser import BytesHeaderParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from notifications.backends.base import LastWord, Unreachable, to_bytes

LONGEST_NAME = 150
LEFTOVER_SECONDS = 3600


class EmailBackend(BaseEmailBackend):
    """Writes each mail to `EMAIL_FILE_PATH/<message id>.eml`, readable by this user only.

    The name follows from the Message-ID alone, and a file appears whole or not at all: sending the
    same mail twice leaves one file.
    """

    def __init__(self, *args: Any, file_path: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.folder = Path(file_path or getattr(settings, "EMAIL_FILE_PATH"))  # noqa: B009 - the stubs lack it

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for mail in email_messages:
            self._write(mail)
        return len(email_messages)

    def carry(
        self, mail: EmailMessage, last_word: LastWord, following: EmailMessage | None = None
    ) -> None:
        """Write the mail. Raises `Unreachable` when the folder takes no files."""
        try:
            self._write(mail)
        except OSError as error:
            raise Unreachable(f"{self.folder}: {error.strerror or error}") from error

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Files need no connection."""
        yield

    def _write(self, mail: EmailMessage) -> None:
        content = to_bytes(mail)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self.folder / file_name(_message_id(content))
        descriptor, aside = tempfile.mkstemp(dir=self.folder, prefix=".", suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(aside).replace(target)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
        _sync_folder(self.folder)


def _message_id(content: bytes) -> str:
    """As it is in the mail: Django makes one anew each time where none was given."""
    return str(BytesHeaderParser().parsebytes(content)["Message-ID"])


def file_name(message_id: str) -> str:
    """The name for a Message-ID; one that is no plain file name is told apart by its digest."""
    plain = message_id.strip().strip("<>")
    safe = re.sub(r"[^A-Za-z0-9@._+-]", "_", plain)[:LONGEST_NAME].lstrip(".")
    if safe != plain:
        safe = f"{safe}-{hashlib.sha256(plain.encode()).hexdigest()[:16]}"
    return f"{safe}.eml"


def remove_leftovers(folder: Path) -> int:
    """Delete what killed writers left half-written; how many."""
    old = time.time() - LEFTOVER_SECONDS
    found = [path for path in folder.glob(".*.part") if path.stat().st_mtime < old]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut, as the file's bytes do."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
