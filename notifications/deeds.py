"""Links in mails that act: vote, claim, snooze, not mine.

    /do/<token>/            choose what to do
    /do/<token>/vote/       or claim, snooze, not-mine

A token names a person, a deed, a problem or patch and the hour at which it was made, and carries a
MAC over that with `SECRET_KEY`. Mails carry one for each problem, which lets its reader choose; the
last part of the address has chosen. One that names another deed is good for that alone. Whoever has
it may do this as that person, so it lasts 30 days, and ends when the person revokes the addresses
of their mails. What the person may do is asked when it is done. Programs that look at links do
nothing by it: only a POST acts.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import salted_hmac

from accounts.models import Person
from notifications.gate.models import ReplyRevocation
from notifications.models import SetAside
from notifications.policies import writable
from tracker.changes import Conflict, ProblemChange, fingerprint
from tracker.models import Door, Problem
from tracker.policies import may, visible_problems
from tracker.services import change
from votes.models import Vote
from votes.services import cast_vote

LASTS: Final = timedelta(days=30)
SNOOZE: Final = timedelta(days=14)

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
_PERSON, _PROBLEM, _HOURS, _MAC = 4, 5, 3, 9
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")
_NOT_OURS: Final = "Some of this link was lost on the way. Open it from the mail again."
_SIZE: Final = 1 + _PERSON + _PROBLEM + _HOURS


class Deed(StrEnum):
    """What a link does; one that lets its reader choose does nothing itself."""

    VOTE = "v"
    CLAIM = "c"
    SNOOZE = "s"
    NOT_MINE = "n"
    CHOOSE = "a"
    # Of a patch; what may be chosen is done by `notifications.patches.deeds`.
    CHOOSE_PATCH = "p"

    @property
    def words(self) -> str:
        """On a link or button."""
        return _WORDS[self]

    @property
    def slug(self) -> str:
        """At the end of a link whose token lets its reader choose."""
        return _SLUGS[self]


_WORDS: Final = {
    Deed.VOTE: "+1",
    Deed.CLAIM: "assign me",
    Deed.SNOOZE: "snooze for 14 days",
    Deed.NOT_MINE: "not mine",
    Deed.CHOOSE: "choose",
    Deed.CHOOSE_PATCH: "choose",
}
_WORDS_OF_PATCHES: Final = {Deed.CLAIM: "I will review it"}
_CHOICES: Final = frozenset({Deed.CHOOSE, Deed.CHOOSE_PATCH})
_SLUGS: Final = {
    Deed.VOTE: "vote",
    Deed.CLAIM: "claim",
    Deed.SNOOZE: "snooze",
    Deed.NOT_MINE: "not-mine",
}


class NoSuchLink(Exception):
    """Nothing of ours, or void; the message says what to do."""


@dataclass(frozen=True)
class Ticket:
    """What a link says."""

    deed: Deed
    person: int
    # Of a problem, or of a patch.
    number: int
    # To the hour, rounded down: what was made later within the hour of a revocation is void too.
    made_at: datetime
    # The one that lets its reader choose, where the deed is what was chosen.
    chosen_by: Deed | None = None

    @property
    def is_of_patch(self) -> bool:
        return Deed.CHOOSE_PATCH in (self.deed, self.chosen_by)

    @property
    def url(self) -> str:
        """Its address, for a mail."""
        return settings.BASE_URL + self.path()

    def path(self, deed: Deed | None = None) -> str:
        """Where it is done, or another deed by a link that ends at the same time."""
        wanted = deed or self.deed
        signed = self.chosen_by or (self.deed if self.deed in _CHOICES else wanted)
        (token,) = _tokens(signed, self.person, [self.number], self.made_at)
        before, after = _around_token(wanted if wanted != signed else None)
        return f"{before}{token}{after}"


@dataclass(frozen=True)
class Offer:
    """One deed that a reader may do to one problem, or patch."""

    deed: Deed
    url: str
    is_of_patch: bool = False

    @property
    def words(self) -> str:
        own = _WORDS_OF_PATCHES if self.is_of_patch else {}
        return own.get(self.deed, self.deed.words)


def ticket(person_id: int, deed: Deed, number: int, now: datetime | None = None) -> Ticket:
    """The right of a person to do one thing to one problem, or patch."""
    return Ticket(deed, person_id, number, now or timezone.now())


def read_link(token: str, slug: str = "") -> Ticket:
    """What a link names. Raises `NoSuchLink` for one that we did not make, or that is too old."""
    found = _read_token(token)
    if not slug:
        return found
    chosen = next((deed for deed, known in _SLUGS.items() if known == slug), None)
    if chosen is None or found.deed not in _CHOICES:
        raise NoSuchLink(_NOT_OURS)
    return replace(found, deed=chosen, chosen_by=found.deed)


def _read_token(token: str) -> Ticket:
    try:
        signed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (ValueError, binascii.Error):
        signed = b""
    named, mac = signed[:_SIZE], signed[_SIZE:]
    if len(signed) != _SIZE + _MAC or not hmac.compare_digest(mac, _mac(named)):
        raise NoSuchLink(_NOT_OURS)
    hours = int.from_bytes(named[-_HOURS:], "big")
    found = Ticket(
        Deed(named[:1].decode()),
        int.from_bytes(named[1 : 1 + _PERSON], "big"),
        int.from_bytes(named[1 + _PERSON : -_HOURS], "big"),
        _EPOCH + hours * _HOUR,
    )
    if timezone.now() > found.made_at + LASTS:
        raise NoSuchLink("Links in mails act for 30 days. Sign in to do it on the problem's page.")
    return found


def _mac(named: bytes) -> bytes:
    """Keyed BLAKE2b (RFC 7693) takes a third of an HMAC's time; a digest has dozens of links."""
    return blake2b(named, digest_size=_MAC, key=_key(settings.SECRET_KEY)).digest()


