"""What a file can do wrong: one sentence with place and reason, and nothing half-written."""

from __future__ import annotations

import base64
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.importing.helpers import SAMPLES, comments_of, run, write
from tracker.importing.formats import FORMATS, choose
from tracker.importing.people import People
from tracker.importing.planning import Source, judged
from tracker.importing.rows import ImportRow
from tracker.importing.source import Reading, UnreadableFile
from tracker.importing.words import make_words
from tracker.models import Problem, Product

needs_database = pytest.mark.django_db
SAMPLE_OF = {
    "bugzilla-xml": "bugzilla.xml", "gnats": "reports.gnats", "mbox": "list.mbox",
    "debbugs": "bug_87.mbox", "github": "github.json", "gitea": "gitea.json",
}  # fmt: skip


def look(path: Path, name: str = "auto") -> tuple[list[ImportRow], list[tuple[str, str]], Reading]:
    """(rows, what was skipped, the reading) of a file, judged without a database."""
    chosen = FORMATS[name] if name != "auto" else choose(path, name)
    source = Source(path, chosen, make_words(chosen.system, []), People(), "Heath")
    reading, skipped = Reading(path.parent), list[tuple[str, str]]()
    rows = [row for _, row in judged(source, reading, skipped) if row is not None]
    return rows, skipped, reading


def bugzilla(inside: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>\n{before}<bugzilla version="5.0">{inside}</bugzilla>'


def a_bug(number: int = 1, more: str = "", **said: str) -> str:
    values = {
        "bug_id": str(number), "creation_ts": "2020-01-02 10:00:00 +0000",
        "short_desc": f"bug {number}", "bug_status": "NEW", "component": "net",
    } | said  # fmt: skip
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f"<bug>{fields}{more}</bug>"


LAUGHS = "<!DOCTYPE bugzilla [\n" + "\n".join(
    [f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(10)]
) + "]>"  # fmt: skip


@needs_database
@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.xml", bugzilla(a_bug(short_desc="&l9;"), LAUGHS), "declares the entity “l0” in line 3"),
        (
            "a.xml",
            bugzilla(
                a_bug(short_desc="&x;"),
                '<!DOCTYPE bugzilla [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
            ),
            "declares the entity “x”",
        ),
        (
            "a.xml",
            bugzilla("", '<!DOCTYPE b [<!ENTITY % x SYSTEM "http://example.org/">%x;]>'),
            "declares the entity “x”",
        ),
        ("a.xml", "<html><body/></html>", "begins with <html> and not <bugzilla>"),
        ("a.xml", bugzilla(""), "has no <bug>"),
        ("a.xml", bugzilla(a_bug(1) + "<bug><bug_id>2")[:-11], "cut off.*Export it again"),
        ("a.xml", bugzilla(a_bug(1, short_desc="a \0 b")), "not well-formed.* line 2, column"),
        ("a.xml", bugzilla(a_bug(1, short_desc="a &#27; b")), "line 2, column"),
        ("a.xml", bugzilla(a_bug(1, short_desc="a & b")), "line 2, column"),
        ("a.xml", bugzilla(a_bug() + "<a>" * 100_000), "nests elements 30 deep in line 2"),
        ("a.xml", '<?xml version="1.0" encoding="klingon"?><bugzilla/>', "unknown encoding"),
        ("a.json", "[" + '{"a":' * 10_000, "object in line 1: nests lists or objects too deep"),
        ("a.json", "[" * 10_000, "“\\[” stands where an object should begin"),
        ("a.json", '[\n{"number": 1}\n', "cut off in line 3"),
        ("a.json", '[\n{"number": 1, "title": "abc', "begins in line 2 is never closed"),
        ("a.json", '[{"number": 1}, 7]', "“7” stands where an object should begin"),
        ("a.json", '[{"number": 1,\n "a" 2, "b": "and so on and so on"}]', "line 2: it is no JSON"),
        ("a.json", "[]", "has no issue in it"),
        ("a.json", b'[{"number": 1, "title": "\xff"}]', "not in UTF-8, as JSON must be"),
        ("a.json", '{"issues": [{"number": 1}, 2]}', "entry 2 of “issues” that is no object"),
        ("a.json", '[{"number": ' + "9" * 5_000 + "}]", "Exceeds the limit"),
        ("a.log", b"\x07\nReceived: x\n\nhello\n", "cut off: its last record"),
        ("a.log", b"\x07\nReceived: x\n\nhello\n\x03\nhello\n", "line 6: a record.* must begin"),
        ("a.bin", b"\x1f\x8b\x08\0", "packed with gzip; unpack it first"),
        ("a.txt", "Hello\nworld\n", "It was taken for CSV"),
    ],
)
def test_a_broken_file_is_refused_with_place_and_reason(
    tmp_path: Path, name: str, text: str | bytes, sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(write(tmp_path, text, name))
    assert not Problem.objects.exists()
    assert not Product.objects.exists()


@needs_database
def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no file"):
        run(tmp_path)


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
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
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


@needs_database
def test_a_summary_of_ten_thousand_words_is_kept_whole_in_the_description(tmp_path: Path) -> None:
    words = "flutter " * 10_000
    run(write(tmp_path, bugzilla(a_bug(short_desc=words)), "a.xml"))
    problem = Problem.objects.get()
    assert problem.synopsis.endswith("…")
    assert problem.description == words.strip()


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


def attachment(data: str, name: str = "a.txt") -> str:
    return (
        f"<attachment><attachid>1</attachid><filename>{name}</filename>"
        f'<data encoding="base64">{data}</data></attachment>'
    )


@needs_database
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ("ab!d", "is not valid base64"),
        ("abc", "is not valid base64"),
        (base64.b64encode(b"x" * 2_000).decode(), "has 2,000 bytes; at most 1,000 are taken"),
    ],
)
def test_an_attachment_that_cannot_be_kept_is_named_and_the_problem_imported(
    tmp_path: Path, settings: Any, data: str, reason: str
) -> None:
    settings.ATTACHMENT_BYTES = 1_000
    path = write(tmp_path, bugzilla(a_bug(1, attachment(data, "../../core"))), "a.xml")
    out = run(path)
    assert f"Left out: 1 attachments: {reason}." in out
    problem = Problem.objects.get()
    assert f"“core” was left out: it {reason}." in problem.events.get().note
    assert not problem.attachments.exists()


