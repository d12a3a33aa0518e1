"""What comes out of mails of every make, from `tests/gate/corpus`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from notifications.gate.marker import REPLY_ABOVE, is_marker
from notifications.gate.parsed import ParsedMail
from notifications.gate.parsing import parse, read
from tests.gate.corpus import OTHERS, SAMPLES, Sample
from tests.gate.corpus.building import SENDER, answer, head, multipart, our_mail, part


def foreign(mail: ParsedMail) -> list[str]:
    """Lines of others that stand among the sender's own, and not as a quote."""
    return [
        line for line in mail.own_text.split("\n") if OTHERS in line and not line.startswith(">")
    ]


def test_the_corpus_is_large_and_each_name_is_used_once() -> None:
    names = [sample.name for sample in SAMPLES]

    assert len(names) >= 220
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])
def test_a_mail_is_read_as_it_was_meant(sample: Sample) -> None:
    mail = read(sample.raw, sample.sender)

    assert sample.own is None or mail.own_text == sample.own
    assert tuple(file.name for file in mail.files) == sample.files
    assert sample.subject is None or mail.subject == sample.subject
    assert sample.automatic in mail.automatic
    assert bool(mail.automatic) == bool(sample.automatic)
    assert mail.is_bounce == sample.is_bounce
    assert any(sample.fault in fault for fault in mail.faults) or not sample.fault
    assert bool(mail.faults) == bool(sample.fault)
    assert sample.automatic or foreign(mail) == []


def test_all_words_stay_in_the_text() -> None:
    mail = read(answer(f"Yes.\n\nOn 23 Nov 2026, at 10:00, Ada wrote:\n{our_mail()}\n"))

    assert mail.own_text == "Yes."
    assert f"> Which {OTHERS} version?" in mail.text


def test_headers_are_read() -> None:
    mail = read(
        answer(
            "+1", Reply_To="Bela <Other@Example.org>", From="=?utf-8?q?B=C3=A9la?= <B@Example.org>"
        )
    )

    assert mail.message_id == "answer-1@mail.example.org"
    assert mail.references == ("problem-7@problems.example.org", "event-1.2@problems.example.org")
    assert (mail.from_name, mail.from_address) == ("Béla", "b@example.org")
    assert mail.reply_to == "other@example.org"
    assert mail.date == datetime(2026, 11, 23, 9, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "given", ["", "yesterday", "Mon, 99 Nov 2026 10:00:00", "1 Jan 99999 1:1:1", "0"]
)
def test_a_date_that_no_calendar_has_is_none(given: str) -> None:
    assert read(answer("+1", Date=given)).date is None


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("bela@example.org", ["bela@example.org"]),
        ("<bela@example.org>", ["bela@example.org"]),
        ("Bela (in the office) <bela@example.org>", ["bela@example.org"]),
        ("bela@example.org (Bela)", ["bela@example.org"]),
        ('"Bela, Test" <bela@example.org>', ["bela@example.org"]),
        ('"ada@example.org" <bela@example.org>', ["bela@example.org"]),
        ("ada@example.org <bela@example.org>", ["bela@example.org"]),
        ("(ada@example.org) bela@example.org", ["bela@example.org"]),
        ('"x" <bela@example.org>, ada@example.org', ["bela@example.org", "ada@example.org"]),
        ("<ada@example.org> <bela@example.org>", ["ada@example.org", "bela@example.org"]),
        ("bela@example.org\nFrom: ada@example.org", ["bela@example.org", "ada@example.org"]),
        ("=?utf-8?q?ada=40example=2Eorg?= <bela@example.org>", ["bela@example.org"]),
        ("=?utf-8?q?ada=40example=2Eorg?=", []),
        ("ada@example.org@example.net", []),
        ("ada@example.org)bela@example.net", []),
        ("undisclosed-recipients:;", []),
        ("Team: ada@example.org, bela@example.org;", ["ada@example.org", "bela@example.org"]),
        ("nobody", []),
    ],
)  # fmt: skip
def test_only_what_is_an_address_is_taken_for_one(given: str, found: list[str]) -> None:
    mail = read(answer("+1", From=given))

    assert list(mail.from_addresses) == found
    assert mail.from_address == (found[0] if len(found) == 1 else "")


def test_the_contents_of_files_are_as_they_were() -> None:
    content = bytes(range(256)) * 10
    attached = part(content, "application/x-bin; name=a.bin", "base64")
    inner = part(head() + part("x"), "message/rfc822")
    mail = read(head() + multipart("mixed", part("+1"), attached, inner))

    assert [file.content for file in mail.files] == [content, head() + part("x")]
    assert [file.content_type for file in mail.files] == ["application/x-bin", "message/rfc822"]


def test_a_picture_in_the_text_is_told_from_a_file() -> None:
    picture = part(
        "x", "image/png; name=a.png", "", "Content-ID: <a>", "Content-Disposition: inline"
    )
    file = part(
        "x", "image/png; name=b.png", "", "Content-ID: <b>", "Content-Disposition: attachment"
    )
    mail = read(
        head() + multipart("related", part("<p>+1<img src='cid:a'>", "text/html"), picture, file)
    )

    assert [(each.name, each.is_inline) for each in mail.files] == [
        ("a.png", True),
        ("b.png", False),
    ]


def test_a_loop_of_somebody_else_is_no_loop_of_ours() -> None:
    theirs = answer("hello", X_Loop="bela@example.org")

    assert read(theirs, SENDER, host="problems.example.org").automatic == ""
    ours = answer("hello", X_Loop="Problems.example.org")
    assert "X-Loop" in read(ours, SENDER, host="problems.example.org").automatic


def test_a_sender_that_is_not_known_is_not_nobody() -> None:
    raw = answer("hello", Return_Path="")

    assert read(raw).automatic == ""
    assert read(raw, sender="").automatic == "null return path"


def test_the_marker_is_known_however_it_comes_back() -> None:
    for line in (
        REPLY_ABOVE,
        f"> > {REPLY_ABOVE}",
        f"*{REPLY_ABOVE}*",
        REPLY_ABOVE.replace("-", "–"),
    ):
        assert is_marker(line)
    assert not is_marker(f"I wrote {REPLY_ABOVE}")


def test_what_fails_to_be_read_is_given_back_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes) -> None:
        raise RecursionError

    monkeypatch.setattr("notifications.gate.parsing.read_tree", fail)
    mail = parse(answer("+1"))

    assert mail.automatic == "cannot be read"
    assert mail.faults


def test_an_emoji_that_is_a_picture_is_a_word_and_other_pictures_are_none() -> None:
    for alt, own in (("👍", "👍"), ("❤️", "❤️"), ("image.png", ""), ("図1", "")):
        html = f'<div><img src="cid:1" alt="{alt}"></div>'
        assert read(head() + part(html, "text/html; charset=utf-8")).own_text == own


def test_a_reaction_is_its_emoji_and_no_file() -> None:
    mail = read(
        head()
        + multipart(
            "alternative",
            part("👍"),
            part('{"emoji":"👍","version":1}', "text/vnd.google.email-reaction+json"),
            part("<p>👍</p><p>Bela reacted via Gmail</p>", "text/html; charset=utf-8"),
        )
    )

    assert (mail.own_text, mail.files) == ("👍", ())
