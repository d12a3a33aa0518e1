"""What a file can do wrong: one sentence with place and reason, and nothing half-written."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from tests.importing.helpers import SAMPLES, a_bug, attachment, bugzilla, comments_of, run, write
from tracker.models import Problem, Product

pytestmark = pytest.mark.django_db

LAUGHS = "<!DOCTYPE bugzilla [\n" + "\n".join(
    [f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha"}">' for i in range(10)]
) + "]>"  # fmt: skip


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


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="holds no file"):
        run(tmp_path)


def test_a_summary_of_ten_thousand_words_is_kept_whole_in_the_description(tmp_path: Path) -> None:
    words = "flutter " * 10_000
    run(write(tmp_path, bugzilla(a_bug(short_desc=words)), "a.xml"))
    problem = Problem.objects.get()
    assert problem.synopsis.endswith("…")
    assert problem.description == words.strip()


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


def test_a_duplicate_points_to_what_an_earlier_file_brought(tmp_path: Path) -> None:
    run(write(tmp_path, bugzilla(a_bug(1)), "one.xml"))
    second = a_bug(2, "<dup_id>1</dup_id>", bug_status="RESOLVED", resolution="DUPLICATE")
    assert "1 marked" in run(write(tmp_path, bugzilla(second), "two.xml"))
    assert Problem.objects.get(pk=2).head_id == 1


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


def test_words_of_a_report_do_not_become_fields_of_gnats(tmp_path: Path) -> None:
    text = (
        (SAMPLES / "reports.gnats")
        .read_text()
        .replace("> Number of tries: three", ">Number: 99\n>Synopsis: another\n>Synopsys: three")
    )
    run(write(tmp_path, text, "reports.gnats"))
    assert sorted(Problem.objects.values_list("origin", flat=True)) == ["1234", "1235"]
    assert ">Synopsis: another" in Problem.objects.get(pk=1234).description


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


@pytest.mark.parametrize("sample", ["github.json", "gitea.json"])
def test_characters_that_no_database_takes_are_made_visible_wherever_they_stand(
    tmp_path: Path, sample: str
) -> None:
    text = (SAMPLES / sample).read_text()
    # Every text but the words that are looked up in tables.
    odd = re.sub(r'(": "[^"]*?)(?=")', r"\1\\u0000\\ud800\\u001b", text)
    odd = re.sub(r'("(?:state|state_reason|\w+_at)": "[^"\\]*)[^"]*', r"\1", odd)
    out = run(write(tmp_path, odd, sample))
    assert "0 skipped" in out
    problem = Problem.objects.order_by("pk")[0]
    assert "\N{SYMBOL FOR NULL}" in problem.synopsis + problem.origin_author
    assert "\N{SYMBOL FOR NULL}" in problem.events.get().note
    assert not set("\0\ud800\x1b") & set(out)
