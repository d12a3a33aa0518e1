"""Each format is recognised, and what its published description allows is read from it."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from tests.importing.helpers import SAMPLES, comments_of, content_of, counts, mail, run, write
from tests.people import make_person
from tracker.importing.formats import recognise
from tracker.models import Comment, Problem

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files_of_its_own(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.mark.parametrize(
    ("sample", "name"),
    [
        ("bugzilla.xml", "bugzilla-xml"), ("reports.gnats", "gnats"), ("list.mbox", "mbox"),
        ("debbugs/86.log", "debbugs"), ("bug_87.mbox", "debbugs"), ("github.json", "github"),
        ("gitea.json", "gitea"),
    ],
)  # fmt: skip
def test_a_file_says_what_it_is(sample: str, name: str) -> None:
    found = recognise(SAMPLES / sample)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize(
    ("sample", "given", "sentence"),
    [
        ("bugzilla.xml", "jira", "bugzilla.xml is Bugzilla's XML, not JIRA's CSV.*bugzilla-xml"),
        ("github.json", "gnats", "github.json is GitHub's issues, not GNATS reports"),
        ("list.mbox", "github", "list.mbox is a mailbox, not GitHub's issues"),
    ],
)
def test_a_wrong_format_is_named(sample: str, given: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(sample, format=given)


def test_bugzilla_xml_brings_comments_files_and_duplicates() -> None:
    out = run("bugzilla.xml")
    problem = Problem.objects.get(pk=4711)
    assert problem.synopsis == 'Backup stops at "long" names & says nothing'
    assert problem.description.endswith("No message, exit code 0.")
    assert (problem.state, problem.severity, problem.architecture) == (
        "in progress", "major", "amd64",
    )  # fmt: skip
    assert problem.origin_author == "Wilma Wren"
    assert problem.created_at == datetime(2019, 3, 4, 9, 11, 12, tzinfo=UTC)
    assert comments_of(problem) == [
        ("Otto Owl", "Created attachment 31\nA script that shows it."),
        ("he…", "Here too."),
    ]
    file = problem.attachments.get()
    assert (file.name, content_of(file)) == ("long names.sh", b"#!/bin/sh\ntouch long\n")
    assert file.comment == problem.comments.order_by("id")[0]
    assert Problem.objects.get(pk=4712).duplicate_of == problem
    line = (SAMPLES / "bugzilla.xml").read_text().split("<bug error").pop(0).count("\n") + 1
    assert f"bug 4714, line {line}: may not be seen there by whoever exported it" in out
    assert "Left out: 1 private comments" in out
    assert not Comment.objects.filter(text__contains="Kestrel").exists()


def test_bugzilla_groups_make_a_problem_confidential_and_its_key_unmentioned() -> None:
    run("bugzilla.xml")
    assert Problem.objects.get(pk=4713).is_confidential
    note = Problem.objects.get(pk=4711).events.get(kind="imported").note
    assert "Blocks there: 4712, 4720." in note
    # What it depends on is confidential, so not even its number is told.
    assert "4713" not in note


def test_groups_that_are_called_public_make_nothing_confidential() -> None:
    run("bugzilla.xml", public_groups=["staff,Security"])
    assert not Problem.objects.filter(is_confidential=True).exists()
    note = Problem.objects.get(pk=4711).events.get(kind="imported").note
    assert "Depends on there: 4713." in note


def test_gnats_reports_bring_their_audit_trail() -> None:
    run("reports.gnats")
    problem = Problem.objects.get(pk=1234)
    assert problem.synopsis == "de0 forgets its address"
    assert (problem.component.slug, problem.severity, problem.kind) == ("kern", "major", "defect")
    assert (problem.state, problem.resolution) == ("closed", "fixed")
    assert problem.closed_at == datetime(2005, 2, 2, 17, tzinfo=UTC)
    assert problem.how_to_repeat == "Wait for a night."
    assert "> Number of tries: three" in problem.description
    assert "```\n--- if_de.c" in problem.description
    assert problem.hardware.startswith("System: Heath wren")
    assert problem.origin_author == "Wilma Wren"
    assert comments_of(problem) == [
        ("Wilma Wren", "Yes, with three of them.\n\n>Fix:\nis above."),
    ]
    history = [(e.changes, e.note) for e in problem.events.order_by("id")]
    question = "Does it happen with another cable?\n\nhttp://example.org/cgi/query-pr.cgi?pr=1234"
    asked = [{"field": "state", "old": "new", "new": "feedback"}]
    assert history[0] == (asked, f"By otto: {question}")
    assert history[1][0] == [{"field": "assignee", "old": "heath-bugs", "new": "otto"}]
    assert history[2] == (
        [{"field": "state", "old": "feedback", "new": "closed"}], "By otto: Committed.",
    )  # fmt: skip
    times = list(problem.events.order_by("id").values_list("at", flat=True)[:3])
    assert times[0] == datetime(2005, 1, 4, 20, tzinfo=UTC)
    other = Problem.objects.get(pk=1235)
    assert (other.kind, other.state, other.is_confidential) == ("enhancement", "open", True)
    assert (other.origin_author, other.description) == (
        "Henry Heron", "It shows what is hidden.\n\nFix:\n\nUnknown.",
    )  # fmt: skip


def test_a_folder_of_gnats_reports_is_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    whole = (SAMPLES / "reports.gnats").read_text()
    first, second = whole.split("From heron@")
    folder = tmp_path / "gnats" / "kern"
    folder.mkdir(parents=True)
    write(folder, "From heron@" + second, "1235")
    write(folder, first.replace(">Number:         1234", ">Number:"), "999")
    run(tmp_path / "gnats")
    origins = list(Problem.objects.order_by("events__id").values_list("origin", flat=True))
    assert list(dict.fromkeys(origins)) == ["999", "1235"]


def test_a_debbugs_log_and_its_summary_are_one_bug() -> None:
    run("debbugs")
    problem = Problem.objects.get()
    assert (problem.pk, problem.synopsis) == (86, "crow: caws at night")
    assert (problem.state, problem.resolution, problem.severity) == ("closed", "fixed", "major")
    assert problem.description == (
        "It caws after sunset.\n\N{SYMBOL FOR START OF TEXT} is a mark at the start of this line."
    )
    assert problem.component.slug == "crow"
    assert problem.release is not None
    assert (problem.release.name, problem.origin_author) == ("1.2-3", "Henry Heron")
    assert problem.fixed_in is not None
    assert problem.fixed_in.name == "1.2-4"
    assert problem.closed_at == datetime(2020, 2, 7, 10, tzinfo=UTC)
    # What debbugs sent out are copies and receipts.
    assert comments_of(problem) == [("Wilma Wren", "Here too."), ("Otto Owl", "It sleeps now.")]
    assert "Merged with there: 87." in problem.events.get().note


def test_a_debbugs_mailbox_obeys_the_commands_in_it() -> None:
    run("bug_87.mbox")
    problem = Problem.objects.get()
    assert (problem.pk, problem.synopsis) == (87, "crow: caws all day")
    # Commands end at "thanks", and those for other bugs are not for this one.
    assert (problem.kind, problem.severity) == ("enhancement", "minor")
    assert (problem.state, problem.origin_author) == ("new", "Jörg Jay")
    assert problem.description == "Could it be quiet?\nFrom dawn on, that is."


def test_a_thread_of_a_mailbox_is_a_problem() -> None:
    out = run("list.mbox")
    assert "2 imported" in out
    lamp = Problem.objects.get(origin="lamp-1@wren.example.org")
    assert (lamp.synopsis, lamp.description) == ("The lamp flickers", "Since noon. Grüße.")
    assert lamp.state == "new"
    assert comments_of(lamp) == [
        ("ot…", "Here too."), ("Henry Heron", "Bulb changed, it is gone."),
    ]  # fmt: skip
    file = lamp.attachments.get()
    assert (file.name, content_of(file)) == ("lamp.png", b"\x89PNG\r\n\x1a\n")
    # The digits of a Message-ID are nobody's number.
    assert "fresh number" not in run("list.mbox", product="Other", dry_run=True)


def test_a_line_of_text_that_begins_with_from_begins_no_mail(tmp_path: Path) -> None:
    text = (
        b"It breaks.\n\nFrom here on I am lost.\nNote: at noon.\n\nFrom 10:30 on it breaks.\nYes."
    )
    run(write(tmp_path, mail(text) + mail(b"Another.", key=b"two@example.org"), "list.mbox"))
    descriptions = Problem.objects.order_by("pk").values_list("description", flat=True)
    assert list(descriptions) == [text.decode(), "Another."]


def test_a_later_mailbox_goes_on_with_the_threads_of_an_earlier_one(tmp_path: Path) -> None:
    text = (SAMPLES / "list.mbox").read_bytes()
    messages = [b"From " + part for part in text.split(b"\n\nFrom ")]
    messages[0] = messages[0].removeprefix(b"From ")
    march = write(tmp_path, b"\n\n".join(messages[:2]) + b"\n", "march.mbox")
    april = write(tmp_path, b"\n\n".join(messages[2:]) + b"\n", "april.mbox")
    run(march)
    assert "of which 1 got what was new there" in run(april)
    lamp = Problem.objects.get(origin="lamp-1@wren.example.org")
    assert [text for _, text in comments_of(lamp)] == ["Here too.", "Bulb changed, it is gone."]
    assert Problem.objects.count() == 2


def test_github_issues_take_their_comments_from_another_file() -> None:
    out = run("github.json", comments=SAMPLES / "github-comments.json")
    assert "Left out: 1 pull requests." in out
    assert sorted(Problem.objects.values_list("pk", flat=True)) == [12, 14, 15]
    problem = Problem.objects.get(pk=12)
    assert (problem.state, problem.resolution, problem.kind) == ("closed", "fixed", "defect")
    assert (problem.severity, problem.component.slug) == ("major", "switch")
    assert problem.description == "It takes **two** hands."
    assert comments_of(problem) == [("heron", "One hand, if cold."), ("otto", "Oiled.")]
    duplicate = Problem.objects.get(pk=14)
    assert (duplicate.duplicate_of, duplicate.kind) == (problem, "enhancement")
    assert Problem.objects.get(pk=15).state == "new"


def test_gitea_issues_name_their_first_author_and_have_no_pull_request() -> None:
    out = run("gitea.json")
    problem = Problem.objects.get()
    assert (problem.pk, problem.origin_author) == (3, "wilma")
    assert (problem.state, problem.resolution) == ("closed", "fixed")
    assert problem.kind == "documentation"
    assert comments_of(problem) == [("Otto Owl", "Longer one sent.")]
    assert "Left out: 1 attachments, of which the export has only addresses" in out


def test_comment_columns_of_jira_become_comments(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Summary,Issue key,Issue id,Status,Created,Security Level,Comment,Comment,Comment\n"
        "Slow,SUITE-1,1,Open,30/Sep/21 5:20 PM,,30/Sep/21 6:00 PM;jdoe;Here; and there.,"
        "30/Sep/21 6:00 PM;mara;Also.,no; time; here\n"
        "Shut,SUITE-2,2,Open,30/Sep/21 5:20 PM,Staff only,,,\n",
        "export.csv",
    )
    run(path)
    problem = Problem.objects.get(pk=1)
    assert comments_of(problem) == [
        ("jdoe", "Here; and there."), ("mara", "Also."), ("", "no; time; here"),
    ]  # fmt: skip
    assert problem.comments.order_by("id")[0].created_at == datetime(2021, 9, 30, 18, tzinfo=UTC)
    assert Problem.objects.get(pk=2).is_confidential


@pytest.mark.parametrize(
    "sample", ["bugzilla.xml", "reports.gnats", "debbugs", "list.mbox", "gitea.json"]
)
def test_importing_again_adds_nothing(sample: str) -> None:
    run(sample)
    before = counts()
    assert before[1]
    assert "Nothing was new" in run(sample)
    assert counts() == before


def test_a_newer_dump_adds_the_new_comments_and_files_only(tmp_path: Path) -> None:
    whole = (SAMPLES / "bugzilla.xml").read_text()
    start = whole.index('    <long_desc isprivate="0" encoding="base64">')
    older = whole[:start] + whole[whole.index("    <attachment isobs") :]
    run(write(tmp_path, older, "bugzilla.xml"))
    problem = Problem.objects.get(pk=4711)
    Problem.objects.filter(pk=4711).update(synopsis="said better here")
    before = counts()
    out = run("bugzilla.xml")
    assert "3 there already, of which 1 got what was new there" in out
    assert counts() == (before[0], before[1] + 1, before[2])
    problem.refresh_from_db()
    assert problem.synopsis == "said better here"
    assert problem.events.order_by("-id")[0].note == "Imported since: 1 comment."


def test_what_became_confidential_there_adds_nothing_to_a_public_problem(tmp_path: Path) -> None:
    whole = (SAMPLES / "bugzilla.xml").read_text()
    older = (
        whole[: whole.index('    <long_desc isprivate="0" encoding="base64">')]
        + whole[whole.index("    <attachment isobs") :]
    )
    run(write(tmp_path, older, "bugzilla.xml"))
    before = counts()
    sealed = whole.replace("<cc>", '<group id="1">staff</group><cc>')
    out = run(write(tmp_path, sealed, "bugzilla.xml"))
    assert "1 are confidential there and public here" in out
    assert counts() == before


def test_people_are_taken_for_accounts_only_when_the_operator_says_so(tmp_path: Path) -> None:
    otto = make_person("otto2", email="otto@mail.example.org")
    run("bugzilla.xml", product="One")
    assert not Comment.objects.filter(author=otto).exists()
    run("bugzilla.xml", product="Two", match_addresses=True)
    assert Comment.objects.get(author=otto).origin_author == ""
    wilma = make_person("wilma2")
    people = write(tmp_path, "there,here\nWILMA@mail.example.org,wilma2\n", "people.csv")
    run("bugzilla.xml", product="Three", people=people)
    found = Problem.objects.filter(reporter=wilma).order_by("pk")
    assert [(p.origin, p.people) for p in found] == [("4711", 1), ("4713", 1)]


def test_an_address_that_is_not_confirmed_is_nobody() -> None:
    make_person("otto2", email="otto@mail.example.org", email_confirmed_at=None)
    run("bugzilla.xml", match_addresses=True)
    assert not Comment.objects.filter(author__isnull=False).exists()


def test_a_person_who_is_not_here_is_named_with_the_line(tmp_path: Path) -> None:
    people = write(tmp_path, "there,here\n\nwilma@mail.example.org,wilhelmina\n", "people.csv")
    with pytest.raises(CommandError, match=r"people.csv, line 3: nobody here .* “wilhelmina”"):
        run("bugzilla.xml", people=people)


def test_no_address_of_the_file_is_in_what_pages_show() -> None:
    for sample in ("bugzilla.xml", "reports.gnats", "debbugs", "list.mbox", "gitea.json"):
        run(sample, product=sample)
    for problem in Problem.objects.all():
        shown = [problem.origin_author, *(note for note in problem.events.values_list("note"))]
        shown += problem.comments.values_list("origin_author", flat=True)
        assert "mail.example.org" not in repr(shown)


def test_a_map_file_is_written_filled_in_and_given_back(tmp_path: Path) -> None:
    make_person("wilma2")
    text = (SAMPLES / "bugzilla.xml").read_text()
    text = text.replace("ASSIGNED", "QA_WAIT").replace(">major<", ">awful<")
    path = write(tmp_path, text, "bugzilla.xml")
    map_file = tmp_path / "map.csv"
    out = run(path, dry_run=True, write_map=map_file)
    assert "State without a meaning here: “QA_WAIT” (1)." in out
    assert map_file.stat().st_mode & 0o077 == 0
    rows = map_file.read_text().splitlines()
    assert rows[0] == "what,there,here,how often"
    assert "state,QA_WAIT,,1" in rows
    assert not Problem.objects.exists()
    assert "State without a meaning here: “QA_WAIT” (1)." in run(path, product="Other")
    Problem.objects.all().delete()
    filled = "\n".join(rows).replace("state,QA_WAIT,,", "state,QA_WAIT,suspended,")
    filled = filled.replace("component,Keys,Keys,", "component,Keys,Secrets,")
    filled += "\nseverity,awful,critical,\nperson,wilma@mail.example.org,wilma2,\n"
    run(path, map=[write(tmp_path, filled, "filled.csv")])
    problem = Problem.objects.get(pk=4711)
    assert (problem.state, problem.severity) == ("suspended", "critical")
    assert problem.reporter is not None
    assert Problem.objects.get(pk=4713).component.slug == "secrets"
    with pytest.raises(CommandError, match="exists already"):
        run(path, dry_run=True, write_map=map_file)


def test_a_map_as_json_means_the_same(tmp_path: Path) -> None:
    map_file = write(tmp_path, '{"states": {"assigned": "suspended"}}', "map.json")
    run("bugzilla.xml", map=[map_file])
    assert Problem.objects.get(pk=4711).state == "suspended"


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("map.csv", "what,there\nstate,x\n", "must have the columns what, there, here"),
        ("map.csv", "what,there,here\nstaet,x,open\n", "line 2: nothing called “staet”.*“state”"),
        ("map.csv", "what,there,here\nstate,x,dormant\n", "line 2: there is no state “dormant”"),
        ("map.json", '{"state": [1]}', "“state” must be an object"),
        ("map.json", '{"state": {"x": 1}}', "what “x” means must be text"),
        ("map.json", "[" * 20_000, "is no JSON"),
        ("map.json", "{", "is no JSON"),
    ],
)
def test_a_wrong_map_is_named_with_its_place(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    with pytest.raises(CommandError, match=sentence):
        run("bugzilla.xml", map=[write(tmp_path, text, name)])
    assert not Problem.objects.exists()


def test_everything_can_be_made_confidential() -> None:
    run("github.json", confidential=True)
    assert not Problem.objects.filter(is_confidential=False).exists()


def test_a_copy_of_a_sample_in_a_folder_is_read_as_the_file_is(tmp_path: Path) -> None:
    shutil.copy(SAMPLES / "bugzilla.xml", tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    (tmp_path / "bugzilla.xml").rename(folder / "bugzilla.xml")
    assert "bugzilla.xml, bug 4714" in run(folder)
    assert Problem.objects.count() == 3


def test_pages_feed_and_api_name_who_wrote_without_an_account(client: Client) -> None:
    run("bugzilla.xml")
    run("reports.gnats", product="Old")
    page = client.get("/4711").content.decode()
    assert "Wilma Wren</span>" in page
    assert ">he…</span>" in page
    assert "mail.example.org" not in page
    assert "somebody who left" not in page + client.get("/1234").content.decode()
    assert "<name>Wilma Wren</name>" in client.get("/problems.atom").content.decode()
    assert client.get("/api/v1/problems/4711/").json()["origin_author"] == "Wilma Wren"
    comments = client.get("/api/v1/problems/4711/comments/").json()["results"]
    assert [c["origin_author"] for c in comments] == ["Otto Owl", "he…"]


def test_what_was_imported_is_found_by_its_comments(client: Client) -> None:
    run("bugzilla.xml")
    assert "#4711" in client.get("/problems/?q=script").content.decode()
    run("list.mbox")
    assert "The lamp flickers" in client.get("/problems/?q=bulb").content.decode()


def test_a_reader_that_goes_away_does_not_stop_an_import() -> None:
    class Gone(StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    call_command("import_problems", SAMPLES / "bugzilla.xml", product="Heath", stdout=Gone())
    assert counts()[0] == 3


def test_links_and_names_in_csv_are_taken(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "Summary,Issue key,Issue id,Status,Resolution,Reporter,Reporter Real Name,"
        "Outward issue link (Duplicate),Inward issue link (Duplicate)\n"
        "Slow,SUITE-1,501,Open,,wilma@mail.example.org,Wilma Wren,,SUITE-2\n"
        "Slower,SUITE-2,502,Closed,Duplicate,heron,,SUITE-1,\n",
        "export.csv",
    )
    run(path)
    first, second = Problem.objects.order_by("pk")
    assert (first.origin_author, second.origin_author) == ("Wilma Wren", "heron")
    assert second.duplicate_of == first


def test_newest_comments_first_are_put_right(tmp_path: Path) -> None:
    text = (SAMPLES / "bugzilla.xml").read_text()
    start = text.index("    <long_desc")
    end = text.index("    <attachment isobs")
    parts = text[start:end].split("    <long_desc")[1:]
    for counted in (True, False):
        turned = "".join(f"    <long_desc{part}" for part in reversed(parts))
        if not counted:
            turned = re.sub(r"\s*<comment_count>.*", "", turned)
        path = write(tmp_path, text[:start] + turned + text[end:], "bugzilla.xml")
        run(path, product=f"Counted {counted}")
        problem = Problem.objects.get(origin="4711", product__title=f"Counted {counted}")
        assert problem.description.startswith("A name of 101 characters")
        assert [author for author, _ in comments_of(problem)] == ["Otto Owl", "he…"]


def test_a_mailbox_of_reports_that_send_pr_made_may_be_read_as_either() -> None:
    run("reports.gnats", product="Reports")
    run("reports.gnats", product="Threads", format="mbox")
    origins = Problem.objects.filter(product__slug="threads").values_list("origin", flat=True)
    assert "200501031020.j03AKU1x@wren.mail.example.org" in origins
