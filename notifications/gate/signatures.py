"""Which domain answers for a mail: by DKIM (RFC 6376), or by the word of one's own server.

A signature counts when its domain is that of the From address or one above it, and when it covers
what a mail is taken for: From, the subject, the header that names the address of ours, and the
Message-ID. Without the last two, whoever got a signed mail could send it to us, or once more.

DNS that does not answer makes a mail unsigned, never lost: its person is asked instead.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import dkim
import dns.exception
import dns.resolver
from django.conf import settings

from notifications.gate.parsing.headers import addresses_in, read_headers

logger = logging.getLogger(__name__)

# For all signatures of a mail together.
DNS_SECONDS: Final = 3.0
MOST_SIGNATURES: Final = 5
# What is larger costs more than a question to its sender does.
HEAD_BYTES: Final = 256 * 2**10
LINES: Final = 700_000
BLANKS: Final = 700_000
# Of a message of more bytes fewer signatures are looked at: each reads all of it.
LARGE: Final = 2**20
MOST_OF_LARGE: Final = 2
# Runs of blanks take dkimpy the square of their length.
LONGEST_BLANK: Final = 200
LONG_BLANKS: Final = 50_000

_CACHED_NAMES: Final = 1_000
_SHORTEST_KEPT, _LONGEST_KEPT = 60.0, 3600.0
_FIELD: Final = re.compile(rb"(?m)^([!-9;-~]+)[ \t]*:((?:[^\n]|\n[ \t])*)")
_ONCE: Final = (
    b"from", b"subject", b"to", b"cc", b"date", b"message-id", b"in-reply-to", b"references",
    b"mime-version", b"content-type", b"content-transfer-encoding",
)  # fmt: skip
_COMMENT: Final = re.compile(r"\([^()]*\)")
_PASSED: Final = re.compile(r"dkim\s*=\s*pass\b.*?\bheader\.d\s*=\s*\"?([a-z0-9.-]+)", re.DOTALL)

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Signature:
    """What is needed of a DKIM-Signature before its arithmetic. `index` counts from the top."""

    index: int
    domain: str
    covers: frozenset[bytes]
    is_sound: bool


def signing_domain(raw: bytes, from_address: str, recipient: str) -> str:
    """The domain that answers for a mail from `from_address` to our `recipient`; "" for none."""
    head = re.split(rb"\r?\n\r?\n", raw[: HEAD_BYTES + 4], maxsplit=1)[0]
    if not from_address or len(head) > HEAD_BYTES:
        return ""
    fields = [(name.lower(), value) for name, value in _FIELD.findall(head)]
    needed = _needed(fields, recipient)
    domain = ascii_domain(from_address)
    if needed is None or not domain or not _is_plain(raw, len(head), fields):
        return ""
    signatures = _signatures(fields)
    vouched = _vouched_by_own_server(fields, signatures, domain, needed)
    if vouched or settings.MAIL_AUTHSERV_ID:
        return vouched
    return _verified(raw, signatures, domain, needed)


def _is_plain(raw: bytes, end: int, fields: Fields) -> bool:
    """Whether those who sign and the reader of mails see the same headers up to `end`.

    What ends them earlier for the reader, such as a line of blanks, goes on with a header for the
    others, and not every header is signed: whoever has a signed mail could put other words above
    those of its writer.
    """
    headers, body = read_headers(raw, 0, end)
    return body == end and len(headers.pairs) == len(fields)


def ascii_domain(address: str) -> str:
    """The domain of an address as DNS has it; "" for what is none."""
    try:
        return address.rpartition("@")[2].strip(".").lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def is_aligned(signer: str, domain: str) -> bool:
    """Whether `signer` is `domain` or one above it; a top-level domain signs for nobody."""
    return "." in signer and f".{domain}".endswith(f".{signer}")


def _needed(fields: Fields, recipient: str) -> frozenset[bytes] | None:
    """The headers that a signature must cover; None where the mail is not plainly what it says.

    Of a header that is there twice, programs that sign and those that show take different ones.
    """
    names = [name for name, _ in fields]
    if any(names.count(name) > 1 for name in _ONCE) or not {b"from", b"message-id"} <= {*names}:
        return None
    values = {name: value.decode("utf-8", "replace") for name, value in fields if name in _ONCE}
    for name in (b"to", b"cc"):
        if recipient.lower() in addresses_in([values.get(name, "")]):
            return frozenset({b"from", b"message-id", name, *({b"subject"} & set(names))})
    return None


def _signatures(fields: Fields) -> list[Signature]:
    values = [value for name, value in fields if name == b"dkim-signature"]
    return [_signature(index, value) for index, value in enumerate(values[:MOST_SIGNATURES])]


def _signature(index: int, value: bytes) -> Signature:
    tags: dict[bytes, bytes] = {}
    for tag in value.split(b";"):
        name, _, said = tag.partition(b"=")
        tags.setdefault(name.strip().lower(), re.sub(rb"\s+", b"", said))
    domain = tags.get(b"d", b"").decode("ascii", "replace").strip(".").lower()
    covers = frozenset(tags.get(b"h", b"").lower().split(b":"))
    # l= lets anybody write below what was signed; RFC 8301 forbids SHA-1.
    is_sound = b"l" not in tags and tags.get(b"a", b"").lower() != b"rsa-sha1"
    return Signature(index, domain, covers, is_sound and not _is_past(tags.get(b"x", b"")))


def _is_past(expires: bytes) -> bool:
    """Whether a signature has expired; dkimpy would let it pass for ten hours more."""
    return expires.isdigit() and len(expires) < 19 and int(expires) < time.time()


# The word of one's own server


def _vouched_by_own_server(
    fields: Fields, signatures: list[Signature], domain: str, needed: frozenset[bytes]
) -> str:
    """RFC 8601: only the topmost result, and only of the server that the operator named.

    It does not say which of a domain's signatures passed, so all of them must cover what counts.
    """
    results = [value for name, value in fields if name == b"authentication-results"]
    if not (settings.MAIL_AUTHSERV_ID and results):
        return ""
    words = _COMMENT.sub(" ", results[0].decode("utf-8", "replace").lower())
    server, *stated = words.split(";")
    if server.split()[:1] != [settings.MAIL_AUTHSERV_ID.lower()]:
        return ""
    for each in stated:
        found = _PASSED.match(each.strip())
        if found is None or not is_aligned(found[1], domain):
            continue
        theirs = [one for one in signatures if one.domain == found[1]]
        if theirs and all(one.is_sound and needed <= one.covers for one in theirs):
            return found[1]
    return ""


# Arithmetic


def _verified(
    raw: bytes, signatures: list[Signature], domain: str, needed: frozenset[bytes]
) -> str:
    """The domain of the first signature that counts and is right."""
    wanted = [
        one
        for one in signatures
        if one.is_sound and needed <= one.covers and is_aligned(one.domain, domain)
    ]
    if not wanted or _is_too_costly(raw):
        return ""
    keys = _Keys(time.monotonic() + DNS_SECONDS)
    for one in wanted if len(raw) <= LARGE else wanted[:MOST_OF_LARGE]:
        try:
            # It reads the message anew for each, since verifying changes what it has read.
            if dkim.DKIM(raw).verify(one.index, dnsfunc=keys.text_of):
                return one.domain
        except Exception as error:  # dkimpy raises many kinds, its own and not, on broken input
            logger.info("A signature of %s is not right: %s", one.domain, error)
    return ""


def _is_too_costly(raw: bytes) -> bool:
    blanks = raw.replace(b"\t", b" ")
    return (
        raw.count(b"\n") > LINES
        or blanks.count(b" ") > BLANKS
        or b" " * LONGEST_BLANK in blanks
        or blanks.count(b" " * 16) > LONG_BLANKS
    )


class _Keys:
    """Public keys from DNS, until a deadline; what was found is remembered by this process."""

    def __init__(self, deadline: float) -> None:
        self._deadline = deadline

    def text_of(self, name: bytes | str, timeout: float = 0) -> bytes:
        """The TXT record of a name; b"" for none. Raises `dkim.DnsTimeoutError`."""
        asked = (name.decode("ascii") if isinstance(name, bytes) else name).lower()
        known = _cache.get(asked)
        if known is not None:
            return known
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise dkim.DnsTimeoutError("no time left")
        found, keep = _ask(asked, left)
        _cache.put(asked, found, keep)
        return found


def make_resolver() -> dns.resolver.Resolver:
    """As the machine is set up. Raises `dns.resolver.NoResolverConfiguration`."""
    return dns.resolver.Resolver()


def _ask(name: str, seconds: float) -> tuple[bytes, float]:
    """(the record, for how many seconds it may be remembered)."""
    try:
        answer: Any = make_resolver().resolve(name, "TXT", lifetime=seconds)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return b"", _SHORTEST_KEPT
    except (dns.exception.DNSException, OSError) as error:
        raise dkim.DnsTimeoutError(str(error)) from None
    texts = [b"".join(record.strings) for record in answer]
    # Several records for one key are none: which of them is meant cannot be told.
    kept = min(max(float(answer.rrset.ttl), _SHORTEST_KEPT), _LONGEST_KEPT)
    return (texts[0] if len(texts) == 1 else b""), kept


class _Cache:
    """The last answers of DNS, up to a number of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def get(self, name: str) -> bytes | None:
        with self._lock:
            until, found = self._found.get(name, (0.0, b""))
        return found if time.monotonic() < until else None

    def put(self, name: str, found: bytes, seconds: float) -> None:
        with self._lock:
            self._found[name] = (time.monotonic() + seconds, found)
            self._found.move_to_end(name)
            while len(self._found) > _CACHED_NAMES:
                self._found.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._found.clear()


_cache = _Cache()


def forget_keys() -> None:
    """Ask DNS anew."""
    _cache.clear()
