"""In which releases a problem is, and why: the rules of docs/versions.md, one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Person, Role
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import Conflict, ProblemChange
from tracker.drafts import DraftErrors
from tracker.marking import mark_releases
from tracker.models import Door, Problem, Product, Release
from tracker.policies import visible_problems
from tracker.services import change
from tracker.versions import affected_in, answering, verdicts

pytestmark = pytest.mark.django_db

# The main line, and the line that was cut from it between 14.0 and 15.0.
LINES = [("13.0", ""), ("14.0", ""), ("14.1", "stable/14"), ("14.2", "stable/14"),
         ("14.3", "stable/14"), ("15.0", ""), ("16.0", "")]  # fmt: skip


@pytest.fixture
def product(db: None) -> Product:
    product = make_product("base", releases=())
    for position, (name, branch) in enumerate(LINES):
        Release.objects.create(product=product, name=name, branch=branch, position=position)
    return product


@pytest.fixture
def cleo(db: None) -> Person:
    return make_person("cleo", Role.COMMITTER)


def answers(problem: Problem) -> dict[str, str]:
    """Release -> the first letters of the answer, "?" for unknown, the oldest first."""
    problem.refresh_from_db()
    letters = {"affected": "a", "fixed": "f", "not affected": "n", "unknown": "?"}
    return {v.release.name: letters[v.answer] for v in reversed(verdicts(problem))}


def line(problem: Problem) -> str:
    """The answers for 13.0, 14.0, 14.1, 14.2, 14.3, 15.0 and 16.0."""
    return "".join(answers(problem).values())


def reason(problem: Problem, release: str) -> str:
    return next(v.reason for v in verdicts(problem) if v.release.name == release)


def mark(problem: Problem, by: Person, **releases: str) -> None:
    """Marks; `r14_1="fixed"` is release 14.1."""
    said = {name[1:].replace("_", "."): status for name, status in releases.items()}
    mark_releases(problem, by, said, Door.WEB)


def test_a_report_holds_for_the_release_and_all_that_came_from_it(product: Product) -> None:
    assert line(make_problem(product, release="14.1")) == "??aaa??"
    assert line(make_problem(product, release="14.0")) == "?aaaaaa"
    assert line(make_problem(product, release="15.0")) == "?????aa"
    assert line(make_problem(product)) == "???????"


def test_a_fix_holds_from_its_release_on_in_its_line_alone(product: Product, cleo: Person) -> None:
    problem = make_problem(product, release="14.0")
    change(problem, cleo, ProblemChange(fixed_in="15.0"), Door.WEB)
    assert line(problem) == "?aaaaff"
    mark(problem, cleo, r14_3="fixed")
    assert line(problem) == "?aaafff"
    assert problem.state == "new"


def test_a_fix_of_the_main_line_before_a_branch_was_cut_is_in_the_branch(
    product: Product, cleo: Person
) -> None:
    problem = make_problem(product, release="13.0")
    mark(problem, cleo, r14_0="fixed")
    assert line(problem) == "affffff"


def test_what_came_back_is_affected_again(product: Product, cleo: Person) -> None:
    problem = make_problem(product, release="14.0")
    mark(problem, cleo, r14_1="fixed", r14_3="affected")
    assert line(problem) == "?affaaa"


def test_a_mark_beats_the_report_and_the_fix_of_the_same_release(
    product: Product, cleo: Person
) -> None:
    problem = make_problem(product, release="14.1")
    mark(problem, cleo, r14_1="not affected")
    assert line(problem) == "??nnn??"
    change(problem, cleo, ProblemChange(fixed_in="14.3"), Door.WEB)
    mark(problem, cleo, r14_3="affected", r14_1="")
    assert line(problem) == "??aaa??"


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        ("not a defect", "nnnnnnn"),
        ("will not fix", "??aaa??"),
        ("cannot reproduce", "???????"),
        ("feedback timeout", "???????"),
        ("overtaken by events", "???????"),
    ],
)
def test_how_a_problem_was_closed_says_what_its_report_is_worth(
    product: Product, cleo: Person, resolution: str, expected: str
) -> None:
    problem = make_problem(product, release="14.1")
    change(problem, cleo, ProblemChange(state="closed", resolution=resolution), Door.WEB)
    assert line(problem) == expected


def test_a_mark_is_believed_even_where_a_problem_could_not_be_reproduced(
    product: Product, cleo: Person
) -> None:
    problem = make_problem(product, release="14.1")
    mark(problem, cleo, r14_2="affected")
    gone = ProblemChange(state="closed", resolution="cannot reproduce")
    change(problem, cleo, gone, Door.WEB)
    assert line(problem) == "???aa??"


def test_what_was_closed_as_fixed_is_fixed_in_what_came_out_later(
    product: Product, cleo: Person
) -> None:
    problem = make_problem(product, release="14.0")
    change(problem, cleo, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    Problem.objects.update(closed_at=datetime(2026, 3, 5, 23, 59, tzinfo=UTC))
    for name, day in (("14.2", date(2026, 3, 5)), ("14.3", date(2026, 3, 6))):
        Release.objects.filter(name=name).update(released_on=day)
    Release.objects.filter(name="15.0").update(released_on=date(2025, 12, 2))
    assert line(problem) == "?a?afa?"
    assert reason(problem, "14.1") == (
        "Closed as fixed on 5 March 2026; nobody has said when 14.1 came out."
    )
    assert reason(problem, "14.3") == "Closed as fixed on 5 March 2026, before 14.3 came out."
    mark(problem, cleo, r14_2="affected")
    assert line(problem) == "?aaaaaa", "whoever marks a release knows better than the guess"


def test_reasons_say_what_was_said_and_what_was_not(product: Product, cleo: Person) -> None:
    problem = make_problem(product, release="14.0")
    mark(problem, cleo, r15_0="fixed")
    assert reason(problem, "14.0") == "Reported in 14.0."
    assert reason(problem, "14.2") == (
        "Reported in 14.0, before stable/14 was cut; nothing says that 14.1 or 14.2 fixed it."
    )
    assert reason(problem, "15.0") == "Marked as fixed in 15.0 by cleo."
    assert reason(problem, "16.0") == (
        "Marked as fixed in 15.0 by cleo; nothing says that 16.0 brought it back."
    )
    assert reason(problem, "13.0") == ("Nothing is said of 13.0 or of a release that it came from.")
    assert reason(make_problem(product), "16.0") == "Nobody has said in which release it is."


def test_a_duplicate_is_nowhere_and_answers_with_its_head(
    product: Product, cleo: Person, outsider: Person
) -> None:
    head = make_problem(product, release="14.1")
    other = make_problem(product, release="15.0")
    change(other, cleo, ProblemChange(duplicate_of=head.pk), Door.WEB)
    assert line(other) == "nnnnnnn"
    assert answering(other, outsider) == head
    with pytest.raises(Conflict, match=rf"duplicate of #{head.pk}"):
        mark(other, cleo, r15_0="fixed")
    Problem.objects.filter(pk=head.pk).update(is_confidential=True)
    assert answering(other, outsider) is None
    mara = make_person("mara", Role.DEVELOPER)
    with pytest.raises(Conflict) as refused:
        mark(other, mara, r15_0="fixed")
    assert f"#{head.pk}" not in str(refused.value)


def test_marks_are_history_and_marking_the_same_again_is_none(
    problem: Problem, product: Product, cleo: Person
) -> None:
    mark(problem, cleo, r14_3="affected", r15_0="fixed")
    before = problem.events.count()
    mark(problem, cleo, r14_3="affected", r15_0="fixed")
    assert problem.events.count() == before
    mark(problem, cleo, r14_3="fixed", r15_0="")
    event = problem.events.last()
    assert event is not None
    assert event.changes == [
        {"field": "status in 14.3", "old": "affected", "new": "fixed"},
        {"field": "status in 15.0", "old": "fixed", "new": ""},
    ]
    version = problem.version
    problem.refresh_from_db()
    assert problem.version == version + 2


def test_a_wrong_word_marks_nothing_and_names_the_nearest(problem: Problem, cleo: Person) -> None:
    with pytest.raises(DraftErrors) as faults:
        mark_releases(problem, cleo, {"14.3": "afected", "15.O": "fixed"}, Door.WEB)
    assert faults.value.errors == {
        "status": ["There is no status “afected”. Did you mean “affected”?"],
        "releases": ["base has no release “15.O”. Did you mean “15.0”?"],
    }
    for said in ({}, {" ": "fixed"}, {str(i): "fixed" for i in range(300)}):
        with pytest.raises(DraftErrors):
            mark_releases(problem, cleo, said, Door.WEB)
    assert not problem.release_statuses.exists()


def test_moving_to_another_product_leaves_its_marks_behind(problem: Problem, cleo: Person) -> None:
    mark(problem, cleo, r15_0="fixed")
    make_product("ports", "kernel")
    change(problem, cleo, ProblemChange(product="ports"), Door.WEB)
    assert not problem.release_statuses.exists()
    event = problem.events.last()
    assert event is not None
    assert {"field": "status in 15.0", "old": "fixed", "new": ""} in event.changes


@pytest.mark.parametrize("problems", [1, 30])
def test_the_answers_cost_the_same_queries_however_many_there_are(
    product: Product, cleo: Person, problems: int
) -> None:
    many = [make_problem(product, cleo, release="14.1") for _ in range(problems)]
    mark(many[0], cleo, r14_3="fixed")
    with CaptureQueriesContext(connection) as captured:
        release = Release.objects.get(name="14.2")
        found = list(visible_problems(None).filter(affected_in([release.pk])))
    assert len(found) == problems
    assert len(captured) == 3
    shown = Problem.objects.select_related("product").get(pk=many[0].pk)
    with CaptureQueriesContext(connection) as captured:
        assert len(verdicts(shown)) == len(LINES)
    assert len(captured) == 2
