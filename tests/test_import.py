"""Import of real exports: every row accounted for, nothing twice, nobody notified."""

from __future__ import annotations

import csv
import os
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Person
from notifications.models import Message
from tests.people import make_person
from tests.problems import make_problem, make_product
from tracker.importing import storing
from tracker.importing.dates import parse_time
from tracker.importing.links import Brief, plan_links
from tracker.importing.rows import version_key
from tracker.models import (
    TEXT_CHARS,
    Attachment,
    Event,
    Problem,
    Product,
    ReleaseStatus,
    Resolution,
    State,
)
from tracker.signals import problem_happened
from votes.models import Vote
from votes.services import recount

pytestmark = pytest.mark.django_db

BUGZILLA = "Bug ID,Summary,Status,Resolution,Opened,Changed,Description"
JIRA = "Summary,Issue key,Issue id,Status,Resolution,Created,Resolved"
REAL = Path(os.environ.get("REAL_REPORTS", Path(__file__).parents[2] / "shared" / "data"))
needs_real_reports = pytest.mark.xfail(
    not (REAL / "seamonkey_bugs.csv").is_file(),
    reason=f"needs the real reports in {REAL}; REAL_REPORTS names another folder",
    run=False,
)


def write(folder: Path, text: str | bytes, name: str = "export.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def bug(number: int | str, **cells: str) -> str:
    """A row under `BUGZILLA`."""
    values = {
        "summary": f"bug {number}", "status": "NEW", "resolution": "",
        "opened": "2020-01-02 10:00:00+00:00", "changed": "", "description": "It breaks.",
    } | cells  # fmt: skip
    line = StringIO()
    csv.writer(line, lineterminator="\n").writerow([number, *values.values()])
    return line.getvalue().removesuffix("\n")


def bugs(folder: Path, *rows: str) -> Path:
    return write(folder, "\n".join([BUGZILLA, *rows, ""]))


def run(path: Path, product: str = "Suite", **options: Any) -> str:
    out = StringIO()
    call_command("import_problems", path, product=product, stdout=out, **options)
    return out.getvalue()


def everything() -> list[Any]:
    """Every row that an import could touch."""
    return [
        list(model.objects.order_by("pk").values_list())
        for model in (Product, Problem, Event, Attachment, Vote, Person)
    ]


def test_a_bugzilla_row_keeps_number_dates_state_and_resolution(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Bug ID,Product,Component,Summary,Status,Resolution,Severity,Priority,Version,OS,Hardware,"
        "Opened,Changed,Description\n"
        "4711,Suite,Mail: Compose,Draft lost,VERIFIED,WORKSFORME,critical,P3,2.53 Branch,Linux,All,"
        "2020-01-02 17:14:21+00:00,2020-11-01 20:04:54+02:00,"
        '"First line.\r\nSecond, with ""quotes""."\n',
    )
    out = run(path)
    problem = Problem.objects.get()
    assert (problem.pk, problem.origin, problem.synopsis) == (4711, "4711", "Draft lost")
    assert problem.description == 'First line.\nSecond, with "quotes".'
    assert (problem.state, problem.resolution) == (State.CLOSED, Resolution.CANNOT_REPRODUCE)
    assert problem.severity == "critical"
    assert (problem.component.slug, problem.component.title) == ("mail-compose", "Mail: Compose")
    assert problem.release is not None
    assert problem.release.name == "2.53 Branch"
    assert (problem.hardware, problem.architecture) == ("Linux", "")
    assert problem.created_at == datetime(2020, 1, 2, 17, 14, 21, tzinfo=UTC)
    assert problem.changed_at == problem.closed_at == datetime(2020, 11, 1, 18, 4, 54, tzinfo=UTC)
    assert "Columns passed over: Product." in out


def test_a_jira_row_is_numbered_by_its_key_and_takes_repeated_columns(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Summary;Issue key;Issue id;Issue Type;Status;Priority;Resolution;Created;Resolved;"
        "Affects Version/s;Affects Version/s;Fix Version/s\n"
        "Slow start;SUITE-12;990012;Improvement;Resolved;Trivial;Won't Fix;30/Sep/21 5:20 PM;"
        "20/Jul/22 20:51;2.10.0;2.9.1;3.0\n",
    )
    run(path)
    problem = Problem.objects.get()
    assert (problem.pk, problem.origin) == (12, "SUITE-12")
    assert (problem.kind, problem.severity) == ("enhancement", "minor")
    assert problem.resolution == Resolution.WILL_NOT_FIX
    assert problem.created_at == datetime(2021, 9, 30, 17, 20, tzinfo=UTC)
    assert problem.release is not None
    assert problem.release.name == "2.10.0"
    assert problem.fixed_in is None
    assert "2.10.0, 2.9.1" in problem.events.get().note


def test_all_versions_of_a_jira_row_answer_for_their_releases(tmp_path: Path) -> None:
    head = "Summary;Issue key;Issue id;Status;Resolution;Created;Resolved;"
    head += "Affects Version/s;Affects Version/s;Affects Version/s;Fix Version/s;Fix Version/s\n"
    rows = [
        "Fixed twice;S-1;1;Resolved;Fixed;1/Sep/21 5:20 PM;20/Jul/22 20:51;2.9;2.8;3.1;3.0;3.1",
        "Open;S-2;2;Open;;1/Sep/21 5:20 PM;;2.9;3.0;;;",
        "Fixed somewhere;S-3;3;Resolved;Fixed;1/Sep/21 5:20 PM;20/Jul/22 20:51;2.9;3.0;;;",
    ]
    run(write(tmp_path, head + "\n".join(rows) + "\n"))
    said = ReleaseStatus.objects.order_by("problem", "release__position")
    assert list(said.values_list("problem", "release__name", "status")) == [
        (1, "2.8", "affected"),
        (1, "3.1", "fixed"),
        (2, "3.0", "affected"),
    ]


def test_history_keeps_the_words_of_the_other_tracker(tmp_path: Path) -> None:
    run(bugs(tmp_path, bug(5, status="RESOLVED", resolution="MOVED")))
    event = Event.objects.get()
    assert (event.kind, event.door, event.actor) == ("imported", "import", None)
    assert {"field": "resolution", "old": "MOVED", "new": "overtaken by events"} in event.changes


def test_running_twice_changes_nothing_and_says_so(tmp_path: Path) -> None:
    pairs = write(tmp_path, "Issue id,Duplicate id\n2,1\n1,2\n", "pairs.csv")
    path = bugs(tmp_path, bug(1), bug(2, status="RESOLVED", resolution="DUPLICATE"))
    assert "1 marked" in run(path, duplicates=pairs)
    before = everything()
    out = run(path, duplicates=pairs)
    assert everything() == before
    assert "2 there already" in out
    assert "nothing was changed" in out


def test_a_later_export_adds_only_what_is_new(tmp_path: Path) -> None:
    run(bugs(tmp_path, bug(1)))
    Problem.objects.filter(pk=1).update(synopsis="said better here")
    run(bugs(tmp_path, bug(1, summary="changed there"), bug(2)))
    assert list(Problem.objects.order_by("pk").values_list("pk", "synopsis")) == [
        (1, "said better here"),
        (2, "bug 2"),
    ]


def test_an_interrupted_import_is_finished_by_running_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storing, "BATCH", 2)
    path = bugs(tmp_path, *[bug(number) for number in range(1, 6)])
    whole = storing._store_batch

    def pull_the_plug(rows: Any, shelves: Any, done: storing.Done) -> None:
        whole(rows, shelves, done)
        if done.imported > 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as plug:
        plug.setattr(storing, "_store_batch", pull_the_plug)
        with pytest.raises(CommandError, match="run the same command again"):
            run(path)
    assert list(Problem.objects.order_by("pk").values_list("pk", flat=True)) == [1, 2]
    run(path)
    assert sorted(Problem.objects.values_list("pk", flat=True)) == [1, 2, 3, 4, 5]
    assert Event.objects.count() == 5


