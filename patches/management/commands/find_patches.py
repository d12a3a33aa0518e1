"""Look for patches in what was sent before, or imported."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patches.intake.unlooked import look_back
from patches.models import Look
from tracker.models import Product


class Command(BaseCommand):
    help = (
        "Look for patches in attachments, comments and reports that nobody has looked at, such as "
        "imported ones. Nobody is notified. It may be stopped and begun again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--product", default="", help="only in this product")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["product"]
        product = Product.objects.filter(slug=slug).first() if slug else None
        if slug and product is None:
            raise CommandError(f"There is no product “{slug}”.")
        count = dict.fromkeys(Look.Outcome, 0)
        for found in look_back(product):
            count[Look.Outcome(found.outcome)] += 1
            if found.outcome == Look.Outcome.REFUSED:
                self.stdout.write(f"{found.attachment or found.comment or found.problem}: {found}")
        self.stdout.write(
            f"Looked at {sum(count.values()):,}: {count[Look.Outcome.PATCH]:,} with a patch, "
            f"{count[Look.Outcome.REFUSED]:,} that cannot be taken as one."
        )
