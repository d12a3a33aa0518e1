"""manage.py evaluate_components: how often the suggested component is the right one."""

from __future__ import annotations

import argparse
import random
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tracker.models import Problem, Product, State
from tracker.suggesting import suggest_as_of
from tracker.text_index.services import count_frequencies, index_missing


class Command(BaseCommand):
    help = (
        "Measure the suggested component on the public problems of a product that somebody has "
        "looked at, in time order: each asks with its text, and only older reports answer. The "
        "right one is where the problem is now."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--product", required=True, help="its slug")
        parser.add_argument(
            "--queries", type=int, default=1000, metavar="N", help="ask so many, chosen by chance"
        )
        parser.add_argument("--seed", type=int, default=1, help="of that choice (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        product = Product.objects.filter(slug=options["product"]).first()
        if product is None:
            raise CommandError(f"There is no product {options['product']!r}.")
        if options["queries"] < 1:
            raise CommandError("--queries must be 1 or more.")
        rows = Problem.objects.filter(product=product, is_confidential=False)
        numbers = list(rows.exclude(state=State.NEW).order_by("pk").values_list("pk", flat=True))
        components = rows.values("component").distinct().count()
        if components < 2:
            raise CommandError(
                f"The problems of {product.slug} are in {components} component: there is nothing "
                "to choose between."
            )
        while index_missing() or count_frequencies():
            pass
        chance = random.Random(options["seed"])  # noqa: S311 - a sample, not a secret
        self._measure(
            product, sorted(chance.sample(numbers, min(options["queries"], len(numbers))))
        )

    def _measure(self, product: Product, numbers: list[int]) -> None:
        answered = first = third = 0
        problems = Problem.objects.filter(pk__in=numbers).select_related("product")
        for problem in problems.order_by("created_at", "pk"):
            found = [each.component.pk for each in suggest_as_of(problem)]
            answered += bool(found)
            first += problem.component_id in found[:1]
            third += problem.component_id in found[:3]
        self.stdout.write(
            f"{len(numbers)} reports of {product.slug} asked, each answered by older ones.\n"
            f"a component suggested  {answered / len(numbers):.3f}\n"
            f"right@1                {first / len(numbers):.3f}"
            f"  (of the answered {first / (answered or 1):.3f})\n"
            f"right@3                {third / len(numbers):.3f}"
            f"  (of the answered {third / (answered or 1):.3f})\n"
            f"the commonest, always  {_commonest(product, set(numbers)) / len(numbers):.3f}"
        )


def _commonest(product: Product, asked: set[int]) -> int:
    """How many of `asked` are in the component that most of the older ones are in."""
    rows = Problem.objects.filter(product=product, is_confidential=False).exclude(state=State.NEW)
    counts: Counter[int] = Counter()
    right = 0
    for number, component in rows.order_by("created_at", "pk").values_list("pk", "component"):
        right += number in asked and [component] == [each for each, _ in counts.most_common(1)]
        counts[component] += 1
    return right