def test_what_is_too_large_is_not_held_in_memory(tmp_path: Path, settings: Any) -> None:
    settings.ATTACHMENT_BYTES = 1_000
    data = base64.b64encode(b"x" * 3_000_000).decode()
    path = write(tmp_path, bugzilla(a_bug(1, attachment(data))), "a.xml")
    rows, _, _ = look(path)
    assert rows[0].files[0].content is None
    assert "has 3,000,000 bytes" in rows[0].files[0].fault


@needs_database
def test_duplicates_in_a_ring_end_at_the_oldest(tmp_path: Path) -> None:
    ring = "".join(
        a_bug(number, f"<dup_id>{number % 3 + 1}</dup_id>", bug_status="RESOLVED",
              resolution="DUPLICATE", creation_ts=f"2020-01-0{number} 10:00:00 +0000")
        for number in (1, 2, 3)
    )  # fmt: skip
    itself = a_bug(4, "<dup_id>4</dup_id>", bug_status="RESOLVED", resolution="DUPLICATE")
    run(write(tmp_path, bugzilla(ring + itself), "a.xml"))
    found = dict(Problem.objects.values_list("pk", "head"))
    assert found == {1: None, 2: 1, 3: 1, 4: None}


@needs_database
def test_a_duplicate_points_to_what_an_earlier_file_brought(tmp_path: Path) -> None:
    run(write(tmp_path, bugzilla(a_bug(1)), "one.xml"))
    second = a_bug(2, "<dup_id>1</dup_id>", bug_status="RESOLVED", resolution="DUPLICATE")
    assert "1 marked" in run(write(tmp_path, bugzilla(second), "two.xml"))
    assert Problem.objects.get(pk=2).head_id == 1


def mail(text: bytes, headers: bytes = b"", key: bytes = b"one@example.org") -> bytes:
    return (
        b"From x Mon Mar 02 10:00:00 2020\nFrom: Rita Rook <rita@example.org>\nSubject: It breaks\n"
        b"Date: Mon, 2 Mar 2020 10:00:00 +0000\nMessage-ID: <" + key + b">\n" + headers + b"\n"
        + text + b"\n\n"
    )  # fmt: skip


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


@needs_database
def test_names_of_attachments_lead_nowhere(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    data = base64.b64encode(b"x").decode()
    names = ["../../../etc/passwd", "C:\\x\\y.txt", "..", "a\tb" + "c" * 500, ""]
    more = "".join(
        attachment(data, name).replace("<attachid>1", f"<attachid>{i}")
        for i, name in enumerate(names)
    )
    run(write(tmp_path, bugzilla(a_bug(1, more)), "a.xml"))
    found = list(Problem.objects.get().attachments.values_list("name", flat=True))
    assert found[:3] == ["passwd", "y.txt", "unnamed"]
    assert all("/" not in name and len(name) <= 200 for name in found)
    stored = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert [path.name for path in stored] == [
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    ]


@needs_database
def test_words_of_a_report_do_not_become_fields_of_gnats(tmp_path: Path) -> None:
    text = (
        (SAMPLES / "reports.gnats")
        .read_text()
        .replace("> Number of tries: three", ">Number: 99\n>Synopsis: another\n>Synopsys: three")
    )
    run(write(tmp_path, text, "reports.gnats"))
    assert sorted(Problem.objects.values_list("origin", flat=True)) == ["1234", "1235"]
    assert ">Synopsis: another" in Problem.objects.get(pk=1234).description


def test_a_comment_of_megabytes_is_cut_and_attached_whole(tmp_path: Path) -> None:
    long = "line\n" * 100_000
    comment = "".join(f"<long_desc><thetext>{text}</thetext></long_desc>" for text in ("a", long))
    rows, _, _ = look(write(tmp_path, bugzilla(a_bug(1, comment)), "a.xml"))
    assert rows[0].comments[0].text.endswith("(cut here; the whole text is attached)")
    assert rows[0].long_texts[0][1] == long.strip()


@needs_database
def test_texts_that_were_cut_are_attached_once(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    long = "line\n" * 50_000
    texts = f"<long_desc><thetext>{long}</thetext></long_desc>" * 3
    path = write(tmp_path, bugzilla(a_bug(1, texts)), "a.xml")
    run(path)
    assert "Nothing was new" in run(path)
    problem = Problem.objects.get()
    assert problem.attachments.count() == 3
    assert len(comments_of(problem)) == 2
