"""manage.py recount_votes: the numbers of all problems, counted anew from the votes."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracker.models import Problem
from votes.recounting import Numbers, find_wrong, repair


class Command(BaseCommand):
    help = (
        "Count people, waiting and heat of every problem from its votes, and set right what stood "
        "wrong: after a change of VOTE_HALF_LIFE_DAYS, a restore, or a repair by hand."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--check", action="store_true",
            help="write nothing; the exit code is 1 when a number stands wrong",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = 0
        for each in find_wrong():
            wrong += 1
            self.stdout.write(
                f"#{each.number}: {_words(each.stands)}; its votes give {_words(each.should)}"
            )
            if not options["check"]:
                repair(each)
        total = Problem.objects.count()
        if wrong and options["check"]:
            raise CommandError(f"{wrong:,} of {total:,} problems stand wrong; nothing was changed.")
        outcome = " and were set right" if wrong else ""
        self.stdout.write(f"{total:,} problems counted; {wrong:,} stood wrong{outcome}.")


def _words(numbers: Numbers) -> str:
    people, waiting, heat = numbers
    return f"{people} people, {waiting} waiting, heat {heat:.9g}"
