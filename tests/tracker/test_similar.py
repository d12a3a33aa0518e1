"""Likely duplicates: who is shown what, at what cost, whatever is asked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Person
from accounts.policies import Viewer
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change
from tracker.similar import MOST, similar_problems, similar_to
from tracker.text_index.services import count_frequencies

pytestmark = pytest.mark.django_db

SYNOPSES = [
    "iwm0 loses its network after suspend",
    "Panic in iwm driver when the lid is closed",
    "Network is slow over iwm0",
    "rtw0 cannot join hidden networks",
    "The clock runs backwards in a virtual machine",
    "Crash in [@ mozilla::dom::Worker::Terminate]",
    "Installer stops at the license page",
]


@pytest.fixture
def reports(product: Product) -> list[Problem]:
    """Four about wireless cards and three about other things; the words are counted."""
    reporter = make_person()
    found = [
        make_problem(product, reporter, synopsis=each, description="See above.")
        for each in SYNOPSES
    ]
    count_frequencies()
    return found


def like(synopsis: str, description: str = "", viewer: Viewer = None, **asked: int) -> list[int]:
    found = similar_problems(viewer or AnonymousUser(), "base", synopsis, description, **asked)
    return [each.problem.pk for each in found]


def test_the_likest_comes_first(reports: list[Problem]) -> None:
    assert like("network lost on iwm0 after suspend and resume")[0] == reports[0].pk
    assert like("clocks running backwards on the virtual machines")[0] == reports[4].pk


def test_names_are_known_whole_and_by_their_parts(reports: list[Problem]) -> None:
    assert like("[@ mozilla::dom::Worker::Terminate] on exit")[0] == reports[5].pk
    assert like("crash when a worker terminates")[0] == reports[5].pk


def test_the_description_finds_what_the_synopsis_does_not_name(reports: list[Problem]) -> None:
    assert reports[3].pk not in like("No wireless")
    assert like("No wireless", "My rtw0 does not see hidden networks.")[0] == reports[3].pk


def test_what_shares_only_small_words_is_not_like_it(reports: list[Problem]) -> None:
    assert like("It is in the wrong colour") == []
    assert like("the and of") == like("") == []


def test_it_says_which_words_made_it_so(reports: list[Problem]) -> None:
    (first, *_) = similar_problems(None, "base", "Slow Networks over the iwm0")
    assert first.problem == reports[2]
    assert first.words == ("Slow", "Networks", "over", "iwm0")
    assert 0 < first.score <= 1


def test_other_products_have_other_problems(reports: list[Problem]) -> None:
    make_product("ports", "editors")
    assert similar_problems(None, "ports", SYNOPSES[0]) == []
    assert similar_problems(None, "nothing", SYNOPSES[0]) == []


def test_of_duplicates_the_head_is_shown_once(reports: list[Problem], triager: Person) -> None:
    change(reports[2], triager, ProblemChange(duplicate_of=reports[0].pk), Door.WEB)
    found = like(SYNOPSES[2])
    assert found[0] == reports[0].pk
    assert found.count(reports[0].pk) == 1
    assert reports[2].pk not in found


def test_of_a_group_whose_head_is_hidden_the_visible_one_is_shown(
    reports: list[Problem], triager: Person
) -> None:
    change(reports[0], triager, ProblemChange(is_confidential=True), Door.WEB)
    change(reports[2], triager, ProblemChange(duplicate_of=reports[0].pk), Door.WEB)
    assert like(SYNOPSES[2])[0] == reports[2].pk
    assert reports[0].pk not in like(SYNOPSES[2])
    assert like(SYNOPSES[2], viewer=triager)[0] == reports[0].pk


def test_closed_ones_are_shown_too(reports: list[Problem], triager: Person) -> None:
    change(reports[0], triager, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    assert like(SYNOPSES[0])[0] == reports[0].pk


def test_confidential_ones_are_seen_by_those_who_may_and_change_nothing_for_others(
    product: Product, reports: list[Problem], reporter: Person, outsider: Person, triager: Person
) -> None:
    def asked(viewer: Viewer) -> list[tuple[int, float, tuple[str, ...]]]:
        found = similar_problems(viewer, "base", "zebra network iwm0", limit=MOST)
        return [(each.problem.pk, each.score, each.words) for each in found]

    at = timezone.now()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.similar.timezone.now", lambda: at)
        before = asked(outsider)
        hole = make_problem(
            product, reporter, synopsis="Zebra network hole in iwm0", is_confidential=True
        )
        while count_frequencies():
            pass
        assert asked(outsider) == asked(None) == before != []
        assert asked(reporter)[0][0] == asked(triager)[0][0] == hole.pk


def test_hidden_problems_take_no_place_among_the_candidates(
    product: Product, reports: list[Problem], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tracker.text_index.candidates.CANDIDATES", 1)
    make_problem(product, synopsis=SYNOPSES[4], description=SYNOPSES[4], is_confidential=True)
    assert like(SYNOPSES[4]) == [reports[4].pk]


def test_younger_reports_come_first_among_equals(product: Product) -> None:
    old, new = (make_problem(product, synopsis="Panic on boot") for _ in range(2))
    Problem.objects.filter(pk=new.pk).update(created_at=timezone.now() - timedelta(days=1))
    Problem.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=500))
    assert like("Panic on boot") == [new.pk, old.pk]


def test_a_problem_is_not_like_itself_or_its_own_group(
    reports: list[Problem], triager: Person
) -> None:
    found = [each.problem.pk for each in similar_to(triager, reports[0])]
    assert reports[2].pk in found
    assert reports[0].pk not in found
    change(reports[2], triager, ProblemChange(duplicate_of=reports[0].pk), Door.WEB)
    for number in (0, 2):
        reports[number].refresh_from_db()
        found = [each.problem.pk for each in similar_to(triager, reports[number])]
        assert not {reports[0].pk, reports[2].pk} & set(found)
    assert reports[0].pk not in like(SYNOPSES[0], exclude=reports[0].pk)


@pytest.mark.parametrize("count", [1, 30])
def test_the_queries_are_as_many_for_one_problem_as_for_thirty(
    product: Product, outsider: Person, count: int
) -> None:
    for _ in range(count):
        make_problem(product, outsider, synopsis="Panic on boot")
    with CaptureQueriesContext(connection) as captured:
        assert len(like("panic on boot", viewer=outsider, limit=MOST)) == min(count, MOST)
    # product, frequencies, hidden ones, postings, texts, titles, problems; and roles of the viewer
    assert len(captured) <= 9


def test_at_most_as_many_as_asked_for(product: Product, reporter: Person) -> None:
    for _ in range(8):
        make_problem(product, reporter, synopsis="Panic on boot")
    assert len(like("panic on boot")) == 5
    assert len(like("panic on boot", limit=7)) == 7


@pytest.mark.parametrize(
    "synopsis",
    [
        "iwm0 " * 200_000,
        " ".join(f"word{i}" for i in range(10_000)),
        "x" * 1_000_000,
        "\x00\x01\x1b[31m iwm0 suspend \ud800",
        "%_\\ '\" -- ; $1 ?",
        "網路連線在休眠後中斷",
    ],
)
def test_any_text_may_be_asked_for(reports: list[Problem], synopsis: str) -> None:
    like(synopsis, synopsis)


def test_writing_without_blanks_is_found(product: Product) -> None:
    problem = make_problem(product, synopsis="休眠後網路連線中斷", description="每次都會發生。")
    assert like("網路連線在休眠後中斷") == [problem.pk]
