"""The door for mail servers: LMTP (RFC 2033), and SMTP for those that know nothing else.

Recipients that are not ours are refused at RCPT, with the reason. After DATA each of the others has
an answer of its own, and "250" means that the message is stored. What is cut off, by whomever, was
not answered, and its server delivers it again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final, TypeVar

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from django.conf import settings
from django.db import close_old_connections

from notifications.gate import storing
from notifications.gate.models import IncomingMail
from notifications.gate.storing import NotTaken

logger = logging.getLogger(__name__)

# A mail server uses up to twenty at once, if nobody changed that.
MOST_CONNECTIONS: Final = 50
# Each of them is a message of its own on the disk; the server sends the rest again at once.
MOST_RECIPIENTS: Final = 20
# What messages under way may take of the memory together, in bytes.
MOST_UNDER_WAY: Final = 128 * 1024 * 1024
# Seconds that the other side may be silent, and that it may take over one message.
SILENCE: Final = 300.0
LONGEST_DATA: Final = 1800.0
# Seconds that messages which came whole get to be stored when the process stops.
GRACE: Final = 8.0
STORING_THREADS: Final = 4

_END: Final = b"\r\n.\r\n"
_CHUNK: Final = 1 << 20
_ENHANCED: Final = {
    storing.LATER: "4.3.0",
    storing.NO_ROOM: "4.3.1",
    storing.NO_SUCH_ADDRESS: "5.1.1",
    storing.TOO_LARGE: "5.3.4",
    storing.UNREADABLE: "5.6.0",
}
_BROKEN: Final = NotTaken(storing.LATER, "Something of ours broke; try again later.")
_BUSY: Final = NotTaken(storing.NO_ROOM, "Too many messages at once; try again later.")
Result = TypeVar("Result")


def _answer_to(refusal: NotTaken) -> str:
    return f"{refusal.code} {_ENHANCED.get(refusal.code, '5.0.0')} {refusal.reason}"


class Door:
    """What the connections of one process share. `protocol` makes one for each connection."""

    def __init__(self, dialect: str = "lmtp") -> None:
        self._kind = _SmtpConnection if dialect == "smtp" else _LmtpConnection
        self._threads = ThreadPoolExecutor(STORING_THREADS, thread_name_prefix="storing")
        self._connections: set[_Connection] = set()
        self._storing: set[_Connection] = set()
        self._bytes_under_way = 0
        self._is_closing = False

    def protocol(self) -> asyncio.Protocol:
        """A new connection; what `create_server` calls."""
        return self._kind(self)

    async def stop(self) -> None:
        """Let what came whole be stored and answered, and end all else."""
        self._is_closing = True
        for connection in self._connections - self._storing:
            connection.end()
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                while self._storing:
                    await asyncio.sleep(0.02)
        for connection in list(self._connections):
            connection.end()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def enter(self, connection: _Connection) -> bool:
        """Whether there is room for one more connection."""
        if self._is_closing or len(self._connections) >= MOST_CONNECTIONS:
            return False
        self._connections.add(connection)
        return True

    def leave(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    def reserve(self, size: int) -> bool:
        """Whether the memory has room for so many bytes more; `release` gives them back."""
        if self._bytes_under_way + size > MOST_UNDER_WAY:
            return False
        self._bytes_under_way += size
        return True

    def release(self, size: int) -> None:
        self._bytes_under_way -= size

    async def refusal_of(self, recipient: str) -> NotTaken | None:
        """Why mail to an address is not taken; None where it is."""
        refusals = await self._in_thread(partial(_refusals, [recipient], storing.check_recipient))
        return refusals[0]

    async def store(
        self, connection: _Connection, raw: bytes, sender: str, recipients: Sequence[str]
    ) -> list[NotTaken | None]:
        """Store a message for each recipient; None for each that has it."""
        take = partial(_take, raw, sender)
        self._storing.add(connection)
        try:
            return await self._in_thread(partial(_refusals, recipients, take))
        finally:
            self._storing.discard(connection)

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _take(raw: bytes, sender: str, recipient: str) -> None:
    storing.receive(raw, sender, recipient, IncomingMail.Door.LMTP)


def _refusals(recipients: Sequence[str], take: Callable[[str], object]) -> list[NotTaken | None]:
    """What each recipient's turn came to; whatever breaks, there is an answer for it."""
    close_old_connections()
    try:
        return [_refusal(take, recipient) for recipient in recipients]
    finally:
        close_old_connections()


def _refusal(take: Callable[[str], object], recipient: str) -> NotTaken | None:
    try:
        take(recipient)
    except NotTaken as refusal:
        return refusal
    except Exception:
        logger.exception("A mail was put off")
        return _BROKEN
    return None


