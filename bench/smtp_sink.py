"""A mail server that takes everything and keeps nothing but a count: the far side of a measurement.

    python bench/smtp_sink.py PORT
    python bench/smtp_sink.py PORT library

The first is as quick as can be written here, so that it measures who sends. The second is aiosmtpd,
which works through its commands as a mail server does, and still keeps nothing.

It speaks as much SMTP as smtplib asks for, with PIPELINING. XSTAT answers `250 mails recipients
bytes seconds`: how many mails, how many distinct recipients, how much, and its own processor time.
"""

from __future__ import annotations

import asyncio
import sys
import time

from aiosmtpd.smtp import SMTP, Envelope, Session

END = b"\r\n.\r\n"
HELLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"


class Sink(asyncio.Protocol):
    """One client. What all of them brought is counted in the class."""

    mails = 0
    size = 0
    recipients: set[bytes]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.waiting = b""
        self.body: list[bytes] | None = None
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        if self.body is None:
            self._take_lines(self.waiting + data)
        else:
            self._take_body(data)

    def _take_body(self, data: bytes) -> None:
        """Pieces are put together only where the end may lie across two of them."""
        assert self.body is not None
        tail = self.body[-1][-len(END) :] if self.body else b"\r\n"
        self.body.append(data)
        at = (tail + data).find(END)
        if at < 0:
            return
        rest = (tail + data)[at + len(END) :]
        Sink.size += sum(map(len, self.body)) - len(rest)
        Sink.mails += 1
        self.body = None
        self.transport.write(b"250 taken\r\n")
        if rest:
            self._take_lines(rest)

    def _take_lines(self, data: bytes) -> None:
        *lines, self.waiting = data.split(b"\r\n")
        answers = []
        for at, line in enumerate(lines):
            answers.append(self._answer(line))
            if self.body is not None:
                rest = b"\r\n".join([*lines[at + 1 :], self.waiting])
                self.waiting = b""
                self.transport.write(b"".join(answers))
                if rest:
                    self._take_body(rest)
                return
        self.transport.write(b"".join(answers))

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        if verb == b"RCPT":
            Sink.recipients.add(line[8:])
        elif verb == b"DATA":
            self.body = []
            return b"354 go on\r\n"
        elif verb == b"EHLO":
            return HELLO
        elif verb == b"QUIT":
            self.transport.write(b"221 bye\r\n")
            self.transport.close()
            return b""
        elif verb == b"XSTA":
            counts = (Sink.mails, len(Sink.recipients), Sink.size, time.process_time())
            return b"250 " + " ".join(map(str, counts)).encode() + b"\r\n"
        return b"250 fine\r\n"


async def serve(port: int) -> None:
    """Until killed."""
    Sink.recipients = set()
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port)
    await server.serve_forever()


class Library(SMTP):
    """aiosmtpd with the one command of ours."""

    async def smtp_XSTAT(self, argument: str) -> None:
        counts = (Sink.mails, len(Sink.recipients), Sink.size, time.process_time())
        await self.push("250 " + " ".join(map(str, counts)))


class Taken:
    """What happens to a mail that aiosmtpd has whole."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        Sink.mails += 1
        Sink.size += len(content)
        Sink.recipients.update(address.encode() for address in envelope.rcpt_tos)
        return "250 taken"


async def serve_library(port: int) -> None:
    """Until killed."""
    Sink.recipients = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: Library(Taken(), hostname="sink"), "127.0.0.1", port
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run((serve_library if "library" in sys.argv[2:] else serve)(int(sys.argv[1])))
