"""The client against the whole product, as processes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from send_problem.build_pyz import build
from tests.patches.made_by_git import git, repository
from tests.send_problem.bad_wire import Fault, bad_wire
from tests.send_problem.running import Client, Done, kill
from tests.send_problem.test_one_file import bare_python
from tests.services import Groundswell, groundswell, wait_until

pytestmark = pytest.mark.end_to_end

PRODUCT = "from tests.problems import make_product; make_product('base', 'kernel', 'net')"


@pytest.fixture(scope="module")
def running() -> Iterator[Groundswell]:
    with groundswell() as installation:
        installation.manage("shell", "-c", PRODUCT)
        yield installation


@pytest.fixture
def rita(running: Groundswell, tmp_path: Path) -> Client:
    """A new reporter, registered through the client."""
    return newcomer(running, Client(tmp_path), f"rita-{tmp_path.name[-12:]}@example.org")


def newcomer(running: Groundswell, client: Client, email: str) -> Client:
    """Register: the code is asked for in one call and entered in the next."""
    asked = client.run("--server", running.base_url, "register", email)
    assert asked.code == 75, asked.err
    wait_until(lambda: bool(codes(running, email)), what="the mail with the code")
    done = client.run("--json", "register", email, "--code", codes(running, email)[-1])
    assert (done.code, done.json["email"]) == (0, email), done.err
    return client


def codes(running: Groundswell, email: str) -> list[str]:
    """The codes that were mailed to an address, oldest first."""
    subjects = [str(mail["Subject"]) for mail in running.mails() if mail["To"] == email]
    return [found[0] for subject in subjects if (found := re.findall(r"\d{6,}", subject))]


def write_report(client: Client, synopsis: str) -> None:
    """Fill in what the template leaves open."""
    made = client.run("template", "report.txt", "--product", "base", "--component", "kernel")
    assert made.code == 0, made.err
    text = (client.home / "report.txt").read_text()
    text = text.replace("Synopsis:", f"Synopsis: {synopsis}").replace("Release:", "Release: 15.0")
    client.write("report.txt", text.replace("Description:\n", "Description:\nIt stops.\n"))


def api(running: Groundswell, path: str) -> dict[str, object]:
    status, text = running.get(f"/api/v1/{path}")
    assert status == 200, text
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def downloaded(client: Client, attachment: dict[str, str]) -> str:
    """SHA-256 of what the server gives back for an attachment."""
    with urllib.request.urlopen(attachment["url"], timeout=60) as answer:
        return hashlib.sha256(answer.read()).hexdigest()


def test_a_report_with_two_files_a_vote_and_the_way_out(
    running: Groundswell, rita: Client, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_report(rita, "Wireless stops after resume")
    picture = rita.write("screen ü.png", os.urandom(700_000))
    rita.write("dmesg.txt", "boot\n")
    sent = rita.run("--json", "send", "--yes", "report.txt", "dmesg.txt", picture.name)
    assert sent.code == 0, sent.err
    number = sent.json["number"]
    assert sent.json["url"] == f"{running.base_url}/{number}"
    whole = hashlib.sha256(picture.read_bytes()).hexdigest()
    assert downloaded(rita, sent.json["attachments"][1]) == whole

    one_file = build(tmp_path_factory.mktemp("program") / "send-problem.pyz")
    home = tmp_path_factory.mktemp("sam")
    sam = newcomer(running, Client(home, [bare_python(), "-I", str(one_file)]), "sam@example.org")
    write_report(sam, "Wireless stops after a resume")
    alike = sam.run("--json", "send", "report.txt")
    assert (alike.code, alike.json["similar"][0]["number"]) == (1, number)
    voted = sam.run("--json", "vote", str(number), "--release", "15.0", "--note", "here too")
    assert (voted.json["voted"], voted.json["people"]) == (True, 2)
    assert sam.run("--json", "status", str(number)).json["people"] == 2
    found = sam.run("--json", "search", "wireless").json["results"]
    assert number in [problem["number"] for problem in found]
    waited_for = rita.run("--json", "my").json["i_wait_for"]
    assert number in [each["number"] for part in waited_for for each in part["problems"]]
    gone = sam.run("--json", "gone", str(number), "--release", "15.0", "--note", "after 15.0p1")
    assert [(each["release"], each["note"]) for each in gone.json["gone"]] == [
        ("15.0", "after 15.0p1")
    ]
    taken_back = sam.run("--json", "gone", str(number), "--release", "15.0", "--withdraw")
    assert taken_back.json["gone"] == []
    assert sam.run("--json", "unvote", str(number)).json["people"] == 1
    assert sam.run("--json", "logout").json["revoked"] is True
    assert sam.run("whoami").code == 77


def test_commits_go_in_as_a_series_and_come_out_the_same_by_git_am(
    running: Groundswell, rita: Client
) -> None:
    write_report(rita, "The watchdog bites")
    number = str(rita.run("--json", "send", "--yes", "report.txt").json["number"])
    theirs = rita.home / "theirs"
    theirs.mkdir()
    repository(theirs)
    git(rita.home, "clone", "-q", "theirs", "ours")
    git(rita.home / "ours", "reset", "-q", "--hard", "HEAD~2")
    program = " ".join(rita.program)
    sent = rita.shell(
        f"cd {theirs} && git format-patch --binary --stdout HEAD~2 | {program} patch {number} -"
    )
    assert sent.code == 0, sent.err
    listed = rita.run("--json", "patches", "--problem", number).json["results"]
    patch = str(listed[0]["number"])
    assert listed[0]["fixes"] == [int(number)]
    fetched = rita.shell(f"{program} fetch-patch {patch} > {rita.home / 'series.mbox'}")
    assert (fetched.code, fetched.err) == (0, "")
    git(rita.home / "ours", "am", "-q", str(rita.home / "series.mbox"))
    shape = ("log", "-2", "--format=%T %an %ae %ad %B")
    assert git(rita.home / "ours", *shape) == git(theirs, *shape)
    rated = rita.run("--json", "rate", patch, "works", "--arch", "amd64")
    assert rated.json["architecture"] == "amd64", rated.err


def test_faults_that_only_the_server_knows_are_shown_by_field(
    running: Groundswell, rita: Client
) -> None:
    write_report(rita, "Release 9.9 is unknown")
    number = rita.run("--json", "send", "--yes", "report.txt").json["number"]
    done = rita.run("--json", "vote", str(number), "--release", "9.9")
    assert done.code == 65
    assert done.json["errors"][0]["field"] == "release"
    assert rita.run("--json", "status", "999999").code == 66


@pytest.mark.parametrize(
    ("direction", "count"),
    [("up", 700), ("up", 100_000), ("down", 0), ("down", 900), ("down", 1_800)],
)
def test_a_connection_that_breaks_makes_nothing_twice_at_the_real_server(
    running: Groundswell, rita: Client, direction: str, count: int
) -> None:
    synopsis = f"Cut {direction} after {count}"
    write_report(rita, synopsis)
    rita.write("a.bin", os.urandom(200_000))
    rita.write("b.txt", "small")
    with bad_wire(running.base_url) as wire:
        redirect(rita, running.base_url, wire.url)
        fault = Fault("up" if direction == "up" else "down", count)
        wire.faults = [fault]
        done = rita.run("--json", "send", "--yes", "report.txt", "a.bin", "b.txt")
        assert fault.happened.is_set()
        assert done.code == 75, done.out + done.err
        again = rita.run("--json", "flush")
        assert again.code == 0, again.out + again.err
    assert_arrived_once(running, again, synopsis)


def test_kill_9_and_a_second_call_make_nothing_twice_at_the_real_server(
    running: Groundswell, rita: Client
) -> None:
    write_report(rita, "Killed while it was sent")
    rita.write("a.bin", os.urandom(200_000))
    rita.write("b.txt", "small")
    with bad_wire(running.base_url) as wire:
        redirect(rita, running.base_url, wire.url)
        fault = Fault("down", 0, holds=True)
        wire.faults = [fault]
        process = rita.start("send", "--yes", "report.txt", "a.bin", "b.txt")
        assert fault.happened.wait(60)
        kill(process)
        flushed = rita.run("--json", "flush")
        assert flushed.code == 0, flushed.err
    assert_arrived_once(running, flushed, "Killed while it was sent")


def redirect(client: Client, old: str, new: str) -> None:
    """Let what was for one address be for another; the offer that was kept stays fresh."""
    for path in client.config.glob("*.json"):
        path.write_text(path.read_text().replace(old, new))
    client.run("template")


def assert_arrived_once(running: Groundswell, flushed: Done, synopsis: str) -> None:
    (item,) = flushed.json["sent"]
    words = synopsis.replace(" ", "%20")
    problems = api(running, f"problems/?q={words}&state=any&limit=100")["results"]
    assert isinstance(problems, list)
    assert [p["number"] for p in problems if p["synopsis"] == synopsis] == [item["number"]]
    attachments = api(running, f"problems/{item['number']}/attachments/")["results"]
    assert isinstance(attachments, list)
    assert [a["name"] for a in attachments] == ["a.bin", "b.txt"]
