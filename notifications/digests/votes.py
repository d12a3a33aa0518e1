"""What became of what somebody voted for or reported, and what they asked to be told here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce

from accounts.models import Person, Role, RoleGrant
from notifications.digests.chosen_patches import section_of_patches, untold_of_patches
from notifications.digests.content import set_aside_by
from notifications.digests.shapes import LINES, Digest, Line, Section, Window
from notifications.events.of_patches import leave_out_patches, patch_of
from notifications.models import Message, PatchTelling, Telling
from notifications.plain import shorten
from tracker.duplicates import adds_up
from tracker.models import Door, Event, Problem, Resolution
from tracker.policies import visible_problems
from tracker.timeline import describe
from votes.models import Vote
from votes.news import in_words

# What voters want to know of; the rest of the history is on the problem's page.
WATCHED: Final = frozenset({"state", "resolution", "fixed_in", "duplicate_of"})
MOST_PROBLEMS: Final = 1000
MOST_EVENTS: Final = 300
# Of each problem.
SAID: Final = 2
EXCERPT: Final = 50


def compose_votes(person: Person, window: Window, message_pk: int | None = None) -> Digest:
    """The digest of `person`'s votes for `window`. The same number of queries whatever it holds.

    `message_pk` is the message that it is made for: what that has told before belongs to it.
    """
    own = _own_numbers(person)
    tellings = _untold(person, message_pk)
    shown = _visible(person, own | {each.event.problem_id for each in tellings})
    tellings = [each for each in tellings if each.event.problem_id in shown]
    asked = [each.event for each in tellings]
    found = [*_events(person, own & shown, window, message_pk), *asked]
    events = {event.pk: event for event in _without_told_patches(found, person)}
    said = _said([events[pk] for pk in sorted(events)], person)
    gained = _gained(person, own & shown, window)
    problems = _problems([*said, *sorted(gained, key=lambda pk: (-gained[pk], -pk))[: 2 * LINES]])
    sections = _sections(own, said, gained, problems)
    tells = tuple(each.pk for each in tellings)
    of_patches = untold_of_patches(person, message_pk)
    sections.insert(0, section_of_patches(of_patches))
    told = [section for section in sections if section.has_lines]
    return Digest(window, told, tells, tuple(each.pk for each in of_patches))


def bind_tellings(message: Message, digest: Digest) -> None:
    """Let what `digest` tells be told by `message`, which is about to leave."""
    if digest.tells:
        Telling.objects.filter(pk__in=digest.tells).update(message=message)
    if digest.tells_of_patches:
        PatchTelling.objects.filter(pk__in=digest.tells_of_patches).update(message=message)


def _own_numbers(person: Person) -> set[int]:
    """What the person voted for or reported, and the heads of what are duplicates."""
    voted = Vote.objects.filter(person=person).order_by("-cast_at")
    reported = Problem.objects.filter(reporter=person).order_by("-number")
    pairs = [
        *voted.values_list("problem", "problem__head")[:MOST_PROBLEMS],
        *reported.values_list("pk", "head")[:MOST_PROBLEMS],
    ]
    return {number for pair in pairs for number in pair if number is not None}


def _visible(person: Person, numbers: set[int]) -> set[int]:
    """Those that the person may know of now, and has not set aside."""
    found = visible_problems(person).filter(pk__in=numbers).exclude(pk__in=set_aside_by(person))
    return set(found.values_list("pk", flat=True))


def _untold(person: Person, message_pk: int | None) -> list[Telling]:
    """Events that wait for this digest: no mail told of them, or one that never arrived."""
    lost = (Message.State.FAILED, Message.State.DROPPED)
    waiting = Q(message=None) | Q(message__kind=Message.Kind.DIGEST, message__state__in=lost)
    if message_pk is not None:
        waiting |= Q(message=message_pk)
    rows = Telling.objects.filter(waiting, person=person)
    return list(
        rows.select_related("event__actor", "event__comment").order_by("event")[:MOST_EVENTS]
    )


def _events(
    person: Person, numbers: set[int], window: Window, message_pk: int | None
) -> list[Event]:
    """What others did, without what another mail told the person already."""
    told = Telling.objects.filter(person=person, event=OuterRef("pk"), message__isnull=False)
    if message_pk is not None:
        told = told.exclude(message=message_pk)
    developers = RoleGrant.objects.filter(role__in=[Role.DEVELOPER, Role.COMMITTER])
    spoken = Q(kind=Event.Kind.COMMENTED) & (
        Q(actor=F("problem__assignee")) | Q(actor__in=developers.values("person"))
    )
    found = (
        Event.objects.filter(spoken | ~Q(changes=[]), problem__in=numbers)
        .filter(~Exists(told), at__gt=window.start, at__lte=window.end)
        .exclude(actor=person)
        .exclude(door=Door.IMPORT)
        .select_related("actor", "comment")
    )
    latest = found.order_by("-id")[:MOST_EVENTS]
    return [e for e in latest if e.kind == Event.Kind.COMMENTED or _is_watched(e)]


def _is_watched(event: Event) -> bool:
    return any(change["field"] in WATCHED or patch_of(change) for change in event.changes)


def _without_told_patches(events: list[Event], person: Person) -> list[Event]:
    """Without those of which nothing is left once what mails about patches told is taken away."""
    had = {event.pk for event in events if event.changes}
    leave_out_patches(events, person)
    return [event for event in events if event.changes or event.pk not in had]


def _said(events: list[Event], person: Person) -> dict[int, list[str]]:
    """What happened to each problem in words, oldest first; the problem with the latest first."""
    said: dict[int, list[str]] = defaultdict(list)
    for event, entry in zip(events, describe(events, person), strict=True):
        words = in_words(entry)
        if event.comment is not None:
            words += f": “{shorten(event.comment.text, EXCERPT)}”"
        said[event.problem_id].append(words)
    latest = {event.problem_id: event.pk for event in events}
    return {pk: said[pk] for pk in sorted(said, key=lambda pk: -latest[pk])}


def _gained(person: Person, numbers: set[int], window: Window) -> dict[int, int]:
    """New voters of each head beside the person and its reporter. Two queries."""
    copies = Problem.objects.filter(head__in=numbers).values_list("pk", flat=True)
    rows = (
        Vote.objects.filter(
            Q(problem__head=None) | adds_up(),
            problem__in=[*numbers, *copies],
            status=Vote.Status.COUNTED,
            cast_at__gt=window.start,
            cast_at__lte=window.end,
        )
        .exclude(person=F("problem__reporter"))
        .exclude(person=person)
        .annotate(group=Coalesce("problem__head", "problem"))
        .order_by()
        .values_list("group")
        .annotate(gained=Count("person", distinct=True))
    )
    return {group: gained for group, gained in rows if group in numbers}


def _problems(numbers: Iterable[int]) -> dict[int, Problem]:
    rows = Problem.objects.filter(pk__in=list(numbers)).defer("description", "how_to_repeat")
    return {p.pk: p for p in rows.select_related("product", "component", "fixed_in")}


def _sections(
    own: set[int],
    said: dict[int, list[str]],
    gained: dict[int, int],
    problems: dict[int, Problem],
) -> list[Section]:
    """Each problem is in one of them; what somebody has comes before what they follow."""
    mine, followed = ([pk for pk in said if (pk in own) is has] for has in (True, False))
    fixed = [pk for pk in mine if problems[pk].resolution == Resolution.FIXED]
    changed = [pk for pk in mine if pk not in fixed]
    risen = [pk for pk in gained if pk not in said]
    risen.sort(key=lambda pk: (-gained[pk], -pk))

    def section(key: str, title: str, numbers: list[int], path: str) -> Section:
        lines = [_line(problems[pk], said.get(pk, []), gained.get(pk, 0)) for pk in numbers[:LINES]]
        # What was asked for is told by this mail and by no other, so each is at least named.
        others = tuple(numbers[LINES:]) if key != "risen" else ()
        url = f"{settings.BASE_URL}{path}"
        return Section(key, title, lines, len(numbers), url, is_news=True, others=others)

    return [
        section("fixed", "Fixed", fixed, "/my/"),
        section("changed", "Changed", changed, "/my/"),
        section("asked", "You wanted to be told of these here", followed, "/my/subscriptions/"),
        section("risen", "More people have them too", risen, "/problems/?voted=me"),
    ]


def _line(problem: Problem, said: list[str], gained: int) -> Line:
    """The latest of what happened; of the rest how much it was."""
    earlier = len(said) - SAID
    words = [f"{earlier} more before"] if earlier > 0 else []
    return Line(problem, gained, (*words, *said[-SAID:]))
