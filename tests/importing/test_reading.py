"""What is read of files that lie, are cut off or garbled; no database has a part in it."""

from __future__ import annotations

import base64
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.importing.helpers import SAMPLES, a_bug, attachment, bugzilla, look, mail, write
from tracker.importing.source import UnreadableFile

SAMPLE_OF = {
    "bugzilla-xml": "bugzilla.xml", "gnats": "reports.gnats", "mbox": "list.mbox",
    "debbugs": "bug_87.mbox", "github": "github.json", "gitea": "gitea.json",
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLE_OF)
def test_a_file_that_is_cut_off_anywhere_is_refused_or_read_as_far_as_it_is_whole(
    tmp_path: Path, name: str
) -> None:
    whole = (SAMPLES / SAMPLE_OF[name]).read_bytes()
    for end in random.Random(7).sample(range(len(whole)), 60):
        path = write(tmp_path, whole[:end], SAMPLE_OF[name])
        try:
            look(path, name)
        except UnreadableFile:
            continue
        # Only formats without an end can be cut without it being noticed.
        assert name in ("gnats", "mbox", "debbugs")


@pytest.mark.parametrize("name", SAMPLE_OF)
def test_bytes_that_were_garbled_never_make_a_traceback(tmp_path: Path, name: str) -> None:
    whole = (SAMPLES / SAMPLE_OF[name]).read_bytes()
    chance = random.Random(11)
    for _ in range(60):
        garbled = bytearray(whole)
        for _ in range(chance.choice((1, 5, 50))):
            garbled[chance.randrange(len(garbled))] = chance.randrange(256)
        with suppress(UnreadableFile):
            look(write(tmp_path, bytes(garbled), SAMPLE_OF[name]), name)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=3), inside),
    max_leaves=4,
)


def _places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, child in items:
        found.append((*way, key))
        if isinstance(child, (dict, list)):
            found += _places(child, (*way, key))
    return found


@settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data(), sample=st.sampled_from(["github.json", "gitea.json"]), odd=_ANYTHING)
def test_json_of_a_wrong_type_at_any_place_costs_one_issue_at_the_most(
    tmp_path: Path, data: st.DataObject, sample: str, odd: Any
) -> None:
    issues = json.loads((SAMPLES / sample).read_text())
    *way, last = data.draw(st.sampled_from(_places(issues)))
    holder = issues
    for key in way:
        holder = holder[key]
    holder[last] = odd
    try:
        rows, skipped, reading = look(write(tmp_path, json.dumps(issues), sample), "github")
    except UnreadableFile:
        assert not way  # the issue itself is something else
        return
    whole = len(issues) - sum(bool(issue.get("pull_request")) for issue in issues)
    assert len(rows) + len(skipped) == whole
    assert len(skipped) <= 1 or way == []
    assert reading.left_out["pull requests"] == len(issues) - whole


def test_times_beyond_the_calendar_cost_a_problem_or_a_comment_its_time(tmp_path: Path) -> None:
    late = "9999-12-31 23:59:59 -1200"
    comment = "<long_desc><thetext>{0}</thetext><bug_when>{1}</bug_when></long_desc>"
    comments = comment.format("first", "") + comment.format("second", late)
    text = bugzilla(a_bug(1, creation_ts=late) + a_bug(2, comments))
    rows, skipped, _ = look(write(tmp_path, text, "a.xml"))
    assert skipped[0][0] == "bug 1, line 2"
    assert "lies outside the calendar" in skipped[0][1]
    assert rows[0].comments[0].at == rows[0].created_at
    assert "1 comments had times that cannot be read." in rows[0].notes


def test_what_is_too_large_is_not_held_in_memory(tmp_path: Path, settings: Any) -> None:
    settings.ATTACHMENT_BYTES = 1_000
    data = base64.b64encode(b"x" * 3_000_000).decode()
    path = write(tmp_path, bugzilla(a_bug(1, attachment(data))), "a.xml")
    rows, _, _ = look(path)
    assert rows[0].files[0].content is None
    assert "has 3,000,000 bytes" in rows[0].files[0].fault


def test_csv_of_an_old_windows_keeps_its_quotation_marks(tmp_path: Path) -> None:
    text = "bug_id,bug_status,short_desc,opendate\n1,NEW,“größe” – 5 €,2020-01-02 10:00:00\n"
    rows, skipped, reading = look(write(tmp_path, text.encode("cp1252"), "bugs.csv"))
    assert [(row.synopsis, row.created_at.year, skipped) for row in rows] == [
        ("“größe” – 5 €", 2020, []),
    ]  # fmt: skip
    assert "It is not in UTF-8; it was read as Windows-1252." in reading.said
    latin = write(tmp_path, text.replace("“", "").replace("”", "").encode("latin-1", "replace"),
                  "old.csv")  # fmt: skip
    assert "It is not in UTF-8; it was read as Latin-1." in look(latin)[2].said


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (mail(b"caf\xe9", b"Content-Type: text/plain; charset=utf-8\n"), "café"),
        (mail("café".encode(), b"Content-Type: text/plain; charset=us-ascii\n"), "café"),
        (mail("café".encode(), b"Content-Type: text/plain; charset=klingon\n"), "café"),
        (mail(b"caf=C3=A9", b"Content-Transfer-Encoding: quoted-printable\n"), "café"),
        (mail(b"esc \x1b[31m nul \0", b""), "esc ␛[31m nul ␀"),
        (mail(b"!!!", b"Content-Transfer-Encoding: base64\n"), None),
        (mail(b"x", b"Date: 99 Foo 9999\nFrom: <<<>>>\nContent-Type: a/b; c=; =d\n"), None),
        (mail(b"x", b"Content-Type: multipart/mixed\n"), None),
        (mail(b"x", b"Subject: =?utf-8?b?!!!?= =?klingon?q?x?=\n"), "x"),
    ],
)
def test_a_mail_that_lies_costs_its_own_text_at_the_most(
    tmp_path: Path, raw: bytes, expected: str | None
) -> None:
    path = write(tmp_path, raw + mail(b"whole", key=b"two@example.org"), "a.mbox")
    rows, skipped, _ = look(path)
    assert (len(rows), skipped) == (2, [])
    assert rows[1].description == "whole"
    if expected is not None:
        assert rows[0].description == expected


def test_mails_that_nest_parts_without_end_are_read_in_time(tmp_path: Path) -> None:
    nest = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (i, i) for i in range(5_000)
    )
    path = write(
        tmp_path, mail(b"--b\n" + nest, b'Content-Type: multipart/mixed; boundary="b"\n'), "a"
    )
    rows, _, _ = look(path)
    assert [row.synopsis for row in rows] == ["It breaks"]


def test_mails_that_refer_to_each_other_in_a_ring_are_one_thread(tmp_path: Path) -> None:
    ring = [
        mail(b"%d" % i, b"References: <m%d@example.org>\n" % ((i + 1) % 3), b"m%d@example.org" % i)
        for i in range(3)
    ]
    rows, _, _ = look(write(tmp_path, b"".join(ring), "a.mbox"))
    assert len(rows) == 1
    assert len(rows[0].comments) == 2


def test_a_comment_of_megabytes_is_cut_and_attached_whole(tmp_path: Path) -> None:
    long = "line\n" * 100_000
    comment = "".join(f"<long_desc><thetext>{text}</thetext></long_desc>" for text in ("a", long))
    rows, _, _ = look(write(tmp_path, bugzilla(a_bug(1, comment)), "a.xml"))
    assert rows[0].comments[0].text.endswith("(cut here; the whole text is attached)")
    assert rows[0].long_texts[0][1] == long.strip()
