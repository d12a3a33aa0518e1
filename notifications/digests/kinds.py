"""The digest of each kind of subscription: what it tells, and whether it may still be sent."""

from __future__ import annotations

from notifications.digests.component import compose_component
from notifications.digests.content import Reader, compose
from notifications.digests.search import compose_search
from notifications.digests.shapes import Digest, Window
from notifications.digests.votes import compose_votes
from notifications.gate.addresses import is_ours
from notifications.models import DigestSubscription
from votes.saved_searches import may_see

Kind = DigestSubscription.Kind


def compose_kind(
    row: DigestSubscription,
    window: Window,
    *,
    message_pk: int | None = None,
    is_preview: bool = False,
    reader: Reader | None = None,
) -> Digest:
    """What the digest of `row` tells of `window`; nothing that was kept is used for a preview."""
    if row.kind == Kind.COMPONENT:
        assert row.component is not None  # noqa: S101 - held by a constraint of the table
        return compose_component(row.component, window)
    if row.kind == Kind.SEARCH:
        assert row.saved_search is not None  # noqa: S101
        return compose_search(row.reader, row.saved_search, window)
    if row.kind == Kind.VOTES:
        return compose_votes(row.reader, window, message_pk)
    return compose(row.reader, window, is_preview=is_preview, reader=reader)


def why_not(row: DigestSubscription) -> str:
    """Why the digest of `row` is sent no more, "" while it is."""
    if row.period == DigestSubscription.Period.OFF:
        return "Its reader has stopped the digest."
    if row.saved_search is not None and not may_see(row.reader, row.saved_search):
        return "Its search is no longer shared."
    if row.component is not None and not row.component.list_address:
        return "The component has no list any more."
    if row.component is not None and is_ours(row.component.list_address):
        return "The address of the list is one of this tracker's own."
    return ""