def test_a_dry_run_says_what_would_happen_and_writes_nothing(tmp_path: Path) -> None:
    taken = make_problem(make_product("base"))
    before = everything()
    path = bugs(tmp_path, bug(taken.pk), bug(90_001), bug(90_002, status="ODD"))
    out = run(path, dry_run=True)
    assert everything() == before
    assert "2 would be imported" in out
    assert "1 skipped" in out
    assert "Product suite: would be made" in out
    assert "1 would get a fresh number" in out
    assert make_problem(taken.product).pk < 90_000


def test_bad_rows_are_named_by_line_and_reason_and_the_rest_is_imported(tmp_path: Path) -> None:
    path = bugs(
        tmp_path,
        bug(1, description="three\nlines\nlong"),
        bug(2, summary="  "),
        bug("", summary="no id"),
        bug(4, opened="03/04/2020 10:00"),
        bug(5, status="RESOLVED", resolution="ZAPPED"),
        bug(6, status="RESOLVED"),
        "7,too,few",
        bug(1, summary="again"),
        bug(9),
    )
    out = run(path)
    for line, reason in {
        5: "has no summary",
        6: "has no id",
        7: "may be two different days",
        8: "“ZAPPED”, which is not known",
        9: "closed with no resolution",
        10: "has 3 cells where the header has 7",
        11: "repeats 1, which stands in line 2",
    }.items():
        assert any(f"line {line}:" in said and reason in said for said in out.splitlines()), reason
    assert "2 imported" in out
    assert "7 skipped" in out
    assert "9 in all" in out
    assert sorted(Problem.objects.values_list("pk", flat=True)) == [1, 9]


