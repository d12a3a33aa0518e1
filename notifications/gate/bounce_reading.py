"""What a bounce says: which addresses a mail did not reach, and whether it ever will.

No database: bytes go in. First what servers write for programs (RFC 3464, RFC 6533), then what
flufl.bounce knows of those that write for people. Both see a bounded piece with bounded lines,
because its patterns take the square of a line's length.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from email import message_from_bytes, message_from_string
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr
from enum import StrEnum
from itertools import islice
from typing import Final

from flufl.bounce import all_failures

from tracker.text import clean_line

logger = logging.getLogger(__name__)

READ_AT_MOST: Final = 256 * 1024
# A line is held against the boundary of each part that it is in.
BOUNDARIES_AT_MOST: Final = 30
# What is tried on it takes the square of a line.
GUESSED_AT_MOST: Final = 32 * 1024
LONGEST_GUESSED_LINE: Final = 300
RECIPIENTS_AT_MOST: Final = 100
LONGEST_WORDS: Final = 400

_REPORTS: Final = {"message/delivery-status", "message/global-delivery-status"}
# Not part of an address of the internet, or of a longer number.
_ENHANCED: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_BASIC: Final = re.compile(r"(?<![\d.-])([45])[0-7]\d(?=[ \-:,;.)]|$)(?!-\d)")
_FULL: Final = re.compile(
    r"quota|mailbox (?:is )?(?:full|size limit)|mailbox.{0,30}exceed|inbox is full"
    r"|insufficient (?:disk|storage|system storage)|out of (?:disk|storage)",
    re.IGNORECASE,
)
_POLICY: Final = re.compile(
    r"spam|junk|virus|blacklist|blocklist|block list|blocked|banned|reputation|policy|dmarc"
    r"|\bspf\b|dkim|\brbl\b|dnsbl|unsolicited|content reject|relay(?:ing)? (?:access )?denied"
    r"|too (?:large|big)|size limit",
    re.IGNORECASE,
)
_MACHINE: Final = re.compile(r"mailer-daemon|postmaster|mail delivery|maildelivery", re.IGNORECASE)
_MESSAGE_ID: Final = re.compile(rb"(?im)^[> ]{0,8}Message-ID:\s{0,4}<([^<>\s]{3,250})>")


class Fate(StrEnum):
    """What became of a mail on its way to one address."""

    PERMANENT = "permanent"
    # Given up for a reason that may pass: a server away, a mailbox full.
    PASSING = "passing"
    # This mail was not wanted, which says nothing about the address.
    REFUSED = "refused"
    # Still tried.
    LATE = "late"
    ARRIVED = "arrived"


@dataclass(frozen=True)
class Failure:
    """What a bounce says of one address; `addresses` are its names on the way, in lower case.

    `status` is that of RFC 3463, such as 5.1.1, or "". `is_certain` is False where it was read
    from words for people.
    """

    addresses: frozenset[str]
    fate: Fate
    status: str = ""
    words: str = ""
    is_certain: bool = True


def read_failures(raw: bytes, sent_to: Collection[str]) -> list[Failure]:
    """What a mail says of addresses, [] when it is no bounce. Never raises.

    `sent_to`, in lower case, are the addresses that the mail which came back may have been for:
    only of them is anything believed that is written for people.
    """
    try:
        raw = _with_few_parts(raw[:READ_AT_MOST])
        message = message_from_bytes(raw)
        found = [failure for block in _blocks(message) for failure in _of_block(block)]
        if not found:
            return _guess(raw, message, sent_to)
        return [_explained(failure, raw) for failure in found[:RECIPIENTS_AT_MOST]]
    except Exception:  # whatever the parsers of the library stumble over, the message is kept
        logger.info("a bounce could not be read", exc_info=True)
        return []


def returned_ids(raw: bytes) -> list[str]:
    """The Message-IDs in what came back, without angle brackets, the bounce's own among them."""
    found = _MESSAGE_ID.findall(raw[:READ_AT_MOST])
    return [_line(each.decode("ascii", "replace")) for each in found[:RECIPIENTS_AT_MOST]]


def fate_of(status: str, words: str) -> tuple[Fate, str]:
    """What a failure for good means, and its status as exactly as the words have it."""
    status = _more_exact(status, words)
    if status.startswith("4") or status in {"5.2.2", "5.3.1", "5.4.7"}:
        return Fate.PASSING, status
    if status[2:3] in {"6", "7"} or status in {"5.1.7", "5.1.8", "5.2.3", "5.3.4"}:
        return Fate.REFUSED, status
    if status.startswith("5.5.") and status != "5.5.0":
        return Fate.REFUSED, status
    # A general status says less than the words; one of an address says more.
    if not status.startswith(("5.1.", "5.2.")):
        if _FULL.search(words):
            return Fate.PASSING, status
        if _POLICY.search(words):
            return Fate.REFUSED, status
    return Fate.PERMANENT, status


def _more_exact(status: str, words: str) -> str:
    known = _ENHANCED.search(status)
    status = known[1] if known else ""
    if status and not status.endswith(".0.0"):
        return status
    said = _ENHANCED.search(words)
    if said:
        return said[1]
    basic = _BASIC.search(words)
    return status or (f"{basic[1]}.0.0" if basic else "")


def _with_few_parts(raw: bytes) -> bytes:
    """The message up to where more parts begin than any bounce has."""
    found = list(islice(re.finditer(rb"boundary", raw, re.IGNORECASE), BOUNDARIES_AT_MOST + 1))
    return raw[: found[-1].start()] if len(found) > BOUNDARIES_AT_MOST else raw


