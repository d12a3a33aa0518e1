"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from tracker.policies import may


def site(request: HttpRequest) -> dict[str, Any]:
    """The installation's address, whether mail is read at /dev/mail/, and who may triage."""
    viewer = getattr(request, "user", None)
    return {
        # Asked only by pages that show it.
        "may_triage": lambda: bool(may("problem.triage", viewer)),
        "BASE_URL": settings.BASE_URL,
        "IS_DEFAULT_SETUP": settings.IS_DEFAULT_SETUP,
    }
