"""Which server a call speaks to."""

from __future__ import annotations

import ipaddress
import os
from urllib.parse import urlsplit

from send_problem.disk import config_folder, private_folder, read_json, write_json
from send_problem.failures import Exit, Failure

SETTINGS = "settings.json"


def choose_server(given: str | None) -> str:
    """The server's address: the option, else ``SEND_PROBLEM_SERVER``, else the remembered one."""
    if given:
        return tidy_address(given)
    remembered = read_json(config_folder() / SETTINGS).get("server", "")
    if isinstance(remembered, str) and remembered:
        return tidy_address(remembered)
    raise Failure(
        "No server is known: name it once, as in"
        " 'send-problem --server https://problems.example.org login you@example.org',"
        " or set SEND_PROBLEM_SERVER.",
        Exit.NO_SERVER,
    )


def remember_server(server: str) -> bool:
    """Use ``server`` when none is named; true when another one, or none, was remembered."""
    path = private_folder(config_folder()) / SETTINGS
    settings = read_json(path)
    if settings.get("server") == server:
        return False
    write_json(path, {**settings, "server": server})
    return True


def tidy_address(text: str) -> str:
    """``scheme://host[:port]``; raise ``Failure`` when ``text`` is no such address."""
    given = text.strip()
    parts = urlsplit(given if "://" in given else f"{_usual_scheme(given)}://{given}")
    wrong = Failure(
        f"'{given}' is not the address of a server: write it as https://problems.example.org.",
        Exit.NO_SERVER,
    )
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"http", "https"} or not host or any(c.isspace() for c in host):
        raise wrong
    if parts.username or parts.path.strip("/") or parts.query or parts.fragment:
        raise wrong
    name = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{name}" + (f":{port}" if port and port != usual else "")


def _usual_scheme(address: str) -> str:
    return "http" if is_loopback(f"http://{address}") else "https"


def is_loopback(address: str) -> bool:
    """True when what is sent to ``address`` does not leave this machine."""
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_readable_on_the_way(address: str) -> bool:
    """True when others on the network can read what is sent to ``address``."""
    return address.startswith("http://") and not is_loopback(address)


def timeout_seconds() -> float:
    """How long a silent server is waited for: ``SEND_PROBLEM_TIMEOUT`` seconds, default 60."""
    text = os.environ.get("SEND_PROBLEM_TIMEOUT", "") or "60"
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise Failure(
            f"SEND_PROBLEM_TIMEOUT is '{text}': write a number of seconds from 1 to 3600.",
            Exit.USAGE,
        )
    return seconds
