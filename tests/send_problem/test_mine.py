"""`send-problem my`: what waits, and what is new, for people and for scripts."""

from __future__ import annotations

from typing import Any

from tests.send_problem.contract_server import World
from tests.send_problem.running import Client

MINE: dict[str, Any] = {
    "waits_for_me": [
        {
            "reason": "feedback",
            "title": "Feedback asked of you",
            "problems": [
                {"number": 4, "synopsis": "Lid \x1b[31mpanics", "outlook": "Waits for you."}
            ],
            "more": True,
        }
    ],
    "i_wait_for": [],
    "news_since": "2026-01-01T00:00:00Z",
    "news": [
        {
            "problem": {"number": 7, "synopsis": "No sound", "fixed_in": "15.0"},
            "is_fixed": True,
            "happenings": [{"at": "2026-01-02T03:04:05Z", "words": "mara closed it as fixed"}],
            "left_out": 2,
        }
    ],
}


def test_it_says_what_waits_and_what_is_new_to_people_and_to_scripts(
    client: Client, world: World
) -> None:
    world.answer_instead("GET", ".*/my/", 200, MINE)
    done = client.run("my")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "Feedback asked of you, the first of them"
    assert lines[1].startswith("#4\tLid ")
    assert lines[1].endswith("\tWaits for you.")
    assert "\x1b" not in done.out
    assert lines[2:] == [
        "News of what you have",
        "#7 No sound (fixed in 15.0)",
        "  2 things before",
        "  2026-01-02 mara closed it as fixed",
    ]
    assert "--seen" in done.err
    assert not any(seen.method == "POST" and "/my/" in seen.path for seen in world.seen)


def test_news_are_marked_as_read_when_asked(client: Client, world: World) -> None:
    world.answer_instead("GET", ".*/my/", 200, MINE)
    world.answer_instead("POST", ".*/my/seen/", 204)
    done = client.run("--json", "my", "--seen")
    assert (done.code, done.json) == (0, MINE)
    assert ("POST", "/api/v1/my/seen/") in [(seen.method, seen.path) for seen in world.seen]


def test_where_nothing_waits_it_says_so(client: Client, world: World) -> None:
    empty = {"waits_for_me": [], "i_wait_for": [], "news_since": "", "news": []}
    world.answer_instead("GET", ".*/my/", 200, empty)
    assert "Nothing waits for you" in client.run("my").err
