"""Print the one-time address that makes the first administrator."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from accounts.services import first_administrator_link


class Command(BaseCommand):
    """Print the link; where there is an administrator, print nothing and succeed."""

    help = (
        "Prints a one-time address that makes the first administrator, and makes earlier ones"
        " void. Prints nothing once there is an administrator."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        link = first_administrator_link()
        if link:
            self.stdout.write(link)
