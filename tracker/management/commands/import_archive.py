"""manage.py import_archive: an archive of `manage.py export` into an empty instance."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracker.transfer.loading import import_archive
from tracker.transfer.manifest import BadArchive


class Command(BaseCommand):
    help = (
        "Fill an empty instance from an archive that `manage.py export` wrote: the same pages, "
        "numbers, people and files. All of it or nothing; nobody is notified. People sign in with "
        "a mailed code and choose a new password."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("archive", type=Path, help="the folder or .tar file")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            remarks = import_archive(options["archive"], self.stdout.write)
        except BadArchive as reason:
            raise CommandError(f"{reason} Nothing was imported.") from None
        for remark in remarks:
            self.stderr.write(remark)
        self.stdout.write("Imported.")
