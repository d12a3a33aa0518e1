"""A real series of a real repository, through three versions and a suggestion to the decision."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import DjangoCaptureOnCommitCallbacks

from accounts.models import Person
from patches import deciding, finding
from patches.git.writing import as_mbox, as_patch
from patches.models import LineComment, Patch, PatchVersion, Review, ThreadPlace
from patches.reviews import needs, rating, reviewing
from patches.reviews.rating import Said
from patches.versions import comparisons
from patches.waiting import turns
from tests.patches.repositories import Repository, numbered
from tests.patching import make_patch, newest, next_version
from tracker.models import Door, Problem

pytestmark = pytest.mark.django_db

Found = ThreadPlace.Found
FILE = "sys/dev/em/if_em.c"


def read(repository: Repository, base: str) -> finding.ParsedPatch:
    return finding.read(repository.mails(base), is_mail=True)


def place_of(comment: LineComment, version: PatchVersion) -> tuple[str, int, int, int]:
    place = comment.thread.places.get(version=version)
    return place.found, place.commit, place.start, place.end


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "work")
    made.commit("base", {FILE: numbered(60), "README": "Read me.\n"})
    return made


def test_a_series_goes_from_its_author_through_three_versions_to_a_committer(
    repository: Repository, problem: Problem, committer: Person, reporter: Person, outsider: Person,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:  # fmt: skip
    base = repository.head()
    repository.commit("em: Lock first\n\nIt raced.", {FILE: numbered(60, n20="\tlock(sc);")})
    repository.commit("README: Say so", {"README": "Read me twice.\n"})
    came = read(repository, base)
    patch = make_patch(author=outsider, text=came, fixes=[problem], title="")
    assert (patch.title, patch.demand) == ("em: Lock first", 1)

    comment = reviewing.add_line_comment(
        newest(patch), reporter, "And unlock?", commit=1, path=FILE, side="new", start=20, end=20
    )
    verdict = Review.Verdict.CHANGES
    reviewing.send_review(newest(patch), reporter, Door.WEB, text="Nearly.", verdict=verdict)
    patch.refresh_from_db()
    assert turns.turn_words(patch) == "Waits for otto, its author."

    # The same lines are further down now, and one below them is new.
    repository.git("reset", "-q", "--hard", base)
    lines = {"n3": "line 3\nline 3a\nline 3b", "n20": "\tlock(sc);\n\tunlock(sc);"}
    repository.commit("em: Lock first\n\nIt raced.", {FILE: numbered(60, **lines)})
    repository.commit("README: Say so", {"README": "Read me twice.\n"})
    second = next_version(patch, read(repository, base))
    assert place_of(comment, second) == (Found.SAME, 1, 22, 22)
    assert (patch.turn, patch.is_reviewed) == ("reviewers", False)
    assert comparisons.compare_version(second.pk)
    assert not comparisons.compare_version(second.pk)
    second.refresh_from_db()
    assert second.changes_by == PatchVersion.Changes.RANGE_DIFF
    assert "2 = 2: README: Say so" in second.changes

    # A suggestion is a version that git takes.
    fix = "```suggestion\n\tunlock(sc, true);\n```"
    suggested = reviewing.add_line_comment(
        second, reporter, fix, commit=1, path=FILE, side="new", start=23, end=23
    )
    reviewing.send_review(second, reporter, Door.WEB)
    third = reviewing.apply_suggestions(patch, outsider, [suggested], Door.WEB)
    assert third.number == 3
    repository.git("reset", "-q", "--hard", base)
    repository.git("apply", "--check", "-", stdin=as_patch(third))
    repository.git("am", "-q", "-", stdin=as_mbox(third))
    assert "\tunlock(sc, true);\n" in (repository.path / FILE).read_text()
    said = repository.git("log", "--format=%s", f"{base}..").decode().split("\n")
    assert said == ["README: Say so", "em: Lock first", ""]

    # The same change on another base is a rebase, of which what was said still holds.
    rating.rate(third, committer, Door.WEB, Said("quality", 1))
    repository.git("checkout", "-q", base)
    moved = repository.commit("Elsewhere", {"LICENSE": "BSD.\n"})
    repository.git("cherry-pick", "main~1", "main")
    fourth = next_version(patch, read(repository, moved))
    assert (fourth.number, fourth.content_since, fourth.base_commit) == (4, 3, moved)
    assert needs.sentence(patch) == "Has all that it needs."
    with django_capture_on_commit_callbacks(execute=True):
        deciding.integrate(patch, committer, Door.WEB, commit=repository.head())
    problem.refresh_from_db()
    assert (patch.state, patch.turn, problem.state) == (Patch.State.INTEGRATED, "nobody", "patched")
