"""What every page knows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, Any]:
    """The installation's name and address, and whether mail can be read at /dev/mail/."""
    return {
        "BASE_URL": settings.BASE_URL,
        "IS_DEFAULT_SETUP": settings.IS_DEFAULT_SETUP,
    }
