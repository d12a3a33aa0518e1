"""manage.py import_problems: problems from the CSV export of another tracker."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db.models import TextChoices
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tracker.importing.csvfile import Export, UnreadableFile, read_export, read_pairs
from tracker.importing.loading import Done, Plan, carry_out, make_plan
from tracker.importing.rows import Words, choose_system, component_slug
from tracker.importing.tables import RESOLUTIONS, STATES
from tracker.models import Resolution, State, slug_validator

Choice = TypeVar("Choice", bound=TextChoices)
SYSTEM_NAMES = {"bugzilla": "Bugzilla", "jira": "JIRA"}


class Command(BaseCommand):
    help = (
        "Import problems from a CSV file as Bugzilla and JIRA export it. Running it again imports "
        "what is new and leaves the rest alone. Nobody is notified."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the export: CSV with a header line")
        parser.add_argument(
            "--product", required=True, metavar="NAME", help="the product; made when it is absent"
        )
        parser.add_argument(
            "--duplicates", type=Path, metavar="FILE", help="CSV of pairs: Issue id, Duplicate id"
        )
        parser.add_argument(
            "--component", default="general", help="for rows that name none (default: general)"
        )
        parser.add_argument("--format", choices=["auto", *STATES], default="auto")
        parser.add_argument(
            "--state", action="append", default=[], metavar="WORD=STATE",
            help="what a status of the other tracker means here; may be repeated",
        )  # fmt: skip
        parser.add_argument(
            "--resolution", action="append", default=[], metavar="WORD=RESOLUTION",
            help="what a resolution means here; an empty WORD stands for none",
        )  # fmt: skip
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen and write nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            export = read_export(options["file"])
            pairs, bad_pairs = _read_pairs(options["duplicates"])
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        words = _words(export, options)
        title = " ".join(options["product"].split())
        _require_names(title, options["component"])
        plan = make_plan(export, words, title, options["component"], pairs)
        self._say_what_was_read(options["file"], export, words)
        self._say_place(plan, dry_run=options["dry_run"])
        done = _forecast(plan) if options["dry_run"] else self._carry_out(plan)
        self._say_done(plan, done, len(export.records), dry_run=options["dry_run"])
        for line, reason in bad_pairs:
            self.stdout.write(f"{options['duplicates'].name}, line {line}: {reason}.")

    def _carry_out(self, plan: Plan) -> Done:
        with _progress() as bar:
            task = bar.add_task("Importing", total=len(plan.rows))
            return carry_out(plan, lambda count: bar.advance(task, count))

    def _say_what_was_read(self, file: Path, export: Export, words: Words) -> None:
        name = SYSTEM_NAMES[words.system]
        self.stdout.write(f"{file.name}: {len(export.records):,} rows in the words of {name}.")
        if export.encoding != "UTF-8":
            self.stdout.write(f"  It is not in UTF-8; it was read as {export.encoding}.")
        if export.passed_over:
            self.stdout.write(f"  Columns passed over: {', '.join(export.passed_over)[:500]}.")

    def _say_place(self, plan: Plan, *, dry_run: bool) -> None:
        would = "would be made" if dry_run else "made"
        slug = plan.product.slug if plan.product else plan.slug
        self.stdout.write(f"Product {slug}{'' if plan.product else ': ' + would}.")
        for what, names in (("Components", plan.new_components), ("Releases", plan.new_releases)):
            if names:
                self.stdout.write(f"  {what} {would}: {_some(names)}.")

    def _say_done(self, plan: Plan, done: Done, total: int, *, dry_run: bool) -> None:
        for line, reason in plan.skipped:
            self.stdout.write(f"  line {line}: {reason}.")
        verb = "would be imported" if dry_run else "imported"
        self.stdout.write(f"{done.imported:>9,} {verb}")
        self.stdout.write(f"{done.existing:>9,} there already, left alone")
        self.stdout.write(f"{len(plan.skipped):>9,} skipped, each named above")
        self.stdout.write(f"{total:>9,} rows in all")
        self._say_links(plan, done, dry_run=dry_run)
        if dry_run:
            renumbered = [row.origin for row in plan.renumbered]
        else:
            renumbered = [f"{origin} is #{number}" for origin, number in done.renumbered]
        if renumbered:
            verb = "would get" if dry_run else "got"
            self.stdout.write(
                f"{len(renumbered):,} {verb} a fresh number, because theirs is taken or none: "
                f"{_some(renumbered)}."
            )
        if dry_run:
            self.stdout.write("Nothing was written.")
        elif not done.imported and not done.marked:
            self.stdout.write("Nothing was new; nothing was changed.")

    def _say_links(self, plan: Plan, done: Done, *, dry_run: bool) -> None:
        links = plan.links
        if done.marked or (done.imported and (links.outside or links.related)):
            verb = "would be marked" if dry_run else "marked"
            self.stdout.write(
                f"Duplicates: {done.marked:,} {verb}; {links.related:,} pairs of which neither was "
                f"closed as one and {links.outside:,} that name an issue outside the file are "
                "kept as notes in the history."
            )


def _read_pairs(path: Path | None) -> tuple[list[tuple[str, str]], list[tuple[int, str]]]:
    return read_pairs(path) if path is not None else ([], [])


def _words(export: Export, options: Mapping[str, Any]) -> Words:
    system = options["format"] if options["format"] != "auto" else choose_system(export)
    if not system:
        raise CommandError(
            "The statuses in the file are neither clearly Bugzilla's nor JIRA's; "
            "say which with --format bugzilla or --format jira."
        )
    states = _meanings(options["state"], State, "--state")
    resolutions = _meanings(options["resolution"], Resolution, "--resolution")
    return Words(system, {**STATES[system], **states}, {**RESOLUTIONS, **resolutions})


def _meanings(given: Iterable[str], choices: type[Choice], option: str) -> dict[str, Choice]:
    found = {}
    for pair in given:
        word, _, ours = pair.rpartition("=")
        if "=" not in pair or ours.strip().lower() not in choices.values:
            raise CommandError(
                f"{option} {pair!r} must be WORD=ONE OF: {', '.join(choices.values)}."
            )
        found[word.strip().lower()] = choices(ours.strip().lower())
    return found


def _require_names(title: str, component: str) -> None:
    """Both become slugs, parts of addresses; the title is also a column of limited width."""
    if not 0 < len(title) <= 100 or not component_slug(title):
        raise CommandError("--product must be a name of 1 to 100 characters with a Latin letter.")
    try:
        slug_validator(component_slug(component))
    except ValidationError:
        raise CommandError("--component must be a name with a Latin letter.") from None


def _forecast(plan: Plan) -> Done:
    """What `carry_out` would answer, as far as it can be known before."""
    new = {row.origin for row in plan.new}
    marked = sum(origin in new for origin in plan.links.points_to)
    return Done(imported=len(new), existing=len(plan.existing), marked=marked)


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12:,} more" if len(names) > 12 else shown


def _progress() -> AbstractContextManager[Progress] | Any:
    """A bar on a terminal, silence elsewhere: a log needs no moving picture."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty(), transient=True,
    )  # fmt: skip