class _Handler:
    """What aiosmtpd asks between the commands."""

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self,
        server: _Connection,
        session: Session,
        envelope: Envelope,
        hostname: str,
        responses: list[str],
    ) -> list[str]:
        """Tell what else we can; LMTP demands both (RFC 2033, section 5)."""
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", "250-ENHANCEDSTATUSCODES", responses[-1]]

    async def handle_RCPT(  # noqa: N802
        self,
        server: _Connection,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Refuse, before the message comes, whom it cannot reach."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients; send the message again for the others."
        refusal = await server.door.refusal_of(address)
        if refusal is not None:
            return _answer_to(refusal)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Go on."

    async def handle_exception(self, error: Exception) -> str:
        """Never "500": its server would give the message back to who sent it."""
        if isinstance(error, RecursionError):
            # The library reads brackets by calling itself: no address has a thousand.
            return "553 5.1.3 That is no address."
        logger.error("A mail was put off", exc_info=error)
        return _answer_to(_BROKEN)


class _Connection(SMTP):
    """One connection. aiosmtpd speaks; DATA is ours.

    aiosmtpd refuses lines of more than 1000 characters, which many programs write, answers once
    for all recipients, and keeps each line as an object of its own.
    """

    # How much the stream buffers; it bounds a command's line before that is looked at.
    line_length_limit = 1 << 16
    answers_for_each = False

    def __init__(self, door: Door) -> None:
        super().__init__(
            _Handler(),
            data_size_limit=settings.MAIL_IN_BYTES,
            enable_SMTPUTF8=True,
            hostname=settings.MAIL_IN_DOMAIN or "localhost",
            ident="Groundswell",
            timeout=SILENCE,
            loop=asyncio.get_running_loop(),
        )
        # aiosmtpd's is shared by all connections and grows with each of their greetings.
        self.command_size_limits = defaultdict(lambda: 2000)
        self.door = door

    async def _handle_client(self) -> None:
        if not self.door.enter(self):
            await self.push("421 4.3.2 Too many connections; try again later.")
            self.end()
            return
        try:
            with suppress(ConnectionError):
                await super()._handle_client()
        finally:
            self.door.leave(self)

    def end(self) -> None:
        """Close the connection after what was written."""
        if self.transport is not None:
            self.transport.close()

    async def smtp_VRFY(self, arg: str) -> None:  # noqa: N802
        """Says nothing about who is here."""
        await self.push("502 5.5.1 Not offered.")

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        """Take a message and answer for each of its recipients, or once, as the dialect demands."""
        envelope = self.envelope
        if envelope is None or not envelope.rcpt_tos or arg:
            await self.push("501 5.5.4 DATA takes nothing." if arg else "503 5.5.1 RCPT first.")
            return
        await self.push("354 End with a line that is one dot.")
        refusals = await self._take(envelope)
        await self.push("\r\n".join(self._answers(refusals)))
        self.envelope = self._create_envelope()

    async def _take(self, envelope: Envelope) -> list[NotTaken | None]:
        recipients = envelope.rcpt_tos
        sender = "" if envelope.mail_from in {None, "<>"} else str(envelope.mail_from)
        with _Message(self.door) as message:
            refusal = await self._read_into(message)
            if refusal is not None:
                return [refusal for _ in recipients]
            return await self.door.store(self, message.content(), sender, recipients)

    async def _read_into(self, message: _Message) -> NotTaken | None:
        """Read up to the dot, even of a message that is refused, because RFC 5321 has it so."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + LONGEST_DATA
        while True:
            chunk = await self._reader.read(_CHUNK)
            if not chunk:
                raise ConnectionResetError
            if loop.time() < ends_at:
                self._reset_timeout()
            rest = message.add(chunk)
            if rest is not None:
                # Commands may follow in the same packet (RFC 2920); the buffer is empty here.
                if rest:
                    self._reader.feed_data(rest)
                return message.refusal

    def _answers(self, refusals: Sequence[NotTaken | None]) -> list[str]:
        said = ["250 2.0.0 Stored." if each is None else _answer_to(each) for each in refusals]
        if self.answers_for_each:
            return said
        # Those who have it get it once, however often it comes: one who has not decides.
        return [min(said, key=lambda answer: (answer[0] == "2", answer))]


class _LmtpConnection(_Connection, LMTP):
    answers_for_each = True


class _SmtpConnection(_Connection):
    pass


class _Message:
    """The bytes of a message as they come in, as long as they are not too many."""

    def __init__(self, door: Door) -> None:
        self._door = door
        # The line end of DATA itself: a dot may be the first thing that follows.
        self._received = bytearray(b"\r\n")
        self._reserved = 0
        self._size = 0
        self.refusal: NotTaken | None = None

    def __enter__(self) -> _Message:
        return self

    def __exit__(self, *_: Any) -> None:
        self._received = bytearray()
        self._door.release(self._reserved)

    def add(self, chunk: bytes) -> bytes | None:
        """Take what came; returns what follows the end of the message, None before the end."""
        searched = max(0, len(self._received) - len(_END) + 1)
        self._received += chunk
        end = self._received.find(_END, searched)
        if end < 0:
            self._grow(len(chunk))
            return None
        rest = bytes(self._received[end + len(_END) :])
        self._grow(len(chunk) - len(rest))
        del self._received[end + 2 :]
        return rest

    def content(self) -> bytes:
        """The message, without the dots that protect dots (RFC 5321, section 4.5.2)."""
        return bytes(self._received.replace(b"\r\n.", b"\r\n"))[2:]

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > settings.MAIL_IN_BYTES + len(_END):
            self.refusal = NotTaken(storing.TOO_LARGE, storing.too_large())
        elif self.refusal is None and not self._door.reserve(size):
            self.refusal = _BUSY
        elif self.refusal is None:
            self._reserved += size
        if self.refusal is not None:
            del self._received[: -len(_END) + 1]
