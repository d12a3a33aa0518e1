"""What may follow on what, who may do it, and what is left when two do it at once."""

from __future__ import annotations

import pytest

from accounts.models import Person
from accounts.policies import Denied
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import (
    UNSET,
    Conflict,
    FieldsMoved,
    ProblemChange,
    Unset,
    fingerprint,
)
from tracker.drafts import DraftErrors
from tracker.models import STATE_CHANGES, Door, Event, Problem, Product, State
from tracker.services import StaleChange, change

pytestmark = pytest.mark.django_db


def test_a_change_is_one_event_with_old_and_new_in_words(
    problem: Problem, maintainer: Person
) -> None:
    asked = ProblemChange(state="in progress", assignee="mara", fixed_in="15.0", severity="major")
    event = change(problem, maintainer, asked, Door.API)
    assert event is not None
    assert {c["field"]: (c["old"], c["new"]) for c in event.changes} == {
        "state": ("new", "in progress"),
        "assignee": ("", "mara"),
        "fixed_in": ("", "15.0"),
        "severity": ("normal", "major"),
    }


def test_a_change_to_what_is_so_already_writes_nothing(
    problem: Problem, maintainer: Person
) -> None:
    assert change(problem, maintainer, ProblemChange(state="new"), Door.WEB) is None
    problem.refresh_from_db()
    assert (problem.version, Event.objects.count()) == (1, 1)


@pytest.mark.parametrize("old", list(State))
@pytest.mark.parametrize("new", list(State))
def test_only_the_listed_state_changes_are_possible(
    problem: Problem, triager: Person, old: State, new: State
) -> None:
    if old == State.CLOSED:
        change(problem, triager, ProblemChange(state=old, resolution="fixed"), Door.WEB)
    elif old != State.NEW:
        change(problem, triager, ProblemChange(state=old), Door.WEB)
    resolution = "fixed" if new == State.CLOSED else ""
    asked = ProblemChange(state=new, resolution=resolution)
    if new == old or new in STATE_CHANGES[old]:
        change(problem, triager, asked, Door.WEB)
        problem.refresh_from_db()
        assert problem.state == new
        assert problem.is_open == (new != State.CLOSED) == (problem.closed_at is None)
    else:
        with pytest.raises(Conflict, match="cannot become"):
            change(problem, triager, asked, Door.WEB)


def test_closing_asks_for_a_resolution(problem: Problem, triager: Person) -> None:
    with pytest.raises(Conflict, match="how it was resolved"):
        change(problem, triager, ProblemChange(state="closed"), Door.WEB)


