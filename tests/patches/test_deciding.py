"""Decisions: who takes them, what they lacked, what becomes of the problems."""

from __future__ import annotations

import pytest

from accounts.models import Person, Role
from accounts.policies import Denied
from patches import deciding
from patches.models import Patch, PatchEvent
from patches.reviews import rating
from patches.reviews.rating import Said
from tests.patching import make_patch, newest
from tests.people import make_person
from tests.problems import make_problem
from tracker.changes import UNSET, Conflict, ProblemChange
from tracker.drafts import DraftErrors
from tracker.models import Door, Problem, Product
from tracker.services import change
from tracker.timeline import timeline

pytestmark = pytest.mark.django_db


def told_of(patch: Patch, problem: Problem, viewer: Person | None = None) -> list[tuple[str, str]]:
    entries = timeline(problem, viewer).entries
    changes = [each for entry in entries for each in entry.changes]
    return [(c.old, c.new) for c in changes if c.field == f"patch {patch.pk}"]


def state_of(problem: Problem) -> str:
    return Problem.objects.get(pk=problem.pk).state


def test_integrating_says_as_what_and_what_it_lacked(
    problem: Problem, committer: Person, reporter: Person
) -> None:
    patch = make_patch(fixes=[problem], title="Reset the card")
    rating.rate(newest(patch), reporter, Door.WEB, Said("fails", 1, architecture="arm64"))
    deciding.integrate(patch, committer, Door.API, commit=" 9f3ac0e ", note="Thanks.")
    assert (patch.state, patch.is_waiting, patch.turn) == ("integrated", False, "nobody")
    assert (patch.commit, patch.decision, patch.decided_by) == ("9f3ac0e", "Thanks.", committer)
    event = patch.events.get(kind=PatchEvent.Kind.DECIDED)
    assert (event.actor, event.turn_before, event.turn_after) == (committer, "author", "nobody")
    assert event.data == {
        "state": "integrated",
        "note": "Thanks.",
        "patched": [problem.pk],
        "commit": "9f3ac0e",
        "lacked": ["“Quality” from a maintainer", "an answer to “Fails here” of rita on arm64"],
    }
    assert told_of(patch, problem) == [("", "came: “Reset the card”"), ("waiting", "integrated")]


@pytest.mark.parametrize(
    ("before", "after"),
    [("new", "patched"), ("in progress", "patched"), ("feedback", "patched"),
     ("suspended", "suspended"), ("closed", "closed"), ("patched", "patched")],
)  # fmt: skip
def test_only_an_open_problem_becomes_patched(
    before: str, after: str, problem: Problem, committer: Person
) -> None:
    asked = ProblemChange(state=before, resolution="fixed" if before == "closed" else UNSET)
    if before != "new":
        change(problem, committer, asked, Door.WEB)
    patch = make_patch(fixes=[problem])
    deciding.integrate(patch, committer, Door.WEB)
    assert state_of(problem) == after
    patched = patch.events.get(kind=PatchEvent.Kind.DECIDED).data["patched"]
    assert patched == ([problem.pk] if after != before else [])


def test_a_problem_is_not_patched_by_another_branch_nor_where_the_committer_says_so(
    product: Product, problem: Problem, committer: Person
) -> None:
    second = make_problem(product)
    deciding.integrate(make_patch(fixes=[problem], target="stable/14"), committer, Door.WEB)
    patch = make_patch(fixes=[problem, second])
    deciding.integrate(patch, committer, Door.WEB, mark_problems=False)
    assert (state_of(problem), state_of(second)) == ("new", "new")


@pytest.mark.parametrize("is_hidden", [False, True])
def test_what_becomes_of_a_fixed_problem_leaves_the_fix(
    is_hidden: bool, product: Product, problem: Problem, committer: Person
) -> None:
    head = make_problem(product, is_confidential=is_hidden)
    patch = make_patch(fixes=[problem])
    change(problem, committer, ProblemChange(duplicate_of=head.pk), Door.WEB)
    assert list(patch.fixes.all()) == [problem]
    deciding.integrate(patch, committer, Door.WEB)
    # The head stands for its duplicate.
    assert (state_of(problem), state_of(head)) == ("closed", "patched")
    told = patch.events.get(kind=PatchEvent.Kind.DECIDED).data["patched"]
    assert told == ([] if is_hidden else [head.pk])


def test_declining_needs_a_reason_and_withdrawing_is_the_authors(
    problem: Problem, outsider: Person, maintainer: Person, reporter: Person
) -> None:
    patch = make_patch(author=outsider, fixes=[problem])
    for note in ("", " \n"):
        with pytest.raises(DraftErrors, match="Say why"):
            deciding.decline(patch, maintainer, Door.WEB, note=note)
    with pytest.raises(Denied):
        deciding.integrate(patch, maintainer, Door.WEB)
    with pytest.raises(Denied):
        deciding.withdraw(patch, maintainer, Door.WEB)
    with pytest.raises(Denied):
        deciding.decline(patch, reporter, Door.WEB, note="No.")
    deciding.decline(patch, maintainer, Door.WEB, note="The driver goes.")
    assert (patch.state, patch.decision) == ("declined", "The driver goes.")
    deciding.reopen(patch, outsider, Door.WEB, note="It stays after all.")
    deciding.withdraw(patch, outsider, Door.WEB)
    assert told_of(patch, problem)[1:] == [
        ("waiting", "declined"), ("declined", "waiting"), ("waiting", "withdrawn"),
    ]  # fmt: skip
    assert state_of(problem) == "new"


def test_a_decision_stands_until_it_is_opened_again(committer: Person) -> None:
    patch = make_patch()
    with pytest.raises(Conflict, match="waits already"):
        deciding.reopen(patch, committer, Door.WEB)
    rating.rate(newest(patch), committer, Door.WEB, Said("quality", 1))
    deciding.integrate(patch, committer, Door.WEB, commit="abc")
    with pytest.raises(Conflict, match="is integrated"):
        deciding.decline(patch, committer, Door.WEB, note="No.")
    with pytest.raises(Conflict, match="is integrated"):
        deciding.integrate(patch, committer, Door.WEB, commit="def")
    deciding.reopen(patch, committer, Door.WEB)
    assert (patch.state, patch.is_waiting, patch.decided_by) == ("waiting", True, None)
    assert (patch.turn, patch.is_reviewed, patch.commit) == ("committer", True, "")


def test_a_decision_about_a_hidden_patch_is_not_told_to_others(
    product: Product, problem: Problem
) -> None:
    secret = make_problem(product, is_confidential=True)
    boss = make_person("boss", Role.COMMITTER)
    patch = make_patch(author=boss, fixes=[problem, secret])
    deciding.integrate(patch, boss, Door.WEB)
    assert told_of(patch, problem) == []
    assert len(told_of(patch, secret, boss)) == 2
