"""Who was asked to look at a patch, and what they answered: claimed, put off, not theirs.

There is one row for a person and a patch, whoever asks and how often. Rows are written under the
lock of the patch, and the constraint on them decides where that is not enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Person, Role
from accounts.policies import require
from patches.events import record
from patches.locking import lock, refuse_decided
from patches.models import WAITING, Patch, PatchEvent, ReviewRequest, Turn
from patches.owners import Owner, owners_of_patch, suggesting
from patches.policies import may, visible_patches
from tracker.changes import Conflict
from tracker.models import Door, Problem

SNOOZE_DAYS: Final = 14
# Longer than this, one had better say that it is not theirs.
SNOOZE_DAYS_AT_MOST: Final = 90
REASON_CHARS: Final = 300
# Who looks after many waiting patches from now on is mailed about so many of them in a day.
MAILED_AT_ONCE: Final = 3
_AT_ONCE: Final = 100


@transaction.atomic
def ask_owners(patch: Patch, door: Door, *, is_anew: bool = False) -> list[ReviewRequest]:
    """Ask whoever looks after what the newest version touches, each once; returns the new ones.

    Call it after the history has its entry of that version, inside the same transaction. Whom it
    does not ask: the author, who was asked before, and who may not know of the patch. Call it again
    when that may be others: more fixes, or fewer secrets. Of a decided patch nobody is asked.
    Who looks after none of it any more, and was asked for nothing else, is released unless they
    have claimed it. `is_anew` is for patches that may be many, so that nobody is mailed about each.
    """
    locked = lock(patch)
    if not locked.is_waiting:
        return []
    new, gone = _changed_owners(locked)
    _release(locked, gone)
    seeing = seeing_it(locked, [owner.person for owner in new])
    made = [
        _ask(locked, o.person, o.reason, None, door, quiet=is_anew and _heard_enough(o.person))
        for o in new
        if o.person in seeing
    ]
    return [request for request in made if request is not None]


def _changed_owners(patch: Patch) -> tuple[list[Owner], list[ReviewRequest]]:
    """Who is to be asked as things are now, and what is not asked of anybody any more."""
    rows = list(patch.review_requests.select_related("person").order_by("id"))
    asked = {row.person_id for row in rows}
    owners = owners_of_patch(patch)
    named = {owner.person.pk for owner in owners}
    new = [o for o in owners if o.person.pk not in asked and not patch.is_by(o.person)]
    left = [row for row in rows if row.person_id not in named and _is_unanswered(row)]
    passed_on = _passed_on_in(patch) if left else set()
    return new, [row for row in left if row.person_id not in passed_on]


def _is_unanswered(row: ReviewRequest) -> bool:
    """Whether it stands because of what its person looked after, and they have not claimed it."""
    return row.asked_by_id is None and row.state == ReviewRequest.State.OPEN


def _passed_on_in(patch: Patch) -> set[int | None]:
    """Whom others passed it on to, who need not look after any of it."""
    events = PatchEvent.objects.filter(patch=patch, kind=PatchEvent.Kind.PASSED_ON)
    return set(events.values_list("person", flat=True))


def _release(patch: Patch, rows: Sequence[ReviewRequest]) -> None:
    """Ask nothing of these people any more. The history says so, and nobody is mailed."""
    if not rows:
        return
    ReviewRequest.objects.filter(pk__in=[row.pk for row in rows]).delete()
    handles = sorted((row.person.handle for row in rows), key=str.lower)
    changes = [{"field": "asked", "old": handles, "new": []}]
    data = {"changes": changes}
    record(patch, PatchEvent.Kind.CHANGED, None, Door.SYSTEM, data=data, quiet=True)


def _heard_enough(person: Person) -> bool:
    lately = timezone.now() - timedelta(days=1)
    asked = ReviewRequest.objects.filter(person=person, asked_by=None, asked_at__gt=lately)
    return asked[:MAILED_AT_ONCE].count() == MAILED_AT_ONCE


def ask_anew(seconds: float, product: int = 0, after: int = 0) -> int | None:
    """Ask whoever looks after patches that wait for reviewers by now, and nobody else any more.

    For so many seconds; the number after which to go on, None where all are done. `product` is the
    id of one whose rules have changed, 0 is all.
    """
    ends = monotonic() + seconds
    found = Patch.objects.filter(WAITING, turn=Turn.REVIEWERS).select_related("product")
    found = found.filter(product=product) if product else found
    while batch := list(found.filter(pk__gt=after).order_by("pk")[:_AT_ONCE]):
        for patch in batch:
            if any(_changed_owners(patch)):
                ask_owners(patch, Door.SYSTEM, is_anew=True)
            after = patch.pk
            if monotonic() > ends:
                return after
    return None


def ask_about_fixes(problem: Problem) -> None:
    """Ask about every patch that fixes `problem`, of which more people may know now."""
    for patch in Patch.objects.filter(WAITING, fixes=problem).order_by("number"):
        ask_owners(patch, Door.SYSTEM)


@transaction.atomic
def ask(patch: Patch, actor: Person, person: Person, door: Door) -> ReviewRequest:
    """Ask somebody by hand. Who was asked already is not asked again, but stays asked by hand.

    Raises `Denied`, and `Conflict` with a reason for whom asking makes no sense.
    """
    require(may("patch.ask", actor, patch))
    locked = lock(patch)
    refuse_decided(locked, "Nobody need look at it any more.")
    _refuse_useless(locked, person)
    request = _ask(locked, person, f"Asked by {actor.handle}.", actor, door)
    request = request or locked.review_requests.get(person=person)
    if request.state == ReviewRequest.State.DECLINED:
        raise Conflict(f"{person.handle} has said that this patch is not theirs. Ask another.")
    if request.asked_by is None:
        request.asked_by = actor
        request.save(update_fields=["asked_by"])
    return request


def _refuse_useless(patch: Patch, person: Person) -> None:
    """Raise `Conflict` for somebody whose review would not be one."""
    if patch.is_by(person):
        raise Conflict(f"It is {person.handle}'s own patch. Ask somebody else.")
    if not (person.is_active and person.is_confirmed):
        raise Conflict(f"{person.handle} has no open account. Ask somebody else.")
    if person.has_role(Role.MACHINE):
        raise Conflict(f"{person.handle} is a program. Ask a person.")
    if not seeing_it(patch, [person]):
        raise Conflict(f"{person.handle} may not see this patch. Ask somebody else.")


def _ask(
    patch: Patch,
    person: Person,
    reason: str,
    asked_by: Person | None,
    door: Door,
    *,
    quiet: bool = False,
) -> ReviewRequest | None:
    """The new row with its event; None where there is one already."""
    values = {"reason": reason[:REASON_CHARS], "asked_by": asked_by}
    request, is_new = ReviewRequest.objects.get_or_create(
        patch=patch, person=person, defaults=values
    )
    if not is_new:
        return None
    record(
        patch,
        PatchEvent.Kind.ASKED,
        asked_by,
        door if asked_by else Door.SYSTEM,
        person=person,
        data={"handle": person.handle, "reason": "" if asked_by else request.reason},
        quiet=quiet or door == Door.IMPORT,
    )
    return request


def seeing_it(patch: Patch, people: Iterable[Person]) -> list[Person]:
    """Those of `people` who may know of `patch`: of a public one all, with one query."""
    if visible_patches(None).filter(pk=patch.pk).exists():
        return list(people)
    return [p for p in people if visible_patches(p).filter(pk=patch.pk).exists()]


@transaction.atomic
def claim(patch: Patch, person: Person, door: Door) -> ReviewRequest:
    """“I will review it”: others see that, and may look as well. Claiming twice is claiming once.

    Raises `Denied` for who was not asked and may not, `Conflict` for one's own patch.
    """
    locked = lock(patch)
    request = locked.review_requests.filter(person=person).first()
    if request is None:
        require(may("patch.claim", person, patch))
    if locked.is_by(person):
        raise Conflict("It is your own patch; somebody else has to look at it.")
    refuse_decided(locked, "Nobody need look at it any more.")
    if request is None:
        values = {"reason": "Claimed without having been asked."}
        request, _ = ReviewRequest.objects.get_or_create(
            patch=locked, person=person, defaults=values
        )
    elif request.state == ReviewRequest.State.CLAIMED:
        return request
    _answer(request, ReviewRequest.State.CLAIMED)
    record(locked, PatchEvent.Kind.CLAIMED, person, door)
    return request


def _answer(request: ReviewRequest, state: ReviewRequest.State) -> None:
    request.state, request.answered_at, request.snoozed_until = state, timezone.now(), None
    request.save(update_fields=["state", "answered_at", "snoozed_until"])


@transaction.atomic
def snooze(patch: Patch, person: Person, days: int = SNOOZE_DAYS) -> ReviewRequest:
    """Keep a patch out of one's queue and digests for `days`. Nobody else is told.

    Raises `Conflict` for who was not asked, or has declined, and for days that make no sense.
    """
    if not 1 <= days <= SNOOZE_DAYS_AT_MOST:
        raise Conflict(f"Put it off for 1 to {SNOOZE_DAYS_AT_MOST} days.")
    locked = lock(patch)
    refuse_decided(locked, "It is not in your queue any more.")
    request = _own(locked, person)
    if request.state == ReviewRequest.State.DECLINED:
        raise Conflict("You have said that this patch is not yours, so it is not in your queue.")
    request.snoozed_until = timezone.now() + timedelta(days=days)
    request.save(update_fields=["snoozed_until"])
    return request


def _own(patch: Patch, person: Person) -> ReviewRequest:
    request = patch.review_requests.filter(person=person).first()
    if request is None:
        raise Conflict("You were not asked to look at this patch.")
    return request


def decline(patch: Patch, person: Person, door: Door) -> ReviewRequest | None:
    """“Not mine”: the patch goes on to the next, whose request is returned; None without any.

    The next is who has claimed it, or another who looks after the same files; else the best
    suggestion that was not asked yet. Declining twice passes on once. Raises `Conflict` for who was
    not asked, and for a patch that was decided.
    """
    # Before the transaction: git may take seconds, and nobody is to wait for it. Who has one open
    # already asks for suggestions before that, since git's answer is kept.
    suggested = suggesting.suggest(patch)
    with transaction.atomic():
        return _decline(lock(patch), person, suggested, door)


def _decline(
    patch: Patch, person: Person, suggested: Sequence[suggesting.Suggestion], door: Door
) -> ReviewRequest | None:
    request = _own(patch, person)
    if request.state == ReviewRequest.State.DECLINED:
        return _passed_on_to(patch, person)
    refuse_decided(patch, "Nobody need look at it any more.")
    _answer(request, ReviewRequest.State.DECLINED)
    following = _next(patch, person, suggested, door)
    record(
        patch,
        PatchEvent.Kind.PASSED_ON,
        person,
        door,
        person=following.person if following else None,
        data={"to": following.person.handle if following else ""},
    )
    return following


def _passed_on_to(patch: Patch, person: Person) -> ReviewRequest | None:
    """To whom it went when `person` declined."""
    events = patch.events.filter(kind=PatchEvent.Kind.PASSED_ON, actor=person).order_by("-id")
    last = events.first()
    if last is None or last.person_id is None:
        return None
    return patch.review_requests.filter(person=last.person_id).select_related("person").first()


def _next(
    patch: Patch, person: Person, suggested: Sequence[suggesting.Suggestion], door: Door
) -> ReviewRequest | None:
    """Who has it now: somebody who was asked and still stands, or somebody newly asked."""
    rows = list(patch.review_requests.select_related("person").order_by("id"))
    asked = {row.person_id: row for row in rows}
    owners = _beside(person, owners_of_patch(patch))
    claimed = [row for row in rows if row.state == ReviewRequest.State.CLAIMED]
    equals = [asked[owner.person.pk] for owner in owners if owner.person.pk in asked]
    for row in (*claimed, *equals):
        if row.state != ReviewRequest.State.DECLINED:
            return row
    candidates = [(o.person, o.reason) for o in owners] + [(s.person, s.reason) for s in suggested]
    for candidate, reason in candidates:
        if candidate.pk in asked or patch.is_by(candidate) or not seeing_it(patch, [candidate]):
            continue
        said = f"Passed on by {person.handle}: {reason[:1].lower()}{reason[1:]}"
        return _ask(patch, candidate, said, None, door)
    return None


def _beside(person: Person, owners: Sequence[Owner]) -> list[Owner]:
    """Those who look after the same files as `person`, or after any where that is none."""
    own = {path for owner in owners if owner.person == person for path in owner.paths}
    others = [owner for owner in owners if owner.person != person]
    return [o for o in others if not own or not own.isdisjoint(o.paths)]
