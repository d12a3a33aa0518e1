"""patch, patches, fetch-patch, review, rate: what goes over the wire, and what people see."""

from __future__ import annotations

import json
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import pytest

from tests.send_problem.bad_wire import Fault, bad_wire
from tests.send_problem.conftest import give_account
from tests.send_problem.contract_server import Seen, World
from tests.send_problem.running import Client
from tests.send_problem.test_outbox import redirect

DIFF = b"--- a/x.c\n+++ b/x.c\n@@ -1 +1 @@\n-a\n+\xe9\x80\n"
PATCH = {
    "number": 7, "url": "http://tracker.example.org/patches/7/", "title": "em: no hang",
    "product": "base", "fixes": [12], "author": "paula", "demand": 3, "state": "waiting",
    "turn": "reviewers", "is_reviewed": False, "latest": 2,
    "waits_for": "Waits for a first review.", "needs": "Still needs “Quality” from a maintainer.",
}  # fmt: skip


def parts_of(seen: Seen) -> list[tuple[str, str | None, bytes]]:
    """(field, file name, bytes) of a form."""
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    found = []
    for part in BytesParser(policy=HTTP).parsebytes(head + seen.body).iter_parts():
        data = part.get_payload(decode=True)
        assert isinstance(data, bytes)
        name = part.get_param("name", header="content-disposition")
        found.append((str(name), part.get_filename(), data))
    return found


def test_files_of_a_series_go_out_as_one_form_byte_for_byte(client: Client, world: World) -> None:
    client.write("0001-a.patch", DIFF)
    client.write("0002-b.patch", DIFF)
    done = client.run("patch", "#12", "0001-a.patch", "0002-b.patch", "-m", "four hours of load")
    assert done.code == 0, done.err
    (seen,) = world.requests("POST", "/api/v1/patches/")
    assert sorted(parts_of(seen), key=str) == [
        ("file", "0001-a.patch", DIFF),
        ("file", "0002-b.patch", DIFF),
        ("fixes", None, b"12"),
        ("note", None, b"four hours of load"),
    ]
    assert "Patch 1: " in done.out
    assert client.waiting() == []


def test_standard_input_and_a_next_version(client: Client, world: World) -> None:
    done = client.run("--json", "patch", "--new-version-of", "7", "-", stdin=DIFF)
    assert (done.code, done.json["number"]) == (0, 2), done.err
    (seen,) = world.requests("POST", "/api/v1/patches/7/versions/")
    assert parts_of(seen) == [("file", "stdin.patch", DIFF)]
    assert client.run("patch", "--product", "base", "-").code == 66, "nothing came in"


def test_what_makes_no_sense_is_refused_before_anything_is_sent(
    client: Client, world: World
) -> None:
    client.write("a.diff", DIFF)
    for words in (["a.diff"], ["12"], ["12", "a.diff", "--new-version-of", "7"]):
        assert client.run("patch", *words).code == 64, words
    assert client.run("patch", "12", "none.diff").code == 66
    many = client.run("patch", "12", *["a.diff"] * 101)
    assert (many.code, "--stdout" in many.err) == (66, True)
    assert world.seen == []


@pytest.mark.parametrize("lost", [Fault("up", 0), Fault("down", 0)])
def test_without_a_network_a_patch_waits_and_arrives_once(
    stranger: Client, world: World, lost: Fault
) -> None:
    stranger.write("a.diff", DIFF)
    with bad_wire(world.base_url) as wire:
        give_account(stranger, world, wire.url)
        wire.faults = [lost]
        done = stranger.run("--json", "patch", "12", "a.diff")
        assert (done.code, done.json["queued"]) == (75, "1"), done.err
    assert "a.diff" in stranger.run("outbox").out
    redirect(stranger, wire.url, world.base_url)
    flushed = stranger.run("flush")
    assert "patch 1 sent" in flushed.out, flushed.err
    assert len(world.patches) == 1
    assert stranger.waiting() == []


