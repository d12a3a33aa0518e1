"""How a message is taken, whatever door it comes by: whole, for good, and once.

File first, then row, then "yes": whoever dies between leaves either nothing that anybody was
promised, or a message that the next sweep of `processing` finds. A server that heard no answer
delivers the same again, and gets the row that is there.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from notifications.gate import addresses, senders
from notifications.gate.models import IncomingMail, incoming_path
from notifications.outbox import bell

logger = logging.getLogger(__name__)

LATER: Final = 451
NO_ROOM: Final = 452
NO_SUCH_ADDRESS: Final = 550
TOO_LARGE: Final = 552
UNREADABLE: Final = 554

# A door stores within seconds; what has no row a day later never will have one.
LEFTOVER_AFTER: Final = timedelta(days=1)
_FOLDER: Final = "mail"
# What was purged after a month is among it, so three of the calendar's.
_MONTHS_SWEPT: Final = 3

# What servers on the way add or change, so that the same message delivered twice is the same.
_TRACE: Final = re.compile(
    rb"(?:received|x-received|return-path|delivered-to|x-original-to|envelope-to|x-envelope-to"
    rb"|delivery-date|authentication-results|received-spf|arc-[a-z-]+|x-spam[a-z-]*"
    rb"|x-virus[a-z-]*|x-rspamd[a-z-]*)[ \t]*:",
    re.IGNORECASE,
)


class NotTaken(Exception):
    """A message was not taken. `code` is SMTP's, `reason` one line of ASCII for its sender.

    4xx: the same may be tried again later, and nothing of it was kept. 5xx: never.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = " ".join(reason.encode("ascii", "replace").decode().split())[:400]

    @property
    def is_passing(self) -> bool:
        return self.code < 500


def check_recipient(recipient: str) -> None:
    """Whether mail to an address is taken, for doors that can refuse before the message comes.

    Raises `NotTaken`, with 451 where the database cannot say.
    """
    with _reasons():
        try:
            senders.check_recipient(addresses.read_recipient(recipient))
        except addresses.NoSuchAddress as error:
            raise NotTaken(NO_SUCH_ADDRESS, str(error)) from None


def receive(raw: bytes, sender: str, recipient: str, door: IncomingMail.Door | str) -> IncomingMail:
    """Keep one message to one recipient; when this returns, it outlives any crash.

    `sender` is the envelope's, "" for a null return path. The same message to the same recipient
    again returns the row that is there. Does not ask `check_recipient`: doors do that first.
    Raises `NotTaken`.
    """
    if len(raw) > settings.MAIL_IN_BYTES:
        raise NotTaken(TOO_LARGE, too_large())
    if not raw.strip():
        raise NotTaken(UNREADABLE, "The message is empty.")
    with _reasons():
        digest = digest_of(raw, recipient)
        known = IncomingMail.objects.filter(digest=digest).first()
        if known is None:
            known = _store(
                raw,
                IncomingMail(
                    door=door,
                    sender=_plain(sender),
                    recipient=_plain(recipient),
                    digest=digest,
                    size=len(raw),
                ),
            )
    return known


def too_large() -> str:
    """The reason for which a message that is too large is refused."""
    return f"The message is larger than {settings.MAIL_IN_BYTES // (1024 * 1024)} MB."


def digest_of(raw: bytes, recipient: str) -> str:
    """SHA-256 of the recipient and the message without its trace headers, in hex.

    Line ends make no difference: a pipe has other ones than the wire.
    """
    head, blank, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    found = hashlib.sha256(_plain(recipient).lower().encode() + b"\0")
    is_trace = False
    for line in head.split(b"\n"):
        # A line that begins with a blank belongs to the header before it.
        if not line.startswith((b" ", b"\t")):
            is_trace = _TRACE.match(line) is not None
        if not is_trace:
            found.update(line + b"\n")
    found.update(blank)
    found.update(body)
    return found.hexdigest()


