"""Outgoing mail by SMTP, with a moment at which nothing has been handed over yet.

A mail belongs to the server once it has the line with the single dot (RFC 5321, section 4.2.5: the
server then takes responsibility, and a client that loses the connection cannot know). Everything
before that line is sent first, then the outbox notes that it hands over, then the line follows.
"""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from typing import Any

from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.core.mail.message import sanitize_address

from notifications.backends.base import (
    LastWord,
    NotNow,
    Refused,
    Uncertain,
    Unreachable,
    return_path,
    to_bytes,
)

_END = b".\r\n"


class _Plain(smtplib.SMTP):
    """SMTP whose DATA stops before its last line."""

    last_word: LastWord | None = None
    handed_over = False

    def data(self, msg: Any) -> tuple[int, bytes]:
        """smtplib's DATA with a pause; the same answer and the same errors."""
        self.putcmd("data")
        code, reply = self.getreply()
        if code != 354:
            raise smtplib.SMTPDataError(code, reply)
        body = re.sub(rb"(?m)^\.", b"..", msg)
        self.send(body if body.endswith(b"\r\n") else body + b"\r\n")
        if self.last_word is not None:
            self.last_word.ask()
        self.handed_over = True
        self._send_end()
        return self.getreply()

    def _send_end(self) -> None:
        """Mark and send with nothing between them, not even a wait for the socket or a thread.

        Leaving blocking mode is a system call of its own and comes first: after it this thread
        has its full slice of time, and a send that need not wait does not give it away.
        """
        connection: Any = self.sock
        mark = self.last_word.mark if self.last_word is not None else _nothing
        send = connection.send
        wait = connection.gettimeout()
        connection.settimeout(0)
        try:
            mark()
            sent = send(_END)
        except (BlockingIOError, ssl.SSLWantWriteError):
            sent = 0
        finally:
            connection.settimeout(wait)
        if sent < len(_END):
            self.send(_END[sent:])


def _nothing() -> None:
    """For mail that is not of the outbox."""


class _OverTls(_Plain, smtplib.SMTP_SSL):
    pass


class EmailBackend(smtp.EmailBackend):
    """Django's, and a `Carrier` for the outbox."""

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return _OverTls if self.use_ssl else _Plain

    def carry(self, mail: EmailMessage, last_word: LastWord) -> None:
        """Send one mail over a connection of its own."""
        message = to_bytes(mail)
        path = return_path(mail)
        sender = sanitize_address(path, "utf-8") if path else ""
        recipients = [sanitize_address(address, "utf-8") for address in mail.recipients()]
        connection = self._connect()
        connection.last_word = last_word
        try:
            connection.sendmail(sender, recipients, message)
        except (smtplib.SMTPException, OSError) as error:
            raise _outcome(error, answered_late=connection.handed_over) from error
        finally:
            self._hang_up()

    def _connect(self) -> Any:
        """An open connection. A server that refuses it refuses all mail, not this one."""
        try:
            self.open()
            connection: Any = self.connection
            # Else the last line, being short, waits for the acknowledgement of what came before.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except (smtplib.SMTPException, OSError) as error:
            raise Unreachable(_in_words(error)) from error
        return connection

    def _hang_up(self) -> None:
        """Leave politely when the mail is through, and without a word when it is not.

        After half a mail a QUIT would be read as part of its text.
        """
        connection: Any = self.connection
        self.connection = None
        try:
            if connection is not None and connection.handed_over:
                connection.quit()
        except (smtplib.SMTPException, OSError):
            pass  # it is said and done
        finally:
            if connection is not None:
                connection.close()


def _outcome(error: Exception, *, answered_late: bool) -> Exception:
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
    return Uncertain(reason) if answered_late else Unreachable(reason)


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
