"""The door that goes and looks: one mailbox of somebody else's server, emptied every minute.

What was taken moves to a folder of the mailbox. What is for none of our addresses stays where it
is and is flagged, so that it is looked at once and a person finds it. A crash between taking and
moving takes the message a second time, which `storing` knows.
"""

from __future__ import annotations

import hashlib
import imaplib
import logging
import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Final

from django.conf import settings
from django.core.cache import cache
from imap_tools import BaseMailBox, MailBox, MailBoxStartTls, MailBoxUnencrypted
from imap_tools.errors import ImapToolsError, MailboxLoginError, UnexpectedCommandStatusError

from notifications.gate import addresses, storing
from notifications.gate.addresses import NoSuchAddress, ReportTo
from notifications.gate.mailbox import ImapBox
from notifications.gate.models import IncomingMail
from notifications.gate.parsing.headers import addresses_in
from notifications.gate.storing import NotTaken

logger = logging.getLogger(__name__)

FOLDER: Final = "Groundswell"
# Of one run; a task must end before the queue takes it for lost.
MOST_MESSAGES: Final = 50
# Of one message: a sender may name any number of our addresses, and each keeps a copy.
MOST_RECIPIENTS: Final = 20
LONGEST_RUN: Final = 8.0
# Seconds that the server may be silent.
SILENCE: Final = 5.0
LOCKED_FOR: Final = 120
# After a refused password: providers lock accounts at which somebody tries again and again.
PAUSE: Final = 15 * 60
_REMEMBER: Final = 7 * 24 * 3600

# Who wrote these was the server that delivered; the others are what the sender wrote.
_DELIVERED: Final = (
    "Delivered-To",
    "X-Delivered-To",
    "X-Original-To",
    "Envelope-To",
    "X-Envelope-To",
)
_ADDRESSED: Final = ("To", "Cc", "Resent-To", "Resent-Cc")
_Failure = (OSError, imaplib.IMAP4.error, ImapToolsError)


class _Refused(Exception):
    """The server said no to one command about one message."""


def poll() -> bool:
    """Take what is in the mailbox; whether there is more than one run takes.

    Does nothing without IMAP_URL, while another run is under way, or soon after a refused
    password. Never raises for what the server does: `trouble` says it, and the log does once.
    """
    box: ImapBox | None = settings.MAIL_IN_IMAP
    if box is None or cache.get(_key(box, "pause")):
        return False
    with _alone(box) as is_alone:
        return is_alone and _poll(box)


def trouble() -> str:
    """Why no mail comes in by IMAP, in a sentence for administrators; "" while it does."""
    box: ImapBox | None = settings.MAIL_IN_IMAP
    return "" if box is None else str(cache.get(_key(box, "trouble")) or "")


def _poll(box: ImapBox) -> bool:
    try:
        with _open(box) as mailbox:
            is_more = _take_all(mailbox)
    except MailboxLoginError as error:
        cache.set(_key(box, "pause"), 1, PAUSE)
        _note(box, f"{box.host} does not let {box.user} in ({_words(error)}): correct IMAP_URL.")
        return False
    except _Failure as error:
        _note(box, f"{box.host} does not serve us ({_words(error)}).")
        return False
    except NotTaken as error:
        _note(box, error.reason)
        return False
    _note(box, "")
    return is_more


@contextmanager
def _open(box: ImapBox) -> Iterator[BaseMailBox]:
    # What imaplib takes by itself checks no certificate.
    context = ssl.create_default_context()
    mailbox: BaseMailBox
    if box.security == "imaps":
        mailbox = MailBox(box.host, box.port, timeout=SILENCE, ssl_context=context)
    elif box.security == "imap+tls":
        mailbox = MailBoxStartTls(box.host, box.port, timeout=SILENCE, ssl_context=context)
    else:
        mailbox = MailBoxUnencrypted(box.host, box.port, timeout=SILENCE)
    try:
        if box.user.isascii() and box.password.isascii():
            mailbox.login(box.user, box.password, initial_folder=box.folder)
        else:
            mailbox.login_utf8(box.user, box.password, initial_folder=box.folder)
        yield mailbox
    finally:
        _close(mailbox)


def _close(mailbox: BaseMailBox) -> None:
    try:
        mailbox.logout()
    except _Failure:
        mailbox.client.shutdown()


def _take_all(mailbox: BaseMailBox) -> bool:
    """Whether some were left for another run."""
    ends_at = time.monotonic() + LONGEST_RUN
    waiting = mailbox.uids("UNFLAGGED UNDELETED", charset=None)
    mover = _Mover(mailbox)
    for count, uid in enumerate(waiting):
        if count == MOST_MESSAGES or time.monotonic() > ends_at:
            return True
        try:
            _take(mailbox, uid, mover)
        except _Refused as error:
            logger.warning("A message in the IMAP mailbox cannot be taken: %s", error)
            _flag(mailbox, uid)
    return False


