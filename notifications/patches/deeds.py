"""Links in mails that act on patches: look at it, put it off, say that it is not theirs.

Their tokens are those of `notifications.deeds`, of a kind of their own.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings

from accounts.models import Person
from notifications.deeds import Deed, NoSuchLink, Offer, Ticket, person_of, ticket
from patches.models import Patch, ReviewRequest
from patches.owners import requests
from patches.policies import may, visible_patches
from tracker.changes import Conflict
from tracker.models import Door

_BY_STATE: Final = {
    ReviewRequest.State.OPEN: (Deed.CLAIM, Deed.SNOOZE, Deed.NOT_MINE),
    ReviewRequest.State.CLAIMED: (Deed.SNOOZE, Deed.NOT_MINE),
    ReviewRequest.State.DECLINED: (Deed.CLAIM,),
}


def holder(found: Ticket) -> tuple[Person, Patch]:
    """Who acts by a link, on which patch. Raises `NoSuchLink` where it is void or shows what is
    hidden now."""
    person = person_of(found)
    rows = visible_patches(person).select_related("product", "author", "submitter")
    patch = rows.filter(pk=found.number).first()
    if patch is None:
        raise NoSuchLink("There is no such patch, or you may no longer see it.")
    return person, patch


def allowed_deeds(person: Person, patch: Patch) -> tuple[Deed, ...]:
    """What `person` may do about being asked. Three queries at the most."""
    if not patch.is_waiting or patch.is_by(person):
        return ()
    request = patch.review_requests.filter(person=person).first()
    if request is not None:
        return _BY_STATE[ReviewRequest.State(request.state)]
    return (Deed.CLAIM,) if may("patch.claim", person, patch) else ()


def offers(person_id: int, number: int, deeds: tuple[Deed, ...]) -> list[Offer]:
    """Links for these deeds of a person to one patch."""
    choice = ticket(person_id, Deed.CHOOSE_PATCH, number)
    return [Offer(deed, settings.BASE_URL + choice.path(deed), is_of_patch=True) for deed in deeds]


def choice_url(person_id: int, number: int) -> str:
    """The page with all of them."""
    return ticket(person_id, Deed.CHOOSE_PATCH, number).url


def do(deed: Deed, person: Person, patch: Patch) -> str:
    """Do it as `person`, and say what was done. Once more changes nothing.

    Raises `Denied`, and `Conflict` for what cannot be done to the patch as it is now.
    """
    name = f"Patch {patch.pk}"
    if deed == Deed.CLAIM:
        requests.claim(patch, person, Door.MAIL)
        return f"{name} is claimed: others see that you look at it."
    if deed == Deed.SNOOZE:
        requests.snooze(patch, person)
        return f"{name} is out of your digests for {requests.SNOOZE_DAYS} days."
    if deed == Deed.NOT_MINE:
        following = requests.decline(patch, person, Door.MAIL)
        to = f" It has gone on to {following.person.handle}." if following is not None else ""
        return f"{name} is not yours any more.{to}"
    raise Conflict("Choose what to do first.")