def test_a_word_of_their_own_can_be_given_a_meaning(tmp_path: Path) -> None:
    path = bugs(tmp_path, bug(1), bug(2, status="QA_WAIT"), bug(3, status="RESOLVED"))
    run(path, state=["QA_wait=in progress"], resolution=["=overtaken by events"])
    states = Problem.objects.order_by("pk").values_list("state", "resolution")
    assert list(states) == [("open", ""), ("in progress", ""), ("closed", "overtaken by events")]
    with pytest.raises(CommandError, match=r"must be WORD=ONE OF: new, open"):
        run(path, state=["QA_wait=dormant"])


def test_a_report_after_an_import_gets_a_number_of_its_own(tmp_path: Path) -> None:
    run(bugs(tmp_path, bug(500), bug(9_000), bug(20)))
    assert make_problem().pk > 9_000


def test_numbers_are_reserved_before_the_first_row_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A report that comes between two batches must not take the number of a row yet to come.
    monkeypatch.setattr(storing, "BATCH", 1)
    reported: list[Problem] = []
    path = bugs(tmp_path, *[bug(number) for number in (101, 102, 103)])
    whole = storing._store_batch

    def report_meanwhile(*args: Any) -> None:
        reported.append(make_problem())
        whole(*args)

    monkeypatch.setattr(storing, "_store_batch", report_meanwhile)
    run(path)
    assert min(problem.pk for problem in reported) > 103
    assert {101, 102, 103} <= set(Problem.objects.values_list("pk", flat=True))


def test_a_number_that_is_taken_is_replaced_and_the_origin_kept(tmp_path: Path) -> None:
    taken = make_problem()
    out = run(bugs(tmp_path, bug(taken.pk), bug(taken.pk + 50)))
    moved = Problem.objects.get(origin=str(taken.pk))
    assert moved.pk > taken.pk + 50
    assert f"{taken.pk} is #{moved.pk}" in out
    assert "was taken here" in moved.events.get().note


@pytest.mark.parametrize("number", ["9223372036854775807", "99999999999999999999", "0"])
def test_a_number_beyond_reason_does_not_use_up_the_counter(tmp_path: Path, number: str) -> None:
    run(bugs(tmp_path, bug(number)))
    assert Problem.objects.get(origin=number).pk < 1_000_000
    assert make_problem().pk < 1_000_000


def test_two_products_may_have_the_same_numbers(tmp_path: Path) -> None:
    path = bugs(tmp_path, bug(77))
    run(path, product="One")
    run(path, product="Two")
    assert Problem.objects.filter(origin="77").count() == 2
    assert Problem.objects.get(product__slug="one").pk == 77


