"""What the archive holds of notifications: what people wish to be told, and no mail."""

from __future__ import annotations

from typing import Final

from django.db.models import Q

from accounts.transfer.registry import Part, Table, registry
from notifications.gate.models import (
    Bounce,
    HeldMail,
    IncomingMail,
    KnownSender,
    PoliteAnswer,
    ReplyRevocation,
    SuspendedAddress,
)
from notifications.models import (
    DigestDelivery,
    DigestSubscription,
    EventChoice,
    EventToAsk,
    MailDomain,
    MailSettings,
    Message,
    MutedPatch,
    PatchTelling,
    SetAside,
    Subscription,
    Telling,
)

NOBODY_REFERS: Final = "no other row and no address names it"


def declare() -> None:
    """Called once, when the app is ready."""
    registry.add(*_tables())
    registry.leave_out(
        "mail on its way, and what was sent",
        *(DigestDelivery, EventToAsk, Message, Telling, PatchTelling),
    )
    registry.leave_out("mail as it came in, and whose it was", IncomingMail, HeldMail)
    registry.leave_out(
        "who may write to this installation and whom it reaches",
        *(KnownSender, ReplyRevocation, PoliteAnswer, Bounce, SuspendedAddress, MailDomain),
    )


def _tables() -> list[Table]:
    return [
        Table(
            "subscriptions", Subscription, left_out={"id": NOBODY_REFERS},
            within=_subscriptions,
        ),
        Table(
            "digest_subscriptions", DigestSubscription, left_out={"id": NOBODY_REFERS},
            within=_digests, of_people=True,
        ),
        Table(
            "event_choices", EventChoice, left_out={"id": NOBODY_REFERS}, within="person",
            of_people=True,
        ),
        Table(
            "mail_settings", MailSettings, left_out={"id": NOBODY_REFERS}, within="person",
            of_people=True,
        ),
        Table(
            "muted_patches", MutedPatch, left_out={"id": NOBODY_REFERS}, within="patch",
            of_people=True,
        ),
        Table(
            "problems_set_aside", SetAside, left_out={"id": NOBODY_REFERS}, within="problem",
            of_people=True,
        ),
    ]  # fmt: skip


def _subscriptions(part: Part) -> Q:
    """Those to something that is in the archive."""
    return (
        part.has(Subscription, "product")
        | part.has(Subscription, "component")
        | part.has(Subscription, "problem")
    )


def _digests(part: Part) -> Q:
    """A person's own and a component's; saved searches span products."""
    has_person, has_component = (
        part.has(DigestSubscription, name) for name in ("person", "component")
    )
    return Q(saved_search=None) & has_person | has_component
