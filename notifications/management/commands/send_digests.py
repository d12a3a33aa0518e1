"""Send the digests that are due, as if it were the time that is given."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from accounts.models import Person
from notifications.digests import runs
from notifications.digests.runs import Chosen
from notifications.models import DigestSubscription

FARTHEST = timedelta(days=3660)


class Command(BaseCommand):
    help = (
        "Queue every digest that is due at a time. Safe beside beat and safe to run twice: "
        "each digest is claimed once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--due-at",
            required=True,
            metavar="TIME",
            help='ISO 8601, in UTC where it names no zone, for example 2026-12-07T08:00; or "now"',
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be sent")
        parser.add_argument("--person", metavar="HANDLE", help="only this person's digests")
        parser.add_argument(
            "--kind",
            choices=DigestSubscription.Kind.values,
            default="",
            help="only those of a kind",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = read_time(options["due_at"])
        person = find_person(options["person"]) if options["person"] else None
        chosen = runs.Chosen(person, options["kind"])
        if options["dry_run"]:
            self._show(as_of, chosen)
        else:
            self._send(as_of, chosen)

    def _send(self, as_of: datetime, chosen: Chosen) -> None:
        queued = runs.send_due(as_of, chosen)
        for delivery in queued:
            self.stdout.write(
                f"{name_of(delivery.subscription)}: queued, "
                f"{in_words(delivery.covers_from)} to {in_words(delivery.covers_until)}"
            )
        self._sum_up(f"Queued {len(queued)} digest{_s(queued)}.", not queued, chosen)
        if queued:
            self.stdout.write("The worker sends them; those with nothing to say are left out.")

    def _show(self, as_of: datetime, chosen: Chosen) -> None:
        planned = runs.plan(as_of, chosen)
        for each in planned:
            news = [f"{s.title.lower()}: {s.total}" for s in each.digest.sections if s.is_news]
            what = "; ".join(news) if each.digest.is_worth_sending else "nothing to say, no mail"
            self.stdout.write(f"{name_of(each.subscription)}: {what}")
        self._sum_up(f"{len(planned)} digest{_s(planned)} would be due.", not planned, chosen)

    def _sum_up(self, words: str, is_none: bool, chosen: Chosen) -> None:
        self.stdout.write(words)
        following = runs.next_due(chosen) if is_none else None
        if following is not None:
            self.stdout.write(
                f"The next is {name_of(following)}'s at {in_words(following.next_due_at)}."
            )


def read_time(words: str) -> datetime:
    """A time as people type it; without a zone it is UTC."""
    if words == "now":
        return timezone.now()
    try:
        found = parse_datetime(words)
        if found is None and (day := parse_date(words)) is not None:
            found = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - given a zone below
    except ValueError as error:
        raise CommandError(f"--due-at is {words!r}: {error}.") from None
    if found is None:
        raise CommandError(
            f"--due-at is {words!r}: write it as 2026-12-07T08:00, with a zone such as +01:00 "
            'where you mean one, or "now".'
        )
    try:
        found = found if timezone.is_aware(found) else timezone.make_aware(found)
        is_near = abs(found - timezone.now()) < FARTHEST
    except OverflowError:
        is_near = False
    if not is_near:
        # Whoever was due then would be due next a week after it, and hear nothing until then.
        raise CommandError(f"--due-at is {words!r}, which is years away: write a time near now.")
    return found


def name_of(row: DigestSubscription) -> str:
    """Whose digest it is, and which where it is not the person's own."""
    of = f" ({row.get_kind_display()})" if row.kind != DigestSubscription.Kind.OWN else ""
    return f"{row.called}{of}"


def find_person(handle: str) -> Person:
    person = Person.objects.filter(handle__iexact=handle.lstrip("@")).first()
    if person is None:
        raise CommandError(f"--person is {handle!r}: nobody here has this handle.")
    return person


def in_words(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _s(things: list[Any]) -> str:
    return "" if len(things) == 1 else "s"
