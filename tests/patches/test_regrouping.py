"""A version is taken out of a patch, and a patch becomes a version of another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from accounts.models import Person
from patches.intake import regrouping
from patches.intake.looking import look
from patches.models import Look, Patch, Turn
from patches.reviews import rating
from patches.reviews.rating import Said
from patches.waiting.escalating import escalate
from tests.conftest import sign_in
from tests.patching import diff, make_patch, newest, next_version
from tests.problems import make_problem
from tracker.changes import Conflict
from tracker.models import Door, Problem
from tracker.services import attach

pytestmark = pytest.mark.django_db


def test_a_version_that_is_another_patch_becomes_one_and_the_older_is_as_it_was(
    client: Client, problem: Problem, outsider: Person, maintainer: Person
) -> None:
    patch = make_patch(fixes=[problem], author=outsider)
    escalate(patch, timezone.now() + timedelta(days=14))
    rating.rate(newest(patch), maintainer, Door.WEB, Said("quality", 1))
    patch.refresh_from_db()
    before = (patch.turn, patch.is_reviewed, patch.stage, patch.escalate_at, patch.content_since)
    told = f"New version of patch {patch.pk}\n\n".encode() + diff("b.c")
    look(attach(problem, outsider, ContentFile(told, name="b.diff"), Door.WEB))
    patch.refresh_from_db()
    assert (patch.latest, patch.is_reviewed) == (2, False)
    assert "make it a patch of its own" in page(sign_in(client, outsider), patch)
    answer = client.post(f"/patches/{patch.pk}/2/take-out")
    made = Patch.objects.latest("pk")
    assert answer.headers["Location"] == made.get_absolute_url()
    patch.refresh_from_db()
    after = (patch.turn, patch.is_reviewed, patch.stage, patch.escalate_at, patch.content_since)
    assert (patch.latest, after) == (1, before)
    assert list(made.fixes.all()) == [problem]
    assert (made.author, made.turn, newest(made).attachment.name) == (  # type: ignore[union-attr]
        outsider, Turn.REVIEWERS, "b.diff"
    )  # fmt: skip
    assert Look.objects.get(attachment__name="b.diff").version == newest(made)
    assert f"patch {made.pk}" in page(client, patch)
    assert next_version(patch).number == 2


def page(client: Client, patch: Patch) -> str:
    return client.get(patch.get_absolute_url()).content.decode()


def test_a_version_of_which_somebody_spoke_stays(outsider: Person, maintainer: Person) -> None:
    patch = make_patch(author=outsider)
    next_version(patch)
    rating.rate(newest(patch), maintainer, Door.WEB, Said("quality", 1))
    with pytest.raises(Conflict, match="Somebody has said something of version 2"):
        regrouping.take_out(newest(patch), outsider, Door.WEB)


def test_a_confidential_patch_stays_so_when_a_version_is_taken_out(
    problem: Problem, outsider: Person, reporter: Person
) -> None:
    secret = make_problem(problem.product, reporter, is_confidential=True)
    patch = make_patch(fixes=[secret], author=reporter)
    next_version(patch)
    made = regrouping.take_out(newest(patch), reporter, Door.WEB)
    assert made.is_secret
    with pytest.raises(Conflict, match="This patch is confidential"):
        regrouping.join(made, make_patch(problem.product, reporter), reporter, Door.WEB)


def test_a_patch_that_is_a_version_of_another_becomes_one_and_ends(
    client: Client, problem: Problem, outsider: Person
) -> None:
    first = make_patch(fixes=[problem], author=outsider)
    second = make_patch(fixes=[problem], author=outsider, text=diff("b.c"))
    answer = sign_in(client, outsider).post(f"/patches/{second.pk}/join", {"into": first.pk})
    assert answer.headers["Location"] == first.get_absolute_url()
    second.refresh_from_db()
    assert (newest(first).number, newest(first).content) == (2, newest(second).content)
    assert second.state == Patch.State.WITHDRAWN
    assert second.decision == f"It is version 2 of patch {first.pk}."
    assert client.post(f"/patches/{second.pk}/join", {"into": first.pk}).status_code == 409
    assert client.post(f"/patches/{second.pk}/join", {"into": "999"}).status_code == 400
