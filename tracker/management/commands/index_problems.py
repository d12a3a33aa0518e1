"""manage.py index_problems: the text index made anew, or compared with the text."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracker.models import Problem
from tracker.text_index.rebuilding import find_wrong, rebuild


class Command(BaseCommand):
    help = (
        "Make the index by which search and likely duplicates find problems anew from their text. "
        "It keeps itself in step; this is for after a restore or a repair by hand. The tracker "
        "may go on meanwhile."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true",
            help="change nothing; the exit code is 1 when the index says otherwise than the text",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        total = f"{Problem.objects.count():,} problems"
        if not options["check"]:
            rebuild()
            self.stdout.write(f"{total} indexed.")
            return
        wrong = 0
        for fault in find_wrong():
            wrong += 1
            if wrong <= 20:
                self.stdout.write(fault)
        if wrong:
            raise CommandError(
                f"The index of {total} is wrong in {wrong:,} places. Run index_problems without "
                "--check to make it anew."
            )
        self.stdout.write(f"{total}: the index says what their text does.")
