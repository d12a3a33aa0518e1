"""manage.py demo: two fictional products with two years of problems, people, votes and patches."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from accounts.models import Person
from patches.demo.filling import fill_patches
from votes.demo.filling import AlreadyThere, check_absent, fill
from votes.demo.people import ROLE_ACCOUNTS

FEWEST, MOST = 60, 1000


class Command(BaseCommand):
    help = (
        "Add demonstration data: fictional products with problems, comments, people, votes and "
        "patches of two years, and an account for each role. The same seed and time give the same "
        "data."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="another seed, other data")
        parser.add_argument(
            "--problems", type=int, default=320, help=f"how many, from {FEWEST} to {MOST}"
        )
        parser.add_argument(
            "--until", type=_time, metavar="TIME", help="when it ends: YYYY-MM-DD (default: now)"
        )
        parser.add_argument(
            "--force", action="store_true", help="also where others may reach this server"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not FEWEST <= options["problems"] <= MOST:
            raise CommandError(f"--problems must be a number from {FEWEST} to {MOST}.")
        if not settings.IS_DEFAULT_SETUP and not options["force"]:
            raise CommandError(
                "The passwords of the demonstration are known to everybody, and this set-up looks "
                "like one that others can reach. Use a fresh DATA_DIR without BASE_URL and "
                "EMAIL_URL, or say --force."
            )
        until = options["until"] or timezone.now().replace(minute=0, second=0, microsecond=0)
        try:
            check_absent()
            self.stdout.write("Writing two years of problems …")
            with transaction.atomic():
                last = Person.objects.aggregate(last=Max("pk"))["last"] or 0
                filled = fill(options["seed"], options["problems"], until)
                patches = fill_patches(until, Person.objects.filter(pk__gt=last))
        except AlreadyThere as reason:
            self._say_already(str(reason))
            return
        self.stdout.write(
            f"{filled.problems:,} problems, {filled.comments:,} comments, {filled.votes:,} votes, "
            f"{filled.attachments:,} files, {patches} patches and {filled.people:,} people were "
            "added.\n"
        )
        self._print_accounts()

    def _say_already(self, reason: str) -> None:
        if "already" not in reason:
            raise CommandError(reason)
        self.stdout.write(f"{reason}\n")
        self._print_accounts()

    def _print_accounts(self) -> None:
        self.stdout.write(f"Sign in at {settings.BASE_URL}/accounts/login/ as any of these:\n")
        rows = [("role", "handle", "e-mail address", "password")]
        for role, _, password in ROLE_ACCOUNTS:
            email = f"{role}@example.org"
            handle = Person.objects.values_list("handle", flat=True).get(email=email)
            rows.append((role, handle, email, password))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self.stdout.write("  " + "   ".join(cells).rstrip())


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write YYYY-MM-DD") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
