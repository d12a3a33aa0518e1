"""A diff as a reader sees it: lines, words that differ, colours, pages. Without a database."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from pygments.lexers import CLexer

from patches.models import PatchFile
from patches.reading import colours, paging
from patches.reading.characters import visible
from patches.reading.colours import Patience, language_of
from patches.reading.files import Bytes, FileDiff
from patches.reading.lines import LINE_CHARS, HunkAt, lines_of
from patches.reading.paging import Part, page_of_file, pages_of
from patches.reading.painting import Painted, Wanted, paint
from patches.reading.places import Place, read_place
from patches.reading.suggestions import fenced, segments
from patches.reading.words import BLOCK_CELLS, HUNK_CELLS, Budget, differences, pairs
from patches.web.diff_table import Look, Table


def painted(text: str, language: str = "") -> Painted:
    """A hunk's body, painted without a cache."""
    return paint(Wanted(text.encode(), language))[0]


def plain(html: str) -> str:
    """What a reader sees of HTML."""
    return unescape(re.sub(r"<[^>]*>", "", html))


def marked(old: str, new: str) -> tuple[list[str], list[str]] | None:
    """The words of two lines that differ."""
    found = differences(old, new, Budget())
    if found is None:
        return None
    return [old[a:b] for a, b in found[0]], [new[a:b] for a, b in found[1]]


# ---- words


@pytest.mark.parametrize(
    ("old", "new", "gone", "came"),
    [
        ("return (0);", "return (error);", ["0"], ["error"]),
        ("if (a == b)", "if (a == b && c)", [], [" && c"]),
        ("int error;", "int error = 0;", [], [" = 0"]),
        ("foo(alpha, beta);", "foo(gamma, delta);", ["alpha", "beta"], ["gamma", "delta"]),
        ("f(one two three);", "f(four five three);", ["one two"], ["four five"]),
        ("same", "same", [], []),
    ],
)
def test_words_that_differ_are_marked_and_no_others(
    old: str, new: str, gone: list[str], came: list[str]
) -> None:
    assert marked(old, new) == (gone, came)


def test_lines_with_little_in_common_are_not_compared_word_by_word() -> None:
    assert marked("alpha beta gamma;", "one two three four;") is None


def test_long_lines_are_not_compared() -> None:
    assert differences("a" * 1001, "a" * 1000 + "b", Budget()) is None


def test_a_removed_line_stands_beside_the_added_one_that_is_like_it() -> None:
    old = ["int alpha = 1;", "char *beta;"]
    new = ["long inserted;", "int alpha = 2;", "char *beta = NULL;"]
    assert pairs(old, new, Budget()) == [(None, 0), (0, 1), (1, 2)]


def test_blocks_beyond_the_bound_stand_side_by_side_in_their_order() -> None:
    many = [f"line {i} of many" for i in range(BLOCK_CELLS)]
    found = painted("".join(f"-{line}\n" for line in many) + "+line 0 of some\n+another\n")
    assert found.beside[:2] == ((0, BLOCK_CELLS), (1, BLOCK_CELLS + 1))
    assert found.beside[2] == (2, None)


def test_the_comparisons_of_a_hunk_are_bounded_whatever_is_in_it() -> None:
    budget = Budget()
    one, other = "a,b" * 300, "b,a" * 300
    for _ in range(1000):
        differences(one, other, budget)
        pairs([one[:50]] * 30, [other[:50]] * 30, budget)
    assert 0 <= budget.cells < HUNK_CELLS


# ---- characters


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\u202eb", "aU+202Eb"),
        ("\u2066x\u2069", "U+2066xU+2069"),
        ("zero\u200bwidth", "zeroU+200Bwidth"),
        ("nul\x00", "nulU+0000"),
        ("esc\x1b[31m", "escU+001B[31m"),
        ("bom\ufeff", "bomU+FEFF"),
        ("tag\U000e0041", "tagU+E0041"),
        ("end\r", "endCR"),
        ("\ttabs and caf\u00e9 stay", "\ttabs and caf\u00e9 stay"),
    ],
)
def test_characters_that_nobody_sees_are_shown_by_their_number(text: str, seen: str) -> None:
    assert plain(visible(text)) == seen


def test_markup_in_a_diff_is_text() -> None:
    html = painted("-<b>&amp;</b>\n+<script>alert(1)</script>\n", "c").rows[1].html
    assert "<script" not in html
    assert plain(html) == "<script>alert(1)</script>"


def test_bytes_that_are_not_utf8_are_shown_as_replaced() -> None:
    rows = paint(Wanted(b"+caf\xe9\n"))[0].rows
    assert plain(rows[0].html) == "caf\ufffd"


def test_blanks_at_the_end_of_an_added_line_are_marked() -> None:
    rows = painted(" kept \n-gone \n+came  \n").rows
    assert ["trail" in row.html for row in rows] == [False, False, True]


