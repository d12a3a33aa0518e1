"""Reviews: comments on lines as a draft, sent at once with words, a verdict and ratings.

A draft is its author's alone, there is one of a person for a patch, and nothing of it is seen by
others, or counts, before it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Denied, Viewer, as_person, require
from patches.events import record
from patches.intake import submitting
from patches.locking import lock, refuse_decided
from patches.models import (
    LineComment,
    Patch,
    PatchEvent,
    PatchVersion,
    Review,
    Side,
    Thread,
    ThreadPlace,
)
from patches.policies import may
from patches.reviews import rating
from patches.versions import suggestions
from patches.versions.comparisons import follow_thread
from patches.versions.lines import lines_of
from patches.waiting import turns
from tracker.changes import Conflict
from tracker.drafts import DraftErrors, Faults, check_text
from tracker.models import Door
from tracker.text import is_blank

# The same words sent again within this time are the same review: somebody pressed twice.
PRESSED_TWICE: Final = timedelta(minutes=1)
COMMENTS_PER_DRAFT: Final = 500


@transaction.atomic
def draft_of(version: PatchVersion, author: Person) -> Review:
    """The draft of `author` for the patch, made where there is none. It moves on to a newer version
    with its author; its comments stay where they were written."""
    require(may("patch.review", author, version.patch))
    patch = lock(version.patch)
    draft = patch.reviews.filter(author=author, sent_at=None).select_related("version").first()
    if draft is None:
        return Review.objects.create(patch=patch, version=version, author=author, door=Door.WEB)
    if draft.version.number < version.number:
        draft.version = version
        draft.save(update_fields=["version"])
    return draft


@transaction.atomic
def add_line_comment(
    version: PatchVersion,
    author: Person,
    text: str,
    *,
    commit: int,
    path: str,
    side: str,
    start: int,
    end: int,
) -> LineComment:
    """Begin a thread about some lines, in the draft. Lines are those of the file on that side, from
    1, both included; `path` "" is the message of the commit. Raises `DraftErrors` and `Denied`."""
    require(may("patch.review", author, version.patch))
    faults = Faults()
    words = _check_words(text, faults)
    lines = lines_of(version, commit, path, side, start, end, faults)
    faults.raise_if_any()
    draft = draft_of(version, author)
    _refuse_full(draft)
    thread = Thread.objects.create(patch=version.patch, version=version, lines=lines)
    place = ThreadPlace(commit=commit, path=path, side=Side(side), start=start, end=end)
    place.thread, place.version, place.found = thread, version, ThreadPlace.Found.BEGUN
    place.save()
    follow_thread(thread, version)
    return LineComment.objects.create(review=draft, thread=thread, text=words)


@transaction.atomic
def answer(
    thread: Thread,
    author: Person,
    text: str,
    *,
    version: PatchVersion,
    resolves: bool | None = None,
) -> LineComment:
    """Add to a thread, in the draft; with `resolves`, sending it resolves the thread or opens it
    again. Raises `DraftErrors`, `Denied`, and `Conflict`."""
    require(may("patch.review", author, version.patch))
    if thread.patch_id != version.patch_id:
        raise Conflict("That thread belongs to another patch.")
    if not threads_for(version.patch, author).filter(pk=thread.pk).exists():
        raise Conflict("There is no such thread any more.")
    faults = Faults()
    words = _check_words(text, faults, required=resolves is None)
    faults.raise_if_any()
    draft = draft_of(version, author)
    _refuse_full(draft)
    return LineComment.objects.create(review=draft, thread=thread, text=words, resolves=resolves)


def _check_words(text: str, faults: Faults, *, required: bool = True) -> str:
    words = check_text("text", text, faults)
    if required and is_blank(words) and not faults.errors:
        faults.add("text", "Write something first.")
    return words


def _refuse_full(draft: Review) -> None:
    if draft.comments.count() >= COMMENTS_PER_DRAFT:
        raise Conflict(f"A draft takes {COMMENTS_PER_DRAFT} comments. Send it, then go on.")


@transaction.atomic
def edit_line_comment(comment: LineComment, author: Person, text: str) -> LineComment:
    """Other words for a comment of one's draft. Raises `DraftErrors`, `Denied`, and `Conflict`."""
    own = _own_in_draft(comment, author)
    faults = Faults()
    own.text = _check_words(text, faults, required=own.resolves is None)
    faults.raise_if_any()
    own.save(update_fields=["text"])
    return own


