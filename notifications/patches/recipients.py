"""Who is told of what happens to a patch, why, and how soon."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Q
from django.utils import timezone

from accounts.models import Person
from notifications.events.choices import Pace, paces, wishes_of
from notifications.events.quiet_hours import after_quiet
from notifications.gate.suspension import suspended_among
from notifications.models import MailSettings, MutedPatch, Occasion, PatchTelling, Reason
from notifications.policies import writable
from patches.models import LineComment, Patch, PatchEvent, Review, ReviewRequest, Turn
from patches.owners.requests import MAILED_AT_ONCE, seeing_it
from patches.waiting.clocks import Stage
from patches.waiting.escalating import reach_of
from tracker.models import Maintainership

Kind = PatchEvent.Kind

_OCCASIONS: Final = {
    Kind.ASKED: Occasion.ASKED,
    Kind.ESCALATED: Occasion.ASKED,
    Kind.VERSION: Occasion.VERSION,
    Kind.DECIDED: Occasion.DECIDED,
    Kind.REOPENED: Occasion.DECIDED,
}


@dataclass(frozen=True)
class PatchGround:
    """Why a person is told."""

    person: Person
    reason: Reason


@dataclass(frozen=True)
class PatchPlan:
    """That a person is told of what happened to a patch, and how soon."""

    ground: PatchGround
    pace: Pace
    wishes: MailSettings | None

    @property
    def person(self) -> Person:
        return self.ground.person

    def not_before(self, at: datetime) -> datetime:
        """`at`, or the end of the person's quiet hours."""
        return after_quiet(self.wishes, self.person.time_zone, at)


def occasion_of(event: PatchEvent) -> Occasion:
    """What kind of news it is."""
    return _OCCASIONS.get(Kind(event.kind), Occasion.REVIEWED)


def plans(event: PatchEvent) -> list[PatchPlan]:
    """Who is to be told of `event` and was not yet. As many queries for one as for many, and one
    for each of them where not everybody sees the patch."""
    found = grounds(event)
    if not found:
        return []
    people = [ground.person for ground in found]
    told = set(PatchTelling.objects.filter(event=event).values_list("person", flat=True))
    suspended = suspended_among([person.email for person in people])
    chosen, wishes = paces(people, {occasion_of(event)}), wishes_of(people)
    for pk in _told_often(event, [pk for pk, pace in chosen.items() if pace == Pace.INSTANTLY]):
        chosen[pk] = Pace.HOURLY
    return [
        PatchPlan(ground, chosen[ground.person.pk], wishes.get(ground.person.pk))
        for ground in found
        if ground.person.pk not in told
        and ground.person.email.lower() not in suspended
        and chosen[ground.person.pk] != Pace.NEVER
    ]


def _told_often(event: PatchEvent, people: Iterable[int]) -> list[int]:
    """Who has had as many mails of a day about what nobody reviews. An import may make hundreds due
    at once; what is more comes to them together."""
    if event.kind != Kind.ESCALATED:
        return []
    lately = timezone.now() - timedelta(days=1)
    told = PatchTelling.objects.filter(person__in=list(people), created_at__gt=lately)
    counted = told.filter(event__kind=Kind.ESCALATED).values("person").annotate(n=Count("pk"))
    often = counted.filter(n__gte=MAILED_AT_ONCE).order_by("person")
    return list(often.values_list("person", flat=True))


def grounds(event: PatchEvent) -> list[PatchGround]:
    """One ground for each person who is to be told of `event`, by the id of the person. Nobody is
    told of what they did themselves, nor of a patch that they muted or may not see."""
    found: dict[int, PatchGround] = {}
    for ground in _candidates(event):
        found.setdefault(ground.person.pk, ground)
    found.pop(event.actor_id or 0, None)
    muted = MutedPatch.objects.filter(patch=event.patch_id, person__in=list(found))
    for pk in muted.values_list("person", flat=True):
        del found[pk]
    told = seeing_it(event.patch, writable(ground.person for ground in found.values()))
    return [found[pk] for pk in sorted(person.pk for person in told)]


def _candidates(event: PatchEvent) -> Iterator[PatchGround]:
    """The closest ground of each person comes first."""
    patch, kind = event.patch, event.kind
    if kind == Kind.ASKED:
        yield from _by(Reason.ASKED, [event.person])
    elif kind == Kind.ESCALATED:
        yield from _by(Reason.MAINTAINER, _maintainers(event))
    elif kind in _OF_ITS_AUTHOR or event.turn_before != event.turn_after:
        yield from _by(Reason.AUTHOR, [patch.author])
        yield from _by(Reason.SUBMITTER, [patch.submitter])
        if kind in _OF_ITS_REVIEWERS or _is_back(event):
            yield from _by(Reason.REVIEWER, reviewers(patch))
        elif kind == Kind.REVIEWED:
            yield from _by(Reason.REVIEWER, _answered(event))


_OF_ITS_AUTHOR: Final = frozenset(
    {Kind.SUBMITTED, Kind.VERSION, Kind.REVIEWED, Kind.RATED, Kind.DECIDED, Kind.REOPENED}
)
_OF_ITS_REVIEWERS: Final = frozenset({Kind.VERSION, Kind.DECIDED, Kind.REOPENED})


def _by(reason: Reason, people: Iterable[Person | None]) -> list[PatchGround]:
    return [PatchGround(person, reason) for person in people if person is not None]


def _is_back(event: PatchEvent) -> bool:
    """Whether its author has answered all that reviewers waited for."""
    by_author = event.patch.is_by(event.actor)
    return by_author and (event.turn_before, event.turn_after) == (Turn.AUTHOR, Turn.REVIEWERS)


def reviewers(patch: Patch) -> list[Person]:
    """Who reviewed or rated a patch, or has said that they will, by handle; not who said since
    that it is not theirs."""
    state = ReviewRequest.State
    requests = ReviewRequest.objects.filter(patch=patch)
    spoke = (
        Q(pk__in=Review.objects.filter(patch=patch, sent_at__isnull=False).values("author"))
        | Q(pk__in=patch.ratings.values("person"))
        | Q(pk__in=requests.filter(state=state.CLAIMED).values("person"))
    )
    gone = requests.filter(state=state.DECLINED).values("person")
    return list(Person.objects.filter(spoke).exclude(pk__in=gone).order_by("handle"))


def _answered(event: PatchEvent) -> list[Person]:
    """Whose comments on lines the review answers."""
    threads = LineComment.objects.filter(review=event.review_id).values("thread")
    said = LineComment.objects.filter(thread__in=threads, review__sent_at__isnull=False)
    return list(Person.objects.filter(pk__in=said.values("review__author")).order_by("handle"))


def _maintainers(event: PatchEvent) -> list[Person]:
    """Who maintains the components that have no list, or none that may be told."""
    if event.data.get("stage") != Stage.LIST:
        return []
    rows = Maintainership.objects.filter(component__in=list(reach_of(event.patch).maintained))
    return [row.person for row in rows.select_related("person").order_by("person__handle")]