def test_only_mapped_reporters_have_a_vote_and_nobody_is_notified(tmp_path: Path) -> None:
    make_person("erin")
    heard: list[bool] = []

    def listen(quiet: bool, **kwargs: Any) -> None:
        heard.append(quiet)

    problem_happened.connect(listen)
    try:
        path = write(
            tmp_path,
            "Bug ID,Summary,Status,Reporter\n1,Broken,NEW,erin@mail.example.org\n2,x,NEW,Sam\n",
        )
        people = write(tmp_path, "there,here\nERIN@mail.example.org,Erin\n", "people.csv")
        run(path, people=people)
    finally:
        problem_happened.disconnect(listen)
    problem = Problem.objects.get(pk=1)
    assert problem.reporter is not None
    assert problem.reporter.handle == "erin"
    assert heard == [True, True]
    other = Problem.objects.get(pk=2)
    assert (other.reporter, other.origin_author, other.people) == (None, "Sam", 0)
    # Erin reported it, so Erin has it; nobody else has a vote, and no mail waits.
    assert list(Vote.objects.values_list("problem", "person__handle")) == [(1, "erin")]
    assert problem.people == 1
    assert recount(problem) is False
    assert not Message.objects.exists()


def test_nobody_is_made_nor_taken_for_somebody_nor_an_address_shown(tmp_path: Path) -> None:
    make_person("reader", email="patricia@mail.example.org")
    path = write(
        tmp_path,
        "Bug ID,Summary,Status,Reporter,Assignee\n1,Broken,NEW,patricia@mail.example.org,reader\n",
    )
    before = Person.objects.count()
    out = run(path)
    problem = Problem.objects.get()
    # A reader may not change a state, so nothing can be assigned to one.
    assert (problem.reporter, problem.assignee) == (None, None)
    note = problem.events.get().note
    assert problem.origin_author == "pat…"
    assert "Assignee there: reader." in note
    assert "patricia" not in out
    assert "mail.example.org" not in note
    assert Person.objects.count() == before


def test_too_long_texts_are_cut_and_nothing_of_them_is_lost(tmp_path: Path, settings: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"
    summary, description = "word " * 80, "log line\n" * (TEXT_CHARS // 8)
    run(bugs(tmp_path, bug(1, summary=summary, description=description)))
    problem = Problem.objects.get()
    assert problem.synopsis.endswith("…")
    assert problem.description.startswith(summary.strip())
    assert len(problem.description) <= TEXT_CHARS
    attachment = problem.attachments.get()
    with attachment.file.open("rb") as file:
        kept = file.read().decode()
    assert kept.count("log line") == TEXT_CHARS // 8
    assert attachment.size == len(kept.encode())


def test_releases_are_ordered_as_versions_and_those_there_keep_their_order(tmp_path: Path) -> None:
    make_product("suite", releases=("2.0", "codename", "3.0"))
    path = write(
        tmp_path,
        "Bug ID,Summary,Status,Version\n1,a,NEW,2.10\n2,b,NEW,2.9\n3,c,NEW,3.1\n4,d,NEW,2.0\n",
    )
    run(path)
    releases = Product.objects.get(slug="suite").releases.order_by("position")
    assert [r.name for r in releases] == ["2.0", "codename", "2.9", "2.10", "3.0", "3.1"]


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.integers(1, 10**6))
def test_a_greater_part_makes_a_newer_version(parts: list[int], more: int) -> None:
    newer = [*parts[:-1], parts[-1] + more]
    assert version_key(".".join(map(str, parts))) < version_key(".".join(map(str, newer)))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (f"{BUGZILLA}\n".encode(), "has a header and no rows"),
        (b"Summary,Status\na,NEW\n", "has no column Bug ID"),
        (b"Bug ID,Resolution\n1,FIXED\n", "no column Summary and no column Status"),
        (f"{BUGZILLA}\n1,a\0b,NEW,,,,\n".encode(), "NUL byte in line 2"),
        (f'{BUGZILLA}\n{bug(1)}\n2,"open,NEW\n3,x\n'.encode(), "line 3 has a quotation mark that"),
        (f'{BUGZILLA}\n1,"a" b,NEW,,,,\n'.encode(), "line 2 has text after a closing"),
    ],
)
def test_a_broken_file_is_refused_with_one_sentence(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(write(tmp_path, content))
    assert not Problem.objects.exists()
    assert not Product.objects.exists()


def test_a_missing_file_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"absent\.csv cannot be read: No such file"):
        run(tmp_path / "absent.csv")


