"""From a patch to its decision: what comes, what is said of it, whose turn it is."""

from __future__ import annotations

import pytest

from accounts.models import Person
from patches import deciding, needs, rating, reviewing, turns
from patches.models import Patch, Review
from patches.rating import Said
from tests.patching import make_patch, newest, next_version
from tracker.models import Door, Problem

pytestmark = pytest.mark.django_db


def test_a_patch_goes_from_its_author_to_a_committer(
    problem: Problem, committer: Person, reporter: Person, outsider: Person
) -> None:
    patch = make_patch(author=outsider, fixes=[problem])
    assert (patch.turn, patch.is_reviewed, patch.demand) == ("reviewers", False, 1)
    reviewing.send_review(
        newest(patch), reporter, Door.WEB, text="Not so.", verdict=Review.Verdict.CHANGES
    )
    patch.refresh_from_db()
    assert (patch.turn, patch.is_reviewed) == ("author", True)
    next_version(patch)
    assert (patch.turn, patch.is_reviewed) == ("reviewers", False)
    assert needs.sentence(patch) == "Still needs quality from a maintainer."
    rating.rate(newest(patch), committer, Door.WEB, Said("quality", 1))
    patch.refresh_from_db()
    assert turns.turn_words(patch) == "Waits for a committer to integrate it."
    deciding.integrate(patch, committer, Door.WEB, commit="abcdef0")
    problem.refresh_from_db()
    assert (patch.state, patch.turn, problem.state) == (Patch.State.INTEGRATED, "nobody", "patched")
