"""The grammar of the search box: what is read, what is refused, and where."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from votes.search.language import (
    MAX_CHARS,
    MAX_EXCLUDED_PHRASES,
    MAX_FAULTS,
    Qualifier,
    Query,
    Word,
    parse,
)
from votes.search.qualifiers import NAMES, QUALIFIERS
from votes.search.values import WrongValue, choice, numbers, span

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def read(text: str) -> Query:
    """The tree of a text without faults."""
    query, faults = parse(text, NAMES, QUALIFIERS)
    assert not faults, [str(fault) for fault in faults]
    return query


def faults_of(text: str) -> list[str]:
    return [str(fault) for fault in parse(text, NAMES, QUALIFIERS)[1]]


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("panic resume", [Word("panic"), Word("resume")]),
        ('"page fault"', [Word("page fault", is_phrase=True)]),
        ("“page fault”", [Word("page fault", is_phrase=True)]),
        ("-wifi", [Word("wifi", is_negated=True)]),
        ('-"page fault"', [Word("page fault", is_phrase=True, is_negated=True)]),
        ("--verbose - 5-3", [Word("--verbose"), Word("-"), Word("5-3")]),
        ("state:new,open", [Qualifier("state", ("new", "open"))]),
        ('state:"in progress",new', [Qualifier("state", ("in progress", "new"))]),
        ("-is:confidential", [Qualifier("is", ("confidential",), is_negated=True)]),
        ("IS:open reporter:rita", [Qualifier("is", ("open",)), Qualifier("author", ("rita",))]),
        ('synopsis\\ "C:\\dir" "say \\"so\\""', [
            Word("synopsis\\"), Word("C:\\dir", is_phrase=True), Word('say "so"', is_phrase=True),
        ]),
        ("std::vector http://a.example/b 12:30 C:\\x", [
            Word("std::vector"), Word("http://a.example/b"), Word("12:30"), Word("C:\\x"),
        ]),
        ("em0: link if_em.c:123 panic: oops", [
            Word("em0:"), Word("link"), Word("if_em.c:123"), Word("panic:"), Word("oops"),
        ]),
        ('5" disk', [Word('5"'), Word("disk")]),
        ('"foo:bar"', [Word("foo:bar", is_phrase=True)]),
        ("  ", []),
    ],
)  # fmt: skip
def test_a_text_is_read_as_its_words_phrases_and_qualifiers(
    text: str, terms: list[Word | Qualifier]
) -> None:
    assert list(read(text).terms) == terms


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("panic sevrity:high", "“sevrity” (at character 7). Did you mean “severity”?"),
        ("-assigne:me", "There is no qualifier “assigne” (at character 2). Did you mean “assign"),
        ("foo:bar", '(at character 1). To find it as a word, write "foo:bar"'),
        ('a "page fault', "The quotation mark at character 3 is never closed"),
        ("severity: high", "“severity:” at character 10 lacks a value"),
        ("severity:major,", "“severity:” at character 16 lacks a value"),
        ('severity:""', "lacks a value"),
        ("disk OR tape", "“OR” at character 6 is no operator here: write the values of one"),
        ("NOT tape", "put a minus before what must not be found"),
        ("(is:open kernel)", "The parenthesis at character 1 has no meaning here"),
        ("x" * 2001, "Search for 2,000 characters at the most; these are 2,001."),
        ("a " * 33, "Search for 32 words at the most; these are 33."),
        ('-"a b" ' * 5, "Exclude 4 phrases at the most; these are 5."),
        ("is:open " * 41, "Use 40 qualifiers at the most; these are 41."),
        ("state:" + "new," * 50 + "new", "Give qualifiers 50 values at the most; these have 51."),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_named_with_its_place(text: str, said: str) -> None:
    assert any(said in fault for fault in faults_of(text)), faults_of(text)


_texts = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=20)
_values = _texts.filter(lambda text: bool(text.strip()) and "“" not in text)
_words = st.builds(
    Word, st.from_regex(r"[a-z0-9é内][a-z0-9.é内/-]{0,9}", fullmatch=True), st.just(False),
    st.booleans(),
) | st.builds(Word, _texts, st.just(True), st.booleans())  # fmt: skip
_qualifiers = st.builds(
    Qualifier,
    st.sampled_from(sorted(QUALIFIERS)),
    st.lists(_values, min_size=1, max_size=3).map(tuple),
    st.booleans(),
)


def _is_plain(term: Word | Qualifier) -> bool:
    """Without the marks that reading turns into others."""
    texts = [term.text] if isinstance(term, Word) else list(term.values)
    return not any(set(text) & set("“”„‟") for text in texts)


@settings(max_examples=100, deadline=None)
@given(st.lists((_words | _qualifiers).filter(_is_plain), max_size=MAX_EXCLUDED_PHRASES))
def test_a_tree_written_as_text_reads_as_the_same_tree(terms: list[Word | Qualifier]) -> None:
    tree = Query(tuple(terms))
    query, _ = parse(str(tree), NAMES)
    assert query == tree


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80) | st.text('-:"\\, ()isopen#1<>.*“', max_size=60))
def test_any_text_is_read_without_an_error_and_its_tree_stays(text: str) -> None:
    query, _ = parse(text, NAMES, QUALIFIERS)
    again, _ = parse(str(query), NAMES, QUALIFIERS)
    assert again == query


@pytest.mark.parametrize(
    "text",
    [
        "is:open " * 5_000,
        "word " * 10_000,
        '"\\' * 999,
        "a:" * 999,
        "-" * 1_999,
        "x" * 1_000_000,
        'state:"' + "\\" * 1_900,
        "\0\x1b" * 900,
    ],
)
def test_of_a_hostile_text_few_terms_and_few_faults_remain(text: str) -> None:
    query, faults = parse(text, NAMES, QUALIFIERS)
    assert len(faults) <= MAX_FAULTS
    assert len(str(query)) <= 2 * MAX_CHARS


# ---- values


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-01-15", "2026-01-15", "2026-01-16"),
        ("2026-02", "2026-02-01", "2026-03-01"),
        ("2024", "2024-01-01", "2025-01-01"),
        (">2026-01", "2026-02-01", None),
        (">=2026-01", "2026-01-01", None),
        ("<2026-01-15", None, "2026-01-15"),
        ("<=2026-01-15", None, "2026-01-16"),
        ("2026-01-01..2026-02-01", "2026-01-01", "2026-02-02"),
        ("2026-01..*", "2026-01-01", None),
        ("<30d", "2026-10-24T12:00", None),
        ("30d", "2026-10-24T12:00", None),
        (">2w", None, "2026-11-09T12:00"),
        ("2d..1d", "2026-11-21T12:00", "2026-11-22T12:00"),
        ("1d..2d", "2026-11-21T12:00", "2026-11-22T12:00"),
        ("<6h", "2026-11-23T06:00", None),
        ("today", "2026-11-23", "2026-11-24"),
        ("yesterday", "2026-11-22", "2026-11-23"),
    ],
)
def test_times_are_read_as_spans(text: str, start: str | None, end: str | None) -> None:
    with timezone.override("UTC"):
        found = span(text, NOW)
    assert (found.start, found.end) == (start and at(start), end and at(end))


def test_a_day_is_that_of_the_readers_zone() -> None:
    with timezone.override("Pacific/Kiritimati"):
        assert span("2026-01-15", NOW).start == at("2026-01-14T10:00")


@pytest.mark.parametrize(
    "text",
    ["soon", "2026-13", "2026-02-30", "99999y", "0001-01-01", "9999", "<", "..", "30", "-5d",
     "2026-03..2026-01", "2026-01-01T10:00", "１２d", "<<5d"],
)  # fmt: skip
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongValue):
        span(text, NOW)


@pytest.mark.parametrize(
    ("text", "range_"),
    [("7", (7, 7)), ("#7", (7, 7)), (">7", (8, None)), (">=7", (7, None)), ("<7", (None, 6)),
     ("<=7", (None, 7)), ("3..7", (3, 7)), ("3..*", (3, None)), ("*..7", (None, 7))],
)  # fmt: skip
def test_numbers_are_read_as_ranges(text: str, range_: tuple[int | None, int | None]) -> None:
    assert numbers(text) == range_


@pytest.mark.parametrize("text", ["many", "-3", "7..3", "٣", "1" * 30, "1.5", ">"])
def test_a_number_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(WrongValue):
        numbers(text)


def test_hyphens_and_capitals_of_a_choice_do_not_matter_and_the_nearest_is_named() -> None:
    states = ["new", "in progress", "closed"]
    assert choice("In-Progress", states, "state") == "in progress"
    with pytest.raises(WrongValue, match=r"There is no state “closd”\. Did you mean “closed”"):
        choice("closd", states, "state")
