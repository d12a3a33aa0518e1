"""The message behind a comment or report that came by mail, and who may look at it.

A message holds more than its writer meant to post: addresses of others, what it quotes, links that
act for whoever has them. Its writer and administrators see all of it and may take it away;
triagers read its text without what may be an address, a link of ours or a key; others see nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.policies import Viewer, as_person
from notifications.gate.addresses import NoSuchAddress, ReportTo, read_recipient
from notifications.gate.models import IncomingMail
from notifications.gate.parsing import parse
from notifications.policies import may_of_mail
from tracker.models import Door, Problem
from tracker.policies import visible_problems
from tracker.timeline import Entry

# A page shows so much of a text; the download has it all.
SHOWN_CHARS: Final = 200_000
# One report is looked for among so many mails about its problem that were no comments.
_LOOKED_THROUGH: Final = 20
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),:;@]{1,64}@[^\s<>\"'(),:;@]{1,253}")
_KEY: Final = re.compile(r"(?=[A-Za-z_:.~+=-]{0,200}\d)[\w:.~+=-]{32,}", re.ASCII)


@dataclass(frozen=True)
class Originals:
    """Which messages a viewer may look at: by comment, and that of the report."""

    of_comments: dict[int, int] = field(default_factory=dict)
    of_report: int | None = None

    def behind(self, entry: Entry) -> int | None:
        """The message behind an entry of the timeline."""
        if entry.comment is not None:
            return self.of_comments.get(entry.comment.pk)
        return self.of_report if entry.kind == "reported" else None


@dataclass(frozen=True)
class Original:
    """A message as a page shows it; `is_whole` says whether nothing of it is masked."""

    subject: str
    text: str
    files: list[tuple[str, int]]
    faults: tuple[str, ...]
    is_whole: bool
    is_cut: bool


def originals_of(viewer: Viewer, problem: Problem, entries: Iterable[Entry]) -> Originals:
    """What `viewer` may look at of the entries. One query, none where nothing came by mail."""
    by_mail = [entry for entry in entries if entry.door == Door.MAIL]
    if not by_mail or as_person(viewer) is None:
        return Originals()
    comments = [entry.comment.pk for entry in by_mail if entry.comment is not None]
    behind = Q(comment__in=comments)
    if any(entry.kind == "reported" for entry in by_mail):
        behind |= Q(problem=problem, comment=None, person=problem.reporter_id)
    rows = IncomingMail.objects.filter(behind, state=IncomingMail.State.DONE).exclude(file="")
    found: dict[int, int] = {}
    report = None
    for row in rows.order_by("pk")[: len(comments) + _LOOKED_THROUGH]:
        if not may_of_mail("original.read", viewer, row):
            continue
        if row.comment_id is not None:
            found[row.comment_id] = row.pk
        elif report is None and _is_report(row):
            report = row.pk
    return Originals(found, report)


def _is_report(row: IncomingMail) -> bool:
    try:
        return isinstance(read_recipient(row.recipient), ReportTo)
    except NoSuchAddress:
        return False


def visible_originals(viewer: Viewer) -> QuerySet[IncomingMail]:
    """Messages that became something that `viewer` may see; each asks its own right as well."""
    done = IncomingMail.objects.filter(state=IncomingMail.State.DONE)
    return done.filter(problem__in=visible_problems(viewer))


def bytes_of(row: IncomingMail) -> bytes | None:
    """The message as it came; None when it is not kept any more."""
    if not row.file:
        return None
    try:
        with row.file.open("rb") as file:
            return bytes(file.read())
    except FileNotFoundError:
        return None


def shown(row: IncomingMail, raw: bytes, *, is_whole: bool) -> Original:
    """The message in words, as its reader may have it."""
    mail = parse(raw)
    text, subject = mail.text[:SHOWN_CHARS], mail.subject
    if not is_whole:
        text, subject = masked(text), masked(subject)
    names = [(file.name or "unnamed", len(file.content)) for file in mail.files]
    files = names if is_whole else [(masked(name), size) for name, size in names]
    return Original(subject, text, files, mail.faults, is_whole, len(mail.text) > SHOWN_CHARS)


def masked(text: str) -> str:
    """A text without what may be an address, a link of ours that acts, or a key."""
    ours = re.compile(rf"{re.escape(settings.BASE_URL)}/(?!\d+(?![\w/?]))\S*")
    text = ours.sub("[link]", text)
    return _KEY.sub("[…]", _ADDRESS.sub("[address]", text))
