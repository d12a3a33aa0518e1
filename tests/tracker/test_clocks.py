"""The clocks: what they do, when to the minute, once, and why the history says so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.base import ContentFile

from accounts.models import Person
from accounts.policies import Denied
from notifications.models import Message
from tests.notifications.mails import mail_to, text_of, told
from tests.problems import make_maintainer, make_problem, make_product
from tracker import tasks
from tracker.changes import ProblemChange
from tracker.clocks import acting, keeping, settings
from tracker.drafts import DraftErrors
from tracker.models import Clock, ClockKind, ClockSetting, Door, Event, Problem, Product
from tracker.services import attach, change, comment, record
from votes.services import cast_vote, withdraw_vote

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SILENT, FEEDBACK, STALE = (
    ClockKind.SILENT_ASSIGNEE,
    ClockKind.FEEDBACK_TIMEOUT,
    ClockKind.STALE,
)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    """Time stands still at noon of the first of March until a test moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def say(problem: Problem, person: Person, text: str = "Here is more.") -> None:
    comment(problem, person, text, Door.WEB)


def set_to(problem: Problem, person: Person, **values: Any) -> None:
    change(problem, person, ProblemChange(**values), Door.WEB)


def run_clocks(at: datetime, traveller: time_machine.Traveller) -> int:
    """How many clocks went off at `at`."""
    traveller.move_to(at, tick=False)
    fired, is_more = acting.fire_due()
    assert not is_more
    return fired


def by_tracker(problem: Problem) -> list[Event]:
    return list(problem.events.filter(door=Door.SYSTEM).order_by("id"))


def state_of(problem: Problem) -> tuple[str, str, str]:
    problem.refresh_from_db()
    return problem.state, problem.resolution, str(problem.assignee or "")


def is_stale(problem: Problem) -> bool:
    return Clock.objects.filter(problem=problem, kind=STALE, fired_at__isnull=False).exists()


# ---- a silent assignee


def test_what_is_held_in_silence_is_given_back_after_14_days_to_the_minute(
    problem: Problem, maintainer: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="in progress", assignee="mara")
    assert run_clocks(day(14) - MINUTE, clock) == 0
    assert run_clocks(day(14), clock) == 1
    assert state_of(problem) == ("open", "", "")
    (event,) = by_tracker(problem)
    assert (event.actor, event.note) == (
        None,
        "Assigned to mara for 14 days without a word from them.",
    )
    assert {c["field"]: c["new"] for c in event.changes} == {"state": "open", "assignee": ""}
    assert run_clocks(day(100), clock) == 0
    assert not Clock.objects.filter(problem=problem, kind=SILENT).exists()


def test_what_nobody_accepted_stays_new_when_it_is_given_back(
    problem: Problem, maintainer: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, assignee="mara")
    assert run_clocks(day(14), clock) == 1
    assert state_of(problem) == ("new", "", "")


def test_whoever_had_it_and_the_maintainers_are_told_why(
    problem: Problem, product: Product, maintainer: Person, clock: time_machine.Traveller
) -> None:
    make_maintainer(product.components.get(slug="net"), "dev")
    set_to(problem, maintainer, state="open", assignee="dev")
    Message.objects.all().delete()
    assert run_clocks(day(14), clock) == 1
    assert told(problem) == ["dev", "mara", "rita"]
    mail = text_of(mail_to(Person.objects.get(handle="dev")))
    assert "Groundswell changed assignee" in mail
    assert "Assigned to dev for 14 days without a word from them." in mail
    assert "it was assigned to you" in mail