@transaction.atomic
def remove_line_comment(comment: LineComment, author: Person) -> None:
    """Take a comment out of one's draft, and the thread that it began."""
    own = _own_in_draft(comment, author)
    own.delete()
    _drop_empty(Thread.objects.filter(pk=own.thread_id))


def _own_in_draft(comment: LineComment, author: Person) -> LineComment:
    """The comment as it is now, under the lock that sending takes, too."""
    patch = lock(comment.review.patch)
    found = (
        LineComment.objects.filter(pk=comment.pk, review__patch=patch)
        .select_related("review")
        .first()
    )
    if found is None:
        raise Conflict("That comment is no longer there.")
    if found.review.author_id != author.pk:
        raise Denied("Only its author may do this.")
    if found.review.sent_at is not None:
        raise Conflict("It was sent already, so others have read it. Answer it instead.")
    return found


@transaction.atomic
def discard_draft(version: PatchVersion, author: Person) -> bool:
    """Throw away one's draft for the patch, with its comments; False where there was none."""
    locked = lock(version.patch)
    draft = locked.reviews.filter(author=author, sent_at=None).first()
    if draft is None:
        return False
    threads = list(draft.comments.values_list("thread", flat=True))
    draft.delete()
    _drop_empty(Thread.objects.filter(pk__in=threads))
    return True


def _drop_empty(threads: QuerySet[Thread]) -> None:
    said = LineComment.objects.filter(thread=OuterRef("pk"))
    threads.filter(~Exists(said)).delete()


@transaction.atomic
def send_review(
    version: PatchVersion,
    author: Person,
    door: Door,
    *,
    text: str = "",
    verdict: str = Review.Verdict.COMMENT,
    ratings: Sequence[rating.Said] = (),
    with_draft: bool = True,
) -> Review:
    """Send the draft with words, a verdict and ratings: all of it or nothing.

    Without `with_draft` the draft stays one, for who writes elsewhere than where it is seen.
    Sent twice within a minute it is one review. Raises `DraftErrors`, `Denied`, and `Conflict`.
    """
    require(may("patch.review", author, version.patch))
    faults = Faults()
    words = check_text("text", text, faults)
    said = _check_verdict(version.patch, author, verdict, faults)
    faults.raise_if_any()
    patch = lock(version.patch)
    if said == Review.Verdict.CHANGES:
        refuse_decided(patch, "Say what is wrong in a comment, or have it opened again.")
    draft = patch.reviews.filter(author=author, sent_at=None).first() if with_draft else None
    comments = draft.comments.count() if draft else 0
    if not comments:
        if sent := _sent_just_now(patch, version, author, words, said, ratings):
            return sent
        _refuse_empty(words, said, ratings)
    review = draft or Review(patch=patch, author=author)
    return _send(patch, review, version, door, words, said, ratings)


def _check_verdict(patch: Patch, author: Person, verdict: str, faults: Faults) -> Review.Verdict:
    if verdict not in Review.Verdict.values:
        faults.add("verdict", f"Choose one of: {', '.join(Review.Verdict.values)}.")
        return Review.Verdict.COMMENT
    said = Review.Verdict(verdict)
    if said == Review.Verdict.CHANGES and patch.is_by(author):
        faults.add("verdict", "This is your own patch: send another version instead.")
    return said


def _refuse_empty(words: str, verdict: str, ratings: Sequence[rating.Said]) -> None:
    faults = Faults()
    if is_blank(words) and verdict == Review.Verdict.CHANGES:
        faults.add("text", "Say what is to be changed, here or on the lines.")
    elif is_blank(words) and not ratings:
        faults.add("text", "Write something first, or comment on a line, or rate it.")
    faults.raise_if_any()


def _sent_just_now(
    patch: Patch,
    version: PatchVersion,
    author: Person,
    words: str,
    verdict: str,
    ratings: Sequence[rating.Said],
) -> Review | None:
    """The review that was sent a moment ago, where this would be the same again."""
    last = (
        patch.reviews.filter(author=author, sent_at__isnull=False).order_by("sent_at", "id").last()
    )
    if last is None or last.sent_at is None or last.sent_at < timezone.now() - PRESSED_TWICE:
        return None
    is_same = (last.text, last.verdict, last.version_id) == (words, verdict, version.pk)
    said = {(each.dimension, each.value) for each in ratings}
    is_same &= said == set(last.ratings.values_list("dimension", "value"))
    return last if is_same else None


