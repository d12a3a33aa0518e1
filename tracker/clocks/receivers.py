"""The clocks hear of every event, inside its transaction."""

from __future__ import annotations

from typing import Any

from tracker.clocks.keeping import follow_event
from tracker.models import Event
from tracker.signals import problem_happened


def connect() -> None:
    problem_happened.connect(set_the_clocks, dispatch_uid="tracker.set_the_clocks")


def set_the_clocks(event: Event, **kwargs: Any) -> None:
    follow_event(event)
