"""`{% originals problem entries as mails %}`: the messages behind what came by mail."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template

from notifications.gate.originals import Originals, originals_of
from tracker.models import Problem
from tracker.timeline import Entry

register = template.Library()


@register.simple_tag(takes_context=True)
def originals(context: dict[str, Any], problem: Problem, entries: Iterable[Entry]) -> Originals:
    """What the viewer may look at. One query at the most."""
    return originals_of(context["request"].user, problem, entries)


@register.filter
def behind(mails: Originals | str, entry: Entry) -> int | None:
    """The message behind an entry; None on pages that ask for none."""
    return mails.behind(entry) if isinstance(mails, Originals) else None
