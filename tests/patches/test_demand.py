"""Demand: distinct people behind what a patch fixes, and nothing that tells of a hidden problem."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import Person
from patches import receivers
from patches.intake import submitting
from patches.models import Patch
from patches.waiting import demand
from tests.patching import make_patch
from tests.people import make_newcomer, make_person
from tests.problems import make_problem
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change
from votes.services import cast_vote, withdraw_vote

pytestmark = pytest.mark.django_db


@pytest.fixture
def commit(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> Callable[..., None]:
    """Runs what is done after the commit of a call."""

    def run(act: Callable[..., object], *args: object, **values: object) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            act(*args, **values)

    return run


def of(patch: Patch) -> int:
    return Patch.objects.values_list("demand", flat=True).get(pk=patch.pk)


def mark(problem: Problem, head: Problem | None, triager: Person) -> None:
    number = head.pk if head else None
    change(problem, triager, ProblemChange(duplicate_of=number), Door.WEB)


def test_a_patch_for_problems_of_a_and_b_and_of_b_and_c_has_a_demand_of_three(
    product: Product,
) -> None:
    a, b, c = make_person(), make_person(), make_person()
    one, two = make_problem(product, a), make_problem(product, b)
    cast_vote(one, b, Door.WEB)
    cast_vote(two, c, Door.WEB)
    assert make_patch(product, fixes=[one, two]).demand == 3
    assert make_patch(product, fixes=[one]).demand == 2
    assert make_patch(product).demand == 0


def test_demand_follows_votes_fixes_and_groups(
    product: Product, problem: Problem, triager: Person, outsider: Person,
    commit: Callable[..., None],
) -> None:  # fmt: skip
    other = make_problem(product)
    patch, alone = make_patch(fixes=[problem], author=outsider), make_patch(product)
    commit(cast_vote, problem, triager, Door.WEB)
    assert of(patch) == 2
    commit(mark, other, problem, triager)
    assert of(patch) == 3
    # A vote on the duplicate of the problem, and on the problem of which one is fixed.
    commit(cast_vote, problem, outsider, Door.WEB)
    commit(withdraw_vote, problem, triager)
    for_duplicate = make_patch(fixes=[other])
    assert (of(patch), of(for_duplicate)) == (3, 3)
    commit(withdraw_vote, problem, outsider)
    assert (of(patch), of(for_duplicate)) == (2, 2)
    commit(mark, other, None, triager)
    assert (of(patch), of(for_duplicate)) == (1, 1)
    submitting.edit(patch, triager, Door.WEB, fixes=[problem, other])
    assert (of(patch), of(alone)) == (2, 0)


def test_votes_that_wait_do_not_count(product: Product, problem: Problem) -> None:
    for _ in range(7):
        cast_vote(problem, make_newcomer(), Door.WEB)
    problem.refresh_from_db()
    assert (make_patch(fixes=[problem]).demand, problem.waiting) == (6, 2)


def test_demand_does_not_tell_of_a_hidden_problem(
    product: Product, problem: Problem, triager: Person, commit: Callable[..., None]
) -> None:
    secret = make_problem(product, is_confidential=True)
    fellow = make_problem(product)
    patch, for_secret = make_patch(fixes=[problem]), make_patch(author=triager, fixes=[secret])
    commit(mark, secret, problem, triager)
    assert (of(patch), of(for_secret)) == (1, 2)
    commit(mark, fellow, problem, triager)
    assert (of(patch), make_patch(fixes=[fellow]).demand, of(for_secret)) == (2, 2, 3)
    commit(change, problem, triager, ProblemChange(is_confidential=True), Door.WEB)
    # Nobody is to learn from a patch for a public duplicate that it has a head.
    for_fellow = make_patch(fixes=[fellow])
    assert (of(patch), for_fellow.demand, of(for_secret)) == (3, 1, 1)
    problem.refresh_from_db()
    assert problem.people == of(patch)


def test_many_patches_are_counted_with_one_query(
    product: Product, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    problem = make_problem(product)
    for count in (1, 30, 300):
        missing = count - Patch.objects.count()
        for patch in Patch.objects.bulk_create(Patch(product=product) for _ in range(missing)):
            patch.fixes.add(problem)
        rows = list(Patch.objects.all())
        with django_assert_num_queries(1):
            assert demand.counts(row.pk for row in rows) == {row.pk: 1 for row in rows}
    with django_assert_num_queries(0):
        assert demand.counts([]) == {}


def test_a_vote_that_concerns_no_patch_costs_one_query(
    problem: Problem, django_assert_num_queries: DjangoAssertNumQueries,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    with django_capture_on_commit_callbacks() as callbacks:
        cast_vote(problem, make_person(), Door.WEB)
    mine = [each for each in callbacks if getattr(each, "func", None) is receivers._count]
    assert len(mine) == 1
    with django_assert_num_queries(1):
        mine[0]()


def test_what_a_crash_left_behind_is_put_right(product: Product, problem: Problem) -> None:
    right, wrong = make_patch(fixes=[problem]), make_patch(fixes=[problem])
    Patch.objects.filter(pk=wrong.pk).update(demand=9)
    assert demand.recount_waiting(limit=1) == right.pk
    assert of(wrong) == 9
    assert demand.recount_waiting(after=right.pk) is None
    assert of(wrong) == 1
