"""What digests tell of patches: those that wait for their reader, and how reviews ended.

What readers share is read once in a minute. What is a reader's own is only which of it, and that
follows from what they maintain and were asked: readers of the same patches get the same sections,
as the same objects, so that they are written once (see `shared`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.models import Person, Role
from notifications.deeds import Deed
from notifications.digests.shapes import LINES, PatchLine, Section, Window
from notifications.plain import shorten
from patches.models import (
    UNREVIEWED,
    WAITING,
    Patch,
    PatchEvent,
    PatchFix,
    Rating,
    Review,
    ReviewRequest,
    Turn,
)
from patches.policies import visible_patches
from patches.reviews import needs
from patches.waiting.escalating import reaches_nobody
from patches.waiting.listing import NOBODY_ASKED

# Of each set of components so many are looked at, the most demanded.
MOST: Final = 1000
# So much is kept within a minute; what is more begins anew.
MOST_SECTIONS: Final = 512
MOST_PATCHES: Final = 5000
EXCERPT: Final = 60

FIRST_REVIEW: Final = WAITING & UNREVIEWED & Q(turn=Turn.REVIEWERS)
NOT_ASKED: Final = (Deed.CLAIM,)
_DEEDS: Final = {
    ReviewRequest.State.OPEN: (Deed.CLAIM, Deed.SNOOZE, Deed.NOT_MINE),
    ReviewRequest.State.CLAIMED: (Deed.SNOOZE, Deed.NOT_MINE),
}


@dataclass(frozen=True)
class PatchReader:
    """Which patches are a reader's: those they were asked about, by number with demand and state,
    and those that they put off or gave away."""

    person: Person
    is_committer: bool = False
    asked: Mapping[int, tuple[int, str]] = field(default_factory=dict)
    aside: frozenset[int] = frozenset()


def patch_readers(people: Sequence[Person]) -> dict[int, PatchReader]:
    """Each of `people` as a reader of patches, whose roles are known. One query, and one for each
    who was asked about a patch that not everybody sees."""
    asked: dict[int, dict[int, tuple[int, str]]] = defaultdict(dict)
    aside: dict[int, set[int]] = defaultdict(set)
    hidden: dict[int, set[int]] = defaultdict(set)
    now = timezone.now()
    for pk, number, demand, state, until, is_public in _requests(people):
        if state == ReviewRequest.State.DECLINED or (until is not None and until > now):
            aside[pk].add(number)
            continue
        asked[pk][number] = (demand, state)
        if not is_public:
            hidden[pk].add(number)
    by_pk = {person.pk: person for person in people}
    for pk, numbers in hidden.items():
        for number in numbers - _seen(by_pk[pk], numbers):
            del asked[pk][number]
    return {
        pk: PatchReader(person, person.has_role(Role.COMMITTER), asked[pk], frozenset(aside[pk]))
        for pk, person in by_pk.items()
    }


def _requests(
    people: Sequence[Person],
) -> Iterable[tuple[int, int, int, str, datetime | None, bool]]:
    rows = ReviewRequest.objects.filter(
        person__pk__any_of=[person.pk for person in people],
        patch__is_waiting__in=(True,),
        patch__is_reviewed__in=(False,),
        patch__turn=Turn.REVIEWERS,
    )
    public = Exists(visible_patches(None).filter(pk=OuterRef("patch")))
    columns = ("person", "patch", "patch__demand", "state", "snoozed_until", "is_public")
    return rows.order_by("pk").annotate(is_public=public).values_list(*columns)


def _seen(person: Person, numbers: Iterable[int]) -> set[int]:
    found = visible_patches(person).filter(pk__in=list(numbers))
    return set(found.values_list("pk", flat=True))


@dataclass(frozen=True)
class _Row:
    """A patch as far as it must be known to choose it."""

    number: int
    demand: int
    people: tuple[int | None, int | None]


class Shared:
    """What the digests of a minute share of patches. A new one reads everything anew."""

    def __init__(self) -> None:
        self._patches: dict[int, Patch] = {}
        self._needs: dict[int, str] = {}
        self._rules: dict[tuple[int, str], str] = {}
        self._rows: dict[tuple[int, ...], list[_Row]] = {}
        self._sections: dict[object, Section] = {}
        self._ended: dict[Window, dict[int, list[int]]] = {}
        self._hidden: set[int] = set()

    def sections(
        self, reader: PatchReader, components: tuple[int, ...], window: Window
    ) -> list[Section]:
        """What waits for the reader, and for committers what waits for any of them; then how the
        reader's reviews ended. Those without lines are among them."""
        found = [self._for_review(reader, components)]
        if reader.is_committer:
            found += [
                self._kept("ready", self._ready),
                self._kept("forgotten", self._forgotten),
                self._kept("untold", self._untold),
            ]
        return [*found, self._reviews(reader, window)]

    def read_ahead(self, readers: Iterable[tuple[PatchReader, tuple[int, ...]]]) -> None:
        """Read for many readers together what each would read by itself."""
        chosen = [self._chosen(reader, components)[0] for reader, components in readers]
        self._read({number for numbers in chosen for number in numbers})

    def _for_review(self, reader: PatchReader, components: tuple[int, ...]) -> Section:
        first, total = self._chosen(reader, components)
        states = tuple(reader.asked[n][1] if n in reader.asked else "" for n in first)

        def make() -> Section:
            self._read(first)
            deeds = [_DEEDS[ReviewRequest.State(s)] if s else NOT_ASKED for s in states]
            lines = [self._line(n, d) for n, d in zip(first, deeds, strict=True)
                     if n in self._patches]  # fmt: skip
            title = "Patches that wait for your review"
            return _section("patches", title, lines, total, "/patches/?reviewer=me")

        return self._kept(("patches", first, states, total), make)

    def _chosen(
        self, reader: PatchReader, components: tuple[int, ...]
    ) -> tuple[tuple[int, ...], int]:
        """The most demanded of what is the reader's, and how many there are."""
        demands = {number: demand for number, (demand, _) in reader.asked.items()}
        for row in self._of_components(components):
            if row.number not in reader.aside and reader.person.pk not in row.people:
                demands[row.number] = row.demand
        first = sorted(demands, key=lambda number: (-demands[number], number))[:LINES]
        return tuple(first), len(demands)

    def _of_components(self, components: tuple[int, ...]) -> list[_Row]:
        """What waits in these for a first review and is with nobody who was asked, as far as all
        who maintain them may see it."""
        if not components:
            return []
        if components not in self._rows:
            elsewhere = PatchFix.objects.filter(
                patch=OuterRef("pk"), problem__is_confidential=True
            ).exclude(problem__component__in=components)
            found = Patch.objects.filter(FIRST_REVIEW, NOBODY_ASKED, ~Exists(elsewhere))
            found = found.filter(components__in=components).distinct()
            columns = found.values_list("pk", "demand", "author", "submitter")
            rows = columns.order_by("-demand", "pk")[:MOST]
            self._rows[components] = [_Row(pk, demand, (a, s)) for pk, demand, a, s in rows]
        return self._rows[components]

    def _ready(self) -> Section:
        found = Patch.objects.filter(WAITING, turn=Turn.COMMITTER)
        return self._of("ready", "Ready to integrate", found, (), "/patches/?turn=committer")

    def _forgotten(self) -> Section:
        """What is on the board."""
        found = Patch.objects.filter(FIRST_REVIEW, stage=Patch.Stage.BOARD)
        title = "Forgotten patches"
        return self._of("forgotten", title, found, NOT_ASKED, "/patches/forgotten/")

    def _untold(self) -> Section:
        """What would be with a list by now, but has none, nor anybody who maintains it."""
        found = Patch.objects.filter(FIRST_REVIEW, reaches_nobody(), stage=Patch.Stage.LIST)
        title = "Patches of which nobody else was told"
        return self._of("untold", title, found, NOT_ASKED, "/patches/?sort=age")

    def _of(
        self,
        key: str,
        title: str,
        found: QuerySet[Patch],
        deeds: tuple[Deed, ...],
        path: str,
    ) -> Section:
        numbers = list(found.order_by("-demand", "pk").values_list("pk", flat=True)[:MOST])
        first = numbers[:LINES]
        self._read(first)
        lines = [self._line(number, deeds) for number in first if number in self._patches]
        return _section(key, title, lines, len(numbers), path)

    def _reviews(self, reader: PatchReader, window: Window) -> Section:
        numbers = self._ended_in(window).get(reader.person.pk, [])
        if hidden := self._hidden.intersection(numbers):
            seen = _seen(reader.person, hidden)
            numbers = [n for n in numbers if n not in hidden or n in seen]

        def make() -> Section:
            self._read(numbers[:LINES])
            lines = [PatchLine(p, (_end(p),), ()) for p in map(self._patches.get, numbers[:LINES])
                     if p is not None]  # fmt: skip
            path = "/patches/?turn=decided&reviewer=me"
            return _section("reviews", "How your reviews ended", lines, len(numbers), path)

        return self._kept(("reviews", tuple(numbers)), make)

    def _ended_in(self, window: Window) -> dict[int, list[int]]:
        """By reviewer what was decided in the window by others, the latest first."""
        if window not in self._ended:
            events = PatchEvent.objects.filter(
                kind=PatchEvent.Kind.DECIDED, at__gt=window.start, at__lte=window.end
            )
            decided = Patch.objects.filter(pk__in=events.values("patch"), is_waiting=False)
            rows = list(decided.order_by("-decided_at", "-pk")[:MOST])
            numbers = [patch.pk for patch in rows]
            public = visible_patches(None).filter(pk__in=numbers).values_list("pk", flat=True)
            self._hidden.update(set(numbers) - set(public))
            self._ended[window] = _by_reviewer(rows)
        return self._ended[window]

    def _kept(self, key: object, make: Callable[[], Section]) -> Section:
        if key not in self._sections:
            if len(self._sections) >= MOST_SECTIONS:
                self._sections.clear()
            self._sections[key] = make()
        return self._sections[key]

    def _line(self, number: int, deeds: tuple[Deed, ...]) -> PatchLine:
        patch = self._patches[number]
        said = ", ".join(filter(None, (_waits(patch), self._needs[number])))
        return PatchLine(patch, (said,), deeds)

    def _read(self, numbers: Collection[int]) -> None:
        """Know these patches and what each still needs. The same number of queries for many."""
        wanted = [number for number in numbers if number not in self._patches]
        if not wanted:
            return
        if len(self._patches) >= MOST_PATCHES:
            self._patches.clear()
            wanted = list(numbers)
        rows = Patch.objects.filter(pk__any_of=wanted).defer("description")
        related = ("product", "author", "submitter", "decided_by")
        found = rows.select_related(*related).prefetch_related("components")
        spoken = Rating.objects.filter(patch__pk__any_of=wanted, is_current=True).exclude(value=0)
        rated = set(spoken.values_list("patch", flat=True))
        for patch in found:
            self._patches[patch.pk] = patch
            self._needs[patch.pk] = self._missing(patch, is_rated=patch.pk in rated)

    def _missing(self, patch: Patch, *, is_rated: bool) -> str:
        """What it still needs: of one of which nobody said anything, what its rule says."""
        if patch.turn != Turn.REVIEWERS:
            return ""
        if is_rated:
            return _needs_words(needs.missing(patch))
        rule = (patch.product_id, patch.target)
        if rule not in self._rules:
            self._rules[rule] = _needs_words(needs.missing(patch, []))
        return self._rules[rule]


