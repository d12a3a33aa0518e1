"""What is new in a version: by patch-id, range-diff, interdiff, on real series."""

from __future__ import annotations

from pathlib import Path

import pytest

from patches.finding import read
from patches.git import made as making
from patches.git.combined import combined_of
from patches.git.ids import content_of, patch_id, patch_ids
from patches.git.made import DoesNotCompose, compose
from patches.git.running import GitFailed
from patches.git.series import Series, series_of_parsed
from patches.models import PatchVersion
from patches.versions import comparing
from patches.versions.comparing import Changes, compare, compare_series, entries
from patches.versions.comparisons import compare_missing
from tests.patches.repositories import Repository, numbered
from tests.patching import make_patch, next_version

C = "src/a.c"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.commit("Base", {C: "int main(void)\n{\n" + numbered(60), "b.c": numbered(40)})
    made.git("tag", "base")
    return made


def text(**changed: str) -> str:
    return "int main(void)\n{\n" + numbered(60, **changed)


def content(series: Series) -> str:
    return content_of(patch_ids([commit.diff for commit in series.commits]))


def two_commits(repository: Repository) -> Series:
    repository.commit("First\n\nBecause.", {C: text(n7="seven", n40="forty")})
    repository.commit("Second", {C: text(n7="seven\nand a half", n40="forty"), "new.c": "new\n"})
    return repository.series("base")


def rebased(repository: Repository, files: dict[str, str]) -> Series:
    """What is on main, on another base with these files."""
    repository.git("checkout", "-q", "-b", "other", "base")
    base = repository.commit("Another base", files)
    repository.git("cherry-pick", "base..main")
    return repository.series(base)


# The same content


@pytest.mark.django_db
def test_the_same_content_on_another_base_keeps_what_was_said(repository: Repository) -> None:
    first = two_commits(repository)
    moved = rebased(repository, {C: "/* new */\n" * 50 + text(), "b.c": numbered(90)})
    assert [c.patch_id for c in moved.commits] == [c.patch_id for c in first.commits]
    mails = repository.mails("base", "main"), repository.mails("other~2", "other")
    patch = make_patch(text=read(mails[0]))
    version = next_version(patch, read(mails[1]))
    patch.refresh_from_db()
    assert (version.content_since, patch.content_since) == (1, 1)
    how, words = compare(version)
    assert how == Changes.SAME
    assert words.startswith("Changes the same lines in the same way as version 1, on another base")


@pytest.mark.django_db
def test_other_lines_around_a_change_are_other_content(repository: Repository) -> None:
    two_commits(repository)
    rebased(repository, {C: text(n5="another line five"), "b.c": numbered(40)})
    patch = make_patch(text=read(repository.mails("base", "main")))
    version = next_version(patch, read(repository.mails("other~2", "other")))
    how, words = compare(version)
    assert (how, version.content_since) == (Changes.RANGE_DIFF, 2)
    first = entries(words)[0]
    assert (first.sign, first.subject) == ("!", "First")
    assert "- line 5 of the file\n+ another line five\n" in first.text


def test_blanks_make_other_content_and_names_of_blobs_do_not(repository: Repository) -> None:
    diff = two_commits(repository).commits[0].diff
    assert patch_id(diff.replace(b"+seven", b"+ seven")) != patch_id(diff)
    assert patch_id(diff.replace(b"\nindex ", b"\nindex 0")) == patch_id(diff)
    assert patch_id(diff.replace(b" line 6", b"\tline 6")) != patch_id(diff)
    assert patch_id(b"") == ""


