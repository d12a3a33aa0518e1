"""What of a text is marked, and which piece of a long one is shown."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.problems import make_problem, make_product
from tracker.models import Door
from tracker.services import comment
from votes.listing import parse_text
from votes.search.highlight import SNIPPET_CHARS, Marker, matches

AssertQueries = Callable[..., Any]


def marked(search: str, text: str) -> list[str]:
    """The pieces of `text` that a search marks."""
    found = Marker(parse_text(search).search.text).mark(text)
    return [found.text[start:end] for start, end in found.spans]


@pytest.mark.parametrize(
    ("search", "text", "pieces"),
    [
        ("crashes", "A crash, crashed; crashing. Cash.", ["crash", "crashed", "crashing"]),
        ("CAFE", "Café or café", ["Café", "café"]),
        ("channel", "nsHttpChannel::OnStop fails", ["nsHttpChannel"]),
        ("14.3", "In 14.3-RELEASE, not 14.31", ["14.3"]),
        ("内存", "程序内存泄漏", ["内存"]),
        ("内存泄漏", "程序内存泄漏", ["内存泄漏"]),
        (
            '"page fault"',
            "A fault, a page fault (page\n**fault**)",
            ["page fault", "page\n**fault"],
        ),
        ('"page fault" at', "page fault at fault", ["page fault"]),
        ("-crash lid", "crash on lid", ["lid"]),
        ("is:open crash", "open crash is", ["crash"]),
        ("nothing", "something else", []),
    ],
)
def test_what_the_index_finds_is_marked(search: str, text: str, pieces: list[str]) -> None:
    assert marked(search, text) == pieces


def test_html_in_a_text_stays_text_around_and_inside_of_marks() -> None:
    marker = Marker(parse_text("script alert").search.text)
    html = marker.mark("<script>alert('1')</script> & so").html
    assert html == (
        "&lt;<mark>script</mark>&gt;<mark>alert</mark>(&#x27;1&#x27;)"
        "&lt;/<mark>script</mark>&gt; &amp; so"
    )
    assert "<script" not in marker.snippet("<script>alert</script> " * 99).html


def test_the_snippet_is_the_piece_that_shows_most_of_the_words() -> None:
    text = "Gadget first. " + "None. " * 99 + "The gadget and a widget meet. " + "End. " * 60
    found = Marker(parse_text("gadget widget").search.text).snippet(text)
    assert [found.text[a:b] for a, b in found.spans] == ["gadget", "widget"]
    assert found.text.startswith("…")
    assert found.text.endswith("…")
    assert len(found.text) <= SNIPPET_CHARS + 2
    assert Marker(parse_text("zebra").search.text).snippet(text).text == ""


def test_a_long_text_of_one_word_is_cut() -> None:
    marker = Marker(parse_text("a1b").search.text)
    assert len(marker.snippet("a1b " * 300_000).text) <= SNIPPET_CHARS + 2
    assert len(marker.snippet("x" * 1_000_000).text) <= SNIPPET_CHARS + 2
    assert len(marker.snippet("a1b " + "x" * 1_000_000).text) <= SNIPPET_CHARS + 2


@pytest.mark.parametrize("rows", [1, 12])
def test_matches_of_a_page_come_from_text_or_comments_in_two_queries(
    db: None, django_assert_num_queries: AssertQueries, rows: int
) -> None:
    product = make_product("base")
    problems = [make_problem(product, synopsis="Widget", description="No.") for _ in range(rows)]
    comment(problems[0], problems[0].reporter, "Use a gadget.", Door.WEB)  # type: ignore[arg-type]
    with django_assert_num_queries(2):
        found = matches(parse_text("gadget widget").search.text, problems)
    assert found[problems[0].pk].snippet.html == "Use a <mark>gadget</mark>."
    assert found[problems[-1].pk].synopsis.html == "<mark>Widget</mark>"
    with django_assert_num_queries(0):
        assert matches(parse_text("is:open").search.text, problems) == {}


def test_the_list_marks_matches_in_rows_and_the_wrong_word_of_a_refused_search(
    client: Client, db: None
) -> None:
    make_problem(synopsis="<b>Crash</b> of <i>it</i>", description="It <u>crashed</u> twice.")
    html = client.get("/problems/", {"q": "crashes"}).content.decode()
    assert "&lt;b&gt;<mark>Crash</mark>&lt;/b&gt;" in html
    assert "It &lt;u&gt;<mark>crashed</mark>&lt;/u&gt; twice." in html
    refused = client.get("/problems/", {"q": "<i> sevrity:high"})
    assert refused.status_code == 400
    assert "&lt;i&gt; <mark>sevrity</mark>:high" in refused.content.decode()
    plain = client.get("/problems/").content.decode()
    assert not re.search("<mark>|row-snippet", plain)
