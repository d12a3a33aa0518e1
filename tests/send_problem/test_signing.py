"""register, login, whoami, logout."""

from __future__ import annotations

import json

import pytest

from tests.send_problem.contract_server import CODE, World
from tests.send_problem.running import Client


def mode(path) -> int:  # type: ignore[no-untyped-def]
    return int(path.stat().st_mode & 0o777)


def test_registering_asks_for_the_code_on_the_terminal_and_keeps_a_private_token(
    stranger: Client, world: World
) -> None:
    args = ["--server", world.base_url, "register", "rita@example.org", "--handle", "rita"]
    with stranger.terminal(*args) as terminal:
        terminal.expect("> ")
        terminal.type(f"{CODE}\n")
        terminal.expect("Signed in")
        assert terminal.ends() == 0
    assert json.loads(world.requests("POST", "/api/v1/auth/sign-up/")[0].body) == {
        "email": "rita@example.org",
        "handle": "rita",
    }
    tokens = stranger.config / "tokens.json"
    (token,) = world.tokens
    assert token in tokens.read_text()
    assert (mode(tokens), mode(stranger.config)) == (0o600, 0o700)


def test_the_server_is_named_once(client: Client, world: World) -> None:
    done = client.run("--json", "whoami")
    assert done.code == 0
    assert done.json["email"] == "rita@example.org"
    assert done.json["server"] == world.base_url


def test_the_code_is_read_from_standard_input(stranger: Client, world: World) -> None:
    done = stranger.run(
        "--json", "--server", world.base_url, "login", "rita@example.org", stdin=f"{CODE}\n"
    )
    assert done.code == 0
    assert done.json["handle"] == "rita"
    assert "gw_" not in done.out + done.err


def test_a_login_without_input_is_finished_by_a_later_call_with_the_code(
    stranger: Client, world: World
) -> None:
    first = stranger.run("--server", world.base_url, "login", "rita@example.org", "--system", "lab")
    assert first.code == 75
    assert "--code CODE" in first.err
    assert mode(stranger.config / "pending.json") == 0o600
    second = stranger.run("--json", "login", "rita@example.org", "--code", CODE)
    assert (second.code, second.json["system"]) == (0, "lab")
    assert len(world.requests("POST", "/api/v1/auth/sign-in/")) == 1
    assert not (stranger.config / "pending.json").exists()


def test_a_code_that_nobody_asked_for_is_explained(stranger: Client, world: World) -> None:
    done = stranger.run("--server", world.base_url, "login", "rita@example.org", "--code", CODE)
    assert done.code == 65
    assert "No code is awaited" in done.err
    assert world.requests("POST", "/api/v1/auth/sign-in/") == []


def test_a_wrong_code_is_asked_for_three_times_on_a_terminal(
    stranger: Client, world: World
) -> None:
    with stranger.terminal("--server", world.base_url, "login", "rita@example.org") as terminal:
        for wrong in range(3):
            terminal.expect("> " if not wrong else "not the code")
            terminal.screen = ""
            terminal.type("000000\n")
        terminal.expect("not the code")
        assert terminal.ends() == 65
    assert len(world.requests("POST", "/api/v1/auth/confirm/")) == 3


def test_a_wrong_code_in_a_script_can_be_corrected(stranger: Client, world: World) -> None:
    done = stranger.run("--server", world.base_url, "login", "rita@example.org", stdin="000000\n")
    assert done.code == 65
    assert stranger.run("login", "rita@example.org", "--code", CODE).code == 0


def test_a_second_login_revokes_the_token_of_the_first(client: Client, world: World) -> None:
    (first,) = world.tokens
    client.sign_in(world.base_url)
    assert len(world.tokens) == 1
    assert first not in world.tokens


def test_a_token_file_that_others_could_read_is_closed_and_said(client: Client) -> None:
    (client.config / "tokens.json").chmod(0o644)
    client.config.chmod(0o755)
    done = client.run("whoami")
    assert done.code == 0
    assert "tokens.json was open to others" in done.err
    assert mode(client.config / "tokens.json") == 0o600
    assert mode(client.config) == 0o700


def test_logging_out_revokes_the_token_and_removes_the_file(client: Client, world: World) -> None:
    done = client.run("--json", "logout")
    assert (done.code, done.json["revoked"]) == (0, True)
    assert world.tokens == {}
    assert not (client.config / "tokens.json").exists()
    assert client.run("whoami").code == 77


def test_logging_out_without_a_network_removes_the_token_here_and_says_so(
    client: Client, world: World
) -> None:
    # Nobody listens on the port once the name is another's.
    tokens = (client.config / "tokens.json").read_text()
    (client.config / "tokens.json").write_text(tokens.replace(world.base_url, "http://127.0.0.1:9"))
    done = client.run("--server", "http://127.0.0.1:9", "logout")
    assert done.code == 0
    assert "not revoked" in done.err
    assert not (client.config / "tokens.json").exists()


def test_a_revoked_token_leads_to_login(client: Client, world: World) -> None:
    world.tokens.clear()
    done = client.run("--json", "whoami")
    assert done.code == 77
    assert "send-problem login" in done.json["error"]


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        (None, 78, "No server is known"),
        ("ftp://example.org", 78, "is not the address of a server"),
        ("https://example.org/api/v1/", 78, "is not the address of a server"),
        ("http://127.0.0.1:9", 69, "refuses the connection"),
    ],
)
def test_a_server_that_cannot_be_used_is_one_sentence(
    stranger: Client, address: str | None, code: int, words: str
) -> None:
    server = ["--server", address] if address else []
    done = stranger.run(*server, "login", "rita@example.org")
    assert done.code == code
    assert words in done.err
    assert len(done.err.splitlines()) == 1


def test_a_handle_that_is_taken_is_shown_with_its_field(stranger: Client, world: World) -> None:
    errors = [{"field": "handle", "detail": "is taken"}]
    body = {"detail": "The form has faults", "errors": errors}
    world.answer_instead("POST", ".*/sign-up/", 400, body, Content_Type="application/problem+json")
    done = stranger.run("--server", world.base_url, "register", "a@example.org", "--handle", "x")
    assert done.code == 65
    assert "handle: is taken." in done.err
