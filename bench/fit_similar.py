"""Fit the weights of `tracker.text_index.likeness` to duplicates that are known.

    .venv/bin/python bench/fit_similar.py seamonkey=seamonkey_duplicates.csv \\
        hadoop=hadoop_duplicates.csv

Each argument is a product that has been imported and a file of pairs. Every query asks twice, with
and without its description. Maximises the sum of the logarithms of the softmax of the known
duplicates among the candidates, less half the square of each weight for each product, by gradient
ascent (Adam), and prints the weights of each product and of all together, and recall@5 and @10 of
each product by the weights that the others give. See docs/duplicates.md.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# One query: (features of each candidate, which of them are duplicates).
Asked = tuple[list[list[float]], list[bool]]
STEPS, RATE = 250, 0.1


def ask(slug: str, path: Path) -> list[Asked]:
    """All queries of a product, both ways."""
    from tracker.importing.csvfile import read_pairs
    from tracker.models import Problem, Product
    from tracker.similar import rank
    from tracker.text_index.entries import body_of
    from tracker.text_index.evaluation import groups_of_pairs

    product = Product.objects.get(slug=slug)
    groups = groups_of_pairs(product, read_pairs(path)[0])
    found = []
    for number, older in sorted(groups.older.items()):
        problem = Problem.objects.get(pk=number)
        at = problem.created_at
        for body in (body_of(problem.description, problem.how_to_repeat), ""):
            ranked = rank(None, product, problem.synopsis, body, at=at, before=at, exclude=number)
            rows = [list(each.features.values()) for each in ranked]
            found.append((rows, [each.candidate.number in older for each in ranked]))
    return found


def fit(asked: Sequence[Asked], penalty: float) -> list[float]:
    """The weights, in the order of the features."""
    useful = [(rows, right) for rows, right in asked if any(right)]
    count = len(useful[0][0][0])
    weights, first, second = [1.0] * count, [0.0] * count, [0.0] * count
    for step in range(1, STEPS + 1):
        slope = [-penalty * weight for weight in weights]
        for rows, right in useful:
            add_slope(slope, weights, rows, right)
        for i, value in enumerate(slope):
            first[i] = 0.9 * first[i] + 0.1 * value
            second[i] = 0.999 * second[i] + 0.001 * value * value
            pace = math.sqrt(second[i] / (1 - 0.999**step)) + 1e-9
            weights[i] += RATE * first[i] / (1 - 0.9**step) / pace
    return weights


def add_slope(
    slope: list[float], weights: list[float], rows: list[list[float]], right: list[bool]
) -> None:
    """Add one query's part of the gradient: features of duplicates less those of all."""
    sums = [total(weights, row) for row in rows]
    top = max(sums)
    shares = [math.exp(value - top) for value in sums]
    of_all = sum(shares)
    of_right = sum(share for share, is_right in zip(shares, right, strict=True) if is_right)
    for row, share, is_right in zip(rows, shares, right, strict=True):
        pull = (share / of_right if is_right else 0.0) - share / of_all
        if abs(pull) > 1e-6:
            for i, value in enumerate(row):
                slope[i] += pull * value


def total(weights: Sequence[float], row: Sequence[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, row, strict=True))


def recall(asked: Sequence[Asked], weights: Sequence[float], cut: int) -> float:
    """The share of queries with a duplicate among the first so many."""
    hits = 0
    for rows, right in asked:
        ranked = sorted(range(len(rows)), key=lambda i: -total(weights, rows[i]))
        hits += any(right[i] for i in ranked[:cut])
    return hits / len(asked)


def show(name: str, weights: Sequence[float]) -> None:
    from tracker.text_index.likeness import WEIGHTS

    words = "  ".join(f"{key} {value:.1f}" for key, value in zip(WEIGHTS, weights, strict=True))
    print(f"{name}: {words}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("sets", nargs="+", metavar="PRODUCT=FILE")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()
    sets: dict[str, Any] = {}
    for each in given.sets:
        slug, _, path = each.partition("=")
        sets[slug] = ask(slug, Path(path))
    for slug, asked in sets.items():
        show(slug, fit(asked, 1.0))
        others = [query for name, queries in sets.items() if name != slug for query in queries]
        if others:
            crossed = fit(others, len(sets) - 1.0)
            at_5, at_10 = (recall(asked, crossed, cut) for cut in (5, 10))
            print(f"  by the weights of the others: recall@5 {at_5:.3f}  recall@10 {at_10:.3f}")
    show("all", fit([query for queries in sets.values() for query in queries], float(len(sets))))


if __name__ == "__main__":
    main()
