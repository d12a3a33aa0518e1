"""A year of people doing things at random, and what the history of it may never show."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile

from accounts.models import Person, Role
from accounts.policies import Denied
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import Conflict, ProblemChange
from tracker.clocks import acting
from tracker.models import Clock, ClockKind, Door, Event, Problem
from tracker.services import attach, change, comment
from votes.models import Vote
from votes.services import cast_vote

pytestmark = pytest.mark.django_db

START = datetime(2026, 1, 1, 9, tzinfo=UTC)
DAYS = 540
WORKING = {"new", "open", "in progress"}
SILENCE, MONTH, HALF_A_YEAR = (timedelta(days=days) for days in (14, 30, 180))


class Actors:
    """Two developers, a reporter and a bystander, who do one thing at a time."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.developers = [make_person("dora", Role.TRIAGER), make_person("dan", Role.TRIAGER)]
        self.reporter, self.bystander = make_person("rita"), make_person("otto")
        product = make_product()
        self.problems = [make_problem(product, self.reporter) for _ in range(4)]

    def act(self) -> None:
        problem = self.chance.choice(self.problems)
        acts: list[Callable[[Problem], object]] = [
            self.set_state, self.assign, self.talk, self.answer, self.add_a_file, self.vote,
        ]  # fmt: skip
        # Not everything can follow on everything.
        with contextlib.suppress(Conflict, Denied):
            self.chance.choice(acts)(problem)

    def developer(self) -> Person:
        return self.chance.choice(self.developers)

    def set_state(self, problem: Problem) -> None:
        states = ["open", "in progress", "feedback", "feedback", "patched", "suspended", "closed"]
        state = self.chance.choice(states)
        asked = ProblemChange(state=state)
        if state == "closed":
            asked.resolution = "fixed"
        change(problem, self.developer(), asked, Door.WEB)

    def assign(self, problem: Problem) -> None:
        handle = self.chance.choice(["dora", "dan", ""])
        change(problem, self.developer(), ProblemChange(assignee=handle), Door.WEB)

    def talk(self, problem: Problem) -> None:
        comment(problem, self.chance.choice([*self.developers, self.bystander]), "Hm.", Door.WEB)

    def answer(self, problem: Problem) -> None:
        comment(problem, self.reporter, "Here it is.", Door.WEB)

    def add_a_file(self, problem: Problem) -> None:
        attach(problem, self.reporter, ContentFile(b"log", "log.txt"), Door.WEB)

    def vote(self, problem: Problem) -> None:
        Vote.objects.filter(problem=problem, person=self.bystander).delete()
        cast_vote(problem, self.bystander, Door.WEB)


class Replay:
    """What may be said of one problem at each moment of its history, from its events alone."""

    def __init__(self, lives: list[datetime]) -> None:
        self.lives = lives  # votes
        self.state, self.assignee = "new", ""
        self.word = self.asked = self.life = START
        self.acts: dict[str, datetime] = {}

    def take(self, event: Event) -> None:
        changes = {c["field"]: c["new"] for c in event.changes}
        if event.door == Door.SYSTEM:
            self.judge(event, changes)
        actor = event.actor.handle if event.actor else ""
        if "assignee" in changes or (actor and actor == self.assignee):
            self.word = event.at
        if changes.get("state") == "feedback" or actor == "rita":
            self.asked = event.at
        if event.door != Door.SYSTEM:
            self.life = event.at
            self.acts = {}
        self.state = changes.get("state", self.state)
        self.assignee = changes.get("assignee", self.assignee)

    def judge(self, event: Event, changes: dict[str, Any]) -> None:
        """The tracker acted: was it time, was it its turn, and was it the first time?"""
        name = event.note.split()[0]
        before = self.acts.get(name)
        if before is not None:
            assert any(before < at < event.at for at in self.lives), "twice without any life"
        self.acts[name] = event.at
        if name == "Assigned":
            assert self.assignee
            assert self.state in WORKING
            assert event.at - self.word >= SILENCE
            assert changes["assignee"] == ""
        elif name == "No":
            assert self.state == "feedback"
            assert event.at - self.asked >= MONTH
            assert changes["resolution"] == "feedback timeout"
        else:
            assert name == "Stale:"
            assert self.state in WORKING | {"patched"}
            alive = max([self.life, *(at for at in self.lives if at < event.at)])
            assert event.at - alive >= HALF_A_YEAR
            assert changes == {}


def nothing_is_forgotten(problem: Problem, now: datetime) -> None:
    """What has been due for longer than the day between two runs would have been acted on."""
    overdue = Clock.objects.filter(problem=problem, fired_at=None, due_at__lt=now)
    assert not overdue.exists()
    kinds = set(Clock.objects.filter(problem=problem).values_list("kind", flat=True))
    assert (ClockKind.STALE in kinds) == problem.is_open
    assert (ClockKind.FEEDBACK_TIMEOUT in kinds) == (problem.state == "feedback")
    held = problem.is_open and problem.assignee_id is not None
    assert (ClockKind.SILENT_ASSIGNEE in kinds) == held
    if held and problem.state in WORKING:
        own = problem.events.filter(actor=problem.assignee).order_by("-id").first()
        latest = problem.events.exclude(door=Door.SYSTEM).order_by("-id")[:1].get()
        if own is not None and own == latest:
            assert now - own.at < SILENCE + timedelta(days=1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_clock_acts_twice_or_early_or_while_it_waits_for_the_other_side(seed: int) -> None:
    chance = random.Random(seed)
    votes: dict[int, list[datetime]] = {}
    with time_machine.travel(START, tick=False) as traveller:
        actors = Actors(chance)
        for day in range(DAYS):
            now = START + timedelta(days=day)
            traveller.move_to(now, tick=False)
            # Lively weeks, and half a year in which hardly anybody comes.
            if chance.random() < (0.5 if day < 150 else 0.01):
                actors.act()
            for vote in Vote.objects.exclude(person=actors.reporter):
                votes.setdefault(vote.problem_id, []).append(vote.cast_at)
            acting.fire_due()
            if day % 10 == 0:
                for problem in Problem.objects.all():
                    nothing_is_forgotten(problem, now)
    names: set[str] = set()
    for problem in actors.problems:
        replay = Replay(votes.get(problem.pk, []))
        for event in problem.events.select_related("actor").order_by("id"):
            replay.take(event)
            names |= replay.acts.keys()
    assert len(names) >= 2, names
