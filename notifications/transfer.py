"""What the archive holds of notifications: what people wish to be told, and no mail."""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from accounts.transfer.registry import Part, Table, registry
from notifications.models import DigestDelivery, DigestSubscription, Message, Subscription

NOBODY_REFERS: Final = "no other row and no address names it"


def declare() -> None:
    """Called once, when the app is ready."""
    registry.add(
        Table(
            "subscriptions", Subscription, left_out={"id": NOBODY_REFERS},
            within=_subscriptions,
        ),
        Table(
            "digest_subscriptions", DigestSubscription, left_out={"id": NOBODY_REFERS},
            within=_digests, of_people=True,
        ),
    )  # fmt: skip
    registry.leave_out("mail on its way, and what was sent", DigestDelivery, Message)


def _subscriptions(part: Part) -> Q:
    """Those to something that is in the archive."""
    return (
        part.has(Subscription, "product")
        | part.has(Subscription, "component")
        | part.has(Subscription, "problem")
    )


def _digests(part: Part) -> Q:
    """A person's own; saved searches span products."""
    return Q(saved_search=None) & part.has(DigestSubscription, "person")
