"""send: what is checked, shown, asked and answered."""

from __future__ import annotations

import hashlib
import os

from tests.send_problem.contract_server import World
from tests.send_problem.running import REPORT, Client, report

ALIKE = {"number": 7, "url": "http://x/7", "synopsis": "Lid panics", "state": "open", "votes": 41}


def test_a_report_with_two_files_arrives_whole(client: Client, world: World) -> None:
    original = client.write("report.txt", REPORT).read_bytes()
    client.write("dmesg.txt", "boot\n")
    picture = os.urandom(300_000)
    client.write("Bild ü.png", picture)
    done = client.run("--json", "send", "--yes", "report.txt", "dmesg.txt", "Bild ü.png")
    assert done.code == 0, done.err
    assert (done.json["number"], done.json["url"]) == (1, f"{world.base_url}/1")
    assert [a["name"] for a in done.json["attachments"]] == ["dmesg.txt", "Bild ü.png"]
    assert world.attachments[1]["sha256"] == hashlib.sha256(picture).hexdigest()
    assert world.attachments[1]["content_type"] == "image/png"
    assert world.problems[0]["description"] == "It panics."
    assert world.problems[0]["how_to_repeat"] == "# close the lid"
    assert original == (client.home / "report.txt").read_bytes()
    assert client.waiting() == []


def test_the_number_and_the_address_are_printed(client: Client, world: World) -> None:
    client.write("report.txt", REPORT)
    done = client.run("send", "report.txt")
    assert done.code == 0
    assert f"Reported as #1: {world.base_url}/1" in done.out
    assert "a laptop" in done.out, "the environment must be shown"


def test_a_report_is_read_from_standard_input(client: Client, world: World) -> None:
    assert client.run("send", "-", stdin=REPORT).code == 0
    assert len(world.problems) == 1


def test_every_bad_file_is_named_before_anything_is_sent(client: Client, world: World) -> None:
    client.write("report.txt", REPORT)
    client.write("large.bin", b"x" * 1_000_001)
    client.write("empty.txt", "")
    (client.home / "folder").mkdir()
    os.mkfifo(client.home / "pipe")
    names = ["missing.txt", "large.bin", "empty.txt", "folder", "pipe"]
    done = client.run("--json", "send", "--yes", "report.txt", *names)
    assert done.code == 66
    assert [error["file"] for error in done.json["errors"]] == [*names, "5 files are too many"]
    assert "large.bin: has 1 MB, and 1 MB" in done.err
    assert world.requests("POST", "/api/v1/problems/") == []
    assert client.waiting() == []


def test_faults_of_the_report_and_of_files_are_said_together(client: Client) -> None:
    client.write("report.txt", report(Product="nothing"))
    done = client.run("send", "--yes", "report.txt", "missing.txt")
    assert done.code == 65
    assert "2 faults" in done.err
    assert "line 2" in done.err
    assert "missing.txt: no such file" in done.err


def test_a_report_that_is_not_there_is_named(client: Client) -> None:
    done = client.run("send", "--yes", "nowhere.txt")
    assert done.code == 66
    assert "nowhere.txt: no such file or directory." in done.err


def test_likely_duplicates_stop_a_script_and_yes_overrules(client: Client, world: World) -> None:
    world.similar = [ALIKE]
    client.write("report.txt", REPORT)
    done = client.run("--json", "send", "report.txt")
    assert done.code == 1
    assert done.json["similar"][0]["number"] == 7
    assert world.problems == []
    assert client.run("send", "--yes", "report.txt").code == 0
    assert len(world.problems) == 1


def test_a_plus_one_is_offered_instead_of_a_second_report(client: Client, world: World) -> None:
    world.similar = [ALIKE]
    client.write("report.txt", REPORT)
    with client.terminal("send", "report.txt") as terminal:
        terminal.expect("'q' stops:")
        assert "Lid panics" in terminal.screen
        terminal.type("8\n")
        terminal.screen = ""
        terminal.expect("'q' stops:")
        terminal.type("7\n")
        terminal.expect("Your +1 of #7 counts")
        assert terminal.ends() == 0
    assert world.votes == {7: {"release": "15.0", "architecture": "amd64"}}
    assert world.problems == []
    assert client.waiting() == []


