"""The tables of patches for the archive."""

from __future__ import annotations


def declare() -> None:
    """Called once, when the app is ready."""
