"""Patches that nobody reviews: each stage once for each content, over a year and in a race."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.models import Person
from patches.models import Patch, PatchEvent
from patches.reviews import rating
from patches.waiting import escalating
from patches.waiting.clocks import Stage
from tests.patching import make_patch, newest, next_version
from tests.people import make_person
from tests.problems import make_maintainer, make_problem
from tests.test_vote_races import all_at_once
from tracker.models import Door

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Time stands still until a test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def stages(patch: Patch) -> list[tuple[int, int]]:
    """(day, stage) of each time that it was carried further."""
    rows = PatchEvent.objects.filter(patch=patch, kind=PatchEvent.Kind.ESCALATED).order_by("pk")
    return [((row.at - START).days, row.data["stage"]) for row in rows]


def rate(patch: Patch, person: Person, value: int) -> None:
    rating.rate(newest(patch), person, Door.WEB, rating.Said("quality", value))


@pytest.mark.django_db
def test_each_stage_comes_once_in_a_year_and_again_for_other_content(
    clock: time_machine.Traveller,
) -> None:
    author, reviewer = make_person(), make_person()
    lonely, paused, renewed, reviewed = (make_patch(author=author) for _ in range(4))
    rate(reviewed, reviewer, 1)
    for day in range(0, 366, 2):
        clock.move_to(START + timedelta(days=day, hours=1))
        if day in (10, 40):
            # For thirty days it waits for its author, and then as if nobody had reviewed it.
            rate(paused, reviewer, -1 if day == 10 else 0)
        if day == 100:
            renewed.refresh_from_db()
            next_version(renewed)
        assert not escalating.escalate_due(60.0)
    assert stages(lonely) == [(14, Stage.LIST), (90, Stage.BOARD)]
    assert stages(paused) == [(44, Stage.LIST), (120, Stage.BOARD)]
    first = [(14, Stage.LIST), (90, Stage.BOARD)]
    assert stages(renewed) == [*first, (114, Stage.LIST), (190, Stage.BOARD)]
    assert stages(reviewed) == []


@pytest.mark.django_db
def test_what_was_due_while_no_scheduler_ran_is_made_up_for_once(
    clock: time_machine.Traveller,
) -> None:
    patches = [make_patch() for _ in range(3)]
    clock.shift(timedelta(days=300))
    assert escalating.escalate_due(0.0), "no time, and so more is left"
    escalating.escalate_due(60.0)
    escalating.escalate_due(60.0)
    for patch in patches:
        assert [stage for _, stage in stages(patch)] == [Stage.LIST, Stage.BOARD]
        patch.refresh_from_db()
        assert patch.escalate_at is None


@pytest.mark.django_db
def test_a_time_that_is_wrong_is_put_right_and_then_kept(clock: time_machine.Traveller) -> None:
    early, never = make_patch(), make_patch(author=make_person())
    Patch.objects.filter(pk=early.pk).update(escalate_at=START + timedelta(days=3))
    Patch.objects.filter(pk=never.pk).update(escalate_at=START, turn="author")
    for day in (3, 14):
        clock.move_to(START + timedelta(days=day, hours=1))
        escalating.escalate_due(60.0)
    assert stages(early) == [(14, Stage.LIST)]
    assert stages(never) == []
    never.refresh_from_db()
    assert never.escalate_at is None


@pytest.mark.django_db
def test_the_history_says_who_was_told(clock: time_machine.Traveller) -> None:
    problem = make_problem()
    component = problem.component
    component.list_address = "net@lists.example.org"
    component.save()
    make_maintainer(component)
    public, hidden = (make_patch(fixes=[problem], is_confidential=s) for s in (False, True))
    alone = make_patch(fixes=[make_problem()])
    clock.shift(timedelta(days=14))
    escalating.escalate_due(60.0)
    said = {e.patch_id: e.data["words"] for e in PatchEvent.objects.filter(kind="escalated")}
    assert said[public.pk].startswith(f"told the list of {component.slug}, as nobody")
    assert said[hidden.pk].startswith(f"told who maintains {component.slug}, as nobody")
    assert said[alone.pk].startswith("found nobody to tell, as nobody")


@pytest.mark.django_db(transaction=True)
def test_three_workers_at_once_carry_each_patch_once() -> None:
    patches = [make_patch() for _ in range(4)]
    later = timezone.now() + timedelta(days=15)
    all_at_once([lambda: escalating.escalate_due(60.0, later)] * 3)
    for patch in patches:
        assert [stage for _, stage in stages(patch)] == [Stage.LIST]
