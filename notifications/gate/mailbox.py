"""A mailbox to be emptied, as the set-up names it. No Django: the set-up is read before it is."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ImapBox:
    """A mailbox that is emptied every minute. `security` is imaps, imap+tls or imap."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    security: str = "imaps"