def test_what_the_server_refuses_is_said_and_not_kept(client: Client, world: World) -> None:
    client.write("a.diff", b"nothing")
    errors = [{"field": "file", "detail": "There is no patch in it."}]
    body = {"title": "Invalid", "status": 400, "detail": "Put right: file.", "errors": errors}
    world.answer_instead(
        "POST", "/api/v1/patches/", 400, body, Content_Type="application/problem+json"
    )
    done = client.run("patch", "12", "a.diff")
    assert (done.code, client.waiting()) == (65, [])
    assert "There is no patch in it." in done.err


def plan_fetch(world: World, data: bytes) -> None:
    world.answer_instead("GET", "/api/v1/patches/7/", 200, PATCH)
    path = "/api/v1/patches/7/versions/2.mbox"
    world.answer_instead("GET", path, 200, data, Content_Type="text/plain; charset=utf-8")


def test_a_fetched_patch_is_the_bytes_alone(client: Client, world: World) -> None:
    plan_fetch(world, DIFF)
    done = client.shell(f"{' '.join(client.program)} fetch-patch 7 | od -An -tx1 | tr -d ' \\n'")
    assert (done.out, done.err) == (DIFF.hex(), "")
    world.answer_instead(
        "GET", "/api/v1/patches/8/", 404, {"detail": "No."}, Content_Type="application/problem+json"
    )
    missing = client.run("fetch-patch", "8")
    assert (missing.code, missing.out) == (66, "")
    assert "no patch 8" in missing.err


def test_a_hostile_patch_does_not_steer_the_terminal(client: Client, world: World) -> None:
    plan_fetch(world, b"+\tfine\n+\x1b]0;owned\x07\x1b[2J \xe2\x80\xae evil\n")
    with client.terminal("fetch-patch", "7") as terminal:
        terminal.expect("evil")
        assert terminal.ends() == 0
    assert "fine" in terminal.screen
    assert not {"\x1b", "\x07", "\u202e"} & set(terminal.screen)


def test_the_list_says_for_whom_each_waits(client: Client, world: World) -> None:
    hostile: dict[str, Any] = PATCH | {"number": 8, "title": "x\x1b[2J", "turn": "committer"}
    page = {"next": None, "previous": None, "results": [PATCH, hostile]}
    for _ in range(2):
        world.answer_instead("GET", "/api/v1/patches/", 200, page)
    done = client.run("patches", "--waiting", "--path", "sys/netinet")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert rows[0] == ["7", "3", "first review", "em: no hang"]
    assert (rows[1][2], "\x1b" in done.out) == ("a committer", False)
    assert world.seen[-1].query == {"turn": ["all"], "path": ["sys/netinet"], "limit": ["20"]}
    with client.terminal("patches") as terminal:
        terminal.expect("fixes #12, by paula")
        assert terminal.ends() == 0


def test_rating_and_reviewing_send_what_was_said(client: Client, world: World) -> None:
    said = {"dimension": "works", "value": 1}
    world.answer_instead("POST", "/api/v1/patches/7/ratings/", 201, said)
    world.answer_instead("GET", "/api/v1/patches/7/", 200, PATCH)
    done = client.run("rate", "7", "works", "--arch", "amd64", "--version", "1")
    assert done.code == 0, done.err
    assert json.loads(world.seen[-2].body) == said | {"architecture": "amd64", "version": 1}
    assert "Still needs “Quality”" in done.out
    world.answer_instead("POST", "/api/v1/patches/7/reviews/", 201, {"id": 1})
    assert client.run("review", "7", "--changes", "-m", "Who frees it?").code == 0
    assert b"Who frees it?" in world.seen[-1].body


def test_what_is_ones_own_is_asked_for_by_who_is_signed_in(stranger: Client, world: World) -> None:
    for mine in ("--mine", "--asked"):
        done = stranger.run("--server", world.base_url, "patches", mine)
        assert (done.code, "login" in done.err) == (77, True)
    assert world.requests("GET", "/api/v1/patches/") == []
