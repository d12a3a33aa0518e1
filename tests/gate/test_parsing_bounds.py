"""What a message may cost: each of these is ten times and more beyond what is looked at.

Without its bound each takes minutes or all memory; what is asserted is where the reader stopped.
`bench/mail_parsing.py` has the seconds.
"""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from notifications.gate.parsing import limits, read
from notifications.gate.parsing.headers import parameters
from notifications.gate.parsing.html import text_of_html
from notifications.gate.parsing.own_words import own_words as cut
from notifications.gate.parsing.tnef import read_winmail
from notifications.gate.parsing.tree import read_tree
from tests.gate.corpus import OTHERS
from tests.gate.corpus.building import answer, head, multipart, part
from tests.gate.corpus.structures import OBJECT_OF_PROPERTIES, winmail


def nested(levels: int) -> bytes:
    inner = part("+1\n")
    for level in range(levels):
        inner = multipart("mixed", inner, boundary=f"level{level}")
    return head() + inner


def test_nesting_is_followed_for_fifty_levels() -> None:
    assert read(nested(limits.DEPTH)).own_text == "+1"
    assert read(nested(limits.DEPTH + 1)).own_text == ""
    assert len(list(read_tree(nested(10 * limits.DEPTH)).walk())) == limits.DEPTH + 1


def test_bytes_are_searched_for_boundaries_only_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = nested(limits.DEPTH)
    monkeypatch.setattr(limits, "SCANNED_BYTES", 3 * len(raw))

    assert 3 <= len(list(read_tree(raw).walk())) < 10


def test_parts_and_boundaries_are_counted() -> None:
    many = head() + multipart("mixed", *[part("x", "text/x-log; name=l")] * 10 * limits.PARTS)
    empty = head() + multipart("mixed", *[b"\n"] * 10 * limits.BOUNDARIES, part("+1"))

    assert len(list(read_tree(many).walk())) == limits.PARTS
    assert len(read(many).files) == limits.FILES
    assert read(empty).own_text == ""


def test_texts_in_many_parts_are_read_as_one_would_be() -> None:
    parts = [part(f"{number} " + "word " * 200) for number in range(10 * limits.TEXTS)]
    mixed = read(head() + multipart("mixed", *parts))
    markup = [part(f"<p>{number}</p>", "text/html") for number in range(10 * limits.TEXTS)]
    alternative = read(head() + multipart("alternative", *markup))

    assert len(mixed.text.split("\n")) == limits.TEXTS
    assert mixed.faults == alternative.faults != ()
    assert alternative.own_text == str(limits.TEXTS - 1)


def test_a_text_is_read_up_to_a_length() -> None:
    mail = read(answer("word " * (2 * limits.TEXT)))

    assert len(mail.text) <= limits.TEXT
    assert "too long" in mail.faults[0]


def test_a_page_is_read_up_to_so_many_elements() -> None:
    assert text_of_html("<i>x</i>" * 10_000).count("x") == 10_000
    assert text_of_html("<p>a" + "<b></b>" * 2 * limits.HTML_ELEMENTS + "<b>end").strip() == "a"
    assert "end" in text_of_html("<div>" * 10 * limits.HTML_DEPTH + "end")
    text_of_html("<div>" * 60_000 + "end")
    text_of_html("<table><tr><td>" * 20_000)


def test_what_only_looks_like_an_attribution_is_asked_so_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def tells(words: str) -> bool:
        asked.append(words)
        return False

    # The package has a function of that name.
    module = import_module("notifications.gate.parsing.own_words")
    monkeypatch.setattr(module, "names_author", tells)
    cut("On 1.1.2026 12:30 this is about it:\nand\n" * 10 * limits.ATTRIBUTIONS, is_reply=True)

    assert 0 < len(asked) <= limits.ATTRIBUTIONS * 4
    assert max(map(len, asked)) <= limits.OWN_LINE


@pytest.mark.parametrize(
    "line",
    [
        "> " * 250_000,
        ">" * 500_000,
        "On x " * 100_000 + "wrote:",
        ": " * 250_000,
        "-" * 250_000 + " x",
        "x--" * 160_000,
        "_" * 500_000,
        "From: " * 80_000,
        "sent from my iphone " * 25_000,
    ],
)
def test_a_line_without_end_is_read(line: str) -> None:
    mail = read(answer(f"+1\n\n{line}\n"))

    assert mail.own_text.startswith("+1")


