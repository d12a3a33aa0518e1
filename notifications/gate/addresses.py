"""The addresses at which mail comes in, and what each of them means.

    reply+<token>@domain           a person's mail about one problem, or one patch
    bounce+<token>@domain          the return path of one message of the outbox
    report@domain                  a new report; report+base@ and report+base.net@ name the place

With a single mailbox, `MAIL_IN=tracker@example.org`, they are tracker+reply-<token>@,
tracker+bounce-<token>@, tracker@ and tracker+report-base.net@.

A token is what it names and an HMAC over that with `SECRET_KEY`, in base32, because servers on the
way may change the case of a local part. It is shorter than the 64 characters of RFC 5321, section
4.5.3.1.1.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32decode, b32encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from functools import lru_cache
from typing import Final

from django.conf import settings
from django.utils import timezone

REPLY: Final = "reply"
BOUNCE: Final = "bounce"
REPORT: Final = "report"
# Not seen in an address: what the MAC of a reply address says that is for a patch.
_PATCH: Final = "reply about a patch"
# People answer old mails; whoever finds one in an archive should not be able to.
REPLIES_FOR: Final = timedelta(days=180)

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
# 80 bits: a guess a microsecond finds one in a hundred billion years.
_REPLY_MAC: Final = 10
_BOUNCE_MAC: Final = 8
_PERSON, _PROBLEM, _HOURS, _MESSAGE = 4, 5, 3, 6
_SHAPE: Final = re.compile(r"(reply|bounce|report)(?:[+-](.+))?", re.IGNORECASE)


@dataclass(frozen=True)
class ReplyTo:
    """A person's address for one problem, or one patch; both are 0 for mails about none."""

    person: int
    problem: int
    # To the hour, rounded up: what was revoked earlier within the hour is void too.
    issued_at: datetime
    patch: int = 0

    @property
    def is_about_something(self) -> bool:
        return bool(self.problem or self.patch)

    @property
    def is_expired(self) -> bool:
        return timezone.now() > self.issued_at + REPLIES_FOR


@dataclass(frozen=True)
class BounceOf:
    """The return path of the message with this key."""

    message: int


@dataclass(frozen=True)
class ReportTo:
    """The address of new reports.

    `place` is "" or a product's slug, or that, a dot and a component's slug; slugs have dots too.
    """

    place: str = ""


Recipient = ReplyTo | BounceOf | ReportTo


class NoSuchAddress(Exception):
    """Nothing of ours; the message is one line that a server may give as its reason."""


def is_open() -> bool:
    """Whether mail comes in at all."""
    return bool(settings.MAIL_IN_DOMAIN)


def reply_address(person_id: int, problem_number: int, at: datetime | None = None) -> str:
    """Where `person` may write about a problem; "" when no mail comes in."""
    return _address(REPLY, _sign(REPLY, _named(person_id, problem_number, at), _REPLY_MAC))


def patch_reply_address(person_id: int, number: int, at: datetime | None = None) -> str:
    """Where `person` may write about a patch; "" when no mail comes in.

    Servers that know the others know it: only the MAC tells them apart.
    """
    return _address(REPLY, _sign(_PATCH, _named(person_id, number, at), _REPLY_MAC))


