"""What is mailed back to who wrote to us: rows of the outbox of the kind ANSWER.

An answer is marked as automatic and has the null return path, so that no other machine answers it
(RFC 3834), and it is never sent to one of our own addresses.
"""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Final

from django.conf import settings

from accounts.models import Person
from notifications.gate.addresses import is_ours
from notifications.gate.signatures import ascii_domain
from notifications.models import Message
from notifications.outbox.envelopes import answer_message_id
from notifications.outbox.queueing import queue
from tracker.models import Problem
from tracker.text import clean_line

LONGEST_SUBJECT: Final = 200
_ID: Final = re.compile(r"<?([\x21-\x3b\x3d\x3f-\x7e]{3,250})>?")
_PLAIN_ADDRESS: Final = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[^\s@<>,;:\"()\[\]\\]{1,189}")
_PREFIXES: Final = re.compile(r"(?:\s*(?:re|aw|antw|sv|vs|odp|tr)\s*(?:\[\d+\])?\s*:)+", re.I)


def queue_answer(
    to: str,
    subject: str,
    text: str,
    in_reply_to: str = "",
    person: Person | None = None,
    problem: Problem | None = None,
) -> Message | None:
    """Store an answer; None where none may go: to what is no address, or one of ours.

    `in_reply_to` is a Message-ID as the other side gave it; what is none is left out. With a
    person and a problem its Reply-To is the person's address for that problem.
    """
    to = _sendable(to)
    if not to or is_own(to):
        return None
    message = Message(
        kind=Message.Kind.ANSWER,
        person=person,
        problem=problem,
        address=to,
        message_id=answer_message_id(),
        in_reply_to=plain_id(in_reply_to),
        subject=clean_line(subject)[:LONGEST_SUBJECT],
        text=text,
    )
    return queue([message])[0]


def _sendable(address: str) -> str:
    """An address as every mail server takes it; "" for what is none, or none that they take."""
    local, _, _ = address.rpartition("@")
    written = f"{local}@{ascii_domain(address)}"
    return written if _PLAIN_ADDRESS.fullmatch(written) and written.isascii() else ""


def reply_subject(subject: str, otherwise: str = "your mail") -> str:
    """The subject of an answer to a mail with that subject: one "Re:", however many it has."""
    words = _PREFIXES.sub("", clean_line(subject), count=1).strip() if subject else ""
    return f"Re: {words or otherwise}"[:LONGEST_SUBJECT]


def plain_id(message_id: str) -> str:
    """A Message-ID without its angle brackets; "" for what could not stand in a header."""
    found = _ID.fullmatch(message_id.strip())
    return found[1] if found else ""


def is_own(address: str) -> bool:
    """Whether mail to an address would come back to this tracker."""
    ours = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    return is_ours(address) or address.lower() == ours.lower()
