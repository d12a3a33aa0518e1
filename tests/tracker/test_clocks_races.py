"""Each clock goes off once: with many workers at once, and with one that is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Person, Role
from config.environment import PROJECT_DIR
from notifications.models import Message
from tests.people import make_person
from tests.problems import make_problem, make_product
from tests.test_vote_races import all_at_once
from tracker.changes import ProblemChange
from tracker.clocks import acting
from tracker.models import Clock, ClockKind, Door, Event, Problem
from tracker.services import change, comment

pytestmark = pytest.mark.django_db(transaction=True)


def make_due(problem: Problem, kind: ClockKind, days: int) -> Clock:
    """The clock of `problem`, as if it had been started so many days ago."""
    now = timezone.now()
    Clock.objects.filter(problem=problem, kind=kind).update(
        started_at=now - timedelta(days=days), due_at=now - timedelta(hours=1)
    )
    return Clock.objects.get(problem=problem, kind=kind)


def held(assignee: Person, count: int) -> list[Problem]:
    """Problems that `assignee` has had for 15 days without a word."""
    product = make_product()
    problems = [make_problem(product) for _ in range(count)]
    for problem in problems:
        change(problem, assignee, ProblemChange(state="open", assignee="tom"), Door.WEB)
        make_due(problem, ClockKind.SILENT_ASSIGNEE, 15)
    return problems


def by_tracker() -> list[int]:
    """The problems on which the tracker acted, once for each act."""
    return sorted(Event.objects.filter(door=Door.SYSTEM).values_list("problem", flat=True))


def test_of_many_workers_at_once_one_acts_on_each() -> None:
    triager = make_person("tom", Role.TRIAGER)
    problems = held(triager, 6)
    for problem in problems:
        make_due(problem, ClockKind.STALE, 200)
    results: list[Any] = all_at_once([acting.fire_due] * 4)
    assert sum(fired for fired, _ in results) == 12
    assert by_tracker() == sorted([problem.pk for problem in problems] * 2)
    mails = Message.objects.filter(event__door=Door.SYSTEM, person=triager)
    assert mails.count() == 6


def test_a_word_at_the_last_moment_and_the_clock_never_both_win() -> None:
    triager = make_person("tom", Role.TRIAGER)
    problems = held(triager, 6)
    now = timezone.now()

    def speak(problem: Problem) -> Callable[[], object]:
        return lambda: comment(problem, triager, "Nearly done.", Door.WEB)

    def go_off(problem: Problem) -> Callable[[], object]:
        clock = Clock.objects.get(problem=problem, kind=ClockKind.SILENT_ASSIGNEE)
        return lambda: acting.fire(clock, now)

    all_at_once([act(problem) for problem in problems for act in (speak, go_off)])
    for problem in problems:
        order = list(problem.events.order_by("id").values_list("door", flat=True))[2:]
        # Given back before the word came, or kept because of it.
        assert order in ([Door.SYSTEM, Door.WEB], [Door.WEB])
        problem.refresh_from_db()
        assert (problem.assignee is None) == (Door.SYSTEM in order)


KILLED = """
import os, signal
import django
django.setup()
from django.utils import timezone
from tracker import services
from tracker.clocks import acting
from tracker.models import Clock, Event

def die(*args, **kwargs):
    assert not Clock.objects.filter(pk=%d, fired_at=None).exists()
    os.kill(os.getpid(), signal.SIGKILL)

%s
acting.fire(Clock.objects.get(pk=%d), timezone.now())
"""


@pytest.mark.parametrize(
    "moment", ["acting.change_by_tracker = die", "services.problem_happened.connect(die)"]
)
def test_a_worker_that_is_killed_between_claim_and_act_leaves_it_to_the_next(moment: str) -> None:
    triager = make_person("tom", Role.TRIAGER)
    (problem,) = held(triager, 1)
    clock = Clock.objects.get(kind=ClockKind.SILENT_ASSIGNEE)
    code = KILLED % (clock.pk, moment, clock.pk)
    died = subprocess.run(
        [sys.executable, "-c", code],
        cwd=PROJECT_DIR,
        env=os.environ | {"DATABASE_URL": address_of_the_database()},
        timeout=120,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    clock.refresh_from_db()
    assert clock.fired_at is None
    assert by_tracker() == []
    assert acting.fire_due() == (1, False)
    assert by_tracker() == [problem.pk]
    assert acting.fire_due() == (0, False)


def address_of_the_database() -> str:
    """Where this very test keeps its rows, for another process."""
    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}"
