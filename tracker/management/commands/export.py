"""manage.py export: everything that the tracker holds, as documented files."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracker.transfer.exporting import export
from tracker.transfer.manifest import BadArchive


class Command(BaseCommand):
    help = (
        "Write everything to a new folder, or to a file whose name ends in .tar: problems, "
        "comments, votes, history, files, and people without secrets, as JSON Lines that "
        "docs/exporting.md describes. The tracker may run meanwhile: the archive is of one moment. "
        "`manage.py import_archive` reads it into an empty instance."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("target", type=Path, help="a folder or .tar file that is not there yet")
        parser.add_argument("--product", default="", metavar="SLUG", help="only this product")
        parser.add_argument(
            "--public", action="store_true",
            help="only what everybody may see: no addresses, nothing confidential",
        )  # fmt: skip
        parser.add_argument(
            "--skip-missing-files", action="store_true",
            help="go on where a stored file is lost or damaged; the manifest names it",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = export(
                options["target"],
                product=options["product"],
                is_public=options["public"],
                skip_missing=options["skip_missing_files"],
                say=self.stdout.write,
            )
        except BadArchive as reason:
            raise CommandError(str(reason)) from None
        for sha256 in found.missing:
            self.stderr.write(f"Left behind, as its file is lost or damaged: {sha256}")
        self.stdout.write(f"Written to {options['target']}.")
