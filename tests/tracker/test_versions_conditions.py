"""What queries find is what is answered for each problem, whatever was said in whatever order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from tests.people import make_person
from tracker.models import (
    Component,
    Problem,
    Product,
    Release,
    ReleaseStatus,
    Resolution,
    State,
)
from tracker.versions import (
    Answer,
    affected_counts,
    affected_in,
    fixed_in,
    newly_fixed_in,
    verdicts,
)
from tracker.versions.lines import Lines

pytestmark = pytest.mark.django_db

BEGIN = datetime(2024, 1, 1, 12, tzinfo=UTC)


def random_product(chance: random.Random, slug: str) -> Product:
    """Releases in three lines; some without a day, some with the same position."""
    product = Product.objects.create(slug=slug, title=slug)
    Component.objects.create(product=product, slug="kernel", title="Kernel")
    for i in range(chance.randint(1, 9)):
        day = (BEGIN + timedelta(days=chance.randint(0, 300))).date()
        Release.objects.create(
            product=product,
            name=f"r{i}",
            branch=chance.choice(["", "", "stable/1", "stable/2"]),
            position=chance.randint(0, 8),
            released_on=day if chance.random() < 0.7 else None,
        )
    return product


def random_problem(chance: random.Random, product: Product) -> Problem:
    releases: list[Release | None] = [None, *product.releases.all()]
    resolution = chance.choice(["", *Resolution.values, "fixed", "fixed"])
    closed_at = BEGIN + timedelta(days=chance.randint(0, 300)) if resolution else None
    head = None
    if resolution == Resolution.DUPLICATE:
        head = Problem.objects.filter(product=product, head=None).first()
        if head is None:
            resolution, closed_at = "", None
    problem = Problem.objects.create(
        product=product,
        component=product.components.get(),
        synopsis="It stops",
        release=chance.choice(releases),
        fixed_in=chance.choice(releases) if chance.random() < 0.5 else None,
        state=State.CLOSED if resolution else State.OPEN,
        is_open=not resolution,
        resolution=resolution,
        closed_at=closed_at,
        duplicate_of=head,
        head=head,
    )
    for marked in product.releases.all():
        if chance.random() < chance.choice([0, 0.3]):
            ReleaseStatus.objects.create(
                problem=problem, release=marked, status=chance.choice(ReleaseStatus.Status.values)
            )
    return problem


@pytest.mark.parametrize("seed", range(3))
def test_a_query_finds_the_problems_of_which_the_answer_says_so(seed: int) -> None:
    chance = random.Random(seed)
    make_person()
    products = [random_product(chance, f"product{i}") for i in range(2)]
    problems = [random_problem(chance, chance.choice(products)) for _ in range(80)]
    answers = {(p.pk, v.release.pk): v.answer for p in problems for v in verdicts(p)}
    assert len(set(answers.values())) >= 3
    for product in products:
        lines = Lines(product.releases.all())
        for release in lines.newest_first:
            for condition, answer in ((affected_in, Answer.AFFECTED), (fixed_in, Answer.FIXED)):
                found = set(
                    Problem.objects.filter(condition([release.pk])).values_list("pk", flat=True)
                )
                said = {p for (p, r), a in answers.items() if r == release.pk and a == answer}
                assert found == said, (answer, release)
                if answer == Answer.AFFECTED:
                    assert affected_counts(product)[release.pk] == len(said)
            before = lines.behind(release)[1:2]
            news = {
                p.pk
                for p in problems
                if answers.get((p.pk, release.pk)) == Answer.FIXED
                and not (before and answers[p.pk, before[0].pk] == Answer.FIXED)
            }
            found = set(
                Problem.objects.filter(newly_fixed_in(release.pk)).values_list("pk", flat=True)
            )
            assert found == news