_kept = [Shared()]


def shared() -> Shared:
    """What the digests of this minute share."""
    return _kept[0]


def forget() -> None:
    """Let the next digest read everything anew."""
    _kept[0] = Shared()


def _by_reviewer(rows: Sequence[Patch]) -> dict[int, list[int]]:
    numbers = [patch.pk for patch in rows]
    said = Review.objects.filter(patch__in=numbers, sent_at__isnull=False).order_by()
    rated = Rating.objects.filter(patch__in=numbers).order_by()
    pairs = {
        *said.values_list("patch", "author").distinct(),
        *rated.values_list("patch", "person").distinct(),
    }
    found: dict[int, list[int]] = defaultdict(list)
    own = {p.pk: {p.author_id, p.submitter_id, p.decided_by_id, None} for p in rows}
    place = {number: at for at, number in enumerate(numbers)}
    for number, who in sorted(pairs, key=lambda pair: place[pair[0]]):
        if who not in own[number]:
            found[who or 0].append(number)
    return found


def _section(key: str, title: str, lines: Sequence[PatchLine], total: int, path: str) -> Section:
    url = f"{settings.BASE_URL}{path}"
    return Section(key, title, [], total, url, is_news=True, patches=tuple(lines))


def _waits(patch: Patch) -> str:
    """How long it waits for whom it waits."""
    waited = patch.waited if patch.turn == Turn.REVIEWERS else timedelta()
    days = (waited + timezone.now() - patch.turn_since).days
    if not days:
        return "waits since today"
    return f"waits {days} day{'' if days == 1 else 's'}"


def _needs_words(missing: Sequence[str]) -> str:
    return f"needs {needs.join(missing)}" if missing else ""


def _end(patch: Patch) -> str:
    """How it ended: "integrated by mara as 1a2b3c4d5e6f: “Thank you”"."""
    who = f" by {patch.decided_by.handle}" if patch.decided_by else ""
    commit = f" as {patch.commit[:12]}" if patch.commit else ""
    note = shorten(patch.decision, EXCERPT)
    return f"{patch.state}{who}{commit}" + (f": “{note}”" if note else "")
