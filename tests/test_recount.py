"""manage.py recount_votes: what stood wrong is named and set right."""

from __future__ import annotations

import random
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.people import make_newcomer, make_person
from tests.problems import make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Door, Problem
from tracker.services import change
from votes import recounting
from votes.models import Vote
from votes.services import cast_vote, count

pytestmark = pytest.mark.django_db


def recount_all(**options: bool) -> str:
    out = StringIO()
    call_command("recount_votes", stdout=out, **options)
    return out.getvalue()


def a_busy_tracker(seed: int = 3) -> list[Problem]:
    """Problems with old, young and discounted voters, some of them duplicates of one another."""
    chance = random.Random(seed)
    product, triager = make_product(), make_person("", "triager")  # type: ignore[arg-type]
    voters = [make_person() for _ in range(12)] + [make_newcomer() for _ in range(12)]
    problems = [make_problem(product) for _ in range(9)]
    for problem in problems:
        for voter in chance.sample(voters, chance.randrange(20)):
            at = timezone.now() - timedelta(days=chance.randrange(900))
            cast_vote(problem, voter, Door.WEB, at=at)
    for one, other in ((0, 5), (5, 7), (3, 8)):
        duplicate, head = (Problem.objects.get(pk=problems[i].pk) for i in (one, other))
        change(duplicate, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    return problems


def test_what_services_keep_needs_no_recount(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "CHUNK", 4)
    a_busy_tracker()
    assert Vote.objects.filter(status=Vote.Status.WAITING).exists()
    assert "9 problems counted; 0 stood wrong.\n" in recount_all(check=True)


def test_what_stood_wrong_is_named_and_set_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recounting, "CHUNK", 4)
    problems = a_busy_tracker()
    head = Problem.objects.get(pk=problems[7].pk)
    right = (head.people, head.waiting, head.heat)
    Problem.objects.filter(pk=head.pk).update(people=right[0] + 3, heat=right[2] + 0.5)
    with pytest.raises(CommandError, match="1 of 9 problems stand wrong"):
        recount_all(check=True)
    out = recount_all()
    assert f"#{head.pk}: {right[0] + 3} people" in out
    assert f"its votes give {right[0]} people" in out
    head.refresh_from_db()
    assert (head.people, head.waiting, head.heat) == count(head)
    assert (head.people, head.waiting) == right[:2]
    recount_all(check=True)


def test_a_new_half_life_sets_every_heat_anew(settings: object) -> None:
    problem = make_problem()
    before = problem.heat
    settings.VOTE_HALF_LIFE_DAYS = 30.0  # type: ignore[attr-defined]
    assert f"#{problem.pk}:" in recount_all()
    problem.refresh_from_db()
    assert problem.heat == pytest.approx(3 * before)