@pytest.mark.parametrize(
    "line",
    [
        "> " * 40,
        ">" * 200,
        "On Mon, 23 Nov 2026, Ada <a@example.org> wrote:",
        "-" * 590 + " x",
        "x--" * 190,
        ":" + " " * 500 + "x",
        "_" * 40,
        "From: a",
        "--- a ---",
        "-- ",
        "> ----- Reply above this line -----",
        "Am 12:30 schrieb " + "Am schrieb " * 25 + ":",
    ],
)
def test_a_hundred_thousand_lines_are_read(line: str) -> None:
    mail = read(answer(f"+1\n\n{line}\n" + f"{line}\n" * min(100_000, 20_000_000 // len(line))))

    assert mail.own_text.startswith("+1")
    assert mail.own_text.count("\n") <= limits.OWN_LINES


def test_a_hundred_thousand_quoted_lines_are_dropped() -> None:
    quote = f"> {OTHERS} said a lot about it.\n" * 100_000

    assert read(answer(f"+1\n\nOn 23 Nov 2026 Ada wrote:\n{quote}")).own_text == "+1"


def test_headers_without_end_are_passed_over() -> None:
    many = read(b"X-A: b\n" * 2_000_000 + b"\n+1\n")
    long = read(b"Subject: " + b"=?utf-8?q?a?= " * 500_000 + b"\n\n+1\n")
    authors = read(b"From: " + b"a@example.org," * 500_000 + b"\n\n+1\n")

    assert many.own_text == long.own_text == authors.own_text == "+1"
    assert len(long.subject) <= limits.SUBJECT
    assert len(authors.from_addresses) <= limits.ADDRESSES


@pytest.mark.parametrize("field", ['"\\', "(", "<", '"', "=?a?q?", "a@b ", ",", "\\"])
def test_a_header_of_signs_is_read(field: str) -> None:
    mail = read(
        f"From: {field * 8_000}\nContent-Type: text/plain; name={field * 8_000}\n\n+1\n".encode()
    )

    assert mail.own_text == "+1"


def test_counts_in_a_winmail_are_not_believed() -> None:
    whole = winmail()
    for found in re.finditer(rb"\x01\x00\x00\x00|\x02\x00\x00\x00", whole):
        lying = whole[: found.start()] + b"\xff\xff\xff\xff" + whole[found.end() :]
        read_winmail(lying)
    pieces = b"\x02\x02\x90\x06\x00\x00\x00\x00\x00\x00\x00" * 10 * limits.TNEF_OBJECTS

    assert len(read_winmail(whole[:6] + pieces).files) == limits.TNEF_OBJECTS


def test_properties_of_a_winmail_are_counted_over_all_of_it() -> None:
    whole = winmail()
    # Each has a value, which counts too.
    times = limits.TNEF_PROPERTIES // 2_000
    few, many = (OBJECT_OF_PROPERTIES * count for count in (times - 1, times))

    assert read_winmail(whole[:6] + few + whole[6:]).body == "It stops."
    assert read_winmail(whole[:6] + many + whole[6:]).body == b""


def test_only_the_first_of_many_winmails_are_opened() -> None:
    one = part(winmail(""), "application/ms-tnef; name=winmail.dat", "base64")
    files = read(head() + multipart("mixed", *[one] * (limits.WINMAILS + 2))).files

    assert [file.name for file in files].count("a.log") == limits.WINMAILS
    assert [file.name for file in files].count("winmail.dat") == 2


def test_thousands_of_markers_with_an_answer_far_below_are_read() -> None:
    quoted = "> q\n> ----- Reply above this line -----\n" * 9_000
    assert cut(f"{quoted}> q\n\nMine.", is_reply=True).endswith("Mine.")


def test_an_author_before_each_of_many_quotes_is_asked_about_so_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def tells(words: str) -> bool:
        asked.append(words)
        return False

    monkeypatch.setattr(
        import_module("notifications.gate.parsing.own_words"), "names_author", tells
    )
    cut("it was 12:30 there:\n> q\n" * 10 * limits.ATTRIBUTIONS, is_reply=True)

    assert 0 < len(asked) <= limits.ATTRIBUTIONS * 4


def test_of_very_many_parameters_the_first_are_read() -> None:
    pieces = "; ".join(f"name*{number}*=%41" for number in range(20))

    assert parameters(f"a/b; {pieces}", "name") == "A" * 20
    assert parameters("a/b; name=x" + ";" * 16_000, "name") == "x"
    assert parameters("a/b" + ";" * 2 * limits.PARAMETERS + "; name=x", "name") == ""


def test_headers_above_all_parts_are_read_up_to_a_length(monkeypatch: pytest.MonkeyPatch) -> None:
    each = b"X-A: b\n" * 100 + b"\nhi\n"
    monkeypatch.setattr(limits, "ALL_HEADER_BYTES", 10 * len(each))

    assert len(list(read_tree(head() + multipart("mixed", *[each] * 50)).walk())) < 20


def test_lines_that_are_hardly_uuencoded_are_read_so_far() -> None:
    short = part("a\n" * 100_000, "application/x; name=a", "x-uuencode")
    (file,) = read(head() + multipart("mixed", short)).files

    assert 0 < len(file.content) <= len(short) // limits.UU_LINE + limits.UU_BROKEN


def test_a_tag_of_very_many_attributes_keeps_its_name_only() -> None:
    many = " ".join(f"a{number}='>'" for number in range(20_000))

    assert text_of_html(f"<p hidden {many}>shown</p>") == "shown"
    assert text_of_html("<p hidden a='>'>not shown</p>shown") == "shown"


def test_letters_that_no_document_may_hold_are_left_out() -> None:
    link = "<a href='https://x.example/y'>%s</a>"

    assert text_of_html(link % "a\x0bb") == "ab (https://x.example/y)"
    assert text_of_html(link % "<b>a</b>b&#11;") == "ab (https://x.example/y)"
    assert text_of_html("<blockquote type=cite>&#1;q</blockquote>a") == "> q\na"
