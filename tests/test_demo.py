"""manage.py demo: believable, repeatable, safe to run twice, and only where nobody is at risk."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db.models import Count, Exists, F, Max, Min, OuterRef, Q
from django.test import Client

from accounts.models import Person, Role
from notifications.models import Message
from patches.models import Patch
from patches.waiting import demand
from tests.people import make_person
from tests.problems import make_product
from tracker.models import (
    STATE_CHANGES,
    Attachment,
    Comment,
    Component,
    Event,
    Problem,
    Product,
    Resolution,
    State,
)
from tracker.text_index.rebuilding import find_wrong
from votes.demo.people import make_cast
from votes.demo.stories import Teller
from votes.demo.texts import load_products
from votes.models import NoLonger, Vote

pytestmark = pytest.mark.django_db

UNTIL = datetime(2026, 6, 15, tzinfo=UTC)


@pytest.fixture(autouse=True)
def a_set_up_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.IS_DEFAULT_SETUP = True
    settings.MEDIA_ROOT = tmp_path / "files"


def demo(**options: Any) -> str:
    out = StringIO()
    call_command("demo", stdout=out, **{"until": UNTIL, "problems": 90} | options)
    return out.getvalue()


def check_patches() -> None:
    """One for each turn, one with three people behind it, one that was forgotten."""
    turns = set(Patch.objects.values_list("turn", flat=True))
    assert turns == {"reviewers", "author", "committer", "nobody"}
    demands = dict(Patch.objects.values_list("pk", "demand"))
    assert demands == demand.counts(demands)
    assert 3 in demands.values()
    assert Patch.objects.filter(latest=2, is_reviewed=True).exists()
    assert Patch.objects.filter(stage=Patch.Stage.BOARD).count() == 1
    assert not Patch.objects.filter(escalate_at__lte=UNTIL).exists()
    latest = Patch.objects.aggregate(Max("changed_at"), Max("turn_since"), Max("events__at"))
    assert all(at <= UNTIL for at in latest.values())
    assert not Message.objects.exists(), "these things happened to nobody"


def test_the_whole_demonstration_looks_like_two_years_of_a_tracker() -> None:
    demo(problems=320)
    assert Product.objects.count() == 2
    assert Problem.objects.count() == 320
    assert Problem.objects.values("synopsis").distinct().count() == 320
    assert not list(find_wrong())
    check_patches()
    ages = Problem.objects.aggregate(first=Min("created_at"), last=Max("created_at"))
    assert (UNTIL - ages["first"]).days > 600
    assert (UNTIL - ages["last"]).days < 30
    assert set(Problem.objects.values_list("state", flat=True)) == set(State)
    assert set(Problem.objects.exclude(resolution="").values_list("resolution", flat=True)) == set(
        Resolution
    )
    assert Problem.objects.filter(is_confidential=True).count() >= 4
    assert Problem.objects.filter(duplicate_of__isnull=False).count() >= 10
    assert Attachment.objects.count() >= 20
    assert Component.objects.filter(maintainers=None).count() == 0
    assert Vote.objects.filter(status=Vote.Status.WAITING).exists()
    assert Vote.objects.exclude(note="").count() > 50
    months = Vote.objects.dates("cast_at", "month")
    assert len(months) >= 24
    # Nobody reads the same words under every problem.
    said = Comment.objects.values("text").annotate(times=Count("id")).aggregate(most=Max("times"))
    assert said["most"] <= 40


def test_nothing_happens_before_its_time_or_after_the_end() -> None:
    demo()
    assert not Problem.objects.filter(changed_at__lt=F("created_at")).exists()
    assert not Vote.objects.filter(cast_at__lt=F("problem__created_at")).exists()
    assert not Vote.objects.filter(cast_at__gt=F("problem__closed_at")).exists()
    assert not Vote.objects.filter(cast_at__lt=F("person__joined_at")).exists()
    assert not Comment.objects.filter(created_at__lt=F("author__joined_at")).exists()
    assert not Event.objects.filter(Q(at__gt=UNTIL) | Q(at__lt=F("problem__created_at"))).exists()
    assert not Problem.objects.filter(release__released_on__gt=F("created_at")).exists()
    gone = NoLonger.objects.all()
    assert gone.count() > 10
    voted = Vote.objects.filter(problem=OuterRef("problem"), person=OuterRef("person"))
    assert gone.filter(Exists(voted.filter(cast_at__lte=OuterRef("said_at")))).count() == len(gone)
    assert not gone.filter(said_at__gt=UNTIL).exists()


def test_every_history_leads_to_what_the_problem_is() -> None:
    demo()
    for problem in Problem.objects.prefetch_related("events"):
        state = State.NEW
        for event in problem.events.all():
            for change in event.changes:
                if change["field"] == "state":
                    assert change["old"] == state
                    assert State(change["new"]) in STATE_CHANGES[state]
                    state = State(change["new"])
        assert state == problem.state, problem


def test_no_brace_of_a_building_block_is_left_unfilled() -> None:
    demo(problems=200)
    blanks = ("{n}", "{small}", "{release}", "{arch}", "{hw}", "{other}", "{older}", "{log}", "||")
    for model, field in ((Problem, "description"), (Problem, "synopsis"), (Comment, "text")):
        for blank in blanks:
            assert not model.objects.filter(**{f"{field}__contains": blank}).exists(), blank
    named = Comment.objects.filter(text__contains="#")
    assert any(f"#{c.problem.duplicate_of_id}" in c.text for c in named.select_related("problem"))


def test_numbers_are_those_of_the_votes() -> None:
    demo()
    out = StringIO()
    call_command("recount_votes", check=True, stdout=out)
    assert "0 stood wrong" in out.getvalue()


def plan(seed: int, until: datetime = UNTIL) -> list[Any]:
    """All that is told and voted, as plain values."""
    products = load_products()
    stories = Teller(seed, products, make_cast(seed, products, until, ()), until).tell(120)
    return [
        (s.report, s.reporter, s.created_at, s.votes, [(step.text, step.at) for step in s.steps])
        for s in stories
    ]


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    assert plan(1) == plan(1)
    assert plan(1) != plan(2)


def test_a_later_end_moves_everything_and_changes_no_words() -> None:
    later = plan(1, UNTIL + timedelta(days=100))
    assert [told[0] for told in later] == [told[0] for told in plan(1)]
    assert later[0][2] - plan(1)[0][2] == timedelta(days=100)


def test_a_second_run_changes_nothing_and_prints_the_accounts_again() -> None:
    first = demo()
    before = (Problem.objects.count(), Person.objects.count(), Vote.objects.count())
    out = demo()
    assert "there already" in out
    assert before == (Problem.objects.count(), Person.objects.count(), Vote.objects.count())
    assert out.split("Sign in at")[1] == first.split("Sign in at")[1]


def test_each_printed_account_can_sign_in_and_has_its_role(client: Client) -> None:
    table = demo()
    rows = re.findall(r"^  (\w+) +(\S+) +(\S+@example\.org) +(\S+)$", table, re.MULTILINE)
    # Programs have tokens and sign in nowhere.
    people = [role for role in Role if role != Role.MACHINE]
    assert [row[0] for row in rows] == [role.value for role in people]
    for role, handle, email, password in rows:
        person = Person.objects.get(email=email)
        assert person.handle == handle
        assert person.check_password(password)
        assert person.has_role(Role(role))
        assert EmailAddress.objects.get(user=person).verified
    assert not any(
        person.has_usable_password()
        for person in Person.objects.exclude(email__in=[row[2] for row in rows])
    )


def test_a_set_up_that_others_reach_is_refused_unless_forced(settings: Any) -> None:
    settings.IS_DEFAULT_SETUP = False
    with pytest.raises(CommandError, match="known to everybody"):
        demo()
    assert not Person.objects.exists()
    assert "were added" in demo(force=True, problems=60)


def test_people_who_are_here_keep_their_handles() -> None:
    mine = make_person("Rosa", email="me@example.org")
    demo(problems=60)
    assert Person.objects.get(email="reporter@example.org").handle == "rosa2"
    mine.refresh_from_db()
    assert mine.handle == "Rosa"


def test_a_product_of_that_name_is_not_mixed_with_the_demonstration() -> None:
    make_product("harbor")
    with pytest.raises(CommandError, match="names are taken"):
        demo()
    assert Problem.objects.count() == 0


@pytest.mark.parametrize("count", [61, 1000])
def test_any_allowed_number_of_problems_is_made(count: int) -> None:
    demo(problems=count)
    assert Problem.objects.count() == count
    assert Problem.objects.values("synopsis").distinct().count() == count


@pytest.mark.parametrize("count", [0, 59, 1001, -5])
def test_other_numbers_are_refused(count: int) -> None:
    with pytest.raises(CommandError, match="from 60 to 1000"):
        demo(problems=count)
