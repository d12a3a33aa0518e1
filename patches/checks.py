"""What an installation needs for patches, checked when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Warning, register  # noqa: A004 - Django's name

from patches.git import running


@register()
def check_git(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """git has to be there, and new enough."""
    oldest = ".".join(map(str, running.OLDEST))
    hint = f"Install git {oldest} or later, so that the command `git` is on the PATH of the server."
    try:
        found = running.version()
    except running.GitFailed as failed:
        words = f"{failed.reason} Patches can be neither taken in nor compared."
        return [Warning(words, hint=hint, id="patches.W001")]
    if found < running.OLDEST:
        words = f"git {found[0]}.{found[1]} is too old to compare patches with."
        return [Warning(words, hint=hint, id="patches.W002")]
    return []
