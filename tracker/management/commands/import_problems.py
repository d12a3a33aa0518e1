"""manage.py import_problems: problems from the export of another tracker."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tracker.importing.csvfile import read_pairs
from tracker.importing.formats import ALIASES, FORMATS, choose
from tracker.importing.people import make_people, shown_name
from tracker.importing.planning import Plan, Source, make_plan
from tracker.importing.rows import component_slug
from tracker.importing.source import Author, UnreadableFile
from tracker.importing.storing import Done, carry_out
from tracker.importing.words import CHOICES, Saying, make_words, read_map, read_people, write_map
from tracker.models import slug_validator


class Command(BaseCommand):
    help = (
        "Import problems from what Bugzilla, JIRA, GNATS, debbugs, GitHub or Gitea export, or from "
        "a mailbox. Running it again imports what is new, new comments too, and leaves the rest "
        "alone. Nobody is notified."
    )

    # Whether the reader of the output has gone.
    is_deaf = False

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the export, or a folder of such files")
        parser.add_argument(
            "--product", required=True, metavar="NAME", help="the product; made when it is absent"
        )
        parser.add_argument(
            "--format", choices=["auto", *FORMATS, *ALIASES], default="auto",
            help="what the file is; told from its content unless given",
        )  # fmt: skip
        parser.add_argument(
            "--dry-run", action="store_true", help="say what would happen and write nothing"
        )
        _add_meanings(parser)
        _add_people(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        title = " ".join(options["product"].split())
        _require_names(title, options["component"])
        with tempfile.TemporaryDirectory(prefix="import-") as folder, _as_command_errors():
            self._import(title, options, Path(folder))
        self._flush()

    def _import(self, title: str, options: Mapping[str, Any], scratch: Path) -> None:
        pairs, bad_pairs = read_pairs(options["duplicates"]) if options["duplicates"] else ([], [])
        source = _source(title, options, pairs)
        with _progress() as bar:
            task = bar.add_task("Looking", total=None)
            plan = make_plan(source, scratch, lambda count: bar.advance(task, count))
        self._say_what_was_read(plan)
        self._say_place(plan, dry_run=options["dry_run"])
        if options["write_map"]:
            write_map(options["write_map"], _map_rows(plan))
            self._say(f"  {options['write_map']} waits to be filled in; give it back with --map.")
        done = _forecast(plan) if options["dry_run"] else self._carry_out(plan, scratch)
        self._say_done(plan, done, dry_run=options["dry_run"])
        for line, reason in bad_pairs:
            self._say(f"{options['duplicates'].name}, line {line}: {reason}.")

    def _carry_out(self, plan: Plan, scratch: Path) -> Done:
        with _progress() as bar:
            task = bar.add_task("Importing", total=len(plan.rows))
            return carry_out(plan, scratch, lambda count: bar.advance(task, count))

    def _say(self, line: str) -> None:
        """A reader that has gone (`| head`) does not stop an import."""
        try:
            if not self.is_deaf:
                self.stdout.write(line)
        except BrokenPipeError:
            self._go_deaf()

    def _flush(self) -> None:
        try:
            if not self.is_deaf:
                self.stdout.flush()
        except BrokenPipeError:
            self._go_deaf()

    def _go_deaf(self) -> None:
        self.is_deaf = True
        if self.stdout._out is sys.stdout:  # noqa: SLF001 - there is no other way to ask
            # Python writes what is left when it ends, and would complain then.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.__stdout__.fileno() if sys.__stdout__ else 1)
            os.close(nowhere)

    def _say_what_was_read(self, plan: Plan) -> None:
        source = plan.source
        inside = f"{plan.comments:,} comments, {plan.files:,} files"
        self._say(f"{source.path.name}: {plan.total:,} problems, {inside}; {source.format.title}.")
        for sentence in plan.said:
            self._say(f"  {sentence}")
        for what, count in sorted(plan.left_out.items()):
            self._say(f"  Left out: {count:,} {what}.")
        if plan.confidential:
            sealed = sum(row.is_confidential for row in plan.rows.values())
            self._say(f"  Confidential: {sealed:,} that only some may see there.")

    def _say_place(self, plan: Plan, *, dry_run: bool) -> None:
        would = "would be made" if dry_run else "made"
        slug = plan.product.slug if plan.product else plan.slug
        self._say(f"Product {slug}{'' if plan.product else ': ' + would}.")
        for what, names in (
            ("Components", list(plan.new_components)), ("Releases", plan.new_releases)
        ):  # fmt: skip
            if names:
                self._say(f"  {what} {would}: {_some(names)}.")

    def _say_done(self, plan: Plan, done: Done, *, dry_run: bool) -> None:
        for place, reason in plan.skipped:
            self._say(f"  {place}: {reason}.")
        self._say_unknown(plan)
        verb = "would be imported" if dry_run else "imported"
        self._say(f"{done.imported:>9,} {verb}")
        self._say(f"{done.existing:>9,} there already{_completed(done, dry_run=dry_run)}")
        self._say(f"{len(plan.skipped):>9,} skipped, each named above")
        self._say(f"{plan.total:>9,} in all")
        if not dry_run:
            self._say(f"{done.comments:,} comments and {done.files:,} files were added.")
        if done.sealed_since:
            self._say(
                f"{len(done.sealed_since):,} are confidential there and public here, so nothing "
                f"was added to them: {_some(done.sealed_since)}."
            )
        self._say_links(plan, done, dry_run=dry_run)
        self._say_numbers(plan, done, dry_run=dry_run)
        if dry_run:
            self._say("Nothing was written.")
        elif not (done.imported or done.marked or done.completed):
            self._say("Nothing was new; nothing was changed.")

    def _say_unknown(self, plan: Plan) -> None:
        by_kind: dict[str, Counter[str]] = {}
        for (what, word), count in plan.source.words.unknown.items():
            by_kind.setdefault(what, Counter())[word or "(none)"] = count
        for what, words in by_kind.items():
            self._say(f"{what.capitalize()} without a meaning here: {_counted(words)}.")
        people = plan.source.people.unknown
        if people:
            shown: Counter[str] = Counter()
            for word, count in people.items():
                shown[shown_name(Author(key=word))] += count
            self._say(
                f"{len(people):,} people there are nobody here and stay names: {_counted(shown)}. "
                "--write-map lists them all, --people or --map says who is who."
            )

    def _say_links(self, plan: Plan, done: Done, *, dry_run: bool) -> None:
        links = plan.links
        if done.marked or (done.imported and (links.outside or links.related)):
            verb = "would be marked" if dry_run else "marked"
            self._say(
                f"Duplicates: {done.marked:,} {verb}; {links.related:,} pairs of which neither was "
                f"closed as one and {links.outside:,} that name an issue outside the file are "
                "kept as notes in the history."
            )

    def _say_numbers(self, plan: Plan, done: Done, *, dry_run: bool) -> None:
        if dry_run:
            renumbered = [origin for origin in plan.renumbered if plan.rows[origin].number]
        else:
            renumbered = [f"{origin} is #{number}" for origin, number in done.renumbered]
        if renumbered:
            verb = "would get" if dry_run else "got"
            self._say(
                f"{len(renumbered):,} {verb} a fresh number, because theirs is taken or none: "
                f"{_some(renumbered)}."
            )


def _add_meanings(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what words mean")
    group.add_argument(
        "--map", type=Path, action="append", default=[], metavar="FILE",
        help="CSV with the columns what, there, here, or JSON; may be repeated",
    )  # fmt: skip
    group.add_argument(
        "--write-map", type=Path, metavar="FILE",
        help="write a map file with every word and person that nobody gave a meaning yet",
    )  # fmt: skip
    for what in ("state", "resolution"):
        group.add_argument(
            f"--{what}", action="append", default=[], metavar=f"WORD={what.upper()}",
            help=f"what a {what} of the other tracker means here; may be repeated",
        )  # fmt: skip
    group.add_argument(
        "--component", default="general", help="for problems that name none (default: general)"
    )
    group.add_argument(
        "--duplicates", type=Path, metavar="FILE", help="CSV of pairs: Issue id, Duplicate id"
    )
    group.add_argument(
        "--comments", type=Path, metavar="FILE",
        help="GitHub's and Gitea's comments, where they are in a file of their own",
    )  # fmt: skip


def _add_people(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("who is who, and who may see what")
    group.add_argument(
        "--people", type=Path, metavar="FILE",
        help="CSV of two columns: address or login there, handle or address here",
    )  # fmt: skip
    group.add_argument(
        "--match-addresses", action="store_true",
        help="take an address there for the account here that has confirmed it",
    )  # fmt: skip
    group.add_argument(
        "--public-groups", action="append", default=[], metavar="NAMES",
        help="groups there, with commas, that make nothing confidential; * for all of them",
    )  # fmt: skip
    group.add_argument(
        "--confidential", action="store_true", help="make every problem of the file confidential"
    )


def _source(title: str, options: Mapping[str, Any], pairs: list[tuple[str, str]]) -> Source:
    sayings = [saying for path in options["map"] for saying in read_map(path)]
    if options["people"]:
        sayings += read_people(options["people"])
    for what in ("state", "resolution"):
        sayings += _said_on_the_line(what, options[what])
    chosen = choose(options["file"], options["format"])
    groups = [name for names in options["public_groups"] for name in names.split(",")]
    words = make_words(chosen.system, [s for s in sayings if s.what != "person"], groups)
    words.all_confidential = options["confidential"]
    return Source(
        options["file"], chosen, words, make_people(s for s in sayings if s.what == "person"),
        title, options["component"], pairs, options["comments"], options["match_addresses"],
    )  # fmt: skip


def _said_on_the_line(what: str, given: Iterable[str]) -> Iterator[Saying]:
    choices = CHOICES[what].values
    for pair in given:
        word, _, ours = pair.rpartition("=")
        if "=" not in pair or ours.strip().lower() not in choices:
            raise UnreadableFile(f"--{what} {pair!r} must be WORD=ONE OF: {', '.join(choices)}.")
        yield Saying(what, word, ours, f"--{what}")


def _require_names(title: str, component: str) -> None:
    """Both become slugs, parts of addresses; the title is also a column of limited width."""
    if not 0 < len(title) <= 100 or not component_slug(title):
        raise CommandError("--product must be a name of 1 to 100 characters with a Latin letter.")
    try:
        slug_validator(component_slug(component))
    except ValidationError:
        raise CommandError("--component must be a name with a Latin letter.") from None


def _map_rows(plan: Plan) -> Iterator[tuple[str, str, str, int]]:
    """What a map file is to say: unknown words and people empty, components as they would be."""
    for (what, word), count in sorted(plan.source.words.unknown.items()):
        yield what, word, "", count
    components = Counter(row.component for row in plan.rows.values())
    for name, count in sorted(components.items()):
        yield "component", name, name, count
    for word, count in plan.source.people.unknown.most_common():
        yield "person", word, "", count


def _forecast(plan: Plan) -> Done:
    """What `carry_out` would answer, as far as it can be known before."""
    new = {row.origin for row in plan.new}
    marked = sum(origin in new for origin in plan.links.points_to)
    return Done(imported=len(new), existing=len(plan.existing), marked=marked)


def _completed(done: Done, *, dry_run: bool) -> str:
    if dry_run or not done.completed:
        return ", left alone"
    return f", of which {done.completed:,} got what was new there"


def _counted(words: Counter[str]) -> str:
    return _some([f"“{word[:60]}” ({count:,})" for word, count in words.most_common()])


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12:,} more" if len(names) > 12 else shown


@contextmanager
def _as_command_errors() -> Iterator[None]:
    try:
        yield
    except UnreadableFile as error:
        raise CommandError(str(error)) from None
    except KeyboardInterrupt:
        raise CommandError(
            "Stopped. What was stored is whole; run the same command again to import the rest.",
            returncode=130,
        ) from None


def _progress() -> AbstractContextManager[Progress] | Any:
    """A bar on a terminal, silence elsewhere: a log needs no moving picture."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeRemainingColumn(), console=console, disable=not sys.stderr.isatty(), transient=True,
    )  # fmt: skip
