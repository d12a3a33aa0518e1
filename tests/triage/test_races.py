"""Two triagers at once: what each of them is told, and what the rows are afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import Role
from tests.people import make_person
from tests.problems import make_problem, make_product
from tests.test_vote_races import all_at_once
from tracker import bulk
from tracker.bulk import Asked, NothingLeft, Pick, UndoneAlready
from tracker.changes import ProblemChange
from tracker.models import BulkChange, Door, Event, Problem
from tracker.services import change

pytestmark = pytest.mark.django_db(transaction=True)

CLOSE = Asked(ProblemChange(state="closed", resolution="fixed"))
ACCEPT = Asked(ProblemChange(state="open"))


def test_of_two_who_do_the_same_problems_at_once_one_does_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "PER_TRANSACTION", 2)
    product = make_product()
    picks = [Pick(make_problem(product).pk, 1) for _ in range(6)]
    tom, tess = make_person("tom", Role.TRIAGER), make_person("tess", Role.TRIAGER)
    calls: list[Callable[[], object]] = [
        lambda: bulk.apply(tom, picks, CLOSE, Door.WEB),
        lambda: bulk.apply(tess, picks[::-1], ACCEPT, Door.WEB),
    ]
    for result in all_at_once(calls):
        assert isinstance(result, BulkChange | NothingLeft)
    for problem in Problem.objects.all():
        assert problem.version == 2
        (event,) = problem.events.filter(kind=Event.Kind.CHANGED)
        assert event.actor is not None
        assert problem.state == ("closed" if event.actor.handle == "tom" else "open")
    done = {bulk.actor.handle: bulk.items.count() for bulk in BulkChange.objects.all()}
    assert sum(done.values()) == 6


def test_of_two_undos_at_once_one_happens() -> None:
    tom = make_person("tom", Role.TRIAGER)
    problem = make_problem()
    done = bulk.apply(tom, [Pick(problem.pk, 1)], CLOSE, Door.WEB)
    results = all_at_once([lambda: bulk.undo(done, tom, Door.WEB)] * 4)
    assert sum(isinstance(result, BulkChange) for result in results) == 1
    assert sum(isinstance(result, UndoneAlready) for result in results) == 3
    problem.refresh_from_db()
    assert (problem.state, problem.version) == ("new", 3)


def test_marking_many_while_others_mark_and_undo_ends_without_a_cycle_or_a_wrong_number() -> None:
    product, tom = make_product(), make_person("tom", Role.TRIAGER)
    one, two, three = (make_problem(product) for _ in range(3))
    calls: list[Callable[[], object]] = [
        lambda: bulk.apply(tom, [Pick(one.pk, 1), Pick(two.pk, 1)],
                           Asked(ProblemChange(duplicate_of=three.pk)), Door.WEB),
        lambda: bulk.apply(tom, [Pick(three.pk, 1), Pick(two.pk, 1)],
                           Asked(ProblemChange(duplicate_of=one.pk)), Door.WEB),
        lambda: change(two, tom, ProblemChange(duplicate_of=one.pk), Door.API),
    ]  # fmt: skip
    all_at_once(calls)
    rows = {problem.pk: problem for problem in Problem.objects.all()}
    for problem in rows.values():
        seen, end = {problem.pk}, problem
        while end.duplicate_of_id is not None:
            end = rows[end.duplicate_of_id]
            assert end.pk not in seen
            seen.add(end.pk)
        assert end.head_id is None
        assert problem.head_id in {None, end.pk}
        members = [each for each in rows.values() if each.head_id == end.pk]
        assert end.people == 1 + len(members)