def test_statuses_of_no_known_tracker_ask_which_it_is(tmp_path: Path) -> None:
    path = write(tmp_path, "Issue id,Summary,Status\n1,a,Frobbed\n")
    with pytest.raises(CommandError, match="--format bugzilla-csv or --format jira-csv"):
        run(path)
    run(path, format="jira", state=["frobbed=open"])
    assert Problem.objects.get().state == State.OPEN


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", ""), ("utf-8-sig", ""), ("latin-1", "read as Latin-1"), ("utf-16", "as UTF-16")],
)
def test_an_encoding_other_than_utf_8_is_said_aloud(
    tmp_path: Path, encoding: str, said: str
) -> None:
    text = f"{BUGZILLA}\n{bug(1, summary='Größe fehlt')}\n"
    out = run(write(tmp_path, text.encode(encoding)))
    assert Problem.objects.get().synopsis == "Größe fehlt"
    assert (said in out) if said else "not in UTF-8" not in out


def test_control_characters_are_made_visible(tmp_path: Path) -> None:
    run(bugs(tmp_path, bug(1, summary="bell \a rings", description="esc \x1b[31m red")))
    problem = Problem.objects.get()
    assert (problem.synopsis, problem.description) == ("bell ␇ rings", "esc ␛[31m red")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2020-01-02 17:14:21+00:00", datetime(2020, 1, 2, 17, 14, 21, tzinfo=UTC)),
        ("2021-09-30T17:20:00.000+0200", datetime(2021, 9, 30, 15, 20, tzinfo=UTC)),
        ("2021-09-30 17:20 UTC", datetime(2021, 9, 30, 17, 20, tzinfo=UTC)),
        ("30/Sep/21 17:20", datetime(2021, 9, 30, 17, 20, tzinfo=UTC)),
        ("30/Sep/21 12:20 AM", datetime(2021, 9, 30, 0, 20, tzinfo=UTC)),
        ("Sep 30, 2021 5:20 PM", datetime(2021, 9, 30, 17, 20, tzinfo=UTC)),
        ("Thu, 30 Sep 2021 17:20:05 -0700", datetime(2021, 10, 1, 0, 20, 5, tzinfo=UTC)),
        ("30/09/2021", datetime(2021, 9, 30, tzinfo=UTC)),
        ("09/30/2021 05:20 PM", datetime(2021, 9, 30, 17, 20, tzinfo=UTC)),
        ("05/05/2021", datetime(2021, 5, 5, tzinfo=UTC)),
        ("30.09.2021 17:20", datetime(2021, 9, 30, 17, 20, tzinfo=UTC)),
    ],
)
def test_times_are_read_as_trackers_write_them(text: str, expected: datetime) -> None:
    assert parse_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2021", "30/Sep/21 17:20 PDT", "31/Feb/21", "2021-13-01", "yesterday", "1612345678",
        "13:00 PM", "2199-01-01", "1900-01-01", "30/Sep/21 13:20 PM", "0001-01-01 00:00+14:00",
    ],
)  # fmt: skip
def test_times_that_could_be_wrong_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"“"):
        parse_time(text)


def duplicates(folder: Path, pairs: str, *resolutions: str) -> dict[int, tuple[Any, Any]]:
    """number -> (duplicate_of, head) after bugs 1, 2, .. with `resolutions` were imported."""
    rows = [
        bug(i, status="RESOLVED" if r else "NEW", resolution=r, opened=f"2020-01-{i:02} 10:00")
        for i, r in enumerate(resolutions, 1)
    ]
    pairs_file = write(folder, "Issue id,Duplicate id\n" + pairs, "pairs.csv")
    run(bugs(folder, *rows), duplicates=pairs_file)
    found = Problem.objects.values_list("pk", "duplicate_of", "head")
    return {pk: (of, head) for pk, of, head in found}


