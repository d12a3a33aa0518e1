"""Many people at once: what the database decides when two transactions want the same row."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from accounts.models import Person, Role
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import Conflict, FieldsMoved, ProblemChange, fingerprint, in_words
from tracker.models import Door, Problem
from tracker.services import StaleChange, change
from votes.models import Vote
from votes.services import cast_vote, count, withdraw_vote

pytestmark = pytest.mark.django_db(transaction=True)


def all_at_once(calls: list[Callable[[], object]]) -> list[object]:
    """Run each call in a thread of its own, let go together; their results or exceptions."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> object:
        gate.wait(timeout=60)
        try:
            return call()
        except Conflict as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_one_person_voting_from_many_places_at_once_counts_once() -> None:
    problem, person = make_problem(), make_person()
    results = all_at_once([lambda: cast_vote(problem, person, Door.API)] * 8)
    assert len({vote.pk for vote in results}) == 1  # type: ignore[attr-defined]
    problem.refresh_from_db()
    assert problem.people == 2 == Vote.objects.filter(problem=problem).count()


def test_many_people_voting_and_leaving_at_once_lose_no_vote() -> None:
    problem = make_problem()
    stay, leave = [make_person() for _ in range(6)], [make_person() for _ in range(3)]
    for person in leave:
        cast_vote(problem, person, Door.WEB)
    calls: list[Callable[[], object]] = [lambda p=p: cast_vote(problem, p, Door.WEB) for p in stay]  # type: ignore[misc]
    calls += [lambda p=p: withdraw_vote(problem, p) for p in leave]  # type: ignore[misc]
    all_at_once(calls)
    problem.refresh_from_db()
    people, waiting, heat = count(problem)
    assert (problem.people, problem.waiting) == (people, waiting) == (7, 0)
    assert math.isclose(problem.heat, heat, rel_tol=0, abs_tol=1e-9)


def test_of_two_changes_from_the_same_version_one_wins() -> None:
    problem, triager = make_problem(), make_person("tom", Role.TRIAGER)
    triager = Person.objects.get(pk=triager.pk)

    def set_severity(word: str) -> Callable[[], object]:
        asked = ProblemChange(severity=word)
        return lambda: change(problem, triager, asked, Door.WEB, expected_version=1)

    results = all_at_once([set_severity("major"), set_severity("minor")])
    assert sum(isinstance(result, StaleChange) for result in results) == 1
    problem.refresh_from_db()
    assert problem.version == 2


def test_of_changes_from_the_same_form_each_field_is_changed_by_exactly_one() -> None:
    problem, triager = make_problem(), make_person("tom", Role.TRIAGER)
    triager = Person.objects.get(pk=triager.pk)
    shown = {name: fingerprint(in_words(problem, name)) for name in ("severity", "hardware")}

    def ask(**values: Any) -> Callable[[], object]:
        asked = ProblemChange(**values)
        return lambda: change(problem, triager, asked, Door.WEB, base=shown)

    severities = [ask(severity="major"), ask(severity="minor"), ask(severity="critical")]
    results = all_at_once([*severities, ask(hardware="a card"), ask(hardware="a disk")])
    refused = [result.fields for result in results if isinstance(result, FieldsMoved)]
    assert sorted(refused) == [["hardware"], ["severity"], ["severity"]]
    problem.refresh_from_db()
    assert problem.version == 3
    assert problem.severity != "normal"
    assert problem.hardware


def test_two_problems_marked_as_duplicates_of_each_other_at_once_make_no_cycle() -> None:
    product = make_product()
    one, two = make_problem(product), make_problem(product)
    triager = make_person("tom", Role.TRIAGER)

    def mark(problem: Problem, head: Problem) -> Callable[[], object]:
        asked = ProblemChange(duplicate_of=head.pk)
        return lambda: change(problem, triager, asked, Door.WEB)

    all_at_once([mark(one, two), mark(two, one)])
    one.refresh_from_db()
    two.refresh_from_db()
    assert [one.is_duplicate, two.is_duplicate].count(True) == 1
    head = two if one.is_duplicate else one
    assert head.people == count(head)[0] == 2
