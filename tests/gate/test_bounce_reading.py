"""What bounces of all makes say: whether the mail arrived, will, or never can."""

from __future__ import annotations

import random

import pytest

from notifications.gate.bounce_reading import (
    GUESSED_AT_MOST,
    LONGEST_GUESSED_LINE,
    Fate,
    bounded,
    fate_of,
    read_failures,
    returned_ids,
)
from tests.gate import bounce_mails
from tests.gate.bounce_mails import BOUNCES, NO_BOUNCES

RITA = "rita@example.org"


@pytest.mark.parametrize("make", BOUNCES)
def test_each_make_of_bounce_is_understood(make: str) -> None:
    written, fate, status = BOUNCES[make]
    for raw in (written(RITA), written(RITA).replace(b"\n", b"\r\n")):
        (failure,) = read_failures(raw, [RITA])
        assert RITA in failure.addresses
        assert (failure.fate, failure.status) == (fate, status)


@pytest.mark.parametrize("kind", NO_BOUNCES)
def test_what_is_no_bounce_tells_of_no_failure(kind: str) -> None:
    assert read_failures(NO_BOUNCES[kind](RITA), [RITA]) == []


def test_a_report_of_success_is_one() -> None:
    (failure,) = read_failures(bounce_mails.arrival(RITA), [RITA])
    assert failure.fate == Fate.ARRIVED


def test_letters_beyond_ascii_in_its_headers_hide_no_bounce() -> None:
    raw = bounce_mails.qmail("rita@example.org")
    named = raw.replace(b"From: ", "From: Système ".encode("latin-1"), 1)
    assert named != raw
    assert read_failures(named, ["rita@example.org"]) == read_failures(raw, ["rita@example.org"])
    assert read_failures(named, ["rita@example.org"]) != []


def test_words_for_people_are_believed_of_the_right_address_only() -> None:
    assert read_failures(bounce_mails.qmail("sam@example.org"), [RITA]) == []
    assert read_failures(bounce_mails.german_words("sam@example.org"), [RITA]) == []


def test_reading_a_bounce_writes_nothing_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    read_failures(bounce_mails.qmail("sam@example.org"), [RITA])
    assert caplog.messages == []


def test_an_address_is_known_by_its_original_name_too() -> None:
    raw = bounce_mails.dsn("r.smith@inside.example.net", original="rita+2Btracker@example.org")
    (failure,) = read_failures(raw, [])
    assert "rita+tracker@example.org" in failure.addresses


def test_the_words_of_the_server_are_kept_in_one_line() -> None:
    (failure,) = read_failures(bounce_mails.gmail(RITA), [RITA])
    assert failure.words.startswith("550-5.1.1 The email account that you tried to reach does not")
    assert "\n" not in failure.words


@pytest.mark.parametrize(
    ("status", "words", "fate"),
    [
        ("5.1.1", "user unknown, see our spam policy", Fate.PERMANENT),
        ("5.2.1", "account disabled", Fate.PERMANENT),
        ("5.4.1", "550 5.4.1 Recipient address rejected: Access denied", Fate.PERMANENT),
        ("5.4.4", "Host or domain name not found", Fate.PERMANENT),
        ("5.0.0", "550 Requested action not taken: mailbox unavailable", Fate.PERMANENT),
        ("5.5.0", "mailbox unavailable", Fate.PERMANENT),
        ("", "550 no such user at 5.1.2.3", Fate.PERMANENT),
        ("5.0.0", "550 mailbox is full", Fate.PASSING),
        ("5.3.1", "mail system full", Fate.PASSING),
        ("4.4.1", "connection timed out", Fate.PASSING),
        ("", "451 greylisted, come back later", Fate.PASSING),
        ("5.0.0 (really)", "421 4.7.0 try later", Fate.PASSING),
        ("5.7.1", "550 5.7.1 relaying denied", Fate.REFUSED),
        ("5.2.3", "message too large for this mailbox", Fate.REFUSED),
        ("5.3.4", "message too big for system", Fate.REFUSED),
        ("5.6.0", "bad MIME", Fate.REFUSED),
        ("5.5.2", "syntax error", Fate.REFUSED),
        ("5.1.8", "sender address has bad domain", Fate.REFUSED),
        ("5.0.0", "554 listed in dnsbl.example.net", Fate.REFUSED),
    ],
)
def test_a_status_and_its_words_tell_what_became_of_the_mail(
    status: str, words: str, fate: Fate
) -> None:
    assert fate_of(status, words)[0] == fate


def test_the_returned_mail_is_found_by_its_id() -> None:
    assert "event-7.person-3@127.0.0.1" in returned_ids(bounce_mails.dsn(RITA))


def test_broken_bounces_never_raise() -> None:
    chance = random.Random(4)
    samples = [make(RITA) for make, _, _ in BOUNCES.values()]
    for _ in range(400):
        raw = bytearray(chance.choice(samples))
        for _ in range(chance.randrange(1, 12)):
            at = chance.randrange(len(raw))
            raw[at : at + chance.randrange(9)] = chance.randbytes(chance.randrange(9))
        for failure in read_failures(bytes(raw), [RITA]):
            said = " ".join([failure.words, failure.status, *failure.addresses])
            assert "\x00" not in said
            said.encode()
    read_failures(b"", [RITA])


def test_words_that_no_database_takes_are_made_fit() -> None:
    for make, _, _ in BOUNCES.values():
        odd = make(RITA).replace(b"No such", b"No\x00 \xffsuch").replace(b"no mailbox", b"\x00\xed")
        for failure in read_failures(odd, [RITA]):
            assert "\x00" not in failure.words
            failure.words.encode()


def test_what_is_guessed_from_is_bounded_in_length_and_lines() -> None:
    """The patterns for words take the square of a line: of this one, minutes."""
    raw = bounce_mails.plain(
        "MAILER-DAEMON@x.example.net", "failure", "Your message to\n" + "a@" * 99_999
    )
    lines = bounded(raw).split(b"\n")
    assert max(map(len, lines)) == LONGEST_GUESSED_LINE
    assert len(b"".join(lines)) <= GUESSED_AT_MOST
    assert read_failures(raw, [RITA]) == []


def test_a_message_of_too_many_parts_is_read_up_to_there() -> None:
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(1500)
    )
    assert read_failures(nested + b"\n" * 200_000, [RITA]) == []
