"""What can stop a call, and the exit code that tells a script about it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes; the numbers follow sysexits.h where it has one."""

    OK = 0
    STOPPED = 1
    USAGE = 64
    DATA = 65
    NO_INPUT = 66
    UNREACHABLE = 69
    FAULT = 70
    CANNOT_WRITE = 73
    LATER = 75
    PROTOCOL = 76
    NOT_ALLOWED = 77
    NO_SERVER = 78
    INTERRUPTED = 130


MEANINGS: dict[Exit, str] = {
    Exit.OK: "done",
    Exit.STOPPED: "stopped at a question, or likely duplicates and nobody to ask",
    Exit.USAGE: "the command line is wrong",
    Exit.DATA: "the report, or a value, is refused (here or by the server)",
    Exit.NO_INPUT: "a file cannot be read or is too large, or no such problem",
    Exit.UNREACHABLE: "the server cannot be reached, or failed",
    Exit.FAULT: "a fault in send-problem itself",
    Exit.CANNOT_WRITE: "a file or folder cannot be written",
    Exit.LATER: "not yet: kept in the outbox, a code is awaited, or server busy",
    Exit.PROTOCOL: "the address answers, but not as a Groundswell server",
    Exit.NOT_ALLOWED: "not signed in, or not allowed",
    Exit.NO_SERVER: "no server is known, or its address is wrong",
    Exit.INTERRUPTED: "interrupted (Ctrl-C)",
}


class Failure(Exception):
    """Stops the call with a sentence for the person and an exit code for the script.

    ``lines`` are further sentences, one each; ``members`` are added to the JSON answer.
    """

    def __init__(
        self, message: str, code: Exit, *, lines: Sequence[str] = (), **members: Any
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.lines = list(lines)
        self.members = members


class NotNow(Failure):
    """The server did not take the request this time; the same request may succeed later."""

    def __init__(self, message: str, code: Exit = Exit.UNREACHABLE, **members: Any) -> None:
        super().__init__(message, code, **members)


class Unreachable(NotNow):
    """No answer at all: no network, no name, refused, cut off, too slow, not trusted."""


class NotGroundswell(NotNow):
    """Somebody answered, but not a Groundswell server (a wrong address, a captive portal)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.PROTOCOL)


class NotSignedIn(NotNow):
    """There is no token for the server, or the server does not know it any more."""

    def __init__(self, message: str) -> None:
        super().__init__(message, Exit.NOT_ALLOWED)


class Refused(Failure):
    """The server understood the request and will never accept it as it is (a 4xx answer)."""

    def __init__(
        self, message: str, code: Exit, status: int, *, lines: Sequence[str] = (), **members: Any
    ) -> None:
        super().__init__(message, code, lines=lines, status=status, **members)
        self.status = status
