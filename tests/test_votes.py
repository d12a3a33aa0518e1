"""+1: who counts, when, and that the two numbers are always those of the rows."""

from __future__ import annotations

import math
import random
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Person
from accounts.services import discount_votes, restore_votes, trust
from tests.people import make_newcomer, make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.drafts import DraftErrors
from tracker.models import NO_HEAT, Door, Problem, Product
from tracker.services import change
from votes.heat import EPOCH, log_add, log_sum, worth
from votes.matrix import matrix
from votes.models import Vote
from votes.selectors import rank_arithmetic
from votes.services import (
    Environment,
    VoteRefused,
    cast_vote,
    count,
    count_all_waiting,
    withdraw_vote,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


def crowd(problem: Problem, size: int, at: datetime) -> None:
    for _ in range(size):
        cast_vote(problem, make_person(), Door.WEB, at=at)


def numbers(problem: Problem) -> tuple[int, int, float]:
    problem.refresh_from_db()
    return problem.people, problem.waiting, problem.heat


def test_the_reporter_is_the_first_of_the_people(problem: Problem, reporter: Person) -> None:
    assert (problem.people, problem.waiting) == (1, 0)
    assert Vote.objects.get(problem=problem).person == reporter


def test_voting_twice_counts_once(problem: Problem, second_reporter: Person) -> None:
    first = cast_vote(problem, second_reporter, Door.WEB)
    again = cast_vote(problem, second_reporter, Door.API)
    assert (again.pk, again.door) == (first.pk, Door.WEB)
    assert numbers(problem)[0] == 2


def test_the_database_refuses_a_second_vote(problem: Problem, reporter: Person) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Vote.objects.create(problem=problem, person=reporter, status=Vote.Status.COUNTED)


def test_withdrawing_a_vote_restores_the_numbers(problem: Problem) -> None:
    crowd(problem, 7, timezone.now() - timedelta(days=40))
    before = numbers(problem)
    person = make_person()
    cast_vote(problem, person, Door.WEB)
    assert numbers(problem)[0] == before[0] + 1
    assert withdraw_vote(problem, person)
    assert not withdraw_vote(problem, person)
    after = numbers(problem)
    assert after[:2] == before[:2]
    assert math.isclose(after[2], before[2], rel_tol=0, abs_tol=1e-9)


def test_any_sequence_of_votes_leaves_what_a_recount_gives(problem: Problem) -> None:
    chance = random.Random(7)
    people = [make_person() for _ in range(12)]
    for _ in range(60):
        person = chance.choice(people)
        if chance.random() < 0.65:
            at = NOW - timedelta(days=chance.randrange(2000))
            cast_vote(problem, person, Door.WEB, at=at)
        else:
            withdraw_vote(problem, person)
        people_now, waiting, heat = numbers(problem)
        counted = count(problem)
        assert (people_now, waiting) == counted[:2]
        assert math.isclose(heat, counted[2], rel_tol=0, abs_tol=1e-9)


def test_a_problem_that_lost_every_vote_has_no_heat(problem: Problem, reporter: Person) -> None:
    withdraw_vote(problem, reporter)
    assert numbers(problem) == (0, 0, NO_HEAT)
    cast_vote(problem, reporter, Door.WEB, at=EPOCH)
    assert numbers(problem) == (1, 0, 0.0)


def test_recent_votes_outrank_old_ones_whatever_the_age_of_the_reports(product: Product) -> None:
    ancient, young = make_problem(product), make_problem(product)
    Problem.objects.filter(pk=ancient.pk).update(created_at=NOW - timedelta(days=3650))
    Problem.objects.filter(pk=young.pk).update(created_at=NOW - timedelta(days=5 * 365))
    Vote.objects.all().delete()
    Problem.objects.update(people=0, heat=NO_HEAT)
    crowd(ancient, 30, NOW)
    crowd(young, 30, NOW - timedelta(days=5 * 365))
    assert list(Problem.objects.order_by("-heat")) == [ancient, young]


def test_thirty_idle_days_write_no_row_and_change_no_order(
    product: Product, django_assert_num_queries: pytest.FixtureRequest
) -> None:
    for age in (3, 200, 40):
        crowd(make_problem(product), age % 7 + 1, timezone.now() - timedelta(days=age))
    order = list(Problem.objects.order_by("-heat").values_list("pk", "heat"))
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        with django_assert_num_queries(1):  # type: ignore[operator]
            assert count_all_waiting() == 0
        assert list(Problem.objects.order_by("-heat").values_list("pk", "heat")) == order


def test_half_a_vote_is_left_after_the_half_life() -> None:
    assert math.isclose(worth(log_sum([NOW - timedelta(days=90)]), NOW), 0.5)
    assert math.isclose(worth(log_sum([NOW] * 3), NOW), 3)
    for gap in range(2000):
        before = NOW - timedelta(seconds=gap)
        assert log_add(log_sum([before]), NOW) == log_sum([before, NOW])


def test_a_crowd_of_young_accounts_is_shown_and_mostly_waits_for_a_day(problem: Problem) -> None:
    start = timezone.now()
    for _ in range(50):
        cast_vote(problem, make_newcomer(), Door.WEB)
    assert numbers(problem)[:2] == (1 + 5, 45)
    assert problem.votes == 51
    with time_machine.travel(start + timedelta(hours=23)):
        assert count_all_waiting() == 0
    with time_machine.travel(start + timedelta(hours=25)):
        assert count_all_waiting() == 45
    assert numbers(problem)[:2] == (51, 0)
    cast_at = Vote.objects.values_list("cast_at", flat=True)
    assert math.isclose(problem.heat, log_sum(cast_at), abs_tol=1e-9)
    assert max(cast_at) - start < timedelta(minutes=5)


def test_a_tenth_of_a_big_problems_votes_may_be_young(problem: Problem) -> None:
    crowd(problem, 79, timezone.now())
    for _ in range(12):
        cast_vote(problem, make_newcomer(), Door.WEB)
    assert numbers(problem)[:2] == (88, 4)


def test_a_newcomers_own_report_takes_up_no_quota(product: Product) -> None:
    problem = make_problem(product, make_newcomer())
    for _ in range(6):
        cast_vote(problem, make_newcomer(), Door.WEB)
    assert numbers(problem)[:2] == (1 + 5, 1)


def test_a_triagers_trust_counts_a_waiting_vote_at_once(problem: Problem, triager: Person) -> None:
    newcomers = [make_newcomer() for _ in range(7)]
    for newcomer in newcomers:
        cast_vote(problem, newcomer, Door.WEB)
    trust(newcomers[-1], by=triager)
    assert numbers(problem)[:2] == (7, 1)


def test_discounting_a_voter_is_reversible(problem: Problem, triager: Person) -> None:
    voter = make_person()
    cast_vote(problem, voter, Door.WEB)
    before = numbers(problem)
    discount_votes(voter, by=triager)
    assert numbers(problem)[:2] == (1, 0)
    restore_votes(voter, by=triager)
    assert numbers(problem) == before


def test_a_closed_problem_refuses_a_vote_with_the_reason(
    problem: Problem, triager: Person, second_reporter: Person
) -> None:
    change(problem, triager, ProblemChange(state="closed", resolution="will not fix"), Door.WEB)
    with pytest.raises(VoteRefused, match="closed \\(will not fix\\)"):
        cast_vote(problem, second_reporter, Door.WEB)


def test_duplicates_count_distinct_people_and_undoing_restores(
    product: Product, triager: Person
) -> None:
    one, two, three = (make_person() for _ in range(3))
    head, other = make_problem(product, one), make_problem(product, two)
    cast_vote(head, two, Door.WEB)
    cast_vote(other, three, Door.WEB)
    before = numbers(head), numbers(other)
    change(other, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    assert numbers(head)[0] == 3
    with pytest.raises(VoteRefused) as refused:
        cast_vote(other, make_person(), Door.WEB)
    assert refused.value.head == head
    change(other, triager, ProblemChange(duplicate_of=None), Door.WEB)
    assert (numbers(head), numbers(other)) == before


def test_a_vote_says_where_and_the_matrix_shows_it(problem: Problem) -> None:
    for release, architecture in (("15.0", "arm64"), ("15.0", "arm64"), ("14.3", "amd64")):
        cast_vote(problem, make_person(), Door.WEB, Environment(release, architecture, "here too"))
    seen = matrix(problem)
    assert seen.architectures == ["amd64", "arm64", ""]
    people = [(release, [cell.have for cell in cells]) for release, cells in seen.rows]
    assert people == [("15.0", [0, 2, 0]), ("14.3", [1, 0, 0]), ("", [0, 0, 1])]


def test_an_unknown_release_is_refused_and_nothing_is_cast(problem: Problem) -> None:
    with pytest.raises(DraftErrors, match=r"no release “15\.O”.*15\.0"):
        cast_vote(problem, make_person(), Door.WEB, Environment(release="15.O"))
    assert Vote.objects.count() == 1


def test_the_arithmetic_of_the_rank_gives_the_number_that_orders(problem: Problem) -> None:
    for days in (1, 30, 30, 400):
        crowd(problem, 2, timezone.now() - timedelta(days=days))
    problem.refresh_from_db()
    shown = rank_arithmetic(problem)
    assert math.isclose(shown.heat, problem.heat, abs_tol=1e-9)
    assert math.isclose(sum(step.total for step in shown.steps), shown.worth_today)
    assert sum(step.terms for step in shown.steps) == problem.people == 9


def test_a_refusal_names_the_head_only_to_those_who_may_know_of_it(
    problem: Problem, product: Product, triager: Person, outsider: Person
) -> None:
    secret = make_problem(product, component="net", is_confidential=True)
    change(problem, triager, ProblemChange(duplicate_of=secret.pk), Door.WEB)
    with pytest.raises(VoteRefused) as refused:
        cast_vote(problem, outsider, Door.WEB)
    assert refused.value.head is None
    assert f"#{secret.pk}" not in str(refused.value)
    with pytest.raises(VoteRefused, match=f"of #{secret.pk}"):
        cast_vote(problem, triager, Door.WEB)