def _take(mailbox: BaseMailBox, uid: str, mover: _Mover) -> None:
    """One message: stored and moved, or flagged. Raises `NotTaken` for what may pass."""
    head = next(mailbox.fetch(uid_list=[uid], headers_only=True, mark_seen=False), None)
    if head is None:
        return  # somebody else took it away meanwhile
    recipients = our_addresses(head.obj)
    if not recipients:
        _flag(mailbox, uid)
        return
    if head.size_rfc822 > settings.MAIL_IN_BYTES:
        raise _Refused(storing.too_large())
    raw = _content(mailbox, uid)
    for recipient in recipients:
        try:
            storing.receive(raw, sender_of(head.obj), recipient, IncomingMail.Door.IMAP)
        except NotTaken as refusal:
            if refusal.is_passing:
                raise
            raise _Refused(refusal.reason) from None
    mover.move(uid)


def our_addresses(head: Message) -> list[str]:
    """At which of our addresses a message was delivered, as far as its headers tell; the first 20.

    The bare mailbox is left out where a message names another address of ours: servers that
    deliver plus addresses write the bare one into Delivered-To.
    """
    for names in (_DELIVERED, _ADDRESSED):
        found = _ours(head, names)
        if any(not is_bare for is_bare in found.values()):
            named = [address for address, is_bare in found.items() if not is_bare]
            return named[:MOST_RECIPIENTS]
    return list(_ours(head, _DELIVERED) or _ours(head, _ADDRESSED))[:1]


def _ours(head: Message, names: Iterable[str]) -> dict[str, bool]:
    """Our addresses in these headers, each with whether it is that of reports of any product."""
    values = [str(value) for name in names for value in head.get_all(name, [])]
    found = {}
    for address in addresses_in(values):
        try:
            found[address] = addresses.read_recipient(address) == ReportTo()
        except NoSuchAddress:
            continue
    return found


def sender_of(head: Message) -> str:
    """The envelope's sender: the return path if the server wrote one down, the author if not.

    "" where the path is null, and for who has no address at all.
    """
    path = str(head.get("Return-Path", "")).strip()
    if path == "<>":
        return ""
    authors = [str(each) for each in head.get_all("From", [])]
    return next(iter(addresses_in([path]) or addresses_in(authors)), "")


def _content(mailbox: BaseMailBox, uid: str) -> bytes:
    parts = _ask(mailbox, "FETCH", uid, "(BODY.PEEK[])")
    for part in parts:
        if isinstance(part, tuple):
            return bytes(part[1])
    raise _Refused("the server gave no content")


def _flag(mailbox: BaseMailBox, uid: str) -> None:
    _ask(mailbox, "STORE", uid, "+FLAGS", r"(\Flagged)")


def _ask(mailbox: BaseMailBox, *command: str) -> list[object]:
    """Without imap_tools, whose every STORE throws away what others have marked as deleted."""
    status, answer = mailbox.client.uid(*command)
    if status != "OK":
        raise _Refused(f"{command[0]}: {answer!r}"[:200])
    return list(answer)


class _Mover:
    """Puts what was taken into its folder; where there can be none, flags it."""

    def __init__(self, mailbox: BaseMailBox) -> None:
        self._mailbox = mailbox
        self._folder: str | None = None
        # What a server can is complete only after the login.
        _, words = mailbox.client.capability()
        self._can_move = b"MOVE" in words[0].upper().split()

    def move(self, uid: str) -> None:
        """Raises `_Refused`."""
        folder = self._name()
        if not folder:
            _ask(self._mailbox, "STORE", uid, "+FLAGS", r"(\Flagged \Seen)")
        elif self._can_move:
            _ask(self._mailbox, "MOVE", uid, folder)
        else:
            _ask(self._mailbox, "COPY", uid, folder)
            _ask(self._mailbox, "STORE", uid, "+FLAGS", r"(\Deleted \Seen)")

    def _name(self) -> str:
        """The folder, made where absent; some servers have all folders below the inbox."""
        if self._folder is None:
            below = f"INBOX{self._delimiter()}{FOLDER}"
            self._folder = next((name for name in (FOLDER, below) if self._is_there(name)), "")
        return self._folder

    def _is_there(self, name: str) -> bool:
        if self._mailbox.folder.exists(name):
            return True
        status, _ = self._mailbox.client.create(name)
        return status == "OK"

    def _delimiter(self) -> str:
        return next((folder.delim for folder in self._mailbox.folder.list()), ".")


@contextmanager
def _alone(box: ImapBox) -> Iterator[bool]:
    """One run at a time. Two would do no harm but fetch everything twice."""
    key = _key(box, "run")
    is_alone = cache.add(key, 1, LOCKED_FOR)
    try:
        yield is_alone
    finally:
        if is_alone:
            cache.delete(key)


def _note(box: ImapBox, words: str) -> None:
    """Remember what is wrong, "" for nothing; the log tells of each change once."""
    before = trouble()
    if words == before:
        return
    cache.set(_key(box, "trouble"), words, _REMEMBER)
    if words:
        logger.warning("No mail comes in by IMAP: %s", words)
    else:
        logger.warning("Mail comes in by IMAP again.")


def _key(box: ImapBox, what: str) -> str:
    """Of this very set-up, password and all: a corrected one begins afresh."""
    named = "\0".join((box.host, str(box.port), box.user, box.password, box.folder))
    return f"mail-in-imap:{what}:{hashlib.sha256(named.encode()).hexdigest()[:16]}"


def _words(error: BaseException) -> str:
    """One line of what the server or the network said."""
    said: object = str(error) or type(error).__name__
    if isinstance(error, UnexpectedCommandStatusError) and error.command_result[1]:
        said = error.command_result[1][0]
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join(text.split())[:200].rstrip(".")
