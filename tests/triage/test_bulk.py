"""One change to many problems: its preview, what it does, and its undo."""

from __future__ import annotations

from typing import Any

import pytest
from django.forms.models import model_to_dict

from accounts.models import Person
from accounts.policies import Denied
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker import bulk
from tracker.bulk import Asked, NothingLeft, Pick, UndoneAlready
from tracker.changes import ProblemChange
from tracker.drafts import DraftErrors
from tracker.models import BulkChange, Comment, Door, Event, Problem, Product
from tracker.services import change

pytestmark = pytest.mark.django_db

CLOSE = Asked(ProblemChange(state="closed", resolution="will not fix"))


def picks(*problems: Problem) -> list[Pick]:
    """The problems as they are now."""
    rows = Problem.objects.filter(pk__in=[p.pk for p in problems])
    return [Pick(p.pk, p.version) for p in rows]


def fields_of(problem: Problem) -> dict[str, Any]:
    """Every field but the one that counts changes."""
    problem = Problem.objects.get(pk=problem.pk)
    fields = model_to_dict(problem) | {"closed_at": problem.closed_at}
    return {k: v for k, v in fields.items() if k != "version"}


@pytest.fixture
def three(product: Product, reporter: Person) -> list[Problem]:
    return [make_problem(product, reporter, component="kernel") for _ in range(3)]


def test_the_preview_shows_before_and_after_and_writes_nothing(
    three: list[Problem], triager: Person
) -> None:
    before = [fields_of(problem) for problem in three]
    change(three[2], triager, CLOSE.change, Door.WEB)
    events = Event.objects.count()
    asked = Asked(ProblemChange(severity="major", component="net", state="in progress"))
    first, _, closed = bulk.preview(triager, [p.pk for p in three], asked)
    assert {c["field"]: (c["old"], c["new"]) for c in first.changes} == {
        "severity": ("normal", "major"),
        "component": ("kernel", "net"),
        "state": ("new", "in progress"),
    }
    assert not first.refusal
    assert "closed cannot become in progress" in closed.refusal
    assert [fields_of(problem) for problem in three[:2]] == before[:2]
    assert Event.objects.count() == events


def test_what_is_so_already_and_what_does_not_exist_there_is_named(
    three: list[Problem], triager: Person
) -> None:
    other = make_problem(make_product("ports", "www"))
    asked = Asked(ProblemChange(component="kernel"))
    shown = {p.problem.pk: p for p in bulk.preview(triager, [three[0].pk, other.pk], asked)}
    assert shown[three[0].pk].refusal == bulk.SO_ALREADY
    assert "ports has no component “kernel”" in shown[other.pk].refusal


def test_a_hidden_problem_is_as_one_that_is_not_there(product: Product) -> None:
    hidden = make_problem(product, is_confidential=True)
    developer = make_person("dora")
    product.components.get(slug="net").maintainers.add(developer)
    from accounts.models import Role
    from accounts.services import grant_role

    grant_role(developer, Role.DEVELOPER, by=None)
    developer = Person.objects.get(pk=developer.pk)
    assert bulk.preview(developer, [hidden.pk, 99_999], CLOSE) == []
    with pytest.raises(NothingLeft) as raised:
        bulk.apply(developer, [Pick(hidden.pk, 1), Pick(99_999, 1)], CLOSE, Door.WEB)
    reasons = str(raised.value)
    assert reasons.count(bulk.GONE) == 2
    assert not BulkChange.objects.exists()


def test_one_change_closes_many_with_one_event_each(three: list[Problem], triager: Person) -> None:
    done = bulk.apply(triager, picks(*three), CLOSE, Door.API)
    assert done.items.count() == 3
    assert done.left_out == []
    for problem in Problem.objects.all():
        assert (problem.state, problem.resolution, problem.version) == ("closed", "will not fix", 2)
        latest = problem.events.last()
        assert latest is not None
        assert (latest.actor, latest.door, len(latest.changes)) == (triager, "api", 2)


def test_what_changed_since_the_preview_is_left_out_and_named(
    three: list[Problem], triager: Person, maintainer: Person
) -> None:
    looked_at = picks(*three)
    change(three[1], maintainer, ProblemChange(severity="critical"), Door.WEB)
    done = bulk.apply(triager, looked_at, CLOSE, Door.WEB)
    assert done.left_out == [
        {"number": three[1].pk, "reason": "mara changed its severity meanwhile."}
    ]
    assert Problem.objects.filter(state="closed").count() == 2
    assert Problem.objects.get(pk=three[1].pk).severity == "critical"


def test_each_problem_is_changed_wholly_or_not_at_all(
    three: list[Problem], triager: Person
) -> None:
    change(three[0], triager, CLOSE.change, Door.WEB)
    before = fields_of(three[0])
    asked = Asked(ProblemChange(severity="minor", state="in progress"), "Looking into these.")
    done = bulk.apply(triager, picks(*three), asked, Door.WEB)
    assert [each["number"] for each in done.left_out] == [three[0].pk]
    assert fields_of(three[0]) == before
    assert sorted(Comment.objects.values_list("problem", flat=True)) == [three[1].pk, three[2].pk]


