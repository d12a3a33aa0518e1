"""What the outbox asks of a backend, and the ways in which carrying a mail can fail."""

from __future__ import annotations

from contextlib import AbstractContextManager
from email.generator import BytesGenerator
from io import BytesIO
from typing import Protocol, runtime_checkable

from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.message import SafeMIMEMultipart, SafeMIMEText

from notifications.backends.mime import assemble, content_of, put_together

# RFC 5322, section 2.1.1. Shorter lines would be nicer, but Python folds an address of a website
# away from its header's name, which some readers of mail take for an empty header.
LONGEST_LINE = 998


# RFC 5321, section 4.5.5: what comes back of such a mail goes to nobody.
NULL_PATH = "<>"


class OutgoingMail(EmailMultiAlternatives):
    """A mail of the outbox. What comes back goes to `return_path`, to its From where that is ""."""

    return_path = ""


class ReadyMail(OutgoingMail):
    """A mail whose two parts, plain and HTML, are there as they go over the wire."""

    parts = (b"", b"")

    def message(self) -> SafeMIMEText | SafeMIMEMultipart:
        """For who knows no more of it than that it is a mail."""
        self.body, html = map(content_of, self.parts)
        self.alternatives = []
        self.attach_alternative(html, "text/html")
        made: SafeMIMEText | SafeMIMEMultipart = super().message()
        return made


def return_path(mail: EmailMessage) -> str:
    """The sender of the envelope; "" for the null one."""
    path: str = getattr(mail, "return_path", "") or mail.from_email
    return "" if path == NULL_PATH else path


def to_bytes(mail: EmailMessage) -> bytes:
    """The mail as it goes over the wire."""
    plain = put_together(mail, mail.parts) if isinstance(mail, ReadyMail) else assemble(mail)
    return plain if plain is not None else _flatten(mail)


def _flatten(mail: EmailMessage) -> bytes:
    """By the library, which knows every kind of mail and takes ten times as long."""
    buffer = BytesIO()
    generator = BytesGenerator(buffer, mangle_from_=False, maxheaderlen=LONGEST_LINE)
    generator.flatten(mail.message(), linesep="\r\n")
    return buffer.getvalue()


class Undelivered(Exception):
    """The mail did not leave; `reason` is one line for an administrator."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Refused(Undelivered):
    """The server does not want this mail, and will not want it later."""


class NotNow(Undelivered):
    """The server does not want this mail now."""


class NoAnswer(NotNow):
    """The server said nothing about this recipient in time, though it was there just before."""


class Unreachable(Undelivered):
    """No mail leaves at present: the server is away, or refuses us rather than this mail."""


class Uncertain(Exception):
    """The mail was handed over and no answer came: it may have arrived or not."""


class ClaimLost(Exception):
    """Another worker has taken the message meanwhile; this one must not finish it."""


class LastWord(Protocol):
    """What a backend tells the outbox around the moment at which a mail becomes the server's."""

    def ask(self) -> None:
        """All but the last line is out: may it follow? Raises `ClaimLost` when not."""

    def mark(self) -> None:
        """It follows now. Costs next to nothing, and must be the last call before the send."""


@runtime_checkable
class Carrier(Protocol):
    """A backend that the outbox can trust with a mail that must arrive once."""

    def carry(
        self, mail: EmailMessage, last_word: LastWord, following: EmailMessage | None = None
    ) -> None:
        """Send one mail to its one recipient. `following` is likely to be the next.

        `last_word` is left alone where sending twice is the same as sending once. What it raises
        is passed on, and nothing sent. Raises `Undelivered` in one of its kinds, or `Uncertain`.
        """

    def kept_open(self) -> AbstractContextManager[None]:
        """While it lasts, one mail after the other goes over the same connection."""
