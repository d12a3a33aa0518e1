"""Threads keep to their lines from version to version: real commits, three versions long."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patches.finding import read
from patches.git.series import Series, series_of_parsed
from patches.models import Patch, PatchFile, PatchVersion, Side, Thread, ThreadPlace
from patches.parsed import ParsedCommit, ParsedFile, ParsedHunk, ParsedPatch
from patches.versions.aligning import align
from patches.versions.lander import Found, Lander, Lines, Text, text_of
from patches.versions.landing import land_all
from tests.patches.repositories import Repository, numbered
from tests.patching import make_patch, newest, next_version

C = "src/a.c"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "repository")
    made.commit("Base", {C: numbered(80), "src/b.c": numbered(9)})
    made.git("tag", "base")
    return made


def version(
    repository: Repository, *commits: tuple[str, Mapping[str, str | bytes | None]]
) -> Series:
    """A series of these commits on the base."""
    repository.git("checkout", "-q", "--detach", "base")
    for message, files in commits:
        repository.commit(message, files)
    return repository.series("base")


def one(repository: Repository, text: str, path: str = C) -> Series:
    """A series of one commit that writes one file."""
    return version(repository, ("Change it", {path: text}))


def side(series: Series, commit: int, path: str, which: str = Side.NEW) -> Text:
    made = series.commits[commit - 1]
    file = next((file for file in made.files if file.path == path), None)
    return text_of(made, file, which)


def at(series: Series, line: str, commit: int = 1, path: str = C, lines: int = 1) -> Lines:
    """The place of a line that stands there once, and of those below it."""
    text = side(series, commit, path)
    (number,) = [each.number for each in text.lines if each.text == line.encode()]
    return Lines(commit, path, Side.NEW, number, number + lines - 1)


def words(series: Series, place: Lines) -> list[str]:
    """What stands at a place."""
    text = side(series, place.commit, place.path, place.side)
    return [text.texts[n].decode() for n in text.range_of(place.start, place.end)]


def test_lines_that_more_lines_came_above_are_the_same(repository: Repository) -> None:
    old = one(repository, numbered(80, n40="forty"))
    new = one(repository, numbered(80, n5="five\nfive and a half", n36="-", n40="forty"))
    found, place = Lander(old, new).land(at(old, "forty"))
    assert (found, place.start, words(new, place)) == (Found.SAME, 40, ["forty"])


def test_an_edited_line_is_found_by_what_stands_around_it(repository: Repository) -> None:
    old = one(repository, numbered(80, n40="return foo(a);", n60="sixty"))
    new = one(repository, numbered(80, n40="return foo(a, b);", n60="sixty", n2="two"))
    found, place = Lander(old, new).land(at(old, "return foo(a);"))
    assert (found, words(new, place)) == (Found.EDITED, ["return foo(a, b);"])


def test_a_range_of_which_one_line_was_edited_stays_as_long(repository: Repository) -> None:
    old = one(repository, numbered(80, n40="first\nsecond\nthird"))
    new = one(repository, numbered(80, n40="first\nother\nthird"))
    found, place = Lander(old, new).land(at(old, "first", lines=3))
    assert (found, words(new, place)) == (Found.EDITED, ["first", "other", "third"])


def test_a_range_with_a_line_put_into_it_grows(repository: Repository) -> None:
    old = one(repository, numbered(80, n40="first\nsecond"))
    new = one(repository, numbered(80, n40="first\nbetween\nsecond"))
    found, place = Lander(old, new).land(at(old, "first", lines=2))
    assert (found, words(new, place)) == (Found.EDITED, ["first", "between", "second"])


def test_a_deleted_line_is_gone(repository: Repository) -> None:
    old = one(repository, numbered(80, n40="forty\nand more", n60="sixty"))
    new = one(repository, numbered(80, n40="forty", n60="sixty"))
    found, place = Lander(old, new).land(at(old, "and more"))
    assert (found, place.commit) == (Found.GONE, 0)


def test_a_line_is_gone_where_the_change_was_taken_back(repository: Repository) -> None:
    old = one(repository, numbered(80, n40="line 40 of a file", n43="x"))
    new = one(repository, numbered(80, n43="x"))
    assert Lander(old, new).land(at(old, "line 40 of a file"))[0] == Found.GONE


def test_a_line_is_gone_with_its_file_where_another_has_the_same_around_it(
    repository: Repository,
) -> None:
    usual = "\tif (error != 0)\n\t\treturn (error);\n\tcount += {};\n\treturn (0);\n"
    other = ("Other", {"src/b.c": numbered(9, n4=usual.format(5))})
    old = version(repository, other, ("New", {"src/new.c": usual.format(4)}))
    line = at(old, "\tcount += 4;", commit=2, path="src/new.c")
    assert Lander(old, version(repository, other)).land(line)[0] == Found.GONE


def test_moved_code_is_found_where_it_went(repository: Repository) -> None:
    block = "int helper(void)\n{\n\treturn 1;\n}"
    old = one(repository, numbered(80, n10=block, n60="sixty"))
    new = one(repository, numbered(80, n60=f"sixty\n{block}"))
    found, place = Lander(old, new).land(at(old, "\treturn 1;"))
    assert (found, words(new, place)) == (Found.MOVED, ["\treturn 1;"])
    assert Lander(old, new).land(at(old, "{", lines=3))[1].end == place.start + 1


def test_code_moved_to_another_file_is_found_there(repository: Repository) -> None:
    block = "int helper(void)\n{\n\treturn check(1);\n}"
    old = one(repository, numbered(80, n10=block))
    new = version(repository, ("Change it", {"src/b.c": numbered(9, n4=block)}))
    found, place = Lander(old, new).land(at(old, "\treturn check(1);"))
    assert (found, place.path) == (Found.MOVED, "src/b.c")


def test_a_file_of_another_name_takes_its_threads_with_it(repository: Repository) -> None:
    made = numbered(30, n7="seven, of which somebody says something")
    old = one(repository, made, "src/new.c")
    new = one(repository, made.replace("line 20 ", "line zwanzig "), "lib/newer.c")
    place = at(old, "line 9 of the file", path="src/new.c")
    found, landed = Lander(old, new).land(place)
    assert (found, landed.path, landed.start) == (Found.MOVED, "lib/newer.c", 9)
    whole = Lines(1, "src/new.c", Side.NEW, 0, 0)
    moved = Lines(1, "lib/newer.c", Side.NEW, 0, 0)
    assert Lander(old, new).land(whole) == (Found.MOVED, moved)
    assert Lander(old, old).land(whole) == (Found.SAME, whole)
    assert Lander(old, one(repository, numbered(9))).land(whole)[0] == Found.GONE


def test_a_thread_on_a_file_that_the_next_version_renames_stays_with_it(
    repository: Repository,
) -> None:
    old = one(repository, numbered(80, n40="forty"))
    new = version(repository, ("Change it", {C: None, "src/c.c": numbered(80, n40="forty")}))
    found, place = Lander(old, new).land(at(old, "forty"))
    assert (found, place.path) == (Found.MOVED, "src/c.c")


def test_of_several_lines_that_are_alike_each_keeps_to_its_own(repository: Repository) -> None:
    def text(*errors: str) -> str:
        return numbered(80, n20=errors[0], n21="goto out;", n40=errors[1], n41="goto out;")

    old = one(repository, text("if (a)", "if (b)"))
    new = one(repository, text("if (c)\n\tgoto out;\ngoto out;\nif (a)", "if (b)"))
    lander = Lander(old, new)
    for number, above in ((21, "if (a)"), (41, "if (b)")):
        found, place = lander.land(Lines(1, C, Side.NEW, number, number))
        near = Lines(1, C, Side.NEW, place.start - 1, place.end)
        assert (found, words(new, near)) == (Found.SAME, [above, "goto out;"])


def test_a_line_is_not_taken_for_one_that_is_alike_and_somebody_elses(
    repository: Repository,
) -> None:
    old = one(repository, numbered(80, n20="free(memory);", n60="free(memory);"))
    new = one(repository, numbered(80, n60="free(memory);"))
    assert Lander(old, new).land(Lines(1, C, Side.NEW, 20, 20))[0] == Found.GONE


def test_hunks_that_are_alike_do_not_change_places(repository: Repository) -> None:
    same = "".join(f"{n % 4}\n" for n in range(400))

    def text(*at: int) -> str:
        lines = same.splitlines()
        return "".join(f"{'new' if n in at else line}\n" for n, line in enumerate(lines))

    repository.git("checkout", "-q", "base")
    repository.commit("The file", {"same": same})
    repository.git("tag", "-f", "base")
    old = one(repository, text(101, 301), "same")
    new = one(repository, text(21, 101, 301), "same")
    place = Lines(1, "same", Side.NEW, 302, 302)
    assert Lander(old, new).land(place) == (Found.SAME, place)


def test_a_thread_follows_its_commit_when_commits_are_reordered(repository: Repository) -> None:
    one_file, other = {C: numbered(80, n40="forty")}, {"src/b.c": numbered(9, n4="four")}
    old = version(repository, ("Forty", one_file), ("Four", other))
    new = version(repository, ("Four", other), ("Forty", one_file))
    found, place = Lander(old, new).land(at(old, "forty"))
    assert (found, place) == (Found.SAME, Lines(2, C, Side.NEW, 40, 40))


def test_a_thread_finds_its_line_in_the_half_of_a_commit_that_was_split(
    repository: Repository,
) -> None:
    both = {C: numbered(80, n20="twenty", n22="of the other half")}
    half = {C: numbered(80, n20="twenty")}
    old = version(repository, ("Do both", both))
    new = version(repository, ("Do both", half), ("Do the other", both))
    found, place = Lander(old, new).land(at(old, "of the other half"))
    assert (found, place) == (Found.MOVED, Lines(2, C, Side.NEW, 22, 22))
    assert Lander(old, new).land(at(old, "twenty"))[1].commit == 1


def test_a_line_that_is_taken_away_keeps_its_thread_on_the_old_side(
    repository: Repository,
) -> None:
    old = one(repository, numbered(80, n40="-"))
    new = one(repository, numbered(80, n3="three\nand more", n40="-"))
    place = Lines(1, C, Side.OLD, 40, 40)
    assert Lander(old, new).land(place) == (Found.SAME, place)
    kept = one(repository, numbered(80, n43="x"))
    assert Lander(old, kept).land(place)[0] in (Found.SAME, Found.MOVED)


def test_a_thread_on_a_message_follows_its_commit(repository: Repository) -> None:
    file, other = {C: numbered(80, n40="forty")}, {"src/b.c": numbered(9, n4="four")}
    old = version(repository, ("Do it\n\nBecause of this.\nAnd that.", file))
    new = version(
        repository, ("Before", other), ("Do it well\n\nA word more.\nBecause of this.", file)
    )
    lander = Lander(old, new)
    found, place = lander.land(Lines(1, "", Side.NEW, 3, 3))
    assert (found, place) == (Found.SAME, Lines(2, "", Side.NEW, 4, 4))
    assert lander.land(Lines(1, "", Side.NEW, 1, 1)) == (
        Found.EDITED,
        Lines(2, "", Side.NEW, 1, 1),
    )
    assert lander.land(Lines(1, "", Side.NEW, 4, 4))[0] == Found.EDITED
    assert Lander(old, version(repository, ("Else", other))).land(Lines(1, "", Side.NEW, 1, 1))[
        1
    ].commit in (0, 1)


def test_a_file_with_dos_lines_lands_like_any_other(repository: Repository) -> None:
    dos = numbered(30).replace("\n", "\r\n")
    old = one(repository, dos, "dos.txt")
    new = one(repository, dos.replace("line 3 ", "line three "), "dos.txt")
    place = Lines(1, "dos.txt", Side.NEW, 20, 20)
    assert Lander(old, new).land(place) == (Found.SAME, place)


# Stored


def thread_at(patch: Patch, version: PatchVersion, place: Lines) -> Thread:
    thread = Thread.objects.create(patch=patch, version=version)
    ThreadPlace.objects.create(
        thread=thread,
        version=version,
        found=Found.BEGUN,
        commit=place.commit,
        path=place.path,
        side=place.side,
        start=place.start,
        end=place.end,
    )
    return thread


def test_threads_go_through_versions_and_come_back(repository: Repository, db: None) -> None:
    texts = [
        numbered(80, n20="int twenty(void);", n40="forty", n60="int sixty(int a);"),
        numbered(80, n2="two\nmore", n40="forty", n60="int sixty(int a, int b);"),
        numbered(80, n20="int twenty(void);", n60="int sixty(long a, int b);"),
        numbered(80, n2="2", n20="int twenty(void);", n60="int sixty(long a, int b);"),
    ]
    mails = []
    for text in texts:
        one(repository, text)
        mails.append(read(repository.mails("base"), is_mail=True))
    first = series_of_parsed(mails[0])
    patch = make_patch(text=mails[0])
    lines = ("int twenty(void);", "forty", "int sixty(int a);")
    threads = [thread_at(patch, newest(patch), at(first, line)) for line in lines]
    versions = [newest(patch)]
    for mail in mails[1:]:
        versions.append(next_version(patch, mail))
        land_all(patch, versions[-1])
        land_all(patch, versions[-1])
    seen = [
        [(p.found, p.start) for p in ThreadPlace.objects.filter(thread=t).order_by("version")]
        for t in threads
    ]
    assert seen == [
        [("begun", 20), ("gone", 20), ("same", 20), ("same", 20)],
        [("begun", 40), ("same", 41), ("gone", 41), ("gone", 41)],
        # The last version left them alone, but they are not those that were commented on.
        [("begun", 60), ("edited", 61), ("edited", 60), ("edited", 60)],
    ]


def test_many_threads_cost_as_many_queries_as_few(
    repository: Repository, db: None, django_assert_num_queries: object
) -> None:
    one(repository, numbered(80, n20="x"))
    first = read(repository.mails("base"), is_mail=True)
    one(repository, numbered(80, n20="y"))
    second = read(repository.mails("base"), is_mail=True)
    counts = []
    for count in (1, 30):
        patch = make_patch(text=first)
        for _ in range(count):
            thread_at(patch, newest(patch), Lines(1, C, Side.NEW, 19, 20))
        new = next_version(patch, second)
        ThreadPlace.objects.filter(version=new).delete()
        with django_assert_num_queries(7):  # type: ignore[operator]
            land_all(patch, new)
        counts.append(ThreadPlace.objects.filter(version=new, found=Found.EDITED).count())
    assert counts == [1, 30]


# Properties

LINES = st.sampled_from([b"{", b"}", b"", b"return 0;", b"break;", b"if (a)", b"x"])


@given(
    st.lists(LINES, max_size=12),
    st.lists(LINES, max_size=12),
    st.lists(LINES, max_size=12),
    st.lists(LINES, max_size=12),
)
@settings(max_examples=100, deadline=None)
def test_what_changes_elsewhere_never_moves_a_thread_to_another_text(
    above: list[bytes], below: list[bytes], new_above: list[bytes], new_below: list[bytes]
) -> None:
    block = [b"static int", b"the_very_line(int a)", b"{"]
    old = _series([*above, *block, *below])
    new = _series([*new_above, *block, *new_below])
    place = Lines(1, "f", Side.NEW, len(above) + 2, len(above) + 2)
    expected = Lines(1, "f", Side.NEW, len(new_above) + 2, len(new_above) + 2)
    found, landed = Lander(old, new).land(place)
    # Where more changed than stayed, it may be the thread's lines that seem to have moved.
    assert landed == expected
    assert found in (Found.SAME, Found.MOVED)


@given(st.lists(LINES, max_size=30), st.lists(LINES, max_size=30), st.data())
@settings(max_examples=100, deadline=None)
def test_what_is_the_same_has_the_same_text(
    old: list[bytes], new: list[bytes], data: st.DataObject
) -> None:
    before, after = _series([b"a", *old]), _series([b"b", *new])
    start = data.draw(st.integers(1, len(old) + 1))
    end = data.draw(st.integers(start, len(old) + 1))
    place = Lines(1, "f", Side.NEW, start, end)
    found, landed = Lander(before, after).land(place)
    if found in (Found.SAME, Found.MOVED):
        assert words(after, landed) == words(before, place)
    elif found == Found.EDITED:
        assert words(after, landed)
    else:
        assert landed.commit == 0


@given(st.lists(LINES, max_size=40), st.lists(LINES, max_size=40))
@settings(max_examples=100, deadline=None)
def test_lines_are_aligned_in_order_and_only_with_their_like(
    old: list[bytes], new: list[bytes]
) -> None:
    pairs = [(n, place) for n, place in enumerate(align(old, new)) if place >= 0]
    assert all(old[n] == new[place] for n, place in pairs)
    assert [place for _, place in pairs] == sorted({place for _, place in pairs})


def _series(lines: list[bytes]) -> Series:
    """A commit that adds a file of these lines."""
    head = b"diff --git a/f b/f\nnew file mode 100644\n--- /dev/null\n+++ b/f\n"
    body = b"@@ -0,0 +1,%d @@\n" % len(lines) + b"".join(b"+%s\n" % line for line in lines)
    diff = head + body
    hunk = ParsedHunk(0, 0, 1, len(lines), len(head), len(body))
    file = ParsedFile("f", "", PatchFile.Status.ADDED, 0, len(diff), hunks=[hunk])
    return series_of_parsed(ParsedPatch(diff, [ParsedCommit(0, len(diff), [file])], ""))