def _named(person_id: int, number: int, at: datetime | None) -> bytes:
    hours = -(-((at or timezone.now()) - _EPOCH) // _HOUR)
    return (
        person_id.to_bytes(_PERSON, "big")
        + number.to_bytes(_PROBLEM, "big")
        + max(hours, 0).to_bytes(_HOURS, "big")
    )


def bounce_address(message_pk: int) -> str:
    """The return path of a message of the outbox; "" when no mail comes in."""
    return _address(BOUNCE, _sign(BOUNCE, message_pk.to_bytes(_MESSAGE, "big"), _BOUNCE_MAC))


def report_address(product: str = "", component: str = "") -> str:
    """Where reports go; "" when no mail comes in."""
    place = f"{product}.{component}" if component else product
    if is_open() and settings.MAIL_IN_BOX and not place:
        return f"{settings.MAIL_IN_BOX}@{settings.MAIL_IN_DOMAIN}"
    return _address(REPORT, place)


def read_recipient(address: str) -> Recipient:
    """What one of our addresses means. Raises `NoSuchAddress`.

    An expired or revoked address is read like another: who may is `senders`' to say.
    """
    # Python reads brackets by calling itself, as often as somebody opens one; none of ours has any.
    plain = address if not set("(:,") & set(address) else ""
    local, _, domain = parseaddr(plain)[1].rpartition("@")
    if not is_open() or domain.lower() != settings.MAIL_IN_DOMAIN:
        raise NoSuchAddress("This tracker takes no mail for that domain.")
    purpose, detail = _split(local)
    if purpose == REPORT:
        return ReportTo(detail.lower())
    if purpose == REPLY:
        return _read_reply(detail)
    named, _ = _verify(detail, _MESSAGE, _BOUNCE_MAC, BOUNCE)
    return BounceOf(int.from_bytes(named, "big"))


def _read_reply(token: str) -> ReplyTo:
    size = _PERSON + _PROBLEM + _HOURS
    named, purpose = _verify(token, size, _REPLY_MAC, REPLY, _PATCH)
    number = int.from_bytes(named[_PERSON:-_HOURS], "big")
    return ReplyTo(
        int.from_bytes(named[:_PERSON], "big"),
        number if purpose == REPLY else 0,
        _EPOCH + int.from_bytes(named[-_HOURS:], "big") * _HOUR,
        number if purpose == _PATCH else 0,
    )


def is_ours(address: str) -> bool:
    """Whether an address is one at which we take mail, so that nothing is ever sent there."""
    local, _, domain = address.lower().rpartition("@")
    if not is_open() or domain != settings.MAIL_IN_DOMAIN:
        return False
    try:
        _split(local)
    except NoSuchAddress:
        return False
    return True


def without_keys(text: str) -> str:
    """A text in which no reply address acts for anybody: what people post may quote theirs."""
    key = re.compile(
        rf"({re.escape(_stem(REPLY))})[a-z2-7]{{16,}}(?=@{re.escape(settings.MAIL_IN_DOMAIN)})",
        re.IGNORECASE,
    )
    return key.sub(r"\1…", text) if is_open() else text


def _split(local: str) -> tuple[str, str]:
    """(purpose, what follows) of a local part."""
    box = settings.MAIL_IN_BOX
    if box:
        name, _, rest = local.partition("+")
        if name.lower() != box:
            raise NoSuchAddress("There is no such mailbox.")
        if not rest:
            return REPORT, ""
        local = rest
    found = _SHAPE.fullmatch(local)
    if found is None:
        raise NoSuchAddress("There is no such mailbox.")
    return found[1].lower(), found[2] or ""


def _address(purpose: str, detail: str) -> str:
    if not is_open():
        return ""
    local = f"{_stem(purpose)}{detail}" if detail else _stem(purpose)[:-1]
    return f"{local}@{settings.MAIL_IN_DOMAIN}"


def _stem(purpose: str) -> str:
    """What stands before the detail of an address."""
    box = settings.MAIL_IN_BOX
    return f"{box}+{purpose}-" if box else f"{purpose}+"


def _sign(purpose: str, named: bytes, length: int) -> str:
    signed = named + _mac(purpose, named, length)
    return b32encode(signed).decode("ascii").rstrip("=").lower()


def _verify(token: str, size: int, length: int, *purposes: str) -> tuple[bytes, str]:
    """What a token names, and for which of `purposes`. Raises `NoSuchAddress` for one that we did
    not make."""
    padded = token.upper() + "=" * (-len(token) % 8)
    try:
        signed = b32decode(padded)
    except ValueError:
        signed = b""
    named, mac = signed[:size], signed[size:]
    for purpose in purposes:
        if len(signed) == size + length and hmac.compare_digest(mac, _mac(purpose, named, length)):
            return named, purpose
    raise NoSuchAddress("This address is not complete, or not one of ours.")


def _mac(purpose: str, named: bytes, length: int) -> bytes:
    return hmac.digest(_key(purpose, settings.SECRET_KEY), named, "sha256")[:length]


@lru_cache(maxsize=8)
def _key(purpose: str, secret: str) -> bytes:
    """The one that `salted_hmac` makes anew for each mail, with a digest of its own."""
    return hashlib.sha256(f"notifications.gate.addresses.{purpose}{secret}".encode()).digest()
