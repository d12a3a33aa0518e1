"""Messages as servers deliver them, and their way through the gate. Plain functions."""

from __future__ import annotations

import itertools

from pytest_django.fixtures import Settings

from accounts.models import Person
from notifications.gate import processing, storing
from notifications.gate.addresses import reply_address
from notifications.gate.models import IncomingMail
from notifications.models import Message
from tracker.models import Problem

DOMAIN = "problems.example.org"
REPORTS = f"report@{DOMAIN}"

_serial = itertools.count(1)


def open_gate(settings: Settings) -> None:
    """Mail comes in for the whole of `DOMAIN`."""
    settings.MAIL_IN_BOX, settings.MAIL_IN_DOMAIN = "", DOMAIN


def letter(
    sender: str = "rita@example.org",
    to: str = REPORTS,
    text: str = "It is still broken here.",
    subject: str = "The card stops",
    **headers: str,
) -> bytes:
    """A message; `headers` come on top, with dashes for underscores, and "" leaves one out."""
    own = {
        "From": sender,
        "To": to,
        "Subject": subject,
        "Message-ID": f"<letter-{next(_serial)}@example.org>",
        "Date": "Mon, 23 Nov 2026 12:00:00 +0000",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=utf-8",
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in own.items() if value)
    return (head + "\r\n" + text.replace("\n", "\r\n") + "\r\n").encode()


def content() -> bytes:
    """The bytes of the only message that came in."""
    with IncomingMail.objects.get().file.open() as file:
        return bytes(file.read())


def store(raw: bytes, recipient: str = REPORTS, sender: str = "rita@example.org") -> IncomingMail:
    """As the server of mail hands it over."""
    return storing.receive(raw, sender, recipient, IncomingMail.Door.LMTP)


def deliver(raw: bytes, recipient: str = REPORTS, sender: str = "rita@example.org") -> IncomingMail:
    """Stored and read; what became of it."""
    incoming = store(raw, recipient, sender)
    processing.process(incoming.pk)
    incoming.refresh_from_db()
    return incoming


def reply(person: Person, problem: Problem, text: str, sender: str = "") -> IncomingMail:
    """An answer to a mail that `person` got about `problem`, and what became of it."""
    to = reply_address(person.pk, problem.pk)
    sender = sender or person.email
    return deliver(letter(sender, to, text), to, sender)


def answers_to(address: str) -> list[Message]:
    """What was mailed back to an address, oldest first."""
    sent = Message.objects.filter(kind=Message.Kind.ANSWER, address=address)
    return list(sent.order_by("pk"))


def link_in(message: Message) -> str:
    """The path of the one link to this installation in an answer."""
    lines = [line.strip() for line in message.text.splitlines()]
    (found,) = [line for line in lines if line.startswith("http") and "/mail/" in line]
    return "/" + found.split("/", 3)[3]