def test_a_report_can_be_sent_in_spite_of_one_alike(client: Client, world: World) -> None:
    world.similar = [ALIKE]
    client.write("report.txt", REPORT)
    with client.terminal("send", "report.txt") as terminal:
        terminal.expect("'q' stops:")
        terminal.type("s\n")
        terminal.expect("Reported as #1")
        assert terminal.ends() == 0


def test_a_person_is_asked_before_anything_goes_out(client: Client, world: World) -> None:
    client.write("report.txt", REPORT)
    with client.terminal("send", "report.txt") as terminal:
        terminal.expect("[Y/n]")
        terminal.type("n\n")
        assert terminal.ends() == 1
    assert world.problems == []


def test_an_upload_shows_its_progress_on_a_terminal(client: Client) -> None:
    client.write("report.txt", REPORT)
    client.write("core.bin", os.urandom(500_000))
    with client.terminal("send", "--yes", "report.txt", "core.bin") as terminal:
        terminal.expect("100%")
        terminal.expect("Reported as #1 with 1 file")
        assert terminal.ends() == 0


def test_a_field_that_the_server_refuses_is_said_and_the_file_stays(
    client: Client, world: World
) -> None:
    errors = [
        {"field": "component", "detail": "is closed for reports"},
        {"field": "release", "detail": "is not known"},
    ]
    body = {"title": "Invalid", "detail": "The report was not accepted", "errors": errors}
    kind = "application/problem+json"
    world.answer_instead("POST", ".*/problems/", 400, body, Content_Type=kind)
    client.write("report.txt", REPORT)
    done = client.run("--json", "send", "--yes", "report.txt")
    assert done.code == 65
    assert "component: is closed for reports." in done.err
    assert [error["field"] for error in done.json["errors"]] == ["component", "release"]
    assert client.waiting() == []
    assert (client.home / "report.txt").read_text() == REPORT


def test_without_a_sign_in_nothing_is_sent(stranger: Client, world: World) -> None:
    stranger.write("report.txt", REPORT)
    done = stranger.run("--server", world.base_url, "send", "--yes", "report.txt")
    assert done.code == 77
    assert "send-problem login" in done.err
    assert world.problems == []


def test_a_file_that_the_server_refuses_is_kept_and_the_number_is_said(
    client: Client, world: World
) -> None:
    client.write("report.txt", REPORT)
    client.write("a.txt", "a")
    client.write("b.txt", "b")
    body = {"detail": "This kind of file is not taken"}
    world.answer_instead("POST", ".*/attachments/", 415, body)
    done = client.run("--json", "send", "--yes", "report.txt", "a.txt", "b.txt")
    assert (done.code, done.json["number"]) == (65, 1)
    assert "a.txt: This kind of file is not taken." in done.json["error"]
    assert [a["name"] for a in world.attachments] == ["b.txt"]
    assert client.waiting() == ["1"]
    assert client.run("flush").code == 65
    assert client.run("flush", "--refused").code == 0
    assert [a["name"] for a in world.attachments] == ["b.txt", "a.txt"]
    assert len(world.problems) == 1


def test_a_busy_server_is_asked_again_after_the_time_it_names(client: Client, world: World) -> None:
    client.write("report.txt", REPORT)
    world.answer_instead("POST", ".*/problems/", 429, {"detail": "slow"}, Retry_After="1")
    done = client.run("send", "--yes", "report.txt")
    assert done.code == 0
    assert "waiting 1 s" in done.err
    assert len(world.requests("POST", "/api/v1/problems/")) == 2


def test_a_server_that_is_busy_for_long_leaves_the_report_in_the_outbox(
    client: Client, world: World
) -> None:
    client.write("report.txt", REPORT)
    world.answer_instead("POST", ".*/problems/", 503, {}, Retry_After="3600")
    done = client.run("--json", "send", "--yes", "report.txt")
    assert (done.code, done.json["queued"]) == (75, "1")
    assert "60 minutes" in done.json["reason"]


def test_a_web_page_instead_of_an_answer_is_one_sentence(client: Client, world: World) -> None:
    page = b"<html>Welcome to the hotel</html>"
    world.answer_instead("GET", ".*/me/", 200, page, Content_Type="text/html")
    done = client.run("whoami")
    assert done.code == 76
    assert "not as a Groundswell server" in done.err
    assert len(done.err.splitlines()) == 1


