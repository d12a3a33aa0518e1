"""Changes to problems. Each is one transaction: the row, its event, and what the signal carries.

Every function takes the acting person and the door; every change of a problem row happens under
its lock. Rights are asked here, so that no door can forget to.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from tracker.changes import UNSET, Conflict, ProblemChange, apply_change, refuse_moved
from tracker.drafts import Faults, ProblemDraft, check, check_text
from tracker.duplicates import lock_groups, regroup
from tracker.models import Attachment, Comment, Door, Event, Problem, State
from tracker.policies import may
from tracker.signals import problem_happened, votes_moved
from tracker.text import clean_line, is_blank


class StaleChange(Conflict):
    """Somebody else changed the problem since the version that this change started from."""


@transaction.atomic
def report(draft: ProblemDraft, reporter: Person, door: Door) -> Problem:
    """Store a new problem with its first event; the reporter's own +1 follows from the signal.

    Raises `DraftErrors` with every fault, and `Denied`.
    """
    require(may("problem.report", reporter))
    checked = check(draft)
    values = {f.name: getattr(checked, f.name) for f in fields(checked)}
    problem = Problem.objects.create(reporter=reporter, **values)
    record(problem, Event.Kind.REPORTED, reporter, door)
    # The signal's receivers count the reporter's vote on the row.
    problem.refresh_from_db(fields=["people", "waiting", "heat"])
    return problem


@transaction.atomic
def comment(
    problem: Problem, author: Person, text: str, door: Door, attachments: Iterable[Attachment] = ()
) -> Comment:
    """Add a comment. The reporter's answer to a question puts the problem back to open."""
    require(may("problem.comment", author, problem))
    faults = Faults()
    cleaned = check_text("text", text, faults)
    if is_blank(cleaned) and not faults.errors:
        faults.add("text", "Write something first.")
    faults.raise_if_any()
    locked = lock(problem)
    added = Comment.objects.create(problem=locked, author=author, text=cleaned, door=door)
    for attachment in attachments:
        attachment.comment = added
        attachment.save(update_fields=["comment"])
    changes = _take_as_answer(locked, author)
    touch(locked)
    record(locked, Event.Kind.COMMENTED, author, door, changes=changes, comment=added)
    return added


def _take_as_answer(problem: Problem, author: Person) -> list[dict[str, Any]]:
    """The reporter's word, or file, puts a problem that waits for it back to open."""
    if problem.state != State.FEEDBACK or problem.reporter_id != author.pk:
        return []
    problem.state = State.OPEN
    problem.version += 1
    return [{"field": "state", "old": State.FEEDBACK.value, "new": State.OPEN.value}]


@transaction.atomic
def attach(problem: Problem, uploader: Person, upload: File[bytes], door: Door) -> Attachment:
    """Keep a file with the problem. Raises `DraftErrors` when it is too large or one too many."""
    require(may("problem.attach", uploader, problem))
    name = safe_file_name(upload.name or "")
    locked = lock(problem)
    _check_uploads(locked, [upload])
    attachment = Attachment(
        problem=locked,
        uploader=uploader,
        name=name,
        size=upload.size,
        sha256=_sha256(upload),
        content_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
    )
    store_file(attachment, upload)
    attachment.save()
    changes = _take_as_answer(locked, uploader)
    touch(locked)
    record(locked, Event.Kind.ATTACHED, uploader, door, changes=changes, attachment=attachment)
    return attachment


@transaction.atomic
def attach_all(
    problem: Problem, uploader: Person, uploads: Iterable[File[bytes]], door: Door
) -> list[Attachment]:
    """Keep all of the files, or none: `DraftErrors` then names each that is not taken."""
    files = list(uploads)
    # Before the first byte is kept, as undoing a transaction leaves files where they are.
    _check_uploads(problem, files)
    return [attach(problem, uploader, upload, door) for upload in files]


def store_file(attachment: Attachment, upload: File[bytes]) -> None:
    """Put the bytes where their digest says; the same bytes are kept once."""
    field = attachment.file
    path = field.field.generate_filename(attachment, attachment.name)
    if field.storage.exists(path):
        field.name = path
    else:
        field.save(path, upload, save=False)