@pytest.mark.parametrize("pairs", ["1,2\n", "2,1\n", "1,2\n2,1\n"])
def test_the_one_that_was_closed_as_a_duplicate_points_to_the_other(
    tmp_path: Path, pairs: str
) -> None:
    assert duplicates(tmp_path, pairs, "DUPLICATE", "FIXED") == {1: (2, 2), 2: (None, None)}


def test_of_two_duplicates_the_younger_points_to_the_older(tmp_path: Path) -> None:
    found = duplicates(tmp_path, "2,1\n1,2\n", "DUPLICATE", "DUPLICATE")
    assert found == {1: (None, None), 2: (1, 1)}


def test_chains_and_rings_of_duplicates_end_at_one_head(tmp_path: Path) -> None:
    ring = '1,"2, 3"\n2,3\n3,4\n'
    found = duplicates(tmp_path, ring, "DUPLICATE", "DUPLICATE", "DUPLICATE", "")
    assert found == {1: (3, 4), 2: (3, 4), 3: (4, 4), 4: (None, None)}


def test_pairs_that_are_no_duplicates_here_are_kept_as_notes(tmp_path: Path) -> None:
    found = duplicates(tmp_path, "1,2\n1,900\n", "FIXED", "")
    assert set(found.values()) == {(None, None)}
    note = Problem.objects.get(pk=1).events.get().note
    assert "the same as 2" in note
    assert "the same as 900, which was not imported" in note


def test_an_unmarked_duplicate_is_not_marked_again(tmp_path: Path) -> None:
    duplicates(tmp_path, "2,1\n", "", "DUPLICATE")
    Problem.objects.filter(pk=2).update(
        duplicate_of=None, head=None, state=State.OPEN, is_open=True, resolution="", closed_at=None
    )
    run(tmp_path / "export.csv", duplicates=tmp_path / "pairs.csv")
    assert Problem.objects.get(pk=2).duplicate_of is None


@given(
    st.lists(st.booleans(), min_size=2, max_size=9),
    st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=20),
)
def test_no_pairs_whatever_make_a_cycle(closed: list[bool], pairs: list[tuple[int, int]]) -> None:
    at = datetime(2020, 1, 1, tzinfo=UTC)
    rows = [
        Brief(
            serial=i, place=f"line {i}", origin=str(i), names=[str(i)], number=i,
            was_duplicate=was, is_confidential=False, created_at=at,
        )
        for i, was in enumerate(closed)
    ]  # fmt: skip
    points_to = plan_links([(str(a), str(b)) for a, b in pairs], rows).points_to
    settled: set[str] = set()
    for origin, target in points_to.items():
        assert rows[int(origin)].was_duplicate
        # In this order every target is final when something is pointed to it.
        assert target in settled or target not in points_to
        settled.add(origin)


@needs_real_reports
@pytest.mark.parametrize(
    ("name", "rows", "states"),
    [
        ("seamonkey", 1076, {"new": 342, "open": 209, "in progress": 16, "closed": 509}),
        ("hadoop", 2501, {"new": 684, "open": 15, "in progress": 71, "closed": 1731}),
    ],
)
def test_every_real_report_is_accounted_for(name: str, rows: int, states: dict[str, int]) -> None:
    path, pairs = REAL / f"{name}_bugs.csv", REAL / f"{name}_duplicates.csv"
    out = run(path, product=name, duplicates=pairs)
    assert f"{rows:,} imported" in out
    assert f"{rows:,} in all" in out
    with path.open(encoding="utf-8", newline="") as file:
        ids = [int(row["Issue id"]) for row in csv.DictReader(file)]
    assert sorted(Problem.objects.values_list("pk", flat=True)) == sorted(ids)
    assert {s: Problem.objects.filter(state=s).count() for s in states} == states
    assert Event.objects.filter(kind="imported").count() == rows
    heads = Problem.objects.filter(duplicate_of__isnull=False).values_list("head__head", flat=True)
    assert heads
    assert set(heads) == {None}
    before = everything()
    assert "Nothing was new; nothing was changed." in run(path, product=name, duplicates=pairs)
    assert everything() == before
    if connection.vendor == "postgresql":
        assert make_problem().pk > max(ids)