@pytest.mark.parametrize("act", ["comment", "change", "attach"])
def test_any_act_of_the_assignee_gives_14_days_more(
    problem: Problem, maintainer: Person, clock: time_machine.Traveller, act: str
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    clock.move_to(day(13), tick=False)
    if act == "comment":
        say(problem, maintainer)
    elif act == "change":
        set_to(problem, maintainer, severity="major")
    else:
        attach(problem, maintainer, ContentFile(b"fix", "fix.diff"), Door.WEB)
    assert run_clocks(day(27) - MINUTE, clock) == 0
    assert run_clocks(day(27), clock) == 1


def test_the_word_of_others_and_their_votes_do_not_stop_it(
    problem: Problem, maintainer: Person, outsider: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    clock.move_to(day(13), tick=False)
    say(problem, outsider, "Any news?")
    cast_vote(problem, outsider, Door.WEB)
    assert run_clocks(day(14), clock) == 1


def test_a_new_assignee_has_the_full_time(
    problem: Problem, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    clock.move_to(day(10), tick=False)
    set_to(problem, triager, assignee="tom")
    assert run_clocks(day(24) - MINUTE, clock) == 0
    assert run_clocks(day(24), clock) == 1


def test_an_answer_gives_the_assignee_the_full_time_again(
    problem: Problem, maintainer: Person, triager: Person, reporter: Person,
    clock: time_machine.Traveller,
) -> None:  # fmt: skip
    set_to(problem, maintainer, state="open", assignee="mara")
    clock.move_to(day(13), tick=False)
    set_to(problem, triager, state="feedback")
    clock.move_to(day(20), tick=False)
    say(problem, reporter)
    assert state_of(problem)[0] == "open"
    assert run_clocks(day(34) - MINUTE, clock) == 0
    assert run_clocks(day(34), clock) == 1


def test_it_pauses_while_it_waits_for_another_and_goes_on_with_the_time_that_was_left(
    problem: Problem, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="in progress", assignee="mara")
    clock.move_to(day(13), tick=False)
    set_to(problem, triager, state="suspended")
    assert run_clocks(day(40), clock) == 0
    set_to(problem, triager, state="open")
    assert run_clocks(day(41) - MINUTE, clock) == 0
    assert run_clocks(day(41), clock) == 1
    assert state_of(problem) == ("open", "", "")


def test_given_back_and_taken_again_it_runs_again(
    problem: Problem, maintainer: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    run_clocks(day(14), clock)
    set_to(problem, maintainer, assignee="mara")
    assert run_clocks(day(28) - MINUTE, clock) == 0
    assert run_clocks(day(28), clock) == 1
    assert len(by_tracker(problem)) == 2


def test_an_assignee_who_was_deleted_leaves_nothing_that_goes_off(
    problem: Problem, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, triager, state="open", assignee="mara")
    maintainer.delete()
    assert run_clocks(day(14), clock) == 0
    assert by_tracker(problem) == []
    assert not Clock.objects.filter(kind=SILENT).exists()


# ---- a question without an answer


def test_a_question_without_an_answer_closes_after_30_days_to_the_minute(
    problem: Problem, maintainer: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="feedback")
    assert run_clocks(day(30) - MINUTE, clock) == 0
    assert run_clocks(day(30), clock) == 1
    assert state_of(problem) == ("closed", "feedback timeout", "")
    (event,) = by_tracker(problem)
    assert event.note == (
        "No answer from rita for 30 days, since 1 March 2026. "
        "Whoever reported it can open it again."
    )
    assert told(problem) == ["mara", "rita"]
    assert not Clock.objects.filter(problem=problem).exists()


def test_an_answer_ends_it_and_a_new_question_has_the_full_time(
    problem: Problem, maintainer: Person, reporter: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="feedback")
    clock.move_to(day(29), tick=False)
    say(problem, reporter)
    assert run_clocks(day(60), clock) == 0
    set_to(problem, maintainer, state="feedback")
    assert run_clocks(day(90) - MINUTE, clock) == 0
    assert run_clocks(day(90), clock) == 1


@pytest.mark.parametrize(("who", "is_word"), [("mara", True), ("otto", False)])
def test_asking_again_starts_it_anew_and_the_word_of_a_bystander_does_not(
    problem: Problem, maintainer: Person, outsider: Person, clock: time_machine.Traveller,
    who: str, is_word: bool,
) -> None:  # fmt: skip
    set_to(problem, maintainer, state="feedback")
    clock.move_to(day(20), tick=False)
    say(problem, Person.objects.get(handle=who))
    assert run_clocks(day(30), clock) == (0 if is_word else 1)
    assert run_clocks(day(50), clock) == (1 if is_word else 0)


def test_a_file_from_the_reporter_is_an_answer(
    problem: Problem, maintainer: Person, reporter: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="feedback")
    clock.move_to(day(20), tick=False)
    attach(problem, reporter, ContentFile(b"log", "dmesg.txt"), Door.WEB)
    problem.refresh_from_db()
    assert problem.state == "open"
    assert run_clocks(day(50), clock) == 0


def test_whoever_was_cut_off_may_open_it_again_and_nothing_is_due_then(
    problem: Problem, maintainer: Person, reporter: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="feedback")
    run_clocks(day(30), clock)
    set_to(problem, reporter, state="open")
    assert state_of(problem) == ("open", "", "")
    assert run_clocks(day(100), clock) == 0


# ---- nothing happens any more


def test_a_problem_without_life_for_180_days_is_stale_and_nobody_is_mailed(
    problem: Problem, maintainer: Person, clock: time_machine.Traveller
) -> None:
    before = problem.changed_at
    Message.objects.all().delete()
    assert run_clocks(day(180) - MINUTE, clock) == 0
    assert not is_stale(problem)
    assert run_clocks(day(180), clock) == 1
    assert is_stale(problem)
    assert state_of(problem) == ("new", "", "")
    (event,) = by_tracker(problem)
    assert event.note == "Stale: nobody said, changed or voted for anything here for 180 days."
    assert Message.objects.count() == 0
    # It did not become active by that.
    assert (problem.changed_at, problem.version) == (before, 1)
    assert run_clocks(day(900), clock) == 0


@pytest.mark.parametrize("life", ["comment", "change", "vote"])
def test_any_life_ends_it_and_starts_the_clock_anew(
    problem: Problem, triager: Person, outsider: Person, clock: time_machine.Traveller, life: str
) -> None:
    run_clocks(day(180), clock)
    clock.move_to(day(200), tick=False)
    if life == "comment":
        say(problem, outsider)
    elif life == "change":
        set_to(problem, triager, severity="minor")
    else:
        cast_vote(problem, outsider, Door.WEB)
    assert not is_stale(problem)
    assert run_clocks(day(380) - MINUTE, clock) == 0
    assert run_clocks(day(380), clock) == 1
    assert is_stale(problem)


def test_votes_keep_a_problem_alive_and_taking_one_back_does_not(
    problem: Problem, outsider: Person, clock: time_machine.Traveller
) -> None:
    clock.move_to(day(100), tick=False)
    cast_vote(problem, outsider, Door.WEB)
    clock.move_to(day(150), tick=False)
    withdraw_vote(problem, outsider)
    assert run_clocks(day(279), clock) == 0
    assert run_clocks(day(280), clock) == 1


def test_what_the_tracker_does_by_itself_is_no_life(
    problem: Problem, maintainer: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    assert run_clocks(day(14), clock) == 1
    assert run_clocks(day(180), clock) == 1
    assert is_stale(problem)


@pytest.mark.parametrize("state", ["suspended", "feedback"])
def test_what_waits_for_another_side_is_not_stale(
    problem: Problem, triager: Person, clock: time_machine.Traveller, state: str
) -> None:
    settings.set_clocks(problem.product, triager, {FEEDBACK: (False, "30")})
    set_to(problem, triager, state=state)
    assert run_clocks(day(400), clock) == 0


def test_closing_or_marking_as_a_duplicate_ends_all_clocks_and_reopening_starts_them(
    problem: Problem, product: Product, triager: Person, clock: time_machine.Traveller
) -> None:
    head = make_problem(product)
    set_to(problem, triager, state="open", assignee="tom")
    set_to(problem, triager, duplicate_of=head.pk)
    assert not Clock.objects.filter(problem=problem).exists()
    clock.move_to(day(10), tick=False)
    set_to(problem, triager, duplicate_of=None)
    assert run_clocks(day(24) - MINUTE, clock) == 0
    assert run_clocks(day(24), clock) == 1
    assert run_clocks(day(189), clock) == 1  # the head, in which nothing happened since
    assert is_stale(head)


# ---- settings


def test_a_product_has_its_own_days(
    problem: Problem, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    settings.set_clocks(problem.product, triager, {SILENT: (True, "21")})
    set_to(problem, maintainer, state="open", assignee="mara")
    assert run_clocks(day(21) - MINUTE, clock) == 0
    assert run_clocks(day(21), clock) == 1


def test_switched_off_nothing_goes_off_and_switched_on_it_counts_from_then(
    problem: Problem, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    clock.move_to(day(13), tick=False)
    settings.set_clocks(problem.product, triager, {SILENT: (False, "14")})
    # Before the rows agree, and after.
    assert run_clocks(day(50), clock) == 0
    tasks.run_clocks()
    assert run_clocks(day(60), clock) == 0
    settings.set_clocks(problem.product, triager, {SILENT: (True, "14")})
    assert ClockSetting.objects.get().is_applied is False
    assert settings.apply_setting(ClockSetting.objects.get().pk) is None
    assert ClockSetting.objects.get().is_applied is True
    assert run_clocks(day(74) - MINUTE, clock) == 0
    assert run_clocks(day(74), clock) == 1


def test_a_quicker_clock_acts_on_nothing_old_and_a_slower_one_adds_to_what_has_gone_by(
    problem: Problem, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    set_to(problem, maintainer, state="open", assignee="mara")
    clock.move_to(day(10), tick=False)
    settings.set_clocks(problem.product, triager, {SILENT: (True, "20")})
    settings.apply_setting(ClockSetting.objects.get().pk)
    assert Clock.objects.get(kind=SILENT).due_at == day(20)
    settings.set_clocks(problem.product, triager, {SILENT: (True, "5")})
    settings.apply_setting(ClockSetting.objects.get().pk)
    assert run_clocks(day(15) - MINUTE, clock) == 0
    assert run_clocks(day(15), clock) == 1


def test_saving_the_same_setting_changes_nothing(product: Product, triager: Person) -> None:
    assert settings.set_clocks(product, triager, {STALE: (True, "180")}) == []
    assert ClockSetting.objects.count() == 0


@pytest.mark.parametrize("typed", ["", "0", "-3", "1.5", "a month", "3651", "٣", "9" * 5000])
def test_days_that_are_none_are_refused_and_nothing_is_changed(
    product: Product, triager: Person, typed: str
) -> None:
    with pytest.raises(DraftErrors, match="days_stale: Give a whole number of days from 1"):
        settings.set_clocks(product, triager, {SILENT: (False, "14"), STALE: (True, typed)})
    assert ClockSetting.objects.count() == 0


def test_only_triagers_set_clocks(product: Product, maintainer: Person, committer: Person) -> None:
    for person in (maintainer, committer):
        with pytest.raises(Denied):
            settings.set_clocks(product, person, {STALE: (False, "180")})


def test_a_problem_that_moves_runs_by_the_rules_of_its_new_product(
    problem: Problem, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    other = make_product("ports", "kernel")
    settings.set_clocks(other, triager, {SILENT: (True, "30")})
    set_to(problem, maintainer, state="open", assignee="mara")
    clock.move_to(day(10), tick=False)
    set_to(problem, triager, product="ports")
    assert run_clocks(day(30) - MINUTE, clock) == 0
    assert run_clocks(day(30), clock) == 1


# ---- imports


def imported(product: Product, count: int, **values: Any) -> list[Problem]:
    """Problems of years ago as an import writes them, which says so in one event each."""
    old = START - timedelta(days=3000)
    values = {"state": "open", "created_at": old, "changed_at": old} | values
    component = product.components.get(slug="kernel")
    problems = Problem.objects.bulk_create(
        Problem(
            product=product, component=component, synopsis=f"old {i}", description="-", **values
        )
        for i in range(count)
    )
    for problem in problems:
        record(problem, Event.Kind.IMPORTED, None, Door.IMPORT, quiet=True)
    return problems


def test_clocks_of_imported_problems_start_after_the_import(
    product: Product, maintainer: Person, clock: time_machine.Traveller
) -> None:
    (problem,) = imported(product, 1, state="in progress", assignee=maintainer)
    assert Clock.objects.count() == 0
    tasks.wind_clocks()
    assert run_clocks(day(14) - MINUTE, clock) == 0
    assert run_clocks(day(14), clock) == 1
    assert state_of(problem) == ("open", "", "")
    assert run_clocks(day(180), clock) == 1
    assert is_stale(problem)


def test_what_nobody_touched_since_its_import_mails_nobody_and_what_somebody_touched_does(
    product: Product, maintainer: Person, triager: Person, clock: time_machine.Traveller
) -> None:
    one, other = imported(product, 2, state="open", assignee=maintainer)
    tasks.wind_clocks()
    say(other, triager)
    Message.objects.all().delete()
    assert run_clocks(day(14), clock) == 2
    assert told(one) == []
    assert told(other) == ["mara", "tom"]


def test_an_import_costs_its_clocks_nothing_and_they_are_made_in_batches(
    product: Product, maintainer: Person, django_assert_num_queries: Any
) -> None:
    problems = imported(product, 30, state="feedback")
    event = Event(problem=problems[0], kind=Event.Kind.IMPORTED, door=Door.IMPORT)
    with django_assert_num_queries(0):
        keeping.follow_event(event)
    # Begin and end, the problems, the settings, the clocks.
    with django_assert_num_queries(5):
        last = keeping.wind(limit=20)
    assert last == problems[19].pk
    with django_assert_num_queries(5):
        assert keeping.wind(last, limit=20) is None
    assert Clock.objects.count() == 60
    assert keeping.wind() is None
    assert Clock.objects.count() == 60


@pytest.mark.parametrize("kinds", ["report", "comment", "vote"])
def test_clocks_cost_each_act_a_fixed_number_of_queries(
    product: Product, reporter: Person, outsider: Person, kinds: str, django_assert_num_queries: Any
) -> None:
    problem = make_problem(product, reporter)
    for _ in range(5):
        make_problem(product, reporter)
    event = problem.events.select_related("problem").get()
    if kinds == "report":
        Clock.objects.filter(problem=problem).delete()
        with django_assert_num_queries(2):
            keeping.follow_event(event)
    elif kinds == "comment":
        event = Event(problem=problem, kind=Event.Kind.COMMENTED, actor=outsider, door=Door.WEB)
        with django_assert_num_queries(3):
            keeping.follow_event(event)
    else:
        with django_assert_num_queries(1):
            keeping.sign_of_life(problem, day(1))


# ---- what goes wrong


def test_one_that_cannot_act_does_not_hold_up_the_others(
    product: Product, maintainer: Person, clock: time_machine.Traveller,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    bad, good = make_problem(product), make_problem(product)

    def fail_for_one(problem: Problem, *args: Any, **kwargs: Any) -> Event:
        if problem.pk == bad.pk:
            raise RuntimeError("a full disk")
        return record(problem, *args, **kwargs)

    monkeypatch.setattr("tracker.clocks.acting.record", fail_for_one)
    assert run_clocks(day(180), clock) == 1
    assert (is_stale(bad), is_stale(good)) == (False, True)
    assert "a full disk" in caplog.text
    monkeypatch.undo()
    assert run_clocks(day(180), clock) == 1
    assert is_stale(bad)


def test_a_run_stops_when_its_time_is_up_and_says_that_some_are_left(
    product: Product, clock: time_machine.Traveller
) -> None:
    make_problem(product)
    clock.move_to(day(180), tick=False)
    assert acting.fire_due(seconds=-1) == (0, True)
    assert acting.fire_due() == (1, False)


def test_a_delivery_that_is_repeated_finds_nothing_left_to_do(
    problem: Problem, clock: time_machine.Traveller
) -> None:
    clock.move_to(day(180), tick=False)
    due = list(Clock.objects.filter(kind=STALE))
    assert tasks.run_clocks() == 1
    assert tasks.run_clocks() == 0
    # A worker that had read the row before.
    assert acting.fire(due[0], day(180)) is False
    assert len(by_tracker(problem)) == 1