def _check_uploads(problem: Problem, uploads: list[File[bytes]]) -> None:
    faults = Faults()
    most = settings.ATTACHMENTS_PER_PROBLEM
    if uploads and problem.attachments.count() + len(uploads) > most:
        faults.add("file", f"A problem takes {most} files at the most.")
    for upload in uploads:
        if (upload.size or 0) > settings.ATTACHMENT_BYTES:
            faults.add(
                "file",
                f"“{safe_file_name(upload.name or '')}” has {upload.size:,} bytes; "
                f"at most {settings.ATTACHMENT_BYTES:,} are taken.",
            )
    faults.raise_if_any()


def safe_file_name(name: str) -> str:
    """The last part of a path, one line, without what file systems or headers read otherwise."""
    last = re.split(r"[/\\]", name)[-1]
    # Forms cannot carry quotes and line ends in names: browsers send them as these escapes.
    plain = re.sub(r'%22|%0D%0A|%0[AD]|["<>|:*?]', "_", clean_line(last))
    return plain.strip(". ")[-200:] or "unnamed"


def _sha256(upload: File[bytes]) -> str:
    upload.seek(0)
    digest = hashlib.sha256()
    for chunk in upload.chunks():
        digest.update(chunk)
    upload.seek(0)
    return digest.hexdigest()


@transaction.atomic
def change(
    problem: Problem,
    actor: Person,
    asked: ProblemChange,
    door: Door,
    *,
    expected_version: int | None = None,
    base: Mapping[str, str] | None = None,
) -> Event | None:
    """Change fields and state at once: all that is asked, or nothing.

    Returns the event, or None when everything was so already. Raises `DraftErrors` for wrong
    words, `Denied`, `Conflict` for a state that cannot follow, `StaleChange` when
    `expected_version` is not the row's, and `FieldsMoved` when one of the asked fields is no longer
    what `base` has (see `refuse_moved`): changes of different fields both go through.
    """
    if asked.duplicate_of is not UNSET or problem.duplicate_of_id is not None:
        lock_groups()
    locked = lock(problem)
    if expected_version is not None and expected_version != locked.version:
        raise StaleChange(
            "Somebody changed this problem while you were editing. Look at what is new and "
            "send your change again."
        )
    if base is not None:
        refuse_moved(locked, asked, base)
    was_duplicate, product = locked.duplicate_of, locked.product_id
    changes = apply_change(locked, asked, actor)
    if not changes:
        return None
    if locked.product_id != product:
        changes += _forget_marks(locked)
    locked.version += 1
    touch(locked)
    if locked.duplicate_of != was_duplicate:
        regroup(locked, was_duplicate)
    elif asked.is_confidential is not UNSET:
        # Which votes count for a head follows from who may know of both.
        votes_moved.send(Problem, problems=[p for p in (locked, locked.head) if p is not None])
    return record(locked, Event.Kind.CHANGED, actor, door, changes=changes)


def _forget_marks(problem: Problem) -> list[dict[str, Any]]:
    """What was marked of the releases of a product means nothing in another one."""
    marks = problem.release_statuses.select_related("release")
    changes = [{"field": f"status in {m.release}", "old": m.status, "new": ""} for m in marks]
    problem.release_statuses.all().delete()
    return changes


@transaction.atomic
def change_by_tracker(
    problem: Problem, asked: ProblemChange, note: str, *, quiet: bool = False
) -> Event | None:
    """As `change`, by nobody: what the tracker does by itself, and `note` says why.

    It changes no duplicates. Raises `DraftErrors` and `Conflict` as `change` does.
    """
    locked = lock(problem)
    changes = apply_change(locked, asked, None)
    if not changes:
        return None
    locked.version += 1
    touch(locked)
    return record(
        locked, Event.Kind.CHANGED, None, Door.SYSTEM, changes=changes, note=note, quiet=quiet
    )


def lock(problem: Problem) -> Problem:
    """The row as it is now, held until the transaction ends."""
    return (
        Problem.objects.select_for_update(of=("self",))
        .select_related("product", "component", "release", "fixed_in", "assignee", "duplicate_of")
        .get(pk=problem.pk)
    )


def touch(problem: Problem) -> None:
    """Save the row as the latest active one."""
    problem.changed_at = timezone.now()
    problem.save()


def record(
    problem: Problem, kind: Event.Kind, actor: Person | None, door: Door, **extra: Any
) -> Event:
    """Write the event and tell the apps above, inside the running transaction."""
    quiet = extra.pop("quiet", False)
    event = Event.objects.create(problem=problem, kind=kind, actor=actor, door=door, **extra)
    problem_happened.send(Event, event=event, quiet=quiet)
    return event
