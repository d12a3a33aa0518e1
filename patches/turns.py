"""Whose turn a patch is, derived from what happened, and the clock of those that nobody reviews.

The words of the author, the submitter and of machines are no review and no objection.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Person, Role, read_roles
from patches import dimensions, needs
from patches.clocks import AFTER, Stage
from patches.models import LineComment, Patch, Review, Thread, Turn
from patches.needs import voices


def settle(patch: Patch, now: datetime | None = None) -> bool:
    """Set turn, reviewedness and clock of the locked row from what was said, and save the row.

    Returns whether the turn moved.
    """
    now = now or timezone.now()
    turn = turn_of(patch)
    moved = turn != patch.turn
    if moved:
        if patch.turn == Turn.REVIEWERS:
            patch.waited += max(now - patch.turn_since, timedelta())
        patch.turn, patch.turn_since = turn, now
    patch.is_reviewed = patch.is_waiting and has_verdict(patch)
    due = next_stage_due(patch)
    patch.escalate_at = due[1] if due else None
    patch.save()
    return moved


def start_anew(patch: Patch, now: datetime) -> None:
    """The content has changed (row unsaved): it waits for a first review again."""
    patch.turn, patch.turn_since = Turn.REVIEWERS, now
    patch.waited, patch.stage, patch.is_reviewed = timedelta(), Stage.NONE, False


def turn_of(patch: Patch) -> Turn:
    """Whose turn it is by what was said of the present content."""
    if not patch.is_waiting:
        return Turn.NOBODY
    if is_objected_to(patch):
        return Turn.AUTHOR
    return Turn.REVIEWERS if needs.missing(patch) else Turn.COMMITTER


def is_objected_to(patch: Patch) -> bool:
    """Whether somebody waits for the author: rates against it, asks for changes, has a thread."""
    known = dimensions.by_slug(patch.product)
    for voice in voices(patch):
        dimension = known.get(voice.rating.dimension)
        if dimension and not voice.is_machine and dimension.is_against(voice.rating.value):
            return True
    waiting = threads_that_wait(patch)
    return bool(waiting) or _changes_asked_for(patch)


def has_verdict(patch: Patch) -> bool:
    """Whether a human who is neither author nor submitter has judged the present content."""
    for voice in voices(patch):
        if not voice.is_machine and voice.rating.version.number >= patch.content_since:
            return True
    if any(_humans(patch, _asking(patch))):
        return True
    begun = Thread.objects.filter(patch=patch, version__number__gte=patch.content_since)
    first = LineComment.objects.filter(thread__in=begun, review__sent_at__isnull=False)
    beginnings: dict[int, Review] = {}
    for comment in first.select_related("review__author").order_by("id"):
        beginnings.setdefault(comment.thread_id, comment.review)
    return any(_humans(patch, beginnings.values()))


def threads_that_wait(patch: Patch) -> set[int]:
    """Open threads in which others had the last word, on the present content."""
    spoken = (
        LineComment.objects.filter(
            thread__patch=patch, thread__resolved_at=None, review__sent_at__isnull=False
        )
        .select_related("review__author", "review__version")
        .order_by("review__sent_at", "id")
    )
    comments = list(spoken)
    machines = _machines(comment.review.author for comment in comments)
    last: dict[int, Review] = {}
    for comment in comments:
        if comment.review.author_id not in machines:
            last[comment.thread_id] = comment.review
    return {
        thread
        for thread, review in last.items()
        if not patch.is_by(review.author) and review.version.number >= patch.content_since
    }


def _changes_asked_for(patch: Patch) -> bool:
    """Whether changes are asked for that nothing has answered.

    What its threads say is answered in these. Else it stands until the content changes, or until
    who asked says something for the patch.
    """
    asking = list(_humans(patch, _asking(patch)))
    if not asking:
        return False
    threads: dict[int, int] = defaultdict(int)
    begun = LineComment.objects.filter(review__in=asking)
    for review in begun.values_list("review", flat=True):
        threads[review] += 1
    known = dimensions.by_slug(patch.product)
    said_for: dict[int, datetime] = {}
    for voice in voices(patch):
        dimension = known.get(voice.rating.dimension)
        if dimension and dimension.is_for(voice.rating.value):
            said_for[voice.rating.person_id] = voice.rating.at
    return any(not threads[review.pk] and not _took_back(review, said_for) for review in asking)


def _took_back(review: Review, said_for: dict[int, datetime]) -> bool:
    at = said_for.get(review.author_id or 0)
    return at is not None and review.sent_at is not None and at > review.sent_at


def _asking(patch: Patch) -> QuerySet[Review]:
    return Review.objects.filter(
        patch=patch,
        sent_at__isnull=False,
        verdict=Review.Verdict.CHANGES,
        version__number__gte=patch.content_since,
    ).select_related("author")


def _humans(patch: Patch, reviews: Iterable[Review]) -> Iterable[Review]:
    """Those by people who are neither its author nor its submitter."""
    others = [review for review in reviews if not patch.is_by(review.author)]
    machines = _machines(review.author for review in others)
    return [review for review in others if review.author_id not in machines]


def _machines(people: Iterable[Person | None]) -> set[int]:
    known = [person for person in people if person is not None]
    read_roles(known)
    return {person.pk for person in known if person.has_role(Role.MACHINE)}


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
        return f"{patch.get_state_display().capitalize()}: waits for nobody."
    if patch.turn == Turn.AUTHOR:
        author = patch.author or patch.submitter
        return f"Waits for {author.handle}, its author." if author else "Waits for its author."
    if patch.turn == Turn.COMMITTER:
        return "Waits for a committer to integrate it."
    return "Waits for reviewers." if patch.is_reviewed else "Waits for a first review."
