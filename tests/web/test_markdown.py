"""Markdown: what it makes of texts, what it refuses, and that no text takes long."""

from __future__ import annotations

import re
import time

import pytest

from tracker.markdown import render


def test_a_number_becomes_a_link_to_the_problem() -> None:
    assert '<a href="/12" rel="nofollow ugc noopener">#12</a>' in render("like #12, but worse")


@pytest.mark.parametrize(
    "text", ["`#12`", "```\n#12\n```", "[see #12](https://example.org/x)", "foo#12", "/page#12"]
)
def test_a_number_elsewhere_is_no_reference(text: str) -> None:
    assert 'href="/12"' not in render(text)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("See https://example.org/a_b_c?x=1&y=2#12.", "https://example.org/a_b_c?x=1&amp;y=2#12"),
        ("(as on https://example.org/x).", "https://example.org/x"),
        ("http://example.org/x_(y) says", "http://example.org/x_(y)"),
        ("**https://example.org/**", "https://example.org/"),
        ("見て https://例え.jp/道。", "https://例え.jp/道"),
    ],
)
def test_an_address_is_a_link_without_any_mark(text: str, address: str) -> None:
    assert f'<a href="{address}" rel="nofollow ugc noopener">{address}</a>' in render(text)
    assert render(text).count("<a ") == 1


@pytest.mark.parametrize("text", ["`https://example.org/`", "xhttps://example.org/", "https://"])
def test_an_address_in_code_or_in_a_word_is_none(text: str) -> None:
    assert "<a " not in render(text)


def test_a_person_is_marked_but_an_address_is_not() -> None:
    assert '<span class="mention">@rita</span>' in render("ask @rita.")
    assert "mention" not in render("write to rita@example.org")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        '[x](https://example.org "\\" onmouseover=alert(1)")',
        "[x]: javascript:alert(1)\n\n[x]",
    ],
)
def test_nothing_that_runs_comes_through(text: str) -> None:
    shown = render(text)
    elements = re.findall(r"<[^>]*>", shown)
    assert all(re.match(r"</?(p|a)\b", element) for element in elements)
    # What looks like an attribute is either escaped text or inside another attribute's quotes.
    unquoted = [re.sub(r'"[^"]*"', '""', element) for element in elements]
    assert not any(re.search(r"\son\w+=", element) for element in unquoted)
    assert not re.search(r'href="(javascript|data):', shown)


def test_a_picture_from_elsewhere_is_a_link_and_is_not_fetched() -> None:
    shown = render("![a graph](https://example.org/a.png)")
    assert "<img" not in shown
    assert '<a href="https://example.org/a.png"' in shown
    assert ">a graph</a>" in shown


def test_tables_lists_and_headings_stand_below_the_pages_own() -> None:
    shown = render("# Title\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n~~old~~")
    assert "<h3>Title</h3>" in shown
    assert '<td align="right">2</td>' in shown
    assert "<s>old</s>" in shown
    assert "style=" not in shown


def test_the_end_of_a_line_is_kept() -> None:
    assert "one<br>\ntwo" in render("one\ntwo")


def test_a_text_nested_too_deep_is_shown_as_typed_and_whole() -> None:
    text = "- " * 500 + "the end"
    shown = render(text)
    assert shown.startswith('<pre class="as-typed">')
    assert "the end" in shown


NASTY = {
    "brackets": "[" * 200_000,
    "bracket pairs": "[a](" * 50_000,
    "closed brackets": "[[[]]]" * 16_000,
    "images": "![[" * 33_000,
    "emphasis": "*a" * 8_000,
    "much emphasis": "*a**b_" * 2_400,
    "nested list": "\n".join(" " * min(2 * i, 300) + "- a" for i in range(1_000)),
    "list": "1. a\n" * 4_999,
    "quotes": "> " * 50_000,
    "backticks": " ".join("`" * i for i in range(440)),
    "few brackets": "[" * 9_999,
    "few images": "![" * 4_999,
    "comments": "<!--" * 9_000,
    "table": "|a|b|\n|-|-|\n" + "|x|y|\n" * 4_000,
    "definitions": "[a]: x\n" * 7_000,
    "words": "word " * 40_000,
}


@pytest.mark.parametrize("name", NASTY)
def test_no_text_takes_long(name: str) -> None:
    best = min(_seconds(NASTY[name]) for _ in range(2))
    # What grows with the square of the length takes minutes here.
    assert best < 5


def _seconds(text: str) -> float:
    started = time.process_time()
    render(text)
    return time.process_time() - started
