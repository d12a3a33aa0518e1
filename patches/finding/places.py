"""Where in a series one file stands: `[PATCH v2 3/7]`, and in which thread of mails."""

from __future__ import annotations

from dataclasses import dataclass

from patches.finding.limits import MOST_BYTES
from patches.finding.messages import read_messages
from patches.parsed import Unreadable


@dataclass(frozen=True)
class Place:
    """`part` is 0 for the letter above a series. `thread` is the Message-ID of the first mail, ""
    where none says it."""

    part: int
    parts: int
    version: int
    thread: str = ""

    def is_beside(self, other: Place) -> bool:
        """Whether both may be of one series."""
        return (self.parts, self.version, self.thread) == (other.parts, other.version, other.thread)


def place_of(data: bytes) -> Place | None:
    """The place of a file that is one part of a series of several; None for all others."""
    if len(data) > MOST_BYTES:
        return None
    try:
        messages = read_messages(data)
    except Unreadable:
        return None
    if len(messages) != 1 or messages[0].subject.parts < 2:
        return None
    (message,) = messages
    if not message.found.sections and message.subject.part:
        # An answer to that part, say.
        return None
    subject = message.subject
    thread = message.answers[0] if message.answers else message.message_id
    return Place(subject.part, subject.parts, subject.version, thread)