def test_the_token_is_not_sent_on_to_another_host(client: Client, world: World) -> None:
    other = world.base_url.replace("127.0.0.1", "localhost")
    world.answer_instead("GET", ".*/me/", 302, b"", Location=f"{other}/api/v1/me/")
    done = client.run("whoami")
    assert done.code == 76
    assert f"sends us on to {other}" in done.err
    assert len(world.seen) == 1


def test_an_address_without_encryption_is_warned_of(stranger: Client) -> None:
    done = stranger.run("--server", "http://nowhere.invalid", "status", "1")
    assert "is not encrypted" in done.err
    assert done.code == 69
    assert "no host named nowhere.invalid" in done.err


def test_votes_status_and_search_answer_people_and_scripts(client: Client, world: World) -> None:
    client.write("report.txt", report(Synopsis="Evil \x1b[31mred"))
    client.run("send", "--yes", "report.txt")
    voted = client.run("--json", "vote", "#1", "--release", "15.0", "--note", "since May")
    assert (voted.json["voted"], voted.json["people"]) == (True, 42)
    assert world.votes == {1: {"release": "15.0", "note": "since May"}}
    assert "42 people behind it" in client.run("vote", "1").out
    assert client.run("--json", "unvote", "1").json["voted"] is False
    assert client.run("--json", "vote", "--withdraw", "1").code == 0
    shown = client.run("status", "1").out
    assert "base / kernel" in shown
    assert client.run("search", "evil").out.startswith("#1\t1\tnew\tEvil")
    assert client.run("search", "evil", "--json").json["results"][0]["number"] == 1
    query = [seen.query for seen in world.seen if seen.path == "/api/v1/problems/"][-1]
    assert query["q"] == ["evil"]


def test_what_others_wrote_cannot_steer_the_terminal(client: Client, world: World) -> None:
    client.write("report.txt", report(Synopsis="Evil \x1b[31mred\x9b2J\u202e"))
    client.run("send", "--yes", "report.txt")
    for verb in (["status", "1"], ["search", "evil"], ["outbox"]):
        with client.terminal(*verb) as terminal:
            terminal.ends()
            assert "\x1b[31m" not in terminal.screen
            assert not set("\x9b\u202e") & set(terminal.screen)


def test_a_closed_problem_says_why_it_takes_no_vote(client: Client, world: World) -> None:
    world.answer_instead("PUT", ".*/vote/", 409, {"detail": "Problem 4 is closed: fixed in 15.0"})
    done = client.run("vote", "4")
    assert done.code == 65
    assert "Problem 4 is closed: fixed in 15.0." in done.err


def test_a_problem_that_does_not_exist_is_told_by_the_exit_code(client: Client) -> None:
    done = client.run("--json", "status", "999")
    assert (done.code, done.json["status"]) == (66, 404)
    assert "There is no problem #999" in done.err


def test_wrong_words_on_the_command_line_are_explained(client: Client) -> None:
    for args in (["sned"], ["vote", "abc"], ["outbox", "drop"], ["send"], ["--nonsense"]):
        done = client.run("--json", *args)
        assert done.code == 64, args
        assert done.json["error"] in done.err, args
    assert "Did you mean send or gone?" in client.run("sned").err


def test_a_reader_that_goes_away_is_no_traceback(client: Client) -> None:
    with client.start("--help") as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_full_disk_and_closed_streams_are_no_traceback(client: Client) -> None:
    command = " ".join(client.program)
    full = client.shell(f"{command} version > /dev/full")
    assert (full.code, full.err) == (73, "The output: no space left on device.\n")
    assert client.shell(f"{command} --json version 2>&-").json["version"]
    assert client.shell(f"{command} version >&-").code == 0


def test_ctrl_c_at_a_question_ends_quietly(client: Client, world: World) -> None:
    client.write("report.txt", REPORT)
    with client.terminal("send", "report.txt") as terminal:
        terminal.expect("[Y/n]")
        terminal.type("\x03")
        assert terminal.ends() == 130
        assert "Traceback" not in terminal.screen
    assert world.problems == []


def test_no_color_is_respected(client: Client) -> None:
    with client.terminal("version") as terminal:
        terminal.ends()
    with client.terminal("whoami") as terminal:
        terminal.ends()
        assert "\x1b[" in terminal.screen
    with client.terminal("whoami", NO_COLOR="1") as terminal:
        terminal.ends()
        assert "\x1b[" not in terminal.screen
