"""What a digest tells: read from votes and problems, for one reader and one stretch of time.

What it tells of patches is in `patches`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.models import Person, read_roles
from notifications.digests import patches
from notifications.digests.patches import PatchReader, patch_readers
from notifications.digests.shapes import FEW, LINES, Digest, Line, Section, Window
from notifications.models import SetAside
from tracker.duplicates import adds_up
from tracker.models import OPEN, Comment, Component, Maintainership, Problem, State
from tracker.policies import visible_problems
from votes.models import Vote


@dataclass(frozen=True)
class Reader:
    """What a digest depends on of its reader: what they maintain, and have set aside now; and which
    patches are theirs."""

    components: tuple[int, ...]
    aside: tuple[int, ...]
    patches: PatchReader


def readers(people: Sequence[Person]) -> dict[int, Reader]:
    """Each of `people` as a reader. Four queries, however many they are; see `patch_readers`."""
    pks = [person.pk for person in people]
    components: dict[int, list[int]] = {pk: [] for pk in pks}
    aside: dict[int, list[int]] = {pk: [] for pk in pks}
    maintained = Maintainership.objects.filter(person__pk__any_of=pks).order_by("component")
    for pk, component in maintained.values_list("person", "component"):
        components[pk].append(component)
    wanted = Q(until=None) | Q(until__gt=timezone.now())
    rows = SetAside.objects.filter(wanted, person__pk__any_of=pks).order_by("problem")
    for pk, number in rows.values_list("person", "problem"):
        aside[pk].append(number)
    read_roles(people)
    of_patches = patch_readers(people)
    return {pk: Reader(tuple(components[pk]), tuple(aside[pk]), of_patches[pk]) for pk in pks}


# That in which what is kept was read.
_minute = [0]


def compose(
    person: Person, window: Window, *, is_preview: bool = False, reader: Reader | None = None
) -> Digest:
    """The digest of `person` for `window`. The same number of queries whatever it holds.

    What several readers share is read once for all of a run: for a minute, so that nothing which
    has become confidential lives on in it.
    """
    minute = _this_minute()
    own, whole = (_own.__wrapped__, _whole.__wrapped__) if is_preview else (_own, _whole)
    reader = reader or readers([person])[person.pk]
    components, aside = reader.components, reader.aside
    of_patches = patches.Shared() if is_preview else patches.shared()
    sections = [
        *of_patches.sections(reader.patches, components, window),
        *own(components, aside, window, minute),
        *whole(aside, window, minute),
    ]
    return Digest(window, [section for section in sections if section.has_lines])


def read_ahead(known: Sequence[Reader]) -> None:
    """Read for many readers together what each would read by itself."""
    _this_minute()
    patches.shared().read_ahead((reader.patches, reader.components) for reader in known)


def _this_minute() -> int:
    minute = int(timezone.now().timestamp() // 60)
    if minute != _minute[0]:
        # They would stay until there are as many as may be, each with its problems.
        _minute[0] = minute
        forget_shared_parts()
    return minute


def set_aside_by(person: Person) -> tuple[int, ...]:
    """The problems that `person` wants out of their digests now. One query."""
    rows = SetAside.objects.filter(Q(until=None) | Q(until__gt=timezone.now()), person=person)
    return tuple(rows.order_by("problem").values_list("problem", flat=True))


@lru_cache(maxsize=256)
def _own(
    components: tuple[int, ...], aside: tuple[int, ...], window: Window, minute: int
) -> list[Section]:
    """The part of those who maintain just these components. They see all that is in them."""
    rows = list(Component.objects.filter(pk__in=components).select_related("product"))
    found = Problem.objects.filter(OPEN, component__in=rows, head=None).exclude(pk__in=aside)
    return [make(rows, found, window) for make in OWN_SECTIONS] if rows else []


def _untouched(components: list[Component], own: QuerySet[Problem], window: Window) -> Section:
    """Reports that are as new as on their first day, whenever that was."""
    # Nobody has the id 0: where the reporter is not known, every comment is an answer.
    reporter = Coalesce(OuterRef("reporter"), 0)
    answers = Comment.objects.filter(problem=OuterRef("pk")).exclude(author=reporter)
    found = own.filter(~Exists(answers), state=State.NEW)
    lines = [Line(problem) for problem in _first(found, LINES)]
    return Section(
        "untouched",
        "Reports that nobody has touched",
        lines,
        found.count() if len(lines) == LINES else len(lines),
        _list_url(components, state="new"),
        is_news=True,
    )


def _own_risen(components: list[Component], own: QuerySet[Problem], window: Window) -> Section:
    url = _list_url(components, sort="heat")
    return risen("risen", "Rose in what you maintain", own, window, LINES, url)


def _own_top(components: list[Component], own: QuerySet[Problem], window: Window) -> Section:
    url = _list_url(components, sort="heat")
    return top("top", "Biggest in what you maintain", own, FEW, url)


OwnSection = Callable[[list[Component], QuerySet[Problem], Window], Section]

# What waits for the reader comes first. They are for people who maintain the components, so that
# confidential problems belong in them.
OWN_SECTIONS: Final[tuple[OwnSection, ...]] = (_untouched, _own_risen, _own_top)


@lru_cache(maxsize=64)
def _whole(aside: tuple[int, ...], window: Window, minute: int) -> list[Section]:
    """The part that is the same for everybody: public problems only."""
    public = visible_problems(None).filter(OPEN, head=None).exclude(pk__in=aside)
    url = f"{settings.BASE_URL}/problems/"
    return [
        risen("risen everywhere", "Rose everywhere", public, window, FEW, url),
        top("top of all", "Biggest of all", public, FEW, url),
    ]


def top(key: str, title: str, found: QuerySet[Problem], lines: int, url: str) -> Section:
    """The biggest of `found`, which is no news. One query."""
    first = [Line(problem) for problem in _first(found, lines)]
    return Section(key, title, first, len(first), url, is_news=False)


def forget_shared_parts() -> None:
    """Let the next digest read everything anew."""
    _own.cache_clear()
    _whole.cache_clear()
    patches.forget()


def _first(found: QuerySet[Problem], lines: int) -> list[Problem]:
    found = found.defer("description", "how_to_repeat").select_related("product", "component")
    return list(found.order_by("-heat", "-number")[:lines])


def risen(
    key: str, title: str, found: QuerySet[Problem], window: Window, lines: int, url: str
) -> Section:
    """Those with new voters in the window, most first. Two queries."""
    numbers = found.values("pk")
    groups = (
        Vote.objects.filter(
            Q(problem__in=numbers) | Q(adds_up(), problem__head__in=numbers),
            status=Vote.Status.COUNTED,
            cast_at__gt=window.start,
            cast_at__lte=window.end,
        )
        .exclude(person=F("problem__reporter"))
        .annotate(group=Coalesce("problem__head", "problem"))
        .values("group")
        .annotate(gained=Count("person", distinct=True))
        .order_by("-gained", "-group")
    )
    gains = [(row["group"], row["gained"]) for row in groups]
    shown = {p.pk: p for p in _first(found.filter(pk__in=[pk for pk, _ in gains[:lines]]), lines)}
    risen = [Line(shown[pk], gained) for pk, gained in gains[:lines] if pk in shown]
    return Section(key, title, risen, len(gains), url, is_news=True)


def _list_url(components: list[Component], **parameters: str) -> str:
    """The list of one component; of several, the reader's own page, which has a link for each."""
    if len(components) > 1:
        return f"{settings.BASE_URL}/my/"
    (only,) = components
    parameters = {"product": only.product.slug, "component": only.slug, **parameters}
    return f"{settings.BASE_URL}/problems/?{urlencode(parameters)}"
