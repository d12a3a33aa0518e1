"""Take one message from standard input: the door for any mail server that can pipe."""

from __future__ import annotations

import logging
import os
import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from email.parser import BytesHeaderParser
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand

from notifications.gate import addresses, storing
from notifications.gate.imap import sender_of
from notifications.gate.models import IncomingMail
from notifications.gate.storing import NotTaken

# sysexits.h: what every mail server understands.
EX_USAGE: Final = 64
EX_DATAERR: Final = 65
EX_NOUSER: Final = 67
EX_TEMPFAIL: Final = 75
EX_CONFIG: Final = 78

_CODES: Final = {
    storing.NO_SUCH_ADDRESS: EX_NOUSER,
    storing.TOO_LARGE: EX_DATAERR,
    storing.UNREADABLE: EX_DATAERR,
}
# What mail servers write for the null return path where they cannot write nothing.
_NOBODY: Final = {"", "<>", "mailer-daemon"}


class Failure(Exception):
    """One line for the mail server, and the exit code."""

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(reason)
        self.code = code


class Command(BaseCommand):
    help = (
        "Take one message from standard input. The recipient comes from the option, or from"
        " ORIGINAL_RECIPIENT or RECIPIENT of the environment. Exit codes are those of sysexits.h;"
        " 75 means that the same may be tried again."
    )
    # A server that runs while the code is renewed shall not be asked by each mail.
    requires_system_checks: Any = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--recipient",
            metavar="ADDRESS",
            nargs="+",
            action="extend",
            help="to whom it was addressed; several where the server hands over all at once",
        )
        parser.add_argument(
            "--sender", metavar="ADDRESS", help='the return path; "" or MAILER-DAEMON for none'
        )

    def handle(self, *args: Any, **options: Any) -> None:
        # The reason is said once, below.
        logging.getLogger("notifications.gate.storing").setLevel(logging.CRITICAL)
        try:
            take(options["recipient"] or [recipient_of(os.environ)], options["sender"])
        except Failure as failure:
            self.stderr.write(f"receive_mail: {failure}")
            sys.exit(failure.code)


def take(recipients: Sequence[str], sender: str | None) -> None:
    """Store what comes on standard input, for each recipient. Raises `Failure`.

    One exit code is for all of them: everybody who can be served is, before anybody is refused, and
    where one may be tried again all are; who has the message already does not get it twice.
    """
    if not addresses.is_open():
        raise Failure("MAIL_IN is off: this tracker takes no mail.", EX_CONFIG)
    if not all(recipients):
        raise Failure("no recipient: give --recipient, or set RECIPIENT.", EX_USAGE)
    raw = without_envelope(sys.stdin.buffer.read(settings.MAIL_IN_BYTES + 1))
    path = return_path(raw, os.environ) if sender is None else plain(sender)
    refusals: list[tuple[str, NotTaken]] = []
    for recipient in recipients:
        try:
            storing.check_recipient(recipient)
            storing.receive(raw, path, recipient, IncomingMail.Door.PIPE)
        except NotTaken as refusal:
            refusals.append((recipient, refusal))
    if refusals:
        recipient, worst = min(refusals, key=lambda each: not each[1].is_passing)
        whose = f"{recipient}: " if len(recipients) > 1 else ""
        raise Failure(f"{whose}{worst.reason}", _CODES.get(worst.code, EX_TEMPFAIL))


def recipient_of(environ: Mapping[str, str]) -> str:
    """The address before aliases if the server tells it: a reply address is one's only there."""
    names = ("ORIGINAL_RECIPIENT", "RECIPIENT")
    given = [environ[name] for name in names if environ.get(name)]
    ours = (address for address in given if addresses.is_ours(address))
    return next(ours, given[0] if given else "")


def return_path(raw: bytes, environ: Mapping[str, str]) -> str:
    """Who sent it, as the environment says, or else the headers."""
    if "SENDER" in environ:
        return plain(environ["SENDER"])
    return sender_of(BytesHeaderParser().parsebytes(raw))


def plain(sender: str) -> str:
    """A return path, "" where it is nobody's."""
    return "" if sender.strip().lower() in _NOBODY else sender.strip()


def without_envelope(raw: bytes) -> bytes:
    """Leave out the line "From sender date" that mailbox files have before each message."""
    return raw.partition(b"\n")[2] if raw.startswith(b"From ") else raw
