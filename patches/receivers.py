"""What patches do when the tracker or votes tell of something."""

from __future__ import annotations


def connect() -> None:
    """Called once, when the app is ready."""