def test_an_older_git_tells_blanks_apart_too(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patches.git.ids._has_verbatim", lambda: False)
    diff = two_commits(repository).commits[0].diff
    assert patch_id(diff.replace(b"+seven", b"+ seven")) != patch_id(diff)
    assert patch_id(diff.replace(b"+seven", b"+\tseven")) != patch_id(diff)
    assert patch_id(diff.replace(b"@@ -6,", b"@@ -96,")) == patch_id(diff)


def test_a_rename_in_a_file_that_grew_elsewhere_is_the_same(repository: Repository) -> None:
    diff = (
        b"diff --git a/x b/y\nsimilarity index %d%%\nrename from x\nrename to y\n"
        b"--- a/x\n+++ b/y\n@@ -1,3 +1,3 @@\n a\n-b\n+c\n d\n"
    )
    assert patch_id(diff % 90) == patch_id(diff % 95)


def test_a_diff_cannot_speak_for_another_commit() -> None:
    one = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n"
    other = one.replace(b"+b", b"+c")
    assert patch_ids([one + b"commit %040d\n" % 2, b"", other])[1:] == ["", patch_id(other)]


# Range-diff


def test_each_commit_is_compared_with_what_it_was(repository: Repository) -> None:
    first = two_commits(repository)
    repository.git("checkout", "-q", "base")
    repository.commit("Before all", {"b.c": numbered(40, n9="nine")})
    repository.commit("First\n\nBecause of that.", {C: text(n7="SEVEN", n40="forty")})
    repository.commit("Second", {C: text(n7="SEVEN\nand a half", n40="forty"), "new.c": "new\n"})
    how, words = compare_series(first, repository.series("base"))
    found = entries(words)
    assert how == Changes.RANGE_DIFF
    signs = [(each.old, each.sign, each.new, each.subject) for each in found]
    assert signs == [
        (0, ">", 1, "Before all"),
        (1, "!", 2, "First"),
        (2, "!", 3, "Second"),
    ]
    assert "-+seven\n++SEVEN\n" in found[1].text
    assert "-    Because.\n+    Because of that.\n" in found[1].text
    assert "@@ src/a.c: line 3 of the file" in found[1].text
    assert "groundswell" not in words.lower()
    assert "@example.org" not in words


def test_a_commit_that_was_written_anew_is_compared_with_what_it_was(
    repository: Repository,
) -> None:
    old = two_commits(repository)
    repository.git("checkout", "-q", "--detach", "base")
    repository.commit("Before", {"d.c": "d\n"})
    repository.commit("First\n\nBecause.", {"b.c": numbered(40, n9="nine", n30="thirty")})
    how, said = compare_series(old, repository.series("base"))
    assert how == Changes.RANGE_DIFF
    found = [(e.old, e.sign, e.new, e.subject) for e in entries(said)]
    assert found == [(2, "<", 0, "Second"), (0, ">", 1, "Before"), (1, "!", 2, "First")]
    text = entries(said)[2].text
    assert "- ## src/a.c ##\n" in text
    assert "+ ## b.c ##\n" in text


def test_bare_diffs_are_compared_however_different_they_are(repository: Repository) -> None:
    def diff(**changed: str) -> Series:
        (repository.path / C).write_text(text(**changed))
        return series_of_parsed(read(repository.git("diff")))

    how, words = compare_series(diff(n7="seven"), diff(n50="fifty\nmore"))
    (entry,) = entries(words)
    assert (how, entry.sign) == (Changes.RANGE_DIFF, "!")
    assert "fifty" in entry.text


def test_two_binary_changes_are_told_apart(repository: Repository) -> None:
    made = []
    for end in (b"a", b"b"):
        repository.git("checkout", "-q", "base")
        repository.commit("Picture", {"picture": bytes(range(256)) + end})
        made.append(repository.series("base"))
    before, after = made
    assert entries(compare_series(before, after)[1])[0].sign == "!"


def test_few_bytes_that_stand_for_very_many_are_not_kept_in_memory(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit("Pictures", {name: name.encode() + bytes(600_000) for name in "xyz"})
    series = repository.series("base")
    monkeypatch.setattr(making, "MADE_BYTES", 1_000_000)
    with pytest.raises(DoesNotCompose, match="too large together"):
        compose(series)


def test_what_stands_for_a_submodule_is_no_command_of_a_stream() -> None:
    diff = (
        b"diff --git a/m b/m\nnew file mode 160000\n--- /dev/null\n+++ b/m\n@@ -0,0 +1,5 @@\n"
        b"+Subproject commit %s x\n+M 100644 inline forged\n+data 1\n+%s\n+#\n"
    )
    one, other = (series_of_parsed(read(diff % (name * 40, name))) for name in (b"1", b"2"))
    how, words = compare_series(one, other)
    assert how == Changes.RANGE_DIFF
    assert "@@ m (new)" in words
    assert "@@ forged" not in words


def test_lines_far_down_cost_nothing() -> None:
    diff = (
        b"diff --git a/x b/x\n--- a/x\n+++ b/x\n"
        b"@@ -%d,3 +%d,3 @@\n a\n-b\n+%s\n d\n@@ -900000000,3 +900000000,3 @@\n a\n-b\n+c\n d\n"
    )
    one, other = (
        series_of_parsed(read(diff % (at, at, name))) for at, name in ((7, b"x"), (9, b"y"))
    )
    how, words = compare_series(one, other)
    assert how == Changes.RANGE_DIFF
    assert "-+x\n++y" in entries(words)[0].text


# Where the commits do not follow from each other


def broken(repository: Repository) -> Series:
    """The second commit shows lines that the first one does not leave there."""
    mails = repository.mails("base", "main").replace(b"\n seven\n", b"\n six\n")
    return series_of_parsed(read(mails))


def test_a_series_that_does_not_compose_gets_an_interdiff(repository: Repository) -> None:
    whole = two_commits(repository)
    odd = broken(repository)
    with pytest.raises(DoesNotCompose, match=r"src/a\.c has other lines near line"):
        compose(odd)
    how, words = compare_series(whole, odd)
    assert how == Changes.INTERDIFF
    assert "-seven\n" in words
    assert "+six\n" in words


def test_without_git_the_two_texts_are_compared(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = two_commits(repository)
    odd = broken(repository)

    def fail(*args: object) -> None:
        raise GitFailed("git is not installed on this server.")

    monkeypatch.setattr(comparing, "interdiff", fail)
    how, words = compare_series(whole, odd)
    assert how == Changes.INTERDIFF
    assert "- seven\n+ six\n" in words


def test_what_is_kept_of_a_comparison_is_bounded_and_fits_a_database() -> None:
    kept = comparing.bounded("a\0line\n" * 200_000)
    assert len(kept) < comparing.CHARS + 100
    assert "\0" not in kept
    assert kept.endswith("too long to be shown.\n")


@pytest.mark.django_db
def test_the_first_version_is_compared_with_nothing() -> None:
    version = PatchVersion.objects.get(patch=make_patch())
    assert compare(version) == (Changes.NONE, "")


@pytest.mark.django_db
def test_a_version_that_is_lost_keeps_no_other_from_being_compared() -> None:
    lost, found = next_version(make_patch()), next_version(make_patch())
    lost.file.storage.delete(lost.file.name)
    assert compare_missing(60.0) is None
    found.refresh_from_db()
    assert found.changes_by == Changes.RANGE_DIFF


# All commits as one diff


def test_a_series_as_one_diff_is_what_git_makes_of_it(repository: Repository) -> None:
    (repository.path / "b.c").rename(repository.path / "c.c")
    (repository.path / "c.c").chmod(0o755)
    repository.commit("Move", {"c.c": numbered(40, n20="twenty"), "temporary": "x\n"})
    repository.commit("Go on", {C: text(n3="three", n50="-"), "temporary": None, "é b": "a"})
    repository.commit("And on", {C: text(n3="THREE", n30="30\n31", n50="-"), "c.c": numbered(40)})
    repository.commit("Picture", {"picture": bytes(range(256)), "é b": "b\n"})
    repository.commit("Other", {"picture": bytes(range(255, -1, -1)), "é b": "c\n"})
    series = repository.series("base")
    diff = combined_of(series)
    real = repository.git("diff", "--binary", "--full-index", "base", "HEAD")
    assert _without_index(diff) == _without_index(real)
    repository.git("checkout", "-q", "base")
    repository.git("apply", "--index", stdin=diff)
    assert repository.git("write-tree") == repository.git("rev-parse", "main^{tree}")


def _without_index(diff: bytes) -> list[bytes]:
    """Names of blobs of text are left out of ours, and headings are only known in part."""
    skipped = (b"index ", b"similarity ")
    lines = [line for line in diff.split(b"\n") if not line.startswith(skipped)]
    return [line.split(b" @@")[0] if line.startswith(b"@@ ") else line for line in lines]


def test_commits_that_do_not_follow_from_each_other_are_not_combined(
    repository: Repository,
) -> None:
    two_commits(repository)
    with pytest.raises(DoesNotCompose):
        combined_of(broken(repository))
