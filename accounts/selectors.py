"""What pages and commands read of people."""

from __future__ import annotations

import re

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower

from accounts.models import HANDLE_PATTERN, AccessToken, AccountEvent, Person, Role


def person_by_handle(handle: str) -> Person | None:
    """The confirmed person with this handle, in whatever case it is written."""
    if not re.fullmatch(HANDLE_PATTERN, handle):
        return None
    return Person.objects.filter(handle__iexact=handle, email_confirmed_at__isnull=False).first()


def people(
    words: str = "", role: str = "", status: str = "", after: str = "", *, by_address: bool = False
) -> QuerySet[Person]:
    """People by handle, those after the handle `after`; their roles are loaded too.

    `role` is a `Role` that is granted. `status` is one of "closed", "discounted", "unconfirmed" or
    empty for the open and confirmed. Addresses are searched only when `by_address` is set.
    """
    condition = Q(handle__icontains=words)
    if by_address:
        condition |= Q(email__icontains=words)
    found = Person.objects.filter(condition, _status(status)).prefetch_related("role_grants")
    if role in Role.values:
        found = found.filter(role_grants__role=role)
    found = found.alias(lowered=Lower("handle"))
    if after:
        found = found.filter(lowered__gt=after.lower())
    return found.order_by("lowered")


def _status(status: str) -> Q:
    if status == "closed":
        return Q(is_active=False)
    if status == "discounted":
        return Q(votes_discounted_at__isnull=False)
    if status == "unconfirmed":
        return Q(email_confirmed_at=None)
    return Q(is_active=True, email_confirmed_at__isnull=False)


def account_history(person: Person) -> QuerySet[AccountEvent]:
    """What was done to this account, newest first."""
    return person.account_events.select_related("actor")


def live_tokens(person: Person) -> QuerySet[AccessToken]:
    """The tokens that still open something, newest first."""
    return person.access_tokens.filter(revoked_at=None)
