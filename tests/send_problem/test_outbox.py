"""The outbox: nothing is lost, and nothing arrives twice."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
from pathlib import Path

import pytest

from send_problem.catalogue import ask_catalogue
from send_problem.connection import Link
from tests.send_problem.bad_wire import Fault, Wire, bad_wire
from tests.send_problem.conftest import give_account
from tests.send_problem.contract_server import World
from tests.send_problem.running import REPORT, Client, Done, kill, report

FILE = os.urandom(200_000)


@pytest.fixture
def client(stranger: Client) -> Client:
    """A user who is not signed in yet, because they speak to the server through a wire."""
    return stranger


def write_report(client: Client) -> list[str]:
    """A report with two files; the arguments to send it."""
    client.write("report.txt", REPORT)
    client.write("a.bin", FILE)
    client.write("b.txt", "small")
    return ["--json", "send", "--yes", "report.txt", "a.bin", "b.txt"]


def assert_arrived_once(client: Client, world: World) -> None:
    assert len(world.problems) == 1
    assert [(a["name"], a["problem"]) for a in world.attachments] == [("a.bin", 1), ("b.txt", 1)]
    assert world.attachments[0]["sha256"] == hashlib.sha256(FILE).hexdigest()
    assert client.waiting() == []
    assert (client.home / "report.txt").read_text() == REPORT


def through(client: Client, world: World, wire: Wire) -> None:
    """Sign in so that the client speaks through the wire."""
    give_account(client, world, wire.url)
    # The offer is known, so that the next connection is that of the report.
    with client.at_home(), contextlib.closing(Link(wire.url)) as link:
        ask_catalogue(link)
    world.seen.clear()


def test_without_a_network_the_report_waits_and_flush_sends_it(
    client: Client, world: World
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        done = client.run(*write_report(client))
    assert (done.code, done.json["queued"]) == (75, "1")
    assert "flush" in client.run("send", "--yes", "report.txt", "a.bin", "b.txt").out
    assert client.waiting() == ["1"], "the same report again is the same item"
    redirect(client, wire.url, world.base_url)
    flushed = client.run("--json", "flush")
    assert flushed.code == 0, flushed.err
    assert flushed.json["sent"][0]["number"] == 1
    assert_arrived_once(client, world)


def redirect(client: Client, old: str, new: str) -> None:
    """Let everything that was for one address be for another, as after a DNS change."""
    for path in [*client.config.glob("*.json"), *client.outbox.glob("*/item.json")]:
        path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("direction", "count"),
    [
        *[("up", n) for n in (1, 700, 60_000, 200_400)],
        *[("down", n) for n in (0, 600, 1_400)],
    ],
)
def test_a_connection_that_breaks_anywhere_makes_nothing_twice(
    client: Client, world: World, direction: str, count: int
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        fault = Fault("up" if direction == "up" else "down", count)
        wire.faults = [fault]
        first = client.run(*write_report(client))
        assert fault.happened.is_set(), "the connection was not cut, so this shows nothing"
        if first.code:
            assert first.code == 75, first.err
            flushed = client.run("flush")
            assert flushed.code == 0, flushed.err
    assert_arrived_once(client, world)


def test_a_connection_that_breaks_again_and_again_makes_nothing_twice(
    client: Client, world: World
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [
            Fault("down", 10),
            Fault("down", 10),
            Fault("up", 50_000),
            Fault("down", 900),
        ]
        codes = [client.run(*write_report(client)).code]
        while codes[-1] == 75 and len(codes) < 8:
            codes.append(client.run("flush").code)
    assert codes[-1] == 0
    assert len(codes) >= 4
    assert_arrived_once(client, world)


def test_a_script_that_repeats_send_reports_once(client: Client, world: World) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("down", 10), Fault("up", 90_000)]
        done: list[Done] = []
        while not done or (done[-1].code == 75 and len(done) < 6):
            done.append(client.run(*write_report(client)))
    assert done[-1].code == 0
    assert done[-1].json["number"] == 1
    assert_arrived_once(client, world)


@pytest.mark.parametrize(
    ("direction", "count"), [("up", 10), ("down", 0), ("up", 100_000), ("down", 900)]
)
def test_kill_9_in_the_middle_loses_nothing_and_makes_nothing_twice(
    client: Client, world: World, direction: str, count: int
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        args = write_report(client)
        fault = Fault("up" if direction == "up" else "down", count, holds=True)
        wire.faults = [fault]
        process = client.start(*args)
        assert fault.happened.wait(60)
        kill(process)
        fault.released.set()
        assert client.waiting() == ["1"]
        assert client.run("flush").code == 0
    assert_arrived_once(client, world)


def test_kill_9_during_flush_loses_nothing(client: Client, world: World) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        assert client.run(*write_report(client)).code == 75
        for direction, count in (("down", 0), ("up", 150_000)):
            fault = Fault("up" if direction == "up" else "down", count, holds=True)
            wire.faults = [fault]
            process = client.start("flush")
            assert fault.happened.wait(60)
            kill(process)
            fault.released.set()
        assert client.run("flush").code == 0
    assert_arrived_once(client, world)


def test_two_flushes_at_once_send_once(client: Client, world: World) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        client.run(*write_report(client))
        fault = Fault("up", 100_000, holds=True)
        wire.faults = [fault]
        first = client.start("flush")
        assert fault.happened.wait(60)
        second = client.run("flush")
        assert second.code == 75
        assert "another send-problem" in second.err
        refused = client.run("outbox", "drop", "1")
        assert refused.code == 66
        assert "being sent at this moment" in refused.err
        fault.released.set()
        first.communicate(timeout=60)
        assert first.returncode == 0
    assert_arrived_once(client, world)


def test_the_next_call_that_reaches_the_server_sends_what_waits(
    client: Client, world: World
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        client.run(*write_report(client))
        done = client.run("--json", "whoami")
    assert done.json["handle"] == "rita"
    assert done.err.splitlines() == ["Sent from the outbox: #1."]
    assert_arrived_once(client, world)


def test_a_refused_report_is_kept_marked_and_shown(client: Client, world: World) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        client.run(*write_report(client))
        world.answer_instead("POST", ".*/problems/", 422, {"detail": "The component is closed"})
        done = client.run("flush")
        assert done.code == 65
        assert "The component is closed." in done.err
        listed = client.run("--json", "outbox")
        (item,) = listed.json["items"]
        assert (item["state"], item["reason"]) == ("refused", "The component is closed.")
        assert Path(item["copy"]).read_text() == REPORT
        assert client.run("flush").code == 65
        assert len(world.requests("POST", "/api/v1/problems/")) == 1, "it is not tried by itself"
        assert client.run("flush", "--refused").code == 0
    assert_arrived_once(client, world)


def test_an_item_can_be_dropped(client: Client, world: World) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        client.run(*write_report(client))
        assert client.run("outbox").out.startswith("1\t")
        assert client.run("--json", "outbox", "drop", "1").json == {"dropped": "1"}
        assert client.run("outbox", "drop", "1").code == 66
        assert client.run("flush").code == 0
    assert world.problems == []


def test_what_was_written_as_one_person_is_not_sent_as_another(
    client: Client, world: World
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        client.run(*write_report(client))
        client.sign_in(wire.url, "sam@example.org")
        done = client.run("flush")
    assert done.code == 75
    assert "written as rita@example.org" in done.err
    assert world.problems == []


def test_the_copy_in_the_outbox_is_private_and_independent_of_the_files(
    client: Client, world: World
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 0)]
        client.run(*write_report(client))
        for name in ("report.txt", "a.bin", "b.txt"):
            (client.home / name).unlink()
        assert client.outbox.stat().st_mode & 0o077 == 0
        assert client.run("flush").code == 0
    assert world.attachments[0]["sha256"] == hashlib.sha256(FILE).hexdigest()


def test_a_half_built_item_is_not_sent_and_cleared_away_once_nobody_builds_it(
    client: Client, world: World
) -> None:
    half = client.outbox / ".new-half"
    half.mkdir(parents=True)
    with (half / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert client.run("flush").code == 0
        assert half.exists()
    client.run("flush")
    assert not half.exists()
    (client.outbox / "9").mkdir()
    (client.outbox / "9" / "item.json").write_text('{"id": "9", "bo')
    assert client.run("flush").code == 0
    assert world.seen == []


def test_a_report_of_which_nobody_could_be_asked_is_queued_before_the_first_sign_in(
    stranger: Client, world: World
) -> None:
    stranger.write("report.txt", report())
    done = stranger.run("--json", "--server", "http://127.0.0.1:9", "send", "--yes", "report.txt")
    assert (done.code, done.json["queued"]) == (75, "1")
    body = json.loads((stranger.outbox / "1" / "item.json").read_text())["body"]
    assert body["synopsis"] == "Kernel panics when the lid is closed"


def test_ctrl_c_during_an_upload_says_how_to_go_on(client: Client, world: World) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        args = write_report(client)
        fault = Fault("up", 100_000, holds=True)
        wire.faults = [fault]
        with client.terminal(*args[1:]) as terminal:
            assert fault.happened.wait(60)
            terminal.type("\x03")
            terminal.expect("outbox drop 1")
            assert terminal.ends() == 130
        fault.released.set()
        assert client.run("flush").code == 0
    assert_arrived_once(client, world)


def test_a_script_learns_the_number_of_a_report_that_another_call_has_sent(
    client: Client, world: World
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("down", 10)]
        assert client.run(*write_report(client)).code == 75
        assert "Sent from the outbox: #1." in client.run("whoami").err
        done = client.run(*write_report(client))
        assert (done.code, done.json["number"], len(done.json["attachments"])) == (0, 1, 2)
        assert_arrived_once(client, world)
        assert client.run(*write_report(client)).json["number"] == 2, "now it is a new report"


def test_a_report_that_was_begun_is_not_taken_for_its_own_duplicate(
    client: Client, world: World
) -> None:
    with bad_wire(world.base_url) as wire:
        through(client, world, wire)
        wire.faults = [Fault("up", 100_000)]
        args = write_report(client)
        assert client.run(*args).json["number"] == 1
        world.similar = world.problems
        args.remove("--yes")
        assert client.run(*args).code == 0
    assert_arrived_once(client, world)


def test_a_file_name_that_is_no_text_is_sent_all_the_same(client: Client, world: World) -> None:
    client.sign_in(world.base_url)
    client.write("report.txt", REPORT)
    name = os.fsdecode(b"caf\xe9.txt")
    client.write(name, "x")
    done = client.run("--json", "send", "--yes", "report.txt", name)
    assert done.code == 0, done.err
    assert world.attachments[0]["name"] == "caf?.txt"
