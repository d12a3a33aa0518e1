"""Outgoing mail by SMTP, with a moment at which nothing has been handed over yet.

A mail belongs to the server once it has the line with the single dot (RFC 5321, section 4.2.5: the
server then takes responsibility, and a client that loses the connection cannot know). Everything
before that line is sent first, then the outbox notes that it hands over, then the line follows.

Between the mails of a batch the connection stays open. To a server that lets it (RFC 2920) what
comes before the text goes in one piece, behind the last line of the mail before where that is known
in time: then a mail is one exchange instead of four.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.core.mail.message import sanitize_address

from notifications.backends.base import (
    LastWord,
    NoAnswer,
    NotNow,
    Refused,
    Uncertain,
    Unreachable,
    return_path,
    to_bytes,
)

_END = b".\r\n"
_BARE = re.compile(r"[A-Za-z0-9_+=-]+(\.[A-Za-z0-9_+=-]+)*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_LONGEST_ANSWER = 64 * 1024
# Seconds, where the settings name none.
_USUAL_WAIT = 10.0


@dataclass(frozen=True, eq=False)
class _Letter:
    """A mail in its envelope."""

    mail: EmailMessage
    sender: str
    recipient: str
    content: bytes
    # By whether the server wants to know the size, and takes eight bits.
    commands: dict[tuple[bool, bool], list[str]] = field(default_factory=dict)


class _NoWord(smtplib.SMTPServerDisconnected):
    """Nothing came within the time."""


class _Plain(smtplib.SMTP):
    """SMTP whose DATA stops before its last line, and whose answers come in time or not at all."""

    last_word: LastWord | None = None
    # How far the mail at hand is: whether the server has said yes to its sender, or has its end.
    is_known = handed_over = False
    # Whether the server expects a command next, and whether it must first forget half a mail.
    is_in_step = True
    _is_half_way = False
    # Whose commands went out behind the mail before it; its answers are yet to be read.
    announced: _Letter | None = None
    _deadline = 0.0
    _waiting = b""

    def connect(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As smtplib's; the whole greeting must be through within the time of one mail."""
        self.begin()
        return super().connect(*args, **kwargs)

    def begin(self) -> None:
        """From now on runs the time that all before the last line may take together."""
        self._deadline = time.monotonic() + self._wait

    @property
    def _wait(self) -> float:
        return self.timeout if isinstance(self.timeout, (int, float)) else _USUAL_WAIT

    def starttls(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As smtplib's; what came in the clear behind the answer is not believed."""
        self._waiting = b""
        return super().starttls(*args, **kwargs)

    def getreply(self) -> tuple[int, bytes]:
        """One answer. However slowly its bytes come, it is waited for no longer than allowed."""
        answer: list[bytes] = []
        while True:
            line = self._line()
            answer.append(line[4:].strip())
            try:
                code = int(line[:3])
            except ValueError:
                return -1, b"\n".join(answer)
            if line[3:4] != b"-":
                return code, b"\n".join(answer)

    def _line(self) -> bytes:
        while b"\n" not in self._waiting:
            if len(self._waiting) > _LONGEST_ANSWER:
                self.close()
                raise smtplib.SMTPResponseException(500, "The answer is too long.")
            self._waiting += self._receive()
        line, _, self._waiting = self._waiting.partition(b"\n")
        return line

    def _receive(self) -> bytes:
        connection: Any = self.sock
        if connection is None:
            raise smtplib.SMTPServerDisconnected("please run connect() first")
        left = self._deadline - time.monotonic()
        try:
            connection.settimeout(max(left, 0.01))
            found: bytes = connection.recv(8192)
        except TimeoutError:
            self.close()
            raise _NoWord(f"no answer within {self._wait:g} s") from None
        except OSError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(f"the connection broke: {error}") from error
        if not found:
            self.close()
            raise smtplib.SMTPServerDisconnected("the server hung up")
        return found

    def close(self) -> None:
        self._waiting = b""
        self.announced = None
        super().close()

    def hand_in(self, letter: _Letter, following: _Letter | None) -> None:
        """One mail, up to the server's yes. Raises what smtplib's `sendmail` raises.

        It is the announced one where one is. `following` is announced behind it.
        """
        self.is_known = self.handed_over = self.is_in_step = False
        if self.announced is not None:
            self.announced = None
            self._is_half_way = True
            self._hear(self._commands(letter), letter.recipient)
        else:
            self._introduce(letter)
        code, reply = self._text(letter, following)
        self.is_in_step = True
        if code != 250:
            raise smtplib.SMTPDataError(code, reply)
        self._is_half_way = False

    def _introduce(self, letter: _Letter) -> None:
        """All that comes before the text."""
        self.ehlo_or_helo_if_needed()
        if self._is_half_way:
            self.rset()
        self._is_half_way = True
        commands = self._commands(letter)
        at_once = len(commands) if self.has_extn("pipelining") else 1
        for at in range(0, len(commands), at_once):
            self.send("".join(commands[at : at + at_once]))
            self._hear(commands[at : at + at_once], letter.recipient)

    def _hear(self, commands: list[str], recipient: str) -> None:
        """All answers, whatever the first of them is; then raise what they mean."""
        answers = []
        for _ in commands:
            answers.append(self.getreply())
            self.is_known = True
        self.is_in_step = answers[-1][0] != 354
        for command, (code, reply) in zip(commands, answers, strict=True):
            _judge(command, code, reply, recipient)

    def _commands(self, letter: _Letter) -> list[str]:
        said = self.has_extn("size"), self.has_extn("8bitmime")
        if said not in letter.commands:
            letter.commands[said] = _commands(letter, *said)
        return letter.commands[said]

    def _text(self, letter: _Letter, following: _Letter | None) -> tuple[int, bytes]:
        body = letter.content.replace(b"\n.", b"\n..")
        body = b"." + body if body.startswith(b".") else body
        self.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        behind = b""
        if following is not None and self.has_extn("pipelining"):
            behind = "".join(self._commands(following)).encode("ascii")
        if self.last_word is not None:
            self.last_word.ask()
        self.handed_over = True
        # A server may take its time over a mail that it has.
        self._deadline = time.monotonic() + self._wait
        self._send_end(behind)
        self.announced = following if behind else None
        return self.getreply()

    def _send_end(self, behind: bytes) -> None:
        """Mark and send with nothing between them, not even a wait for the socket or a thread.

        Leaving blocking mode is a system call of its own and comes first: after it this thread
        has its full slice of time, and a send that need not wait does not give it away.
        """
        connection: Any = self.sock
        mark = self.last_word.mark if self.last_word is not None else _nothing
        send = connection.send
        end = _END + behind
        wait = connection.gettimeout()
        connection.settimeout(0)
        try:
            mark()
            sent = send(end)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        finally:
            connection.settimeout(wait)
        if sent < len(end):
            self.send(end[sent:])


def _commands(letter: _Letter, wants_size: bool, takes_8_bits: bool) -> list[str]:
    options = f" SIZE={len(letter.content)}" if wants_size else ""
    options += " BODY=8BITMIME" if takes_8_bits else ""
    sender, recipient = _quoted(letter.sender), _quoted(letter.recipient)
    if not (sender + recipient).isprintable():
        raise ValueError("An address holds what would end the command.")
    return [f"MAIL FROM:{sender}{options}\r\n", f"RCPT TO:{recipient}\r\n", "DATA\r\n"]


def _nothing() -> None:
    """For mail that is not of the outbox."""


def _judge(command: str, code: int, reply: bytes, recipient: str) -> None:
    """Raise what smtplib raises for an answer that is no yes."""
    if code == 354 if command.startswith("DATA") else code in {250, 251}:
        return
    if command.startswith("MAIL"):
        raise smtplib.SMTPSenderRefused(code, reply, "")
    if command.startswith("RCPT"):
        raise smtplib.SMTPRecipientsRefused({recipient: (code, reply)})
    raise smtplib.SMTPDataError(code, reply)


class _OverTls(_Plain, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    """Django's, and a `Carrier` for the outbox."""

    _is_kept_open = False
    # Put together before its turn, because its size was to be announced.
    _following: _Letter | None = None
    # Whether a server that says otherwise has turned down what was announced to it.
    _may_announce = True

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _OverTls if self.use_ssl else _Plain

    @contextmanager
    def kept_open(self) -> Iterator[None]:
        """Mails share a connection; it is made with the first and ends with the block."""
        self._is_kept_open = True
        try:
            yield
        finally:
            self._is_kept_open = False
            self._following = None
            self._hang_up(politely=True)

    def carry(
        self, mail: EmailMessage, last_word: LastWord, following: EmailMessage | None = None
    ) -> None:
        """Send one mail, over the open connection where one is kept open."""
        is_announced = self._following is not None and self._following.mail is mail
        letter = self._following if is_announced else _letter(mail)
        assert letter is not None  # noqa: S101 - one of the two
        may_follow = following is not None and self._is_kept_open and self._may_announce
        self._following = _letter(following) if following is not None and may_follow else None
        try:
            self._hand_in(letter, last_word)
        finally:
            connection: Any = self.connection
            is_fine = connection is not None and connection.is_in_step
            if not (is_fine and self._is_kept_open):
                self._hang_up(politely=is_fine)

    def _hand_in(self, letter: _Letter, last_word: LastWord) -> None:
        """Over the open connection; over a new one where that has ended while it was idle."""
        if getattr(self.connection, "announced", None) not in {None, letter}:
            # The server waits for the text of a mail that does not come.
            self._hang_up(politely=False)
        is_old = self.connection is not None
        connection = self._connect()
        is_announced = connection.announced is not None
        if is_old:
            connection.begin()
        connection.last_word = last_word
        try:
            connection.hand_in(letter, self._following)
        except (smtplib.SMTPException, OSError) as error:
            if is_announced and isinstance(error, smtplib.SMTPSenderRefused):
                # It may be that the server takes no commands behind a mail, whatever it says.
                self._may_announce, self._following = False, None
            elif not (is_old and not connection.handed_over and _has_ended(error)):
                raise _outcome(error, connection) from error
            self._hang_up(politely=False)
            self._hand_in(letter, last_word)

    def _connect(self) -> Any:
        """An open connection. A server that refuses it refuses all mail, not this one."""
        try:
            if self.open():
                connection: Any = self.connection
                # Else the last line, being short, waits for what came before to be acknowledged.
                connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(_in_words(error)) from error
        return self.connection

    def _hang_up(self, *, politely: bool) -> None:
        """Leave with a QUIT when the mail is through, and without a word when it is not.

        After half a mail a QUIT would be read as part of its text.
        """
        connection: Any = self.connection
        self.connection = None
        try:
            if connection is None or connection.announced is not None:
                return
            if politely and connection.sock is not None:
                connection.begin()
                connection.quit()
        except (smtplib.SMTPException, OSError):
            pass  # it is said and done
        finally:
            if connection is not None:
                connection.close()


def _letter(mail: EmailMessage) -> _Letter:
    path = return_path(mail)
    (recipient,) = map(_bare, mail.recipients())
    return _Letter(mail, _bare(path) if path else "", recipient, to_bytes(mail))


def _bare(address: str) -> str:
    """As a command takes it. Most are so already, and the library parses them for long."""
    return address if _BARE.fullmatch(address) else _sanitized(address)


def _quoted(address: str) -> str:
    """In angle brackets, as `smtplib.quoteaddr` does it after parsing the address for long."""
    return f"<{address}>" if _BARE.fullmatch(address) else smtplib.quoteaddr(address)


@lru_cache(maxsize=256)
def _sanitized(address: str) -> str:
    found: str = sanitize_address(address, "utf-8")
    return found


def _has_ended(error: Exception) -> bool:
    """Whether a server was done with the connection rather than with the mail.

    Many take so many mails and no more, or wait for so long and no longer.
    """
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return next(iter(error.recipients.values()))[0] == 421
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code == 421
    return not isinstance(error, _NoWord)


def _outcome(error: Exception, connection: _Plain) -> Exception:
    """What an error of smtplib means for the message at hand."""
    reason = _in_words(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
        return _refusal(code, reason)
    if isinstance(error, smtplib.SMTPSenderRefused):
        return Unreachable(reason)
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        return _refusal(error.smtp_code, reason)
    # No answer, or one that is none.
    if connection.handed_over:
        return Uncertain(reason)
    is_about_this_mail = isinstance(error, _NoWord) and connection.is_known
    return NoAnswer(reason) if is_about_this_mail else Unreachable(reason)


def _refusal(code: int, reason: str) -> Exception:
    if code == 421:
        return Unreachable(reason)
    return Refused(reason) if code >= 500 else NotNow(reason)


def _in_words(error: Exception) -> str:
    """One line with the server's own words where there are any."""
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        return " ".join(str(error).split()) or type(error).__name__
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {' '.join(words.split())}"
