"""The suggested component, and how its accuracy is measured."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import Person
from tests.problems import make_problem, make_product
from tests.triage.desks import in_state
from tracker.changes import ProblemChange
from tracker.models import Door, Problem, Product
from tracker.services import change
from tracker.similar import MOST, similar_problems
from tracker.suggesting import Suggestion, suggest_as_of, tally

pytestmark = pytest.mark.django_db


@pytest.fixture
def past(product: Product) -> list[Problem]:
    """Three old reports about wifi in net, and one in kernel; one of them nobody has looked at."""
    said = [("net", "open"), ("net", "closed"), ("kernel", "open"), ("net", "new")]
    problems = []
    for i, (component, state) in enumerate(said):
        state_now = "open" if state == "closed" else state
        problem = in_state(product, state_now, component=component,
                           synopsis=f"wifi card {i} loses its link")  # fmt: skip
        at = timezone.now() - timedelta(days=100 - i)
        Problem.objects.filter(pk=problem.pk).update(created_at=at)
        problems.append(problem)
    return problems


def suggested(viewer: Person, synopsis: str) -> list[Suggestion]:
    """What the pages offer to who is about to report that in base."""
    return tally(similar_problems(viewer, "base", synopsis, "", MOST), "base")


def test_the_nearest_reports_that_somebody_has_looked_at_decide_by_their_weight(
    past: list[Problem], outsider: Person
) -> None:
    first, second = suggested(outsider, "wifi card 7 loses its link")
    assert (first.component.slug, sorted(first.because)) == ("net", [past[0].pk, past[1].pk])
    assert (second.component.slug, second.because) == ("kernel", [past[2].pk])
    assert first.share + second.share == pytest.approx(1, abs=0.01)
    assert first.reason.startswith("2 of the 3 most similar reports are in net: #")
    assert second.reason == f"1 of the 3 most similar reports is in kernel: #{past[2].pk}"


def test_a_head_in_another_product_tells_nothing_of_the_components_here(
    past: list[Problem], outsider: Person, triager: Person
) -> None:
    ports = make_product("ports", "www")
    head = in_state(ports, "open", component="www", synopsis="a port of a driver")
    change(past[0], triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    said = suggested(outsider, "wifi card 7 loses its link")
    assert [each.component.slug for each in said] == ["kernel", "net"]


def test_what_one_may_not_see_suggests_nothing(product: Product, outsider: Person) -> None:
    in_state(product, "open", component="net", is_confidential=True, synopsis="wifi loses its link")
    assert suggested(outsider, "wifi loses its link") == []


def test_a_retired_component_is_not_suggested(past: list[Problem], outsider: Person) -> None:
    past[0].product.components.filter(slug="net").update(is_active=False)
    (only,) = suggested(outsider, "wifi card 7 loses its link")
    assert only.component.slug == "kernel"


def test_only_older_reports_answer_a_measurement(past: list[Problem]) -> None:
    assert suggest_as_of(Problem.objects.get(pk=past[0].pk)) == []
    (only,) = suggest_as_of(Problem.objects.get(pk=past[1].pk))
    assert only.because == [past[0].pk]


def test_the_measurement_says_how_often_it_was_right(
    past: list[Problem], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("evaluate_components", product="base")
    words = " ".join(capsys.readouterr().out.split())
    assert "3 reports of base asked" in words
    # The first had nothing before it, the second was right, the third is the odd one out.
    assert "a component suggested 0.667" in words
    assert "right@1 0.333 (of the answered 0.500)" in words
    assert "the commonest, always 0.333" in words


def test_what_cannot_be_measured_is_said(product: Product) -> None:
    make_problem(make_product("ports", "www"))
    for asked in ({"product": "none"}, {"product": "ports"}, {"product": "base", "queries": 0}):
        with pytest.raises(CommandError):
            call_command("evaluate_components", **asked)
