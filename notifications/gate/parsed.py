"""What a message says, once it was read. No database, no settings: bytes go in, this comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from patches.finding import MailedPatch


@dataclass(frozen=True)
class IncomingFile:
    """A part of a message that is a file: the name as it was given, not yet made safe."""

    name: str
    content_type: str
    content: bytes
    # Shown within the text, as pictures of signatures are.
    is_inline: bool = False


@dataclass(frozen=True)
class ParsedMail:
    """A message as far as it could be read. Addresses are lower-case; nothing is None but a date.

    text       all its words as plain text: from its text part, or from its HTML where that is all
    own_text   the words that its sender wrote: without what is quoted, and without a signature
    automatic  why no person wrote it ("" when one may have): such a mail is never answered and
               never becomes a comment
    is_bounce  whether it tells that a mail of ours did not arrive, or is late
    faults     what could not be read, each in a sentence for its sender
    patch      the diff in its text, with its bytes as they came; or the one file that git attached,
               which is none of `files` then
    """

    message_id: str = ""
    references: tuple[str, ...] = ()
    from_name: str = ""
    # More than one is legal and says nothing about who wrote it.
    from_addresses: tuple[str, ...] = ()
    reply_to: str = ""
    subject: str = ""
    date: datetime | None = None
    text: str = ""
    own_text: str = ""
    files: tuple[IncomingFile, ...] = ()
    automatic: str = ""
    is_bounce: bool = False
    faults: tuple[str, ...] = ()
    patch: MailedPatch | None = None

    @property
    def from_address(self) -> str:
        """The one author; "" when there is none or several."""
        return self.from_addresses[0] if len(self.from_addresses) == 1 else ""
