"""Bytes of a message to what it says. No database, no settings, no message that stops it.

tree          the parts, found by their boundaries          headers    what stands above them
charsets      bytes to letters                              bodies     which parts are text
html, plain   to text, with what is quoted marked           tnef       winmail.dat
own_words     without what others wrote (attributions)      automatic  whether a program wrote
limits        how much is looked at
"""

from __future__ import annotations

import logging
import re
from typing import Final

from notifications.gate.parsed import ParsedMail
from notifications.gate.parsing import limits
from notifications.gate.parsing.automatic import is_bounce, why_automatic
from notifications.gate.parsing.bodies import read_body
from notifications.gate.parsing.headers import Headers, addresses, date, identifiers, words
from notifications.gate.parsing.own_words import own_words
from notifications.gate.parsing.tree import BROKEN, Tree, read_tree
from patches.finding import mailed

__all__ = ["parse", "read"]

_ANSWER: Final = re.compile(r"(?:re|aw|sv|antw|odp|ynt|vs|r|rif|res|回复|答复|回覆)\s*[:：]", re.I)
UNREADABLE: Final = "The mail could not be read; send it again as plain text."

_log = logging.getLogger(__name__)


def parse(raw: bytes, sender: str | None = None, host: str = "") -> ParsedMail:
    """What a message says. Never raises; time and memory are bounded by `limits`.

    sender  of the envelope: "" is the null return path, None is not known
    host    what our own X-Loop says; without it any X-Loop is taken for ours
    """
    try:
        return read(raw, sender, host)
    except Exception:
        # The message is kept, and an administrator can look at it.
        _log.exception("A message of %d bytes could not be parsed", len(raw))
        return ParsedMail(automatic="cannot be read", faults=(UNREADABLE,))


def read(raw: bytes, sender: str | None = None, host: str = "") -> ParsedMail:
    """`parse` without its net, so that tests see what would fall into it."""
    tree = read_tree(raw[: limits.MESSAGE_BYTES])
    headers = tree.root.headers
    body = read_body(tree.root)
    automatic = why_automatic(tree, body.text, sender, host)
    from_addresses, from_name = addresses(headers, "from")
    patch = None if automatic else mailed(raw[: limits.MESSAGE_BYTES])
    attached = patch.attached if patch is not None else ""
    return ParsedMail(
        message_id=next(iter(identifiers(headers, "message-id")), ""),
        references=identifiers(headers, "references", "in-reply-to"),
        from_name=from_name,
        from_addresses=tuple(from_addresses),
        reply_to=next(iter(addresses(headers, "reply-to")[0]), ""),
        subject=_subject(headers),
        date=date(headers),
        text=body.text,
        own_text=own_words(body.marked, _is_answer(headers), _answered(headers, host)),
        files=tuple(each for each in body.files if not attached or each.name != attached),
        automatic=automatic,
        is_bounce=is_bounce(tree, body.text, automatic, sender),
        faults=_faults(tree, body.faults, bool(body.text.strip() or body.files)),
        patch=patch,
    )


def _subject(headers: Headers) -> str:
    return words(headers.get("subject"))[: limits.SUBJECT]


def _answered(headers: Headers, host: str) -> frozenset[str]:
    """The domains of whom it goes to, and ours."""
    named = {each.rpartition("@")[2] for each in addresses(headers, "to")[0]}
    return frozenset((named | {host.lower()}) - {""})


def _is_answer(headers: Headers) -> bool:
    named = "in-reply-to" in headers or "references" in headers
    return named or _ANSWER.match(_subject(headers)) is not None


def _faults(tree: Tree, others: list[str], has_content: bool) -> tuple[str, ...]:
    """A missing last boundary costs nothing that anybody would miss."""
    ours = [fault for fault in tree.faults if fault != BROKEN or not has_content]
    return tuple(dict.fromkeys([*ours, *others]))