def _send(
    patch: Patch,
    review: Review,
    version: PatchVersion,
    door: Door,
    words: str,
    verdict: Review.Verdict,
    ratings: Sequence[rating.Said],
) -> Review:
    turn_before, author = patch.turn, review.author
    assert author is not None  # noqa: S101 - for the type checker
    review.version, review.text, review.verdict = version, words, verdict
    review.door, review.sent_at = door, timezone.now()
    review.save()
    changed = rating.give(patch, version, author, door, ratings, review)[1] if ratings else []
    comments = review.comments.count()
    if is_blank(words) and not changed and not comments:
        raise DraftErrors({"text": ["You have said all of that already: there is nothing new."]})
    resolved = _settle_threads(review, author)
    patch.changed_at = review.sent_at
    turns.settle(patch, review.sent_at)
    data = {
        "verdict": verdict.value,
        "comments": comments,
        "ratings": rating.in_words(changed),
        "resolved": resolved,
    }
    kind = PatchEvent.Kind.REVIEWED
    record(patch, kind, author, door, turn_before=turn_before, version=version, review=review,
           data=data)  # fmt: skip
    return review


def _settle_threads(review: Review, author: Person) -> int:
    """Resolve and open again what the comments say; returns how many were resolved."""
    resolved = 0
    for comment in review.comments.exclude(resolves=None).select_related("thread"):
        resolved += bool(comment.resolves)
        _resolve(comment.thread, author, resolved=bool(comment.resolves))
    return resolved


def _resolve(thread: Thread, person: Person, *, resolved: bool) -> None:
    thread.resolved_at = timezone.now() if resolved else None
    thread.resolved_by = person if resolved else None
    thread.save(update_fields=["resolved_at", "resolved_by"])


@transaction.atomic
def resolve(thread: Thread, person: Person, door: Door, *, resolved: bool) -> None:
    """Resolve a thread, or open it again. Nothing happens where it is so already."""
    require(may("patch.resolve", person, thread.patch))
    patch = lock(thread.patch)
    found = threads_for(patch, None).filter(pk=thread.pk).first()
    if found is None:
        raise Conflict("There is no such thread any more.")
    if (found.resolved_at is not None) == resolved:
        return
    turn_before = patch.turn
    _resolve(found, person, resolved=resolved)
    patch.changed_at = timezone.now()
    turns.settle(patch)
    place = found.places.get(version=found.version_id)
    data = {"resolved": resolved, "path": place.path, "line": place.start}
    kind = PatchEvent.Kind.RESOLVED
    record(patch, kind, person, door, turn_before=turn_before, version=found.version, data=data)


@transaction.atomic
def apply_suggestions(
    patch: Patch, author: Person, comments: Sequence[LineComment], door: Door
) -> PatchVersion:
    """The next version, in which the lines are as these comments suggest; resolves their threads.

    Raises `Denied`, and `Conflict` with a reason where one does not fit the newest version.
    """
    require(may("patch.add_version", author, patch))
    locked = lock(patch)
    refuse_decided(locked, "Open it again to send another version.")
    newest = locked.versions.get(number=locked.latest)
    sent = LineComment.objects.filter(review__patch=locked, review__sent_at__isnull=False)
    chosen = sent.filter(pk__in=[each.pk for each in comments]).select_related(
        "thread", "review__author"
    )
    found = list(chosen.order_by("id"))
    if not found or len(found) != len({each.pk for each in comments}):
        raise Conflict("Choose suggestions that are still there.")
    parsed = suggestions.edited(newest, [suggestions.edit_of(each, newest) for each in found])
    names = sorted({each.review.author.handle for each in found if each.review.author})
    note = f"With suggestions by {', '.join(names)}." if names else "With suggestions."
    before = locked.latest
    version = submitting.add_version(locked, parsed, author, door, note=note)
    if version.number <= before:
        raise Conflict(f"With these lines it would be version {version.number} once more.")
    sent.filter(pk__in=[each.pk for each in found]).update(applied_in=version)
    for each in found:
        _resolve(each.thread, author, resolved=True)
    turns.settle(lock(patch))
    patch.refresh_from_db()
    return version


def threads_for(patch: Patch, viewer: Viewer) -> QuerySet[Thread]:
    """The threads of a patch that `viewer` may read: those that were sent, and their own drafts."""
    readable = Q(review__sent_at__isnull=False)
    if person := as_person(viewer):
        readable |= Q(review__author=person)
    said = LineComment.objects.filter(readable, thread=OuterRef("pk"))
    return patch.threads.filter(Exists(said)).select_related("version")