def test_blanks_are_seen_where_that_is_asked_for() -> None:
    html = paint(Wanted(b" \ta  b\n", blanks=True))[0].rows[0].html
    assert html == '<span class="tab">\t</span>a<span class="sp">  </span>b'
    assert plain(paint(Wanted(b" \x00 \x07\n", blanks=True))[0].rows[0].html) == "U+0000 U+0007"


def test_a_change_of_line_ends_alone_can_be_seen() -> None:
    rows = painted("-same\r\n+same\n").rows
    assert [plain(row.html) for row in rows] == ["sameCR", "same"]
    assert [plain(row.html) for row in painted(" all\r\n+dos\r\n").rows] == ["all", "dos"]


# ---- colours

CODE = [
    ("c", 'static int f(void) { return "s"; } /* so */', "kmsrtf"),
    ("python", "def f(x): return 'text'  # why", "kfsr"),
    ("make", "all: ; $(CC) -o $@  # why", ""),
]


@pytest.mark.parametrize(("language", "line", "kinds"), CODE)
def test_colours_leave_every_character_where_it_is(language: str, line: str, kinds: str) -> None:
    found = colours.colours([line, ""], language)
    assert found is not None
    assert "".join(text for _, text in found[0]) == line
    assert found[1] == []
    assert {kind for kind, _ in found[0]} >= set(kinds) - {"m"}


def test_a_hunk_that_begins_in_a_comment_has_its_colours() -> None:
    found = colours.colours([" * as before", " */", "int x;"], "c")
    assert found is not None
    assert found[0] == [("r", " * as before")]
    assert found[2][0] == ("t", "int ")


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("if_em.c", "c"), ("x.hpp", "cpp"), ("Makefile", "make"), ("bsd.own.mk", "make"),
        ("em.4", "groff"), ("em.PY", "python"), ("README", ""), ("a.tar.gz", ""), ("", ""),
    ],
)  # fmt: skip
def test_the_language_is_known_by_the_name(name: str, language: str) -> None:
    assert language_of(name) == language


def test_a_lexer_that_fails_costs_the_colours_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: CLexer, text: str) -> Iterator[None]:
        raise RecursionError(text)

    monkeypatch.setattr(CLexer, "get_tokens_unprocessed", fail)
    assert colours.colours(["int x;"], "c") is None
    assert plain(painted("+int x;\n", "c").rows[0].html) == "int x;"


def test_a_lexer_that_loses_text_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CLexer, "get_tokens_unprocessed", lambda self, text: iter([(0, "", "no")]))
    assert colours.colours(["int x;"], "c") is None


def test_without_time_there_are_no_colours_and_nothing_is_kept_for_good() -> None:
    found, is_final = paint(Wanted(b"+int x;\n", "c"), Patience(left=0.0))
    assert found.rows[0].html == "int x;"
    assert not is_final


def test_a_removed_line_does_not_lend_its_comment_to_those_after_it() -> None:
    rows = painted("-/* begun\n+int x;\n int y;\n", "c").rows
    assert [row.html for row in rows[1:]] == ['<i class="t">int </i>x;', '<i class="t">int </i>y;']
    assert rows[0].html == '<i class="r">/* begun</i>'


def test_a_long_line_is_plain_beside_coloured_ones() -> None:
    rows = painted("+int x;\n+" + "y" * 1500 + "\n", "c").rows
    assert '<i class="t">' in rows[0].html
    assert rows[1].html == "y" * 1500


# ---- lines and pages


def test_a_line_of_300_kb_is_cut() -> None:
    line = lines_of(b"+" + b"x" * 300_000 + b"\n+y\n")[0]
    assert line.is_cut
    assert len(line.text) == LINE_CHARS


def test_a_file_that_ends_without_a_line_end_says_so() -> None:
    rows = painted("-a\n+b\n\\ No newline at end of file\n").rows
    assert [row.ends for row in rows] == ["", "open"]