def sweep_leftovers(now: datetime | None = None) -> int:
    """Delete files that a crash left without a row; returns how many.

    Looks at the folders of the latest months, for files older than a day.
    """
    now = now or timezone.now()
    deleted = 0
    for folder in sorted(_subfolders())[-_MONTHS_SWEPT:]:
        old = {name for name in _files_in(folder) if _is_old(name, now)}
        known = IncomingMail.objects.filter(file__startswith=f"{folder}/")
        for name in sorted(old - set(known.values_list("file", flat=True))):
            default_storage.delete(name)
            deleted += 1
    return deleted


def _subfolders() -> list[str]:
    try:
        folders, _ = default_storage.listdir(_FOLDER)
    except FileNotFoundError:
        return []
    return [f"{_FOLDER}/{folder}" for folder in folders]


def _files_in(folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in default_storage.listdir(folder)[1]]


def _is_old(name: str, now: datetime) -> bool:
    try:
        return default_storage.get_modified_time(name) < now - LEFTOVER_AFTER
    except FileNotFoundError:
        return False


def _store(raw: bytes, incoming: IncomingMail) -> IncomingMail:
    """Write the file, then the row.

    The file goes again only where there certainly is no row: a connection may break while the row
    is being committed, and the same message delivered again would then find a row without a file.
    What is left without a row is swept.
    """
    incoming.file.name = _write(raw, incoming)
    is_written = False
    try:
        with _durable(), transaction.atomic():
            incoming.rung_at = timezone.now()
            incoming.save(force_insert=True)
            transaction.on_commit(lambda: _ring(incoming), robust=True)
            is_written = True
    except IntegrityError:
        # Another delivery of the same message was quicker.
        default_storage.delete(incoming.file.name)
        known = IncomingMail.objects.filter(digest=incoming.digest).first()
        if known is None:
            raise
        return known
    except BaseException:
        if not is_written:
            with suppress(Exception):
                default_storage.delete(incoming.file.name)
        raise
    return incoming


def _write(raw: bytes, incoming: IncomingMail) -> str:
    """The name of the file that holds the message for good; what was written in part goes again."""
    # Named by nobody else, so that what is found there after a failure is this one's.
    name = incoming_path(incoming, f"{secrets.token_hex(16)}.eml")
    try:
        written = default_storage.save(name, ContentFile(raw))
        _sync(written)
    except BaseException:
        with suppress(Exception):
            default_storage.delete(name)
        raise
    return written


def _sync(name: str) -> None:
    """Have the disk itself hold the file and its name; other storages answer when they do."""
    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        return
    # The folders too: that of a new month is a name in the one above.
    for each in (path, path.parent, path.parent.parent):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def _durable() -> Iterator[None]:
    """SQLite in WAL mode may lose its last commits with the power; not these."""
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous=FULL")
    try:
        yield
    finally:
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=NORMAL")


def _ring(incoming: IncomingMail) -> None:
    if not bell.ring_for_incoming(incoming.pk):
        IncomingMail.objects.filter(pk=incoming.pk).update(rung_at=None)


@contextmanager
def _reasons() -> Iterator[None]:
    """Turn what breaks into an answer: the sender's server keeps the message and tries again."""
    try:
        yield
    except DatabaseError as error:
        logger.warning("Mail is not taken for now: the database says %s", _first_line(error))
        raise NotTaken(LATER, "The database does not answer; try again later.") from None
    except OSError as error:
        logger.warning("Mail is not taken for now: %s", error)
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise NotTaken(NO_ROOM, "The disk is full; try again later.") from None
        raise NotTaken(LATER, "The message cannot be stored; try again later.") from None


def _plain(address: str) -> str:
    """An address as a database takes it: no control characters, no half characters, no brackets."""
    kept = address.strip().removeprefix("<").removesuffix(">")
    kept = kept.encode("utf-8", "replace").decode()
    return "".join(character for character in kept if character.isprintable())[:320]


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
