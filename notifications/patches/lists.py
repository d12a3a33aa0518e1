"""What the lists of components are told of patches that nobody reviews: one mail an hour at most.

An import may bring hundreds at once, which then come due at once. So the mail to a list tells what
was carried further within an hour. It follows from the hour and the list alone which patches these
are: whoever makes its text again, after a crash say, tells the same ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings

from notifications.events.quiet_hours import next_hour
from notifications.gate.addresses import is_ours
from notifications.models import Message
from notifications.outbox.envelopes import patch_list_message_id
from notifications.plain import paragraphs, wrap
from patches.models import Patch, PatchEvent
from patches.policies import visible_patches
from patches.waiting.clocks import AFTER, Stage
from patches.waiting.escalating import reach_of
from tracker.models import Component
from tracker.text import clean_line

HOUR: Final = timedelta(hours=1)
# After the hour, so that whatever was begun within it is there.
LATER: Final = timedelta(minutes=5)
# As many patches a mail names.
MOST: Final = 50


def list_mails(event: PatchEvent) -> list[Message]:
    """The mails of the hour that tell the lists of an event, stored before or not."""
    is_escalated = event.kind == PatchEvent.Kind.ESCALATED
    if not is_escalated or event.data.get("stage") != Stage.LIST:
        return []
    addresses = {component.list_address for component in reach_of(event.patch).lists}
    until = next_hour(event.at)
    return [
        Message(
            kind=Message.Kind.PATCH,
            patch_event=event,
            patch=event.patch,
            address=address,
            message_id=patch_list_message_id(until, address),
            due_at=until + LATER,
        )
        for address in sorted(addresses)
        # What comes in here would come back to itself.
        if not is_ours(address)
    ]


@dataclass(frozen=True)
class Told:
    """A patch that a list is told of, by which event, and which component has that list."""

    event: PatchEvent
    component: Component

    @property
    def patch(self) -> Patch:
        return self.event.patch

    @property
    def url(self) -> str:
        return f"{settings.BASE_URL}{self.patch.get_absolute_url()}"

    @property
    def title(self) -> str:
        return f"patch {self.patch.pk}: {clean_line(self.patch.title)}"

    @property
    def people(self) -> str:
        """How many are behind it, in words."""
        return "1 person" if self.patch.demand == 1 else f"{self.patch.demand:,} people"


def told_to_list(message: Message) -> list[Told]:
    """What the mail to a list tells, the most demanded first: of what was carried further in its
    hour that which still nobody has reviewed, everybody may know of, and is this list's by now.
    The same number of queries for many."""
    first = message.patch_event
    assert first is not None  # noqa: S101 - held by a constraint of the table
    until = next_hour(first.at)
    rows = PatchEvent.objects.filter(
        kind=PatchEvent.Kind.ESCALATED, at__gte=until - HOUR, at__lt=until
    ).order_by("-patch__demand", "patch")
    events = [event for event in rows if event.data.get("stage") == Stage.LIST]
    components = _components(events, message.address)
    patches = visible_patches(None).filter(
        is_waiting=True, is_reviewed=False, pk__any_of=list(components)
    )
    seen = patches.select_related("product", "author", "submitter").in_bulk()
    return list(_told(events, seen, components))


def _told(
    events: Sequence[PatchEvent], seen: dict[int, Patch], components: dict[int, Component]
) -> Iterator[Told]:
    for event in events:
        if event.patch_id in seen:
            # As it is now, and the same object for all that is said of it.
            event.patch = seen[event.patch_id]
            yield Told(event, components[event.patch_id])


def _components(events: Sequence[PatchEvent], address: str) -> dict[int, Component]:
    """By patch, the first of its components that has this list."""
    through = Patch.components.through
    rows = through.objects.filter(
        patch__pk__any_of=[e.patch_id for e in events], component__list_address__iexact=address
    )
    found: dict[int, Component] = {}
    for row in rows.select_related("component__product").order_by("component__slug", "pk"):
        found.setdefault(row.patch_id, row.component)
    return found


@dataclass(frozen=True)
class ListWords:
    """The parts of a mail that tells a list of several patches."""

    told: Sequence[Told]

    @property
    def components(self) -> list[Component]:
        """Those that have this list and are told of."""
        return list(dict.fromkeys(each.component for each in self.told))

    @property
    def place(self) -> str:
        """What it is about: a component, or several."""
        slugs = sorted(f"{each.product}/{each}" for each in self.components)
        return ", ".join(slugs[:2]) + (" and more" if len(slugs) > 2 else "")

    @property
    def headline(self) -> str:
        days = AFTER[Stage.LIST].days
        return f"{len(self.told):,} patches that nobody has reviewed for {days} days"

    @property
    def subject(self) -> str:
        return f"[{self.place}] {self.headline}"

    @property
    def shown(self) -> Sequence[Told]:
        return self.told[:MOST]

    @property
    def left_out(self) -> int:
        return len(self.told) - len(self.shown)

    @property
    def url(self) -> str:
        """All that wait there, the most demanded first."""
        first, *others = self.components
        where = {"product": first.product.slug, "component": first.slug}
        return f"{settings.BASE_URL}/patches/" + ("" if others else f"?{urlencode(where)}")

    @property
    def why(self) -> str:
        return f"This list gets this because it is the list of {self.place}."

    def as_text(self) -> str:
        """The whole in plain text; lines of ours fit 72 columns."""
        lines = [f"{wrap(each.title)}\n{each.people} · {each.url}" for each in self.shown]
        more = f"and {self.left_out:,} more." if self.left_out else ""
        foot = ["-- ", f"All that wait there:\n{self.url}", wrap(self.why)]
        return paragraphs([f"{self.headline}, the most demanded first:", *lines, more,
                           "\n".join(foot)])  # fmt: skip

    def for_html(self) -> dict[str, Any]:
        """What the template prints."""
        return {"words": self, "title": self.headline}
