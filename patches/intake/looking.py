"""Looking for patches in what people send: attachments, comments, descriptions of reports.

Each is looked at once: the Look row that says so is written in the transaction of what is made of
it. Bytes are read before, outside of any transaction.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Denied
from patches import finding
from patches.finding import NotAPatch, ParsedPatch, Place, Unreadable
from patches.finding.limits import MOST_BYTES
from patches.intake.following import already_there, followed_by
from patches.intake.submitting import add_version, edit, named_problems, submit
from patches.locking import lock_problems
from patches.models import TITLE_CHARS, WAITING, Look, Patch, PatchFix, PatchVersion
from tracker.changes import Conflict
from tracker.drafts import DraftErrors
from tracker.models import Attachment, Comment, Door, Event, Problem
from tracker.policies import visible_problems

logger = logging.getLogger(__name__)

Thing = Attachment | Comment | Problem
# So long the rest of a series is waited for.
SERIES_WAITS: Final = timedelta(minutes=5)
# Parts of a series in one thread may come so far apart.
SERIES_TAKES: Final = timedelta(days=1)
# Files that were sent together, and have no numbers but in their names.
FILES_TAKE: Final = timedelta(seconds=10)
# Larger files are not looked at as parts of another's series.
_PART_BYTES: Final = 4 * 2**20
_REASON_CHARS: Final = 300
_NUMBERED: Final = re.compile(r"\d{4}-.")
_NOBODY: Final = "It is a patch, but whoever sent it has no account here: submit it as a patch."
_BROKEN: Final = "It has the look of a patch and could not be read."


@dataclass(frozen=True)
class _Sent:
    """What was sent as one patch: one thing, or the files of a series."""

    things: Sequence[Thing]
    problem: Problem
    person: Person | None
    door: Door

    @property
    def source(self) -> Attachment | Comment | None:
        first = self.things[0]
        return None if isinstance(first, Problem) else first


def look(thing: Thing, *, quiet: bool = False) -> Look | None:
    """What is in it: the row that says so, made now or before. None while the rest of a series is
    waited for; then call again.

    `quiet` is for what came long ago: nobody is notified.
    """
    known = look_at(thing)
    if known is not None:
        return known
    things = _with_its_series(thing) if isinstance(thing, Attachment) else [thing]
    if not things:
        return None
    parsed, refusal = _read(things)
    sent = _Sent(things, _problem_of(thing), _person_of(thing), _door_of(thing, quiet))
    try:
        with transaction.atomic():
            _take(sent, parsed, refusal)
    except IntegrityError:
        if look_at(thing) is None:
            raise
        logger.info("%s was looked at by somebody else at the same moment", thing)
    except _Moved:
        logger.info("%s is looked at again: what its patch fixes was just changed", thing)
    return look_at(thing)


def give_up(thing: Thing, reason: str) -> None:
    """Say beside it that it is not looked at any more, unless somebody did meanwhile."""
    refused = {"outcome": Look.Outcome.REFUSED, "reason": reason}
    Look.objects.get_or_create(**_as_field(thing), defaults=refused)


def look_at(thing: Thing) -> Look | None:
    """The row of what was looked at."""
    return Look.objects.filter(**_as_field(thing)).first()


def _as_field(thing: Thing) -> dict[str, Thing]:
    return {type(thing).__name__.lower(): thing}


# Reading


def _read(things: Sequence[Thing]) -> tuple[ParsedPatch | None, str]:
    """(the patch, "") or (None, why it is refused); (None, "") where there is none."""
    try:
        return finding.read_files([(_name_of(each), _bytes_of(each)) for each in things]), ""
    except Unreadable as why:
        return None, why.reason
    except (NotAPatch, FileNotFoundError):
        return None, ""
    except (ValueError, LookupError, TypeError, RecursionError):
        logger.exception("%s could not be read", things[0])
        return None, _BROKEN


def _name_of(thing: Thing) -> str:
    return thing.name if isinstance(thing, Attachment) else ""


def _bytes_of(thing: Thing) -> bytes:
    """What it says; of a file that is too large so much that this is seen."""
    if isinstance(thing, Attachment):
        with thing.file.open("rb") as file:
            return bytes(file.read(MOST_BYTES + 1))
    if isinstance(thing, Comment):
        return _as_pasted(thing.text)
    return _as_pasted(f"{thing.description}\n\n{thing.how_to_repeat}")


def _as_pasted(text: str) -> bytes:
    """A text before it was cleaned: with its form feeds, and blank lines at the end of a diff."""
    return (text.replace("\N{SYMBOL FOR FORM FEED}", "\f") + "\n\n\n\n").encode()


# Series


def _with_its_series(file: Attachment) -> list[Attachment]:
    """The files that are one patch with it, in no order; [] while more of them are waited for."""
    place = _place_of(file)
    if place is None:
        return _numbered_beside(file)
    parts, taken = {place.part: file}, dict[int, Attachment]()
    for other in _sent_around(file):
        there = _place_of(other) if _is_close(file, other, place.thread) else None
        if there is not None and there.is_beside(place):
            (taken if hasattr(other, "patch_look") else parts).setdefault(there.part, other)
    wanted = set(range(1, place.parts + 1))
    if not wanted <= taken.keys():
        # Of what was taken before the rest came.
        parts = taken | parts
    if wanted <= parts.keys() or timezone.now() - _latest(parts.values()) >= SERIES_WAITS:
        return sorted(parts.values(), key=lambda each: each.pk)
    return []


def _place_of(file: Attachment) -> Place | None:
    try:
        return finding.place_of(_bytes_of(file))
    except FileNotFoundError:
        return None


def _numbered_beside(file: Attachment) -> list[Attachment]:
    """The files `0001-…`, `0002-…` of the same message; of a report those that came with it."""
    if not _NUMBERED.match(file.name):
        return [file]
    beside = Attachment.objects.filter(
        problem=file.problem_id,
        comment=file.comment_id,
        uploader=file.uploader_id,
        patch_look=None,
        created_at__gt=file.created_at - FILES_TAKE,
        created_at__lt=file.created_at + FILES_TAKE,
    )
    numbered = [each for each in beside.order_by("name", "pk") if _NUMBERED.match(each.name)]
    return numbered or [file]


def _sent_around(file: Attachment) -> list[Attachment]:
    """What the same person attached to the same problem about then, the newest first."""
    return list(
        Attachment.objects.filter(
            problem=file.problem_id,
            uploader=file.uploader_id,
            created_at__gt=file.created_at - SERIES_TAKES,
            created_at__lt=file.created_at + SERIES_TAKES,
            size__lte=_PART_BYTES,
        )
        .exclude(pk=file.pk)
        .exclude(patch_look__outcome__in=[Look.Outcome.REFUSED])
        .select_related("patch_look")
        .order_by("-pk")
    )


def _is_close(file: Attachment, other: Attachment, thread: str) -> bool:
    """Whether two parts came together, where no thread of mails holds them."""
    if thread or (file.comment_id and file.comment_id == other.comment_id):
        return True
    return abs(file.created_at - other.created_at) < SERIES_WAITS


def _latest(files: Iterable[Attachment]) -> datetime:
    return max(each.created_at for each in files)


# Taking


def _take(sent: _Sent, parsed: ParsedPatch | None, refusal: str) -> None:
    """Write the rows. Runs inside a transaction."""
    # What came in the same message may be looked at in the same moment.
    held = {problem.pk for problem in lock_problems(_concerned(sent, parsed))}
    known = [look_at(thing) for thing in sent.things]
    looks = [
        Look.objects.create(outcome=Look.Outcome.NOTHING, **_as_field(thing))
        for thing, row in zip(sent.things, known, strict=True)
        if row is None
    ]
    if not looks:
        # Somebody else was quicker, for the whole series.
        return
    begun = _begun(known)
    outcome, reason, version = Look.Outcome.NOTHING, refusal, None
    if parsed is not None:
        try:
            with transaction.atomic():
                version, outcome = _version(sent, parsed, begun, held), Look.Outcome.PATCH
        except Refused as why:
            reason = str(why)
    if reason:
        outcome = Look.Outcome.REFUSED
    for each in looks:
        each.outcome, each.reason, each.version = outcome, reason[:_REASON_CHARS], version
    Look.objects.bulk_update(looks, ["outcome", "reason", "version"])


def _concerned(sent: _Sent, parsed: ParsedPatch | None) -> set[int]:
    """The problems to hold: its own, those that it names, and those that the patches fix of which
    it may be the next version."""
    if parsed is None:
        return {sent.problem.pk}
    before = set(Patch.objects.filter(WAITING, fixes=sent.problem).values_list("pk", flat=True))
    if (begun := _begun(look_at(thing) for thing in sent.things)) is not None:
        before.add(begun.pk)
    fixed = PatchFix.objects.filter(patch__in=before).values_list("problem", flat=True)
    return {sent.problem.pk, *parsed.named_problems, *fixed}


def _begun(looks: Iterable[Look | None]) -> Patch | None:
    """The patch that was made of parts of a series, as the rest was not waited for any longer."""
    return next((row.version.patch for row in looks if row and row.version), None)


class Refused(Exception):
    """Why what is a patch is not taken as one."""


class _Moved(Exception):
    """Somebody has changed meanwhile what the patch fixes: there is more to hold."""


def _version(sent: _Sent, parsed: ParsedPatch, begun: Patch | None, held: set[int]) -> PatchVersion:
    """The version that it is: one that is there, the next of a patch, or the first of a new one."""
    if sent.person is None:
        raise Refused(_NOBODY)
    known = already_there(parsed, sent.problem, sent.person, sent.source)
    if known is not None:
        return known
    try:
        return _stored(sent, parsed, sent.person, begun, held)
    except (Denied, Conflict) as why:
        raise Refused(str(why)) from why
    except DraftErrors as why:
        raise Refused(" ".join(text for texts in why.errors.values() for text in texts)) from why


def _stored(
    sent: _Sent, parsed: ParsedPatch, person: Person, begun: Patch | None, held: set[int]
) -> PatchVersion:
    named = [p for p in named_problems(parsed, person) if p.product_id == sent.problem.product_id]
    patch = begun or followed_by(parsed, sent.problem, person, sent.source)
    if patch is not None:
        # What is edited below must be held before the patch is.
        if not held.issuperset(patch.fixes.values_list("pk", flat=True)):
            raise _Moved
        note = "" if parsed.is_series else parsed.description
        version = add_version(patch, parsed, person, sent.door, note=note, source=sent.source)
        _name_fixed(patch, person, sent.door, named)
        if begun is not None and parsed.title:
            # Until now its title was that of the first part that had come.
            words = parsed.description
            edit(patch, person, sent.door, title=parsed.title[:TITLE_CHARS], description=words)
        return version
    made = submit(
        parsed,
        person,
        sent.door,
        sent.problem.product,
        fixes={each.pk: each for each in [sent.problem, *named]}.values(),
        source=sent.source,
    )
    return made.versions.get(number=1)


def _name_fixed(patch: Patch, person: Person, door: Door, named: list[Problem]) -> None:
    """What a later version names as fixed comes to what an earlier one did."""
    seen = list(visible_problems(person).filter(patches=patch))
    if not {each.pk for each in named} <= {each.pk for each in seen}:
        edit(patch, person, door, fixes=[*seen, *named])


def _problem_of(thing: Thing) -> Problem:
    return thing if isinstance(thing, Problem) else thing.problem


def _person_of(thing: Thing) -> Person | None:
    if isinstance(thing, Attachment):
        return thing.uploader
    return thing.author if isinstance(thing, Comment) else thing.reporter


def _door_of(thing: Thing, quiet: bool) -> Door:
    if quiet:
        return Door.IMPORT
    if isinstance(thing, Comment):
        return Door(thing.door)
    if isinstance(thing, Attachment):
        events = Event.objects.filter(attachment=thing)
    else:
        events = Event.objects.filter(problem=thing, kind=Event.Kind.REPORTED)
    door = events.order_by("pk").values_list("door", flat=True).first()
    return Door(door) if door else Door.SYSTEM
