"""Whose turn a patch is, derived from what happened, and the clock of those that nobody reviews.

The words of the author, the submitter and of machines are no review and no objection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone

from accounts.models import Person, Role, read_roles
from patches.models import LineComment, Patch, Review, Turn
from patches.reviews import dimensions, needs
from patches.reviews.needs import Voice
from patches.waiting.clocks import AFTER, Stage


class Remark(NamedTuple):
    """A comment on lines that was sent, and the numbers of the versions it is about."""

    thread: int
    review: int
    author: int | None
    version: int
    thread_version: int
    is_open: bool


@dataclass(frozen=True)
class Heard:
    """What was said of a patch: `remarks` by everybody but machines, in the order in which they
    were sent, and the rest by others than author and submitter."""

    humans: list[Voice]
    # Reviews that ask for changes of the present content.
    asking: list[Review]
    remarks: list[Remark]


def settle(patch: Patch, now: datetime | None = None) -> bool:
    """Set turn, reviewedness and clock of the locked row from what was said, and save the row.

    Returns whether the turn moved. A constant number of queries.
    """
    now = now or timezone.now()
    turn, is_reviewed = judge(patch)
    moved = turn != patch.turn
    if moved:
        if patch.turn == Turn.REVIEWERS:
            patch.waited += max(now - patch.turn_since, timedelta())
        patch.turn, patch.turn_since = turn, now
    patch.is_reviewed = is_reviewed
    due = next_stage_due(patch)
    patch.escalate_at = due[1] if due else None
    patch.save()
    return moved


def start_anew(patch: Patch, now: datetime) -> None:
    """The content has changed (row unsaved): it waits for a first review again."""
    patch.turn, patch.turn_since = Turn.REVIEWERS, now
    patch.waited, patch.stage, patch.is_reviewed = timedelta(), Stage.NONE, False


def judge(patch: Patch) -> tuple[Turn, bool]:
    """Whose turn it is, and whether the present content was reviewed, read from what was said."""
    if not patch.is_waiting:
        return Turn.NOBODY, patch.is_reviewed
    heard = hear(patch)
    is_reviewed = has_verdict(patch, heard)
    if is_objected_to(patch, heard):
        return Turn.AUTHOR, is_reviewed
    is_complete = not needs.missing(patch, heard.humans)
    return Turn.COMMITTER if is_complete else Turn.REVIEWERS, is_reviewed


def hear(patch: Patch) -> Heard:
    """All that was said of a patch and matters for its turn."""
    asking = list(
        Review.objects.filter(
            patch=patch,
            sent_at__isnull=False,
            verdict=Review.Verdict.CHANGES,
            version__number__gte=patch.content_since,
        ).select_related("author", "version")
    )
    remarks = _remarks(patch)
    machines = _machines({review.author_id for review in asking} | {r.author for r in remarks})
    return Heard(
        [voice for voice in needs.voices(patch) if not voice.is_machine],
        [
            each
            for each in asking
            if each.author_id not in machines and not needs.is_own(patch, each.version, each.author)
        ],
        [r for r in remarks if r.author not in machines],
    )


def _remarks(patch: Patch) -> list[Remark]:
    rows = LineComment.objects.filter(thread__patch=patch, review__sent_at__isnull=False)
    columns = rows.order_by("review__sent_at", "id").values_list(
        "thread",
        "review",
        "review__author",
        "review__version__number",
        "thread__version__number",
        "thread__resolved_at",
    )
    return [Remark(*row[:5], row[5] is None) for row in columns]


def _machines(people: Iterable[int | None]) -> set[int]:
    known = list(Person.objects.filter(pk__in=[pk for pk in people if pk is not None]))
    read_roles(known)
    return {person.pk for person in known if person.has_role(Role.MACHINE)}


def has_verdict(patch: Patch, heard: Heard) -> bool:
    """Whether somebody has rated the present content, asked for changes or begun a thread."""
    if heard.asking or any(_is_present(patch, v.rating.version.number) for v in heard.humans):
        return True
    beginnings: dict[int, Remark] = {}
    for remark in heard.remarks:
        beginnings.setdefault(remark.thread, remark)
    return any(
        _is_present(patch, first.thread_version) and not _is_own(patch, first)
        for first in beginnings.values()
    )


def is_objected_to(patch: Patch, heard: Heard) -> bool:
    """Whether somebody waits for the author: rates against it, asks for changes, has a thread."""
    known = dimensions.by_slug(patch.product)
    for voice in heard.humans:
        dimension = known.get(voice.rating.dimension)
        if dimension and dimension.is_against(voice.rating.value):
            return True
    return bool(_threads_that_wait(patch, heard)) or _changes_asked_for(known, heard)


def _threads_that_wait(patch: Patch, heard: Heard) -> list[int]:
    """Open threads in which others had the last word, on the present content."""
    last = {remark.thread: remark for remark in heard.remarks if remark.is_open}
    return [
        remark.thread
        for remark in last.values()
        if _is_present(patch, remark.version) and not _is_own(patch, remark)
    ]


def _changes_asked_for(known: dict[str, dimensions.Dimension], heard: Heard) -> bool:
    """Whether changes are asked for that only the author can make.

    What is said on lines is answered in its threads. Words alone stand until the content changes,
    or until who asked says something for the patch.
    """
    on_lines = {remark.review for remark in heard.remarks}
    said_for: dict[int, datetime] = {}
    for voice in heard.humans:
        dimension = known.get(voice.rating.dimension)
        if dimension and dimension.is_for(voice.rating.value):
            said_for[voice.rating.person_id] = voice.rating.at
    words = [review for review in heard.asking if review.pk not in on_lines]
    return any(not _took_back(review, said_for) for review in words)


def _took_back(review: Review, said_for: dict[int, datetime]) -> bool:
    at = said_for.get(review.author_id or 0)
    return at is not None and review.sent_at is not None and at > review.sent_at


def _is_present(patch: Patch, version: int) -> bool:
    return version >= patch.content_since


def _is_own(patch: Patch, remark: Remark) -> bool:
    return remark.author is not None and remark.author in (patch.author_id, patch.submitter_id)


def next_stage_due(patch: Patch) -> tuple[Stage, datetime] | None:
    """The stage that it comes to next if nobody reviews it, and when; None where none will."""
    if patch.turn != Turn.REVIEWERS or patch.is_reviewed or patch.stage == Stage.BOARD:
        return None
    stage = Stage(patch.stage + 1)
    return stage, patch.turn_since + AFTER[stage] - patch.waited


def claim_stage(patch: Patch, stage: Stage, now: datetime) -> bool:
    """Take it upon oneself to carry `patch` to `stage`; False where it is not due or somebody else
    does. One conditional UPDATE; the object then says what the row does."""
    due = next_stage_due(patch)
    if due is None or due[0] != stage or due[1] > now:
        return False
    claimed = Patch.objects.filter(
        pk=patch.pk,
        stage=patch.stage,
        escalate_at=due[1],
        turn=Turn.REVIEWERS,
        is_reviewed=False,
    )
    after = Patch(
        turn=patch.turn,
        turn_since=patch.turn_since,
        waited=patch.waited,
        is_reviewed=patch.is_reviewed,
        stage=stage,
    )
    following = next_stage_due(after)
    then = following[1] if following else None
    if not claimed.update(stage=stage, escalate_at=then):
        return False
    patch.stage, patch.escalate_at = stage, then
    return True


def turn_words(patch: Patch) -> str:
    """For whom it waits, in one sentence. No query where its author and submitter are loaded."""
    if not patch.is_waiting:
        return f"{patch.get_state_display().capitalize()}."
    if patch.turn == Turn.AUTHOR:
        author = patch.author or patch.submitter
        return f"Waits for {author.handle}, its author." if author else "Waits for its author."
    if patch.turn == Turn.COMMITTER:
        return "Waits for a committer to integrate it."
    if patch.is_reviewed:
        return "Waits for reviewers."
    if patch.content_since > 1:
        return f"Waits for a review of version {patch.latest}."
    return "Waits for a first review."
