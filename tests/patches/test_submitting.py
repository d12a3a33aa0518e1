"""Patches as they come: what is kept of them, who may bring one, what supersedes what."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from accounts.models import Person, Role
from accounts.policies import Denied
from patches import deciding
from patches.intake import submitting
from patches.models import ComponentPath, Patch, PatchEvent, PatchVersion
from patches.policies import visible_patches
from patches.reviews import rating
from patches.reviews.holding import holding
from patches.reviews.rating import Said
from tests.patching import diff, make_patch, newest, next_version, parsed
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.changes import Conflict, ProblemChange
from tracker.drafts import DraftErrors
from tracker.models import Component, Door, Problem, Product
from tracker.services import change
from tracker.timeline import timeline

pytestmark = pytest.mark.django_db

A, B = diff(new="\treturn (1);"), diff(new="\treturn (2);")
# The same change on a base in which it stands forty lines further down.
A_REBASED = diff(new="\treturn (1);", start=50)


def lines_told(problem: Problem) -> list[tuple[str, str, str]]:
    entries = timeline(problem, None).entries
    return [(c.field, c.old, c.new) for entry in entries for c in entry.changes]


def test_a_version_can_be_read_by_the_places_of_its_parts(outsider: Person) -> None:
    other = diff("sys/net/if.c")
    patch = make_patch(author=outsider, text=parsed(A + other, B, subjects=["One", "Two"]))
    version = newest(patch)
    assert (version.kind, version.commits_count, version.files_count) == ("series", 2, 2)
    assert (version.added, version.removed) == (3, 3)
    with version.file.open("rb") as text:
        content = text.read()
    assert [c.subject for c in version.commits.all()] == ["One", "Two"]
    for commit, diffs in zip(version.commits.all(), (A + other, B), strict=True):
        assert content[commit.offset :][: commit.length] == diffs
    for file in version.files.all():
        assert content[file.offset :].startswith(b"diff --git a/" + file.path.encode())
        for _, _, _, _, offset, length in file.hunks:
            assert content[offset:].startswith(b"@@ -")
            assert content[offset + length :][:11] in {b"diff --git ", b""}


def test_what_a_patch_says_of_itself_is_taken_unless_somebody_says_otherwise(
    product: Product, outsider: Person
) -> None:
    came = parsed(A, title="Keep the watchdog quiet", description="It barks at nothing.")
    patch = make_patch(product, outsider, text=came, title="")
    assert (patch.title, patch.description) == ("Keep the watchdog quiet", "It barks at nothing.")
    patch = make_patch(product, outsider, text=came, title="Quiet", description="Sh.")
    assert (patch.title, patch.description) == ("Quiet", "Sh.")
    bare = make_patch(product, outsider, text=diff("a.c") + diff("b.c"), title="")
    assert bare.title == "Change to a.c and 1 more"


def test_a_line_in_a_patch_makes_nobody_its_author(outsider: Person, committer: Person) -> None:
    said = {"author_name": "Cleo C.", "author_email": committer.email}
    patch = make_patch(author=outsider, text=parsed(A, **said))
    assert (patch.author, patch.submitter, patch.author_name) == (outsider, outsider, "Cleo C.")
    own = make_patch(
        author=committer, text=parsed(A, **said | {"author_email": "CLEO@example.org"})
    )
    assert (own.author, own.author_name) == (committer, "")


def test_a_patch_belongs_to_the_components_of_its_paths_and_of_its_problems(
    product: Product, problem: Problem, outsider: Person, triager: Person,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    net = product.components.get(slug="net")
    ComponentPath.objects.create(component=net, pattern="sys/net/")
    docs = Component.objects.create(product=product, slug="docs", title="Documents")
    patch = make_patch(product, outsider, text=diff("sys/net/if.c"), fixes=[problem])
    assert [c.slug for c in patch.components.order_by("slug")] == ["kernel", "net"]
    submitting.edit(patch, outsider, Door.WEB, components=[*patch.components.all(), docs])
    next_version(patch, diff("sys/vm/vm_map.c"))
    assert [c.slug for c in patch.components.order_by("slug")] == ["docs", "kernel"]
    # A problem that is moved takes the patch along.
    with django_capture_on_commit_callbacks(execute=True):
        change(problem, triager, ProblemChange(component="net"), Door.WEB)
    assert "net" in patch.components.values_list("slug", flat=True)


def test_followers_of_a_problem_hear_of_its_patch(problem: Problem, outsider: Person) -> None:
    patch = make_patch(author=outsider, fixes=[problem], title="Reset the card")
    assert lines_told(problem) == [(f"patch {patch.pk}", "", "came: “Reset the card”")]
    (event,) = patch.events.filter(kind=PatchEvent.Kind.SUBMITTED)
    assert (event.actor, event.version) == (outsider, newest(patch))


def test_a_problem_does_not_tell_of_a_patch_that_its_readers_may_not_know_of(
    product: Product, problem: Problem, triager: Person
) -> None:
    secret = make_problem(product, is_confidential=True)
    both = make_patch(author=triager, fixes=[problem, secret])
    make_patch(author=triager, fixes=[problem], is_confidential=True)
    assert lines_told(problem) == []
    entries = timeline(secret, triager).entries
    told = [each.field for entry in entries for each in entry.changes]
    assert told == [f"patch {both.pk}"]
    assert not visible_patches(None).exists()


def test_bad_patches_are_refused_in_words(
    product: Product, outsider: Person, problem: Problem
) -> None:
    hidden = make_problem(product, is_confidential=True)
    nothing = dataclasses.replace(parsed(A), commits=())
    with pytest.raises(DraftErrors) as caught:
        make_patch(product, outsider, text=nothing, fixes=[problem, hidden], target="x" * 101)
    assert caught.value.errors == {
        "fixes": [f"There is no problem #{hidden.pk}."],
        "patch": ["It changes no file. Send a diff, or the output of git format-patch."],
        "target": ["Keep it to 100 characters; this has 101."],
    }
    with pytest.raises(DraftErrors, match="what it changes"):
        make_patch(product, outsider, title=" \u200b")
    product.is_active = False
    with pytest.raises(DraftErrors, match="takes no new patches"):
        make_patch(product, outsider)
    with pytest.raises(Denied):
        make_patch(make_product(), make_person("nora", email_confirmed_at=None))
    assert not Patch.objects.exists()


def test_the_main_branch_has_no_name(outsider: Person) -> None:
    for said, kept in (("main", ""), ("", ""), ("stable/14", "stable/14")):
        assert make_patch(author=outsider, target=said).target == kept


def test_a_version_of_other_content_waits_for_a_first_review_again(
    committer: Person, outsider: Person
) -> None:
    patch = make_patch(author=outsider, text=A)
    rating.rate(newest(patch), committer, Door.WEB, Said("quality", 1))
    Patch.objects.update(waited=timedelta(days=9), stage=Patch.Stage.LIST)
    version = next_version(patch, B, note="Now with the lock.")
    assert (version.number, version.content_since, version.note) == (2, 2, "Now with the lock.")
    assert (patch.latest, patch.content_since, patch.is_reviewed) == (2, 2, False)
    assert (patch.turn, patch.waited, patch.stage) == ("reviewers", timedelta(), 0)
    assert holding(patch) == []
    event = patch.events.get(kind=PatchEvent.Kind.VERSION)
    assert (event.turn_before, event.turn_after) == ("committer", "reviewers")
    assert event.data == {"number": 2, "is_same_content": False}
    # What was there before has no part in it.
    assert next_version(patch, A_REBASED).content_since == 3


def test_a_rebase_keeps_all_that_was_said(committer: Person, outsider: Person) -> None:
    patch = make_patch(author=outsider, text=A)
    given = rating.rate(newest(patch), committer, Door.WEB, Said("quality", 1))
    version = next_version(patch, A_REBASED)
    assert (version.number, version.content_since) == (2, 1)
    assert (patch.content_since, patch.is_reviewed, patch.turn) == (1, True, "committer")
    assert holding(patch) == [given]


def test_other_words_of_a_commit_are_a_version_and_the_same_bytes_are_none(
    outsider: Person,
) -> None:
    patch = make_patch(author=outsider, text=parsed(A, subjects=["em: fix"]))
    assert next_version(patch, parsed(A, subjects=["em: fix"])).number == 1
    reworded = next_version(patch, parsed(A, subjects=["em: reset the card"]))
    assert (reworded.number, reworded.content_since) == (2, 1)
    assert PatchVersion.objects.count() == 2
    assert patch.events.filter(kind=PatchEvent.Kind.VERSION).count() == 1


def test_who_sends_an_earlier_version_again_goes_back_to_it(
    outsider: Person, committer: Person
) -> None:
    patch = make_patch(author=outsider, text=A)
    rating.rate(newest(patch), committer, Door.WEB, Said("quality", 1))
    next_version(patch, B)
    back = next_version(patch, A)
    assert (back.number, back.content_since, back.size) == (3, 3, len(A))
    assert (patch.latest, patch.turn, patch.is_reviewed) == (3, "reviewers", False)
    assert next_version(patch, A).number == 3


def test_a_decided_patch_takes_no_version_but_knows_its_own(
    outsider: Person, committer: Person
) -> None:
    patch = make_patch(author=outsider, text=A)
    deciding.decline(patch, committer, Door.WEB, note="The driver goes.")
    assert next_version(patch, A).number == 1
    with pytest.raises(Conflict, match=r"is declined\. Open it again"):
        next_version(patch, B)


@pytest.mark.parametrize(
    ("role", "may"), [(None, False), (Role.TRIAGER, False), (Role.DEVELOPER, True)]
)
def test_who_may_send_a_version_of_somebody_elses_patch(
    role: Role | None, may: bool, outsider: Person
) -> None:
    patch = make_patch(author=outsider)
    other = make_person("", *([role] if role else []))
    if may:
        assert next_version(patch, by=other).submitter == other
    else:
        with pytest.raises(Denied):
            next_version(patch, by=other)


def test_an_edit_says_what_it_changed_and_asks_the_rights_of_each_field(
    product: Product, problem: Problem, outsider: Person, reporter: Person
) -> None:
    second = make_problem(product, component="net")
    patch = make_patch(product, outsider, fixes=[problem], title="Old")
    event = submitting.edit(patch, outsider, Door.API, title="New", fixes=[second])
    assert event is not None
    assert [change["field"] for change in event.data["changes"]] == ["title", "fixes", "components"]
    assert event.data["changes"][1] == {"field": "fixes", "old": [problem.pk], "new": [second.pk]}
    assert lines_told(problem)[-1] == (f"patch {patch.pk}", "", "no longer a fix")
    assert lines_told(second) == [(f"patch {patch.pk}", "", "came: “New”")]
    assert submitting.edit(patch, outsider, Door.API, title="New") is None
    with pytest.raises(DraftErrors, match="Say in one line"):
        submitting.edit(patch, outsider, Door.API, title=" ")
    with pytest.raises(Denied):
        submitting.edit(patch, reporter, Door.API, title="Mine")
    with pytest.raises(Denied):
        submitting.edit(patch, make_person("", Role.DEVELOPER), Door.API, is_confidential=True)
    patch.refresh_from_db()
    assert (patch.title, patch.is_confidential) == ("New", False)


def test_a_fix_that_the_editor_may_not_know_of_stays(
    product: Product, problem: Problem, outsider: Person, triager: Person
) -> None:
    secret = make_problem(product, is_confidential=True)
    patch = make_patch(product, outsider, fixes=[problem])
    submitting.edit(patch, triager, Door.WEB, fixes=[problem, secret])
    for fixes in ([secret], []):
        submitting.edit(patch, outsider, Door.WEB, fixes=fixes)
    assert list(patch.fixes.all()) == [secret]
    with pytest.raises(DraftErrors, match=f"no problem #{secret.pk + 999}"):
        submitting.edit(patch, outsider, Door.WEB, fixes=[Problem(pk=secret.pk + 999)])


def test_a_patch_names_problems_that_its_submitter_may_know_of(
    product: Product, problem: Problem, outsider: Person
) -> None:
    hidden = make_problem(product, is_confidential=True)
    came = parsed(A, named_problems=[problem.pk, hidden.pk, 10**12])
    assert submitting.named_problems(came, outsider) == [problem]
