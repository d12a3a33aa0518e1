"""Who was asked to look at a patch, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from accounts.models import Person
from accounts.policies import Decision, Viewer, as_person
from patches.models import Patch, ReviewRequest
from patches.owners.requests import SNOOZE_DAYS
from patches.policies import rights_on


@dataclass(frozen=True)
class Asked:
    """The requests of a patch, who stands first; and what the viewer may do about them."""

    requests: list[ReviewRequest]
    own: ReviewRequest | None
    may_ask: bool
    may_claim: bool
    may_snooze: bool
    may_pass_on: bool
    snooze_days: int = SNOOZE_DAYS

    @property
    def is_put_off(self) -> bool:
        """Whether the viewer has put it off, and the time is not over."""
        until = self.own.snoozed_until if self.own else None
        return until is not None and until > timezone.now()

    @property
    def standing(self) -> list[ReviewRequest]:
        """Those who have not said that it is not theirs."""
        return [r for r in self.requests if r.state != ReviewRequest.State.DECLINED]

    @property
    def may_answer(self) -> bool:
        """Whether there is anything for the viewer to press."""
        return self.may_claim or self.may_snooze or self.may_pass_on


_ORDER = {
    ReviewRequest.State.CLAIMED: 0,
    ReviewRequest.State.OPEN: 1,
    ReviewRequest.State.DECLINED: 2,
}


def asked_about(
    patch: Patch, viewer: Viewer, rights: Mapping[str, Decision] | None = None
) -> Asked:
    """What the page shows. `rights` are those of `patches.policies.rights_on`, if they are known.

    One query, and one more to find the rights.
    """
    rights = rights or rights_on(viewer, patch)
    rows = list(patch.review_requests.select_related("person", "asked_by").order_by("id"))
    rows.sort(key=lambda row: _ORDER[ReviewRequest.State(row.state)])
    person = as_person(viewer)
    own = next((row for row in rows if person and row.person_id == person.pk), None)
    stands = own is not None and own.state != ReviewRequest.State.DECLINED
    return Asked(
        requests=rows,
        own=own,
        may_ask=patch.is_waiting and bool(rights["ask"]),
        may_claim=patch.is_waiting and _may_claim(patch, person, own, rights),
        may_snooze=patch.is_waiting and stands,
        may_pass_on=patch.is_waiting and stands,
    )


def _may_claim(
    patch: Patch,
    person: Person | None,
    own: ReviewRequest | None,
    rights: Mapping[str, Decision],
) -> bool:
    if person is None or patch.is_by(person):
        return False
    if own is not None:
        return own.state != ReviewRequest.State.CLAIMED
    return bool(rights["claim"])