@pytest.fixture
def short_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pages of a hundred rows."""
    monkeypatch.setattr(paging, "ROWS", 100)
    return 100


def made(path: str, rows: int, *, hunk_bytes: int = 0, offset: int = 0) -> FileDiff:
    """A file of so many added rows."""
    size = hunk_bytes or 20 * rows
    return FileDiff(
        path, 1, 1, path, "", PatchFile.Status.ADDED, False, "", "", rows, 0, size,
        (HunkAt(0, 0, 1, rows, offset, size),),
    )  # fmt: skip


def test_files_fill_pages_and_each_is_on_one_of_them(short_pages: int) -> None:
    files = [made(f"f{i}", 30) for i in range(100)]
    pages = pages_of(files)
    assert [each.file for page in pages for each in page.files] == files
    assert all(sum(each.file.rows for each in page.files) <= short_pages for page in pages)
    assert len(pages) == 50


def test_a_file_that_fills_a_page_alone_is_folded(
    short_pages: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "BYTES", 3 * LINE_CHARS)
    wide = made("wide", 10, hunk_bytes=3 * LINE_CHARS + 1)
    # Of a long line little is shown.
    one_line = made("one line", 1, hunk_bytes=300_000)
    files = [made("small", 10), made("long", short_pages + 1), wide, one_line]
    assert [each.is_folded for each in pages_of(files)[0].files] == [False, True, True, False]


def test_the_pages_of_one_large_file_have_each_of_its_rows_once(short_pages: int) -> None:
    body = b"".join(b" same %d\n" % i + b"-old\n+new\n" for i in range(short_pages))
    data = b"@@ -1,9 +1,9 @@\n" + body
    file = FileDiff(
        "1", 1, 1, "a.txt", "", PatchFile.Status.MODIFIED, False, "", "", 100, 100, len(data),
        (HunkAt(1, 200, 1, 200, 0, len(data)),),
    )  # fmt: skip
    pages = [page_of_file(file, Bytes(data), number) for number in (1, 2, 3)]
    assert [page.count for page in pages] == [3, 3, 3]
    assert b"".join(part.data for page in pages for part in page.parts) == body
    again = page_of_file(file, Bytes(data), line=("new", 200))
    assert again.number == 3
    # The numbers go on where the page before ended.
    first = pages[1].parts[0]
    before = lines_of(pages[0].parts[0].data)
    assert first.old_start == 1 + sum(line.sign != "+" for line in before)
    assert first.new_start == 1 + sum(line.sign != "-" for line in before)


# ---- the table


def table(text: str, *, split: bool = False, comment: str = "") -> str:
    """The rows of a hunk as HTML."""
    found = Table("f1", "1:a.c", Look(split, comment, "line?at="), {})
    return "".join(found.html([Part(5, 7, "in f()", text.encode())], [painted(text)]))


def test_rows_have_the_numbers_of_both_sides() -> None:
    html = table(" same\n-old\n+new\n last\n")
    assert re.findall(r'id="f1([on]\d+)"', html) == ["o5", "n7", "o6", "n8", "o7", "n9"]


def test_side_by_side_a_changed_line_is_one_row() -> None:
    html = table(" same\n-old thing\n+new thing\n", split=True)
    row = html.split("<tr>")[2]
    assert 'id="f1o6"' in row
    assert 'id="f1n8"' in row


def test_long_files_are_several_tables_with_every_row_once() -> None:
    text = "".join(f" line {i}\n" for i in range(600))
    found = Table("f1", "1:a.c", Look(), {})
    tables = found.html([Part(1, 1, "", text.encode())], [painted(text)])
    assert len(tables) == 3
    assert re.findall(r'id="f1n(\d+)"', "".join(tables)) == [str(n) for n in range(1, 601)]


def test_line_numbers_lead_to_a_form_only_for_who_may_comment() -> None:
    assert "<a " not in table("-old\n+new\n")
    html = table("-old\n+new\n", comment="?comment=")
    assert 'href="?comment=1:a.c:old:5"' in html
    assert 'href="?comment=1:a.c:new:7"' in html


def test_a_hostile_path_stays_within_its_attribute() -> None:
    name = '1:a"><script>alert(1)</script>\u202e.c'
    found = Table("f1", name, Look(False, "?comment=", "line?at="), {})
    html = "".join(found.html([Part(1, 1, "<i>", b"+x\n")], [painted("+x\n")]))
    assert "<script" not in html
    assert "<i>" not in html
    assert '"><' not in html.replace('"><a', "").replace('"></td><', "").replace('"><td', "")


# ---- places and suggestions


@pytest.mark.parametrize(
    "text", ["2:sys/net/if.c:new:12-14", "1:a:b:old:3", "3::new:1", "all:x.c:new:7", "1:a.c:new:0"]
)
def test_a_place_is_read_as_it_is_written(text: str) -> None:
    place = read_place(text)
    assert place is not None
    assert str(place) == text


@pytest.mark.parametrize(
    "text",
    ["", "x", "1:a.c:left:3", "1:a.c:new:0-3", "1::new:0", "1:a.c:new:x", "9" * 99],
)
def test_what_names_no_place_is_none(text: str) -> None:
    assert read_place(text) is None


def test_places_are_said_in_words() -> None:
    place = read_place("1:a.c:old:9-7")
    assert place is not None
    assert place.lines_words == "lines 7 to 9 of before"
    assert isinstance(place, Place)


def test_a_suggestion_is_found_between_the_words_around_it() -> None:
    text = "Shorter:\n\n```suggestion\n\tif (m)\n\n```\nand so on"
    found = segments(text)
    assert [part.lines for part in found] == [None, ("\tif (m)", ""), None]
    assert found[2].words == "and so on"


def test_an_empty_suggestion_takes_lines_away() -> None:
    assert segments("```suggestion\n```")[0].lines == ()


def test_lines_with_fences_are_suggested_within_longer_ones() -> None:
    lines = "```\ncode\n```"
    assert segments(fenced(lines))[0].lines == tuple(lines.split("\n"))