# For programs


def _blocks(message: Message) -> Iterator[Message]:
    """The headers about each address, of all reports in the message."""
    for part in message.walk():
        if part.get_content_type() not in _REPORTS:
            continue
        payload = part.get_payload()
        if isinstance(payload, list):
            for block in payload:
                if isinstance(block, Message):
                    yield block
                    yield from _further(block)
        else:
            yield from _paragraphs(str(payload))


def _further(block: Message) -> Iterator[Message]:
    """Python reads a report in UTF-8 as one message, whose text is the other blocks."""
    text = block.get_payload()
    if isinstance(text, str) and "recipient:" in text.lower():
        yield from _paragraphs(text)


def _paragraphs(text: str) -> Iterator[Message]:
    for paragraph in re.split(r"\r?\n[ \t]*\r?\n", text.strip())[:RECIPIENTS_AT_MOST]:
        yield message_from_string(paragraph)


def _of_block(block: Message) -> list[Failure]:
    named = [_address(str(block.get(name, ""))) for name in
             ("original-recipient", "final-recipient", "x-actual-recipient")]  # fmt: skip
    addresses = frozenset(name for names in named for name in names)
    if not addresses:
        return []
    action = str(block.get("action", "")).strip().lower()
    words = _words(str(block.get("diagnostic-code", "")))
    status = str(block.get("status", ""))
    if action.startswith(("deliver", "relay", "expand")):
        return [Failure(addresses, Fate.ARRIVED, _more_exact(status, ""), words)]
    if action.startswith("delay"):
        return [Failure(addresses, Fate.LATE, _more_exact(status, ""), words)]
    fate, status = fate_of(status, words)
    return [Failure(addresses, fate, status, words)]


def _address(value: str) -> list[str]:
    """`rfc822;rita@example.org` as it stands and with its xtext undone (RFC 3461, section 4)."""
    plain = parseaddr(_line(value).rpartition(";")[2].strip())[1].lower()
    if "@" not in plain:
        return []
    undone = re.sub(r"\+([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), plain)
    return [plain, _line(undone)]


def _words(value: str) -> str:
    """One line without the type in front, as in `smtp; 550 No such user`."""
    return re.sub(r"^[\w.-]{1,30}; ?", "", _line(value))[:LONGEST_WORDS]


def _line(value: str) -> str:
    """One line that every database takes."""
    return clean_line(value.encode("utf-8", "replace").decode())


# For people


def _explained(failure: Failure, raw: bytes) -> Failure:
    """A failure of which the report says no more than that, with what people are told of it.

    So does Exim where it delivers itself: a mailbox that is full is no address that is gone.
    """
    if failure.fate != Fate.PERMANENT or failure.words or failure.status != "5.0.0":
        return failure
    text = _text(bounded(raw))
    words = next(filter(None, (_words_after(text, each) for each in sorted(failure.addresses))), "")
    fate, status = fate_of(failure.status, words)
    return replace(failure, fate=fate, status=status, words=words)


def _guess(raw: bytes, message: Message, sent_to: Collection[str]) -> list[Failure]:
    piece = bounded(raw)
    late, failed = (_lower(each) for each in all_failures(message_from_bytes(_plain_head(piece))))
    text = _text(piece)
    is_from_a_machine = _is_from_a_machine(message)
    found = []
    for address in sent_to:
        named = frozenset({address})
        if address in late:
            found.append(Failure(named, Fate.LATE, is_certain=False))
        elif address in failed or (is_from_a_machine and _gives_a_code(text, address)):
            words = _words_after(text, address) or _subject(message)
            fate, status = fate_of("", words)
            found.append(Failure(named, fate, status, words, is_certain=False))
    return found


def bounded(raw: bytes) -> bytes:
    """The beginning of a message, with the beginnings of its lines."""
    lines = raw[:GUESSED_AT_MOST].splitlines()
    return b"\n".join(line[:LONGEST_GUESSED_LINE] for line in lines)


def _plain_head(piece: bytes) -> bytes:
    """With no letters beyond ASCII in its headers, at which the library stops."""
    head, blank, body = piece.partition(b"\n\n")
    return re.sub(rb"[\x80-\xff]", b"?", head) + blank + body


def _lower(addresses: frozenset[bytes]) -> set[str]:
    return {address.decode("ascii", "replace").strip().lower() for address in addresses}


def _text(piece: bytes) -> str:
    """The words for people: the first part that is text."""
    for part in message_from_bytes(piece).walk():
        if part.get_content_maintype() == "text":
            content = part.get_payload(decode=True)
            return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""
    return ""


def _words_after(text: str, address: str) -> str:
    """What stands behind the address, up to the copy of the mail, and at most some lines."""
    at = text.lower().find(address)
    if at < 0:
        return ""
    rest = text[at + len(address) : at + len(address) + 2 * LONGEST_WORDS]
    rest = re.split(r"\n[ \t]*-{2,}|\n[ \t]*\n[ \t]*\n", rest)[0]
    return _line(rest.lstrip(" \t\r\n>:)"))[:LONGEST_WORDS]


def _gives_a_code(text: str, address: str) -> bool:
    words = _words_after(text, address)
    return bool(_ENHANCED.search(words) or _BASIC.search(words))


def _is_from_a_machine(message: Message) -> bool:
    return bool(_MACHINE.search(str(message.get("from", ""))[:500]))


def _subject(message: Message) -> str:
    value = str(message.get("subject", ""))[:LONGEST_WORDS]
    with suppress(ValueError, LookupError):
        value = str(make_header(decode_header(value)))
    return _words(value)
