"""Threads about lines, as a reader of one version meets them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from django.db.models import Q

from accounts.policies import Viewer, as_person
from patches.models import LineComment, PatchVersion, Side, Thread, ThreadPlace
from patches.reading.colours import Patience, language_of
from patches.reading.lines import ADDED
from patches.reading.painting import Painted
from patches.reading.places import Place
from patches.reading.suggestions import Segment, as_diff, proposed, segments
from tracker.markdown import render

# What a place's way of being found tells a reader; nothing where nothing happened.
FOUND_WORDS: Final = {
    ThreadPlace.Found.BEGUN: "",
    ThreadPlace.Found.SAME: "",
    ThreadPlace.Found.MOVED: "moved since",
    ThreadPlace.Found.EDITED: "edited since",
    ThreadPlace.Found.GONE: "gone since",
}


@dataclass(frozen=True)
class Shown:
    """A part of a comment: words as HTML, or a suggestion as a small diff."""

    words: str = ""
    diff: Painted | None = None

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Of a suggestion: "a" or "d", and the line as HTML."""
        rows = self.diff.rows if self.diff else ()
        return [("a" if row.sign == ADDED else "d", row.html) for row in rows]


@dataclass(frozen=True)
class Said:
    """One comment. All of a page share the `patience` for the colours of their suggestions."""

    comment: LineComment
    language: str
    patience: Patience

    @property
    def is_draft(self) -> bool:
        """Whether it is one of the viewer that is not sent."""
        return self.comment.review.sent_at is None

    @property
    def has_suggestion(self) -> bool:
        return proposed(self.comment.text) is not None

    @cached_property
    def parts(self) -> list[Shown]:
        """Made when it is shown: a page has few of all the threads of a patch."""
        return [self._shown(part) for part in segments(self.comment.text)]

    def _shown(self, part: Segment) -> Shown:
        if part.lines is None:
            return Shown(words=render(part.words))
        old = self.comment.thread.lines.split("\n")
        return Shown(diff=as_diff(old, part.lines, self.language, self.patience))


@dataclass(frozen=True)
class Talk:
    """A thread with its place in version `read`, None where it has none there: the thread began in
    a later one, or nobody has looked for its lines yet."""

    thread: Thread
    read: int
    place: ThreadPlace | None
    said: list[Said]

    @property
    def is_gone(self) -> bool:
        return self.place is None or self.place.found == ThreadPlace.Found.GONE

    @property
    def is_later(self) -> bool:
        return self.place is None and self.thread.version.number > self.read

    @property
    def is_resolved(self) -> bool:
        return self.thread.resolved_at is not None

    @property
    def is_draft(self) -> bool:
        """Whether nobody but the viewer knows of it."""
        return all(said.is_draft for said in self.said)

    @property
    def can_change(self) -> bool:
        """Whether a suggestion can still be made of its lines: they are as they were, and new."""
        at = self.place
        unchanged = {ThreadPlace.Found.BEGUN, ThreadPlace.Found.SAME, ThreadPlace.Found.MOVED}
        if at is None or at.found not in unchanged or not at.start:
            return False
        return at.side == Side.NEW and bool(at.path)

    @property
    def found_words(self) -> str:
        return FOUND_WORDS[ThreadPlace.Found(self.place.found)] if self.place else ""

    @property
    def where(self) -> Place | None:
        """Its place as addresses have it."""
        at = self.place
        return Place(at.commit, at.path, Side(at.side), at.start, at.end) if at else None


def talks_of(version: PatchVersion, viewer: Viewer) -> list[Talk]:
    """The threads that `viewer` may read, in the order in which they began. Two queries."""
    said: dict[int, list[LineComment]] = defaultdict(list)
    readable = Q(review__sent_at__isnull=False)
    if person := as_person(viewer):
        readable |= Q(review__author=person)
    comments = (
        LineComment.objects.filter(readable, thread__patch=version.patch_id)
        .select_related("review__author", "applied_in", "thread__version", "thread__resolved_by")
        .order_by("id")
    )
    for comment in comments:
        said[comment.thread_id].append(comment)
    places = {place.thread_id: place for place in version.thread_places.all()}
    patience = Patience()
    talks = []
    for thread, of_one in said.items():
        place = places.get(thread)
        language = language_of(place.path.rpartition("/")[2]) if place else ""
        words = [Said(each, language, patience) for each in of_one]
        talks.append(Talk(of_one[0].thread, version.number, place, words))
    return talks
