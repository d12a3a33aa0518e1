"""Suggestions made into commits: what comes out applies to the real base, commit by commit."""

from __future__ import annotations

import pytest

from patches.git.editing import CannotEdit, LineEdit, edit_series
from patches.git.series import Series
from tests.patches.repositories import Repository, numbered

C = "src/a.c"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """Three commits on `base`: lines added, what stands above changed, and the file renamed."""
    made = Repository(tmp_path_factory.mktemp("git") / "repository")
    made.commit("Base", {C: numbered(40), "b.c": numbered(5)})
    made.git("tag", "base")
    made.commit("First", {C: numbered(40, n20="one\ntwo\nthree"), "b.c": numbered(5, n5="last")})
    made.commit("Second", {C: numbered(40, n2="zwei\nzwei und", n20="one\ntwo\nthree", n23="x")})
    (made.path / C).rename(made.path / "src/c.c")
    made.commit("Third", {"src/c.c": _third("one\ntwo\nthree")})
    return made


def _third(lines: str, n26: str = "y") -> str:
    return numbered(40, n2="zwei\nzwei und", n20=lines, n23="x", n26=n26)


@pytest.fixture
def series(repository: Repository) -> Series:
    return repository.series("base", "main")


def edit(start: int, end: int, *lines: str, commit: int = 1, path: str = C) -> LineEdit:
    return LineEdit(commit, path, start, end, [f"{line}\n".encode() for line in lines])


def applied(repository: Repository, series: Series) -> list[str]:
    """The file after each commit on the real base."""
    repository.git("checkout", "-q", "-f", "--detach", "base")
    texts = []
    for commit in series.commits:
        repository.git("apply", "--index", stdin=commit.diff)
        files = [repository.path / name for name in (C, "src/c.c")]
        texts.append("".join(file.read_text() for file in files if file.exists()))
    repository.git("reset", "-q", "--hard")
    return texts


@pytest.mark.parametrize(
    ("lines", "new"),
    [
        ((21, 21), ["zwo"]),
        ((21, 21), []),
        ((20, 22), ["one", "two", "three", "four", "five", "six", "seven"]),
        ((20, 22), ["nothing like it"]),
        ((21, 21), ["in front", "two"]),
    ],
)
def test_later_commits_show_the_lines_that_were_put_in(
    repository: Repository, series: Series, lines: tuple[int, int], new: list[str]
) -> None:
    texts = applied(repository, edit_series(series, [edit(*lines, *new)]))
    had = ["one", "two", "three"]
    had[lines[0] - 20 : lines[1] - 19] = new
    assert texts[0] == numbered(40, n20="\n".join(had))
    assert texts[2] == _third("\n".join(had))


def test_each_of_several_edits_counts_lines_as_they_were(
    repository: Repository, series: Series
) -> None:
    edits = [
        edit(20, 20, "eins", "und", commit=1),
        edit(22, 22, "drei", commit=1),
        edit(29, 29, "ypsilon", commit=3, path="src/c.c"),
        edit(3, 3, commit=2),
    ]
    texts = applied(repository, edit_series(series, edits))
    assert texts[0] == numbered(40, n20="eins\nund\ntwo\ndrei")
    assert texts[2] == numbered(40, n2="zwei", n20="eins\nund\ntwo\ndrei", n23="x", n26="ypsilon")


def test_a_line_beside_the_change_can_be_edited(repository: Repository, series: Series) -> None:
    texts = applied(repository, edit_series(series, [edit(19, 19, "nineteen")]))
    assert "nineteen\none\n" in texts[2]


def test_the_end_of_a_file_can_be_edited(repository: Repository, series: Series) -> None:
    made = edit_series(series, [edit(5, 5, "very last", path="b.c")])
    assert b"+very last\n" in made.commits[0].diff
    assert applied(repository, made)


def test_an_edit_that_nobody_can_carry_on_is_refused_with_a_sentence(
    repository: Repository, series: Series
) -> None:
    with pytest.raises(CannotEdit, match="not known what stands below"):
        edit_series(series, [edit(25, 25)])
    with pytest.raises(CannotEdit, match="Not all of the lines"):
        edit_series(series, [edit(1, 1, "x")])
    with pytest.raises(CannotEdit, match="changes no file"):
        edit_series(series, [edit(1, 1, "x", path="src/none.c")])
    nothing = [
        edit(2, 3, "line 2 of the file", commit=2),
        edit(26, 26, "line 23 of the file", commit=2),
    ]
    with pytest.raises(CannotEdit, match="nothing of a commit"):
        edit_series(series, nothing)


def test_lines_that_a_later_commit_tears_apart_are_refused(repository: Repository) -> None:
    repository.git("checkout", "-q", "-f", "--detach", "main~2")
    repository.commit("Between", {C: numbered(40, n20="one\nbetween\ntwo\nthree")})
    torn = repository.series("base")
    with pytest.raises(CannotEdit, match="Commit 2 changes these lines"):
        edit_series(torn, [edit(20, 21, "both")])
    assert edit_series(torn, [edit(20, 20, "eins")]).commits[1].diff.count(b" eins\n") == 1