def test_one_undo_restores_every_field_of_what_nobody_touched_since(
    three: list[Problem], product: Product, triager: Person, maintainer: Person
) -> None:
    # One was in progress, one was closed by somebody at a time that must come back.
    change(three[1], maintainer, ProblemChange(state="in progress", assignee="mara"), Door.WEB)
    change(three[2], maintainer, ProblemChange(state="closed", resolution="fixed"), Door.WEB)
    four = make_problem(product)
    every = [*three, four]
    before = [fields_of(problem) for problem in every]
    asked = Asked(
        ProblemChange(
            state="open", component="net", kind="enhancement", severity="minor",
            assignee="tom", fixed_in="15.0",
        )
    )  # fmt: skip
    done = bulk.apply(triager, picks(*every), asked, Door.WEB)
    assert done.items.count() == 4
    change(four, maintainer, ProblemChange(severity="critical"), Door.WEB)
    touched = fields_of(four)
    undone = bulk.undo(done, triager, Door.WEB)
    assert [fields_of(problem) for problem in three] == before[:3]
    assert fields_of(four) == touched
    assert undone.left_out == [
        {"number": four.pk, "reason": "mara changed its severity meanwhile."}
    ]
    latest = three[0].events.last()
    assert latest is not None
    assert latest.note == "Undone."
    assert {"field": "state", "old": "open", "new": "new"} in latest.changes


def test_there_is_one_undo_and_none_of_an_undo(three: list[Problem], triager: Person) -> None:
    done = bulk.apply(triager, picks(*three), CLOSE, Door.WEB)
    undone = bulk.undo(done, triager, Door.WEB)
    assert bulk.latest_of(triager) is None
    for again in (done, undone):
        with pytest.raises(UndoneAlready):
            bulk.undo(again, triager, Door.WEB)
    assert Problem.objects.get(pk=three[0].pk).version == 3


def test_nobody_undoes_what_somebody_else_did(
    three: list[Problem], triager: Person, committer: Person
) -> None:
    done = bulk.apply(triager, picks(*three), CLOSE, Door.WEB)
    with pytest.raises(Denied):
        bulk.undo(done, committer, Door.WEB)


def test_an_undo_that_can_restore_nothing_leaves_the_change_as_it_was(
    three: list[Problem], triager: Person, maintainer: Person
) -> None:
    done = bulk.apply(triager, picks(three[0]), CLOSE, Door.WEB)
    change(three[0], maintainer, ProblemChange(state="open"), Door.WEB)
    with pytest.raises(NothingLeft, match="mara changed its state and resolution"):
        bulk.undo(done, triager, Door.WEB)
    assert bulk.latest_of(triager) == done


def test_marking_many_as_duplicates_and_undoing_moves_no_vote(
    product: Product, triager: Person
) -> None:
    one, other = make_person(), make_person()
    head = make_problem(product, one)
    copies = [make_problem(product, one), make_problem(product, other)]
    asked = Asked(ProblemChange(duplicate_of=head.pk))
    before = [fields_of(problem) for problem in (head, *copies)]
    done = bulk.apply(triager, picks(*copies, head), asked, Door.WEB)
    assert [each["number"] for each in done.left_out] == [head.pk]
    assert "no duplicate of itself" in done.left_out[0]["reason"]
    assert Problem.objects.get(pk=head.pk).people == 2
    bulk.undo(done, triager, Door.WEB)
    assert [fields_of(problem) for problem in (head, *copies)] == before


def test_undoing_a_reopening_restores_the_marking_with_its_head(
    product: Product, triager: Person
) -> None:
    head, middle, end = (make_problem(product) for _ in range(3))
    change(end, triager, ProblemChange(duplicate_of=middle.pk), Door.WEB)
    change(middle, triager, ProblemChange(duplicate_of=head.pk), Door.WEB)
    before = [fields_of(problem) for problem in (head, middle, end)]
    done = bulk.apply(triager, picks(middle, end), Asked(ProblemChange(state="open")), Door.WEB)
    assert Problem.objects.filter(head=None).count() == 3
    bulk.undo(done, triager, Door.WEB)
    assert [fields_of(problem) for problem in (head, middle, end)] == before


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (Asked(ProblemChange()), ""),
        (Asked(ProblemChange(synopsis="All the same")), "synopsis"),
        (Asked(ProblemChange(severity="major"), "x" * 200_001), "comment"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_looked_at(
    three: list[Problem], triager: Person, asked: Asked, field: str
) -> None:
    for attempt in (
        lambda: bulk.preview(triager, [three[0].pk], asked),
        lambda: bulk.apply(triager, picks(three[0]), asked, Door.WEB),
    ):
        with pytest.raises(DraftErrors) as raised:
            attempt()
        assert list(raised.value.errors) == [field]


def test_who_may_not_triage_changes_nothing_in_bulk(three: list[Problem], reporter: Person) -> None:
    with pytest.raises(Denied):
        bulk.preview(reporter, [three[0].pk], CLOSE)
    with pytest.raises(Denied):
        bulk.apply(reporter, picks(*three), CLOSE, Door.WEB)


def test_more_than_one_transaction_takes_is_changed_and_undone_as_one(
    product: Product, reporter: Person, triager: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PER_TRANSACTION", 2)
    five = [make_problem(product, reporter) for _ in range(5)]
    done = bulk.apply(triager, picks(*five), CLOSE, Door.WEB)
    assert done.items.count() == 5
    bulk.undo(done, triager, Door.WEB)
    assert set(Problem.objects.values_list("state", flat=True)) == {"new"}