def test_reopening_forgets_the_resolution(problem: Problem, triager: Person) -> None:
    change(problem, triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    change(problem, triager, ProblemChange(state="open"), Door.WEB)
    problem.refresh_from_db()
    assert (problem.resolution, problem.closed_at) == ("", None)


SHOWN = {"severity": fingerprint("normal"), "hardware": fingerprint("")}


def test_changes_of_different_fields_from_the_same_form_both_go_through(
    problem: Problem, triager: Person, maintainer: Person
) -> None:
    change(problem, maintainer, ProblemChange(severity="minor"), Door.WEB, base=SHOWN)
    change(problem, triager, ProblemChange(hardware="a card"), Door.WEB, base=SHOWN)
    problem.refresh_from_db()
    assert (problem.severity, problem.hardware) == ("minor", "a card")


def test_a_second_change_of_the_same_field_is_refused_whole_and_names_the_field(
    problem: Problem, triager: Person, maintainer: Person
) -> None:
    change(problem, maintainer, ProblemChange(severity="minor"), Door.WEB, base=SHOWN)
    asked = ProblemChange(severity="major", hardware="a card")
    with pytest.raises(FieldsMoved, match="Somebody else changed the severity") as refused:
        change(problem, triager, asked, Door.WEB, base=SHOWN)
    assert refused.value.fields == ["severity"]
    problem.refresh_from_db()
    assert (problem.severity, problem.hardware) == ("minor", "")


def test_two_who_make_the_same_change_agree(
    problem: Problem, triager: Person, maintainer: Person
) -> None:
    change(problem, maintainer, ProblemChange(severity="minor"), Door.WEB, base=SHOWN)
    assert change(problem, triager, ProblemChange(severity="minor"), Door.WEB, base=SHOWN) is None


def test_a_stale_change_is_refused_and_changes_nothing(
    problem: Problem, triager: Person, maintainer: Person
) -> None:
    change(problem, maintainer, ProblemChange(severity="minor"), Door.WEB, expected_version=1)
    with pytest.raises(StaleChange):
        change(problem, triager, ProblemChange(severity="major"), Door.WEB, expected_version=1)
    problem.refresh_from_db()
    assert (problem.severity, problem.version) == ("minor", 2)


def test_one_wrong_field_leaves_all_others_as_they_were(problem: Problem, triager: Person) -> None:
    asked = ProblemChange(severity="major", component="nowhere", assignee="nobody-here")
    with pytest.raises(DraftErrors) as raised:
        change(problem, triager, asked, Door.WEB)
    assert set(raised.value.errors) == {"component", "assignee"}
    problem.refresh_from_db()
    assert problem.severity == "normal"


def test_the_reporter_edits_the_text_but_not_the_severity(
    problem: Problem, reporter: Person, outsider: Person
) -> None:
    change(problem, reporter, ProblemChange(synopsis="Clearer words"), Door.WEB)
    with pytest.raises(Denied):
        change(problem, reporter, ProblemChange(severity="critical"), Door.WEB)
    with pytest.raises(Denied):
        change(problem, outsider, ProblemChange(synopsis="Mine now"), Door.WEB)
    problem.refresh_from_db()
    assert problem.synopsis == "Clearer words"


def test_the_reporter_takes_a_report_back_and_opens_it_again(
    problem: Problem, reporter: Person
) -> None:
    change(problem, reporter, ProblemChange(state="closed", resolution="not a defect"), Door.WEB)
    change(problem, reporter, ProblemChange(state="open"), Door.WEB)
    with pytest.raises(Denied):
        change(problem, reporter, ProblemChange(state="in progress"), Door.WEB)


def test_moving_to_another_product_drops_releases_that_it_does_not_have(
    problem: Problem, triager: Person
) -> None:
    change(problem, triager, ProblemChange(release="15.0"), Door.WEB)
    other = make_product("ports", "www", releases=("2026Q3",))
    change(problem, triager, ProblemChange(product="ports", component="www"), Door.WEB)
    problem.refresh_from_db()
    assert (problem.product, problem.component.slug, problem.release) == (other, "www", None)


def test_only_somebody_with_the_right_can_be_assigned(
    problem: Problem, triager: Person, outsider: Person
) -> None:
    with pytest.raises(DraftErrors, match="otto"):
        change(problem, triager, ProblemChange(assignee="otto"), Door.WEB)
    change(problem, triager, ProblemChange(assignee="@TOM"), Door.WEB)
    problem.refresh_from_db()
    assert problem.assignee == triager


def mark(problem: Problem, head: Problem | None, by: Person) -> None:
    change(problem, by, ProblemChange(duplicate_of=head.pk if head else None), Door.WEB)


def test_a_chain_of_duplicates_leads_to_its_head_and_comes_apart_again(
    product: Product, triager: Person
) -> None:
    one, two, three = (make_problem(product) for _ in range(3))
    mark(three, two, triager)
    mark(two, one, triager)
    for problem in (one, two, three):
        problem.refresh_from_db()
    assert (two.head, three.head, three.duplicate_of) == (one, one, two)
    assert one.people == 3
    mark(two, None, triager)
    for problem in (one, two, three):
        problem.refresh_from_db()
    assert (one.people, two.people, two.head, three.head) == (1, 2, None, two)


def test_a_cycle_of_duplicates_is_refused(product: Product, triager: Person) -> None:
    one, two, three = (make_problem(product) for _ in range(3))
    mark(three, two, triager)
    mark(two, one, triager)
    for other in (three, two):
        with pytest.raises(Conflict, match="itself a duplicate"):
            mark(one, other, triager)
    with pytest.raises(Conflict, match="no duplicate of itself"):
        mark(one, one, triager)


def test_a_duplicate_of_what_one_cannot_see_is_like_one_of_nothing(
    product: Product, maintainer: Person
) -> None:
    secret = make_problem(product, component="net", is_confidential=True)
    mine = make_problem(product, component="kernel")
    messages = []
    for number in (secret.pk, 999_999):
        with pytest.raises(Conflict) as raised:
            change(mine, maintainer, ProblemChange(duplicate_of=number), Door.WEB)
        messages.append(str(raised.value).replace(str(number), "N"))
    assert messages[0] == messages[1]


def test_closing_as_duplicate_asks_for_the_number(problem: Problem, triager: Person) -> None:
    asked = ProblemChange(state="closed", resolution="duplicate")
    with pytest.raises(Conflict, match="give its number"):
        change(problem, triager, asked, Door.WEB)


def test_a_closed_problem_becomes_no_duplicate_of_nothing(
    product: Product, problem: Problem, triager: Person
) -> None:
    change(problem, triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    problem.refresh_from_db()
    with pytest.raises(Conflict, match="give its number"):
        change(problem, triager, ProblemChange(resolution="duplicate"), Door.WEB)


@pytest.mark.parametrize(
    ("resolution", "reason"), [(UNSET, "how it was resolved"), ("duplicate", "give its number")]
)
def test_an_undone_duplicate_does_not_stay_closed_as_one(
    product: Product, problem: Problem, triager: Person, resolution: str | Unset, reason: str
) -> None:
    mark(problem, make_problem(product), triager)
    problem.refresh_from_db()
    asked = ProblemChange(duplicate_of=None, state="closed", resolution=resolution)
    with pytest.raises(Conflict, match=reason):
        change(problem, triager, asked, Door.API)


def test_a_young_persons_accepted_report_makes_them_trusted(
    product: Product, triager: Person
) -> None:
    from django.utils import timezone

    from votes.policies import is_young

    newcomer = make_person(joined_at=timezone.now())
    problem = make_problem(product, newcomer)
    assert is_young(newcomer, timezone.now())
    change(problem, triager, ProblemChange(state="open"), Door.WEB)
    assert not is_young(newcomer, timezone.now())
