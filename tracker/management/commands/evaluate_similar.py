"""manage.py evaluate_similar: how many known duplicates are found, and how quickly."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracker.importing.csvfile import UnreadableFile, read_pairs
from tracker.models import Product
from tracker.text_index.evaluation import (
    CUTS,
    Groups,
    Measured,
    choose,
    groups_of_pairs,
    groups_of_tracker,
    measure,
)
from tracker.text_index.services import count_frequencies, index_missing


class Command(BaseCommand):
    help = (
        "Measure how well likely duplicates are found among the public problems of a product, by "
        "duplicates that are known: recall@1, 5, 10 and 20, MRR, and milliseconds. Each report of "
        "a group that has an older one asks, with all older reports as candidates; any older one "
        "of its group is a hit."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--product", required=True, help="its slug")
        parser.add_argument(
            "--pairs", type=Path, metavar="FILE",
            help="CSV with two columns: a report and the one it duplicates, by the keys of the "
            "tracker they came from or by number; without it, what is marked as duplicate here",
        )  # fmt: skip
        parser.add_argument("--title-only", action="store_true", help="ask with the synopsis alone")
        parser.add_argument(
            "--queries", type=int, default=0, metavar="N", help="ask so many, chosen by chance"
        )
        parser.add_argument("--seed", type=int, default=1, help="of that choice (default 1)")
        parser.add_argument(
            "--misses", action="store_true", help="name those without a hit among the first 20"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        product = _product(options["product"])
        if options["queries"] < 0:
            raise CommandError("--queries must be 1 or more.")
        groups = self._groups(product, options["pairs"])
        while index_missing() or count_frequencies():
            pass
        numbers = choose(groups, options["queries"], options["seed"])
        if not numbers:
            raise CommandError(
                "There is nothing to measure: no public problem of this product has an older "
                "duplicate here."
            )
        measured = measure(product, groups, numbers, title_only=options["title_only"])
        self._say(product, groups, measured, title_only=options["title_only"])
        if options["misses"]:
            names = ", ".join(f"#{number}" for number in measured.misses)
            self.stdout.write(f"Not among the first 20: {names or 'none'}.")

    def _groups(self, product: Product, path: Path | None) -> Groups:
        if path is None:
            return groups_of_tracker(product)
        try:
            pairs, faults = read_pairs(path)
        except UnreadableFile as error:
            raise CommandError(str(error)) from None
        for line, reason in faults[:10]:
            self.stderr.write(f"{path.name}, line {line}: {reason}.")
        groups = groups_of_pairs(product, pairs)
        if not groups.older:
            first = " and ".join(pairs[0]) if pairs else "missing"
            raise CommandError(
                f"Nothing in {path.name} names two public problems of {product.slug}; its first "
                f"pair is {first}. Keys are those of the tracker that the problems were imported "
                "from, or their numbers."
            )
        return groups

    def _say(
        self, product: Product, groups: Groups, measured: Measured, *, title_only: bool
    ) -> None:
        asked = "the synopsis alone" if title_only else "synopsis and description"
        self.stdout.write(
            f"{product.slug}: {len(measured.ranks):,} queries by {asked}, of "
            f"{len(groups.older):,} reports with an older duplicate; {groups.outside:,} pairs "
            "name a report that is not here."
        )
        recalls = "  ".join(f"recall@{cut} {measured.recall(cut):.3f}" for cut in CUTS)
        self.stdout.write(f"{recalls}  MRR {measured.mean_reciprocal_rank:.3f}")
        p50, p95, longest = (measured.percentile(share) for share in (0.5, 0.95, 1.0))
        self.stdout.write(f"milliseconds: p50 {p50:.0f}  p95 {p95:.0f}  longest {longest:.0f}")


def _product(slug: str) -> Product:
    product = Product.objects.filter(slug=slug).first()
    if product is None:
        known = ", ".join(Product.objects.values_list("slug", flat=True)[:20])
        raise CommandError(f"There is no product {slug!r} here; there are: {known or 'none'}.")
    return product
