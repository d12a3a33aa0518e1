"""Sends an item of the outbox: every step is repeatable, and what was done is not done again."""

from __future__ import annotations

import mimetypes
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from send_problem import outbox
from send_problem.credentials import Account, account_for
from send_problem.failures import Exit, Failure, NotNow, Refused
from send_problem.outbox import Attachment, Item
from send_problem.words import clean

if TYPE_CHECKING:
    from send_problem.connection import Link

_IN_PROGRESS = 409


class Progress(Protocol):
    """Is told how the upload goes."""

    def begin(self, attachment: Attachment) -> None: ...

    def advance(self, count: int) -> None: ...


class Silent:
    """Progress that nobody watches."""

    def begin(self, attachment: Attachment) -> None: ...

    def advance(self, count: int) -> None: ...


def deliver(item: Item, link: Link, progress: Progress) -> None:
    """Send what is left of an item and remove it; the caller holds its lock.

    Raises ``NotNow`` when it stays for later, and ``Refused`` when it stays because the server
    will not have it (or one of its files); both are written down in the item.
    """
    try:
        if item.number is None and item.is_patch:
            _send_patch(item, link)
        elif item.number is None:
            _send_report(item, link)
        for attachment in item.attachments:
            if attachment.answer is None:
                _send_attachment(item, attachment, link, progress)
    except NotNow as failure:
        item.reason, item.is_refused = failure.message, False
        item.save()
        raise
    refused = _refused_files(item)
    if refused is not None:
        item.reason, item.is_refused = refused.message, True
        item.save()
        raise refused
    outbox.finish(item)


def _send_report(item: Item, link: Link) -> None:
    try:
        answer = link.send("POST", "problems/", item.body, item.key).data
    except Refused as refusal:
        _raise_when_in_progress(refusal)
        _note_refusal(item, refusal)
        raise
    _note_number(item, answer, "number")


def _note_refusal(item: Item, refusal: Refused) -> None:
    item.reason = " ".join([refusal.message, *refusal.lines])
    item.is_refused = True
    # Nothing was made under the old key, and the server may repeat its refusal for it.
    item.key = str(uuid.uuid4())
    item.save()


def _note_number(item: Item, answer: dict[str, Any], name: str) -> None:
    try:
        item.number, item.url = int(answer[name]), clean(str(answer.get("url", "")))
    except (KeyError, TypeError, ValueError):
        message = f"{item.server} took it, but did not say its number."
        raise NotNow(message, Exit.PROTOCOL) from None
    item.reason, item.is_refused = "", False
    item.save()


def _send_patch(item: Item, link: Link) -> None:
    """All files of a patch in one request: it arrives whole, or not at all."""
    from send_problem.connection import Upload

    uploads = [
        Upload(item.folder / each.stored, each.name, "text/x-diff", lambda count: None)
        for each in item.attachments
    ]
    try:
        answer = link.upload_all(item.path, item.body, uploads, item.key).data
    except Refused as refusal:
        _note_refusal(item, refusal)
        raise
    item.answer = answer
    for attachment in item.attachments:
        attachment.answer = {}
    # A version is told by the number of its patch, as the patch itself is.
    _note_number(item, answer, "patch" if "patch" in answer else "number")


def _send_attachment(item: Item, attachment: Attachment, link: Link, progress: Progress) -> None:
    from send_problem.connection import Upload

    progress.begin(attachment)
    kind = mimetypes.guess_type(attachment.name)[0] or "application/octet-stream"
    path = item.folder / attachment.stored
    upload = Upload(path, attachment.name, kind, progress.advance)
    try:
        answer = link.upload(f"problems/{item.number}/attachments/", upload, attachment.key)
    except Refused as refusal:
        _raise_when_in_progress(refusal)
        # The other files are sent all the same.
        attachment.refused = " ".join([refusal.message, *refusal.lines])
        attachment.key = str(uuid.uuid4())
    else:
        attachment.answer, attachment.refused = answer.data, ""
    item.save()


def _raise_when_in_progress(refusal: Refused) -> None:
    if refusal.status == _IN_PROGRESS:
        raise NotNow(refusal.message, Exit.LATER) from refusal


def _refused_files(item: Item) -> Refused | None:
    lines = [f"{a.name}: {a.refused}" for a in item.attachments if a.refused]
    if not lines:
        return None
    message = f"Problem {item.number} is reported, but the server refused files of it:"
    return Refused(" ".join([message, *lines]), Exit.DATA, 0)


@dataclass
class Flushed:
    """What became of the items: those sent, those that wait, those refused."""

    sent: list[Item] = field(default_factory=list)
    waiting: list[Item] = field(default_factory=list)
    refused: list[Item] = field(default_factory=list)


def flush(
    connect: Callable[[str, Account | None], Link],
    *,
    progress: Progress | None = None,
    servers: set[str] | None = None,
    with_refused: bool = False,
) -> Flushed:
    """Send what waits, server by server; an item that another call is sending is left to it."""
    outbox.sweep()
    flushed = Flushed()
    gone: dict[str, str] = {}
    for waiting in outbox.items():
        if servers is not None and waiting.server not in servers:
            continue
        with outbox.hold(waiting.id) as item:
            if item is None:
                _left_to_another(waiting, flushed)
            elif item.is_refused and not with_refused:
                flushed.refused.append(item)
            elif item.server in gone:
                _keep(item, gone[item.server], flushed)
            else:
                _flush_one(item, connect, progress or Silent(), flushed, gone)
    return flushed


def _left_to_another(item: Item, flushed: Flushed) -> None:
    if outbox.load(item.id) is not None:
        item.reason = "another send-problem is sending it at this moment"
        flushed.waiting.append(item)


def _flush_one(
    item: Item,
    connect: Callable[[str, Account | None], Link],
    progress: Progress,
    flushed: Flushed,
    gone: dict[str, str],
) -> None:
    account = account_for(item.server)
    if account and item.account and account.email != item.account:
        reason = f"It was written as {item.account}: log in as that person to send it."
        _keep(item, reason, flushed)
        return
    try:
        deliver(item, connect(item.server, account), progress)
        flushed.sent.append(item)
    except NotNow as failure:
        # Without a network the next item of that server would only wait for it once more.
        gone[item.server] = failure.message
        flushed.waiting.append(item)
    except Refused:
        flushed.refused.append(item)
    except Failure as failure:
        _keep(item, failure.message, flushed)


def _keep(item: Item, reason: str, flushed: Flushed) -> None:
    item.reason = reason
    item.save()
    flushed.waiting.append(item)