@lru_cache(maxsize=1)
def _key(secret: str) -> bytes:
    return salted_hmac("notifications.deeds", b"", secret=secret, algorithm="sha256").digest()


def tokens(
    person_id: int, numbers: Sequence[int], now: datetime, deed: Deed = Deed.CHOOSE
) -> list[str]:
    """For each of these problems what lets a person choose, as it stands in the links of a mail.

    With `CHOOSE_PATCH` they are patches.
    """
    return _tokens(deed, person_id, numbers, now)


def _tokens(deed: Deed, person_id: int, numbers: Sequence[int], made_at: datetime) -> list[str]:
    before = deed.value.encode() + person_id.to_bytes(_PERSON, "big")
    hours = max((made_at - _EPOCH) // _HOUR, 0).to_bytes(_HOURS, "big")
    key = _key(settings.SECRET_KEY)
    found = []
    for number in numbers:
        named = before + number.to_bytes(_PROBLEM, "big") + hours
        mac = blake2b(named, digest_size=_MAC, key=key).digest()
        found.append(b2a_base64(named + mac, newline=False).translate(_URL_SAFE).decode())
    return [token.rstrip("=") for token in found]


@lru_cache(maxsize=8)
def _around_token(deed: Deed | None) -> tuple[str, str]:
    chosen = [deed.slug] if deed else []
    before, _, after = reverse("do", args=["TOKEN", *chosen]).partition("TOKEN")
    return before, after


def person_of(found: Ticket) -> Person:
    """Who acts by it. Raises `NoSuchLink` where it is void."""
    person = Person.objects.filter(pk=found.person).first()
    if person is None or not writable([person]):
        raise NoSuchLink("The account that this link was for is closed.")
    number = None if found.is_of_patch else found.number
    revoked = ReplyRevocation.objects.filter(
        Q(problem=None) | Q(problem=number), person=person, revoked_at__gte=found.made_at
    )
    if revoked.exists():
        where = "page of the patch" if found.is_of_patch else "problem's page"
        raise NoSuchLink(f"This link was revoked. Sign in to do it on the {where}.")
    return person


def holder(found: Ticket) -> tuple[Person, Problem]:
    """Who acts by it, on which problem. Raises `NoSuchLink` where it is void or shows what is
    hidden now."""
    person = person_of(found)
    related = ("product", "component", "assignee", "reporter")
    rows = visible_problems(person).select_related(*related)
    problem = rows.filter(pk=found.number).first()
    if problem is None:
        raise NoSuchLink("There is no such problem, or you may no longer see it.")
    return person, problem


def offers(
    person: Person, problems: Iterable[Problem], *, with_aside: bool, now: datetime | None = None
) -> dict[int, list[Offer]]:
    """What `person` may do to each of `problems` by a link, by number. Two queries.

    `with_aside` adds what takes a problem out of the person's digests.
    """
    rows = list(problems)
    voted = voted_for([person], rows)
    allowed = allowed_deeds(person, rows, voted[person.pk], with_aside=with_aside)
    return {number: offers_of(person.pk, number, deeds, now) for number, deeds in allowed.items()}


def offers_of(
    person_id: int, number: int, deeds: Iterable[Deed], now: datetime | None = None
) -> list[Offer]:
    """Links for these deeds of a person to one problem."""
    choice = ticket(person_id, Deed.CHOOSE, number, now)
    return [Offer(deed, settings.BASE_URL + choice.path(deed)) for deed in deeds]


def voted_for(people: Iterable[Person], problems: Iterable[Problem]) -> dict[int, set[int]]:
    """For each of `people` those of `problems` that they voted for. One query."""
    found: dict[int, set[int]] = {person.pk: set() for person in people}
    numbers = [problem.pk for problem in problems]
    votes = Vote.objects.filter(person__pk__any_of=list(found), problem__in=numbers)
    for person_id, number in votes.values_list("person", "problem"):
        found[person_id].add(number)
    return found


def allowed_deeds(
    person: Person, problems: Iterable[Problem], voted: set[int], *, with_aside: bool
) -> dict[int, tuple[Deed, ...]]:
    """What links `person` gets for each of `problems`, by number."""
    claims = may_claim(person)
    aside = (Deed.SNOOZE, Deed.NOT_MINE) if with_aside else ()
    found = {}
    for problem in problems:
        votes = (Deed.VOTE,) if problem.is_open and problem.pk not in voted else ()
        is_free = claims and problem.is_open and problem.assignee_id is None
        found[problem.pk] = (*votes, *((Deed.CLAIM,) if is_free else ()), *aside)
    return found


def may_claim(person: Person) -> bool:
    """Whether `person` may take a problem that is nobody's."""
    return bool(may("problem.assign", person))


def do(deed: Deed, person: Person, problem: Problem) -> str:
    """Do it as `person`, and say what was done. Once more changes nothing.

    Raises `Denied`, and `Conflict` for what cannot be done to the problem as it is now.
    """
    number = f"#{problem.pk}"
    if deed == Deed.VOTE:
        cast_vote(problem, person, Door.MAIL)
        return f"Your +1 is on {number}."
    if deed == Deed.CLAIM:
        _claim(problem, person)
        return f"{number} is assigned to you."
    if deed == Deed.SNOOZE:
        put_aside(person, problem, timezone.now() + SNOOZE)
        return f"{number} is out of your digests for 14 days."
    if deed == Deed.NOT_MINE:
        put_aside(person, problem, None)
        return f"{number} is out of your digests."
    raise Conflict("Choose what to do first.")


def _claim(problem: Problem, person: Person) -> None:
    """Nobody is taken a problem away from by a link that is weeks old."""
    if not problem.is_open:
        raise Conflict(
            f"#{problem.pk} is closed ({problem.resolution}), so nobody needs to take it."
        )
    # It may be somebody's since the mail was written, or within this second.
    change(
        problem,
        person,
        ProblemChange(assignee=person.handle),
        Door.MAIL,
        base={"assignee": fingerprint("")},
    )


def put_aside(person: Person, problem: Problem, until: datetime | None) -> SetAside:
    """Keep a problem out of the person's digests until a time, or for good. The last counts."""
    row, _ = SetAside.objects.update_or_create(
        person=person, problem=problem, defaults={"until": until}
    )
    return row


def put_back(person: Person, number: int) -> bool:
    """Let a problem be in the person's digests again; False when it was."""
    return bool(SetAside.objects.filter(person=person, problem=number).delete()[0])


def aside(person: Person) -> list[SetAside]:
    """What the person has set aside now and may see."""
    rows = SetAside.objects.filter(Q(until=None) | Q(until__gt=timezone.now()), person=person)
    seen = visible_problems(person).filter(pk__in=rows.values("problem"))
    return list(rows.filter(problem__in=seen).select_related("problem").order_by("-pk"))
