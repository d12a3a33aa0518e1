"""A real HTTP server, in memory, that keeps to version 1 of the API as the client knows it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import ssl
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

CODE = "123456"
Answer = tuple[int, dict[str, str], Any]


@dataclass
class Seen:
    """A request that arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class World:
    """What the server knows; tests read it and change it."""

    base_url: str = ""
    problems: list[dict[str, Any]] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)
    patches: list[str] = field(default_factory=list)
    votes: dict[int, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    challenges: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[str, Answer]] = field(default_factory=dict)
    similar: list[dict[str, Any]] = field(default_factory=list)
    instead: list[tuple[str, str, Answer]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    limits: dict[str, int] = field(
        default_factory=lambda: {
            "attachment_bytes": 1_000_000,
            "attachments_per_problem": 3,
            "synopsis_chars": 100,
            "text_chars": 5000,
        }
    )
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer_instead(
        self, method: str, path: str, status: int, body: Any = None, **h: str
    ) -> None:
        """The next such request is answered like this; a body of bytes is sent as it is."""
        headers = {name.replace("_", "-"): value for name, value in h.items()}
        self.instead.append((method, path, (status, headers, body)))

    def requests(self, method: str, path: str) -> list[Seen]:
        """The requests of that kind that arrived."""
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]


PRODUCTS = [
    {
        "slug": "base",
        "title": "Base system",
        "description": "",
        "components": [
            {"slug": "kernel", "title": "Kernel", "description": ""},
            {"slug": "net", "title": "Networking", "description": ""},
        ],
        "releases": [
            {"name": "15.0", "is_supported": True},
            {"name": "14.2", "is_supported": True},
        ],
    },
    {
        "slug": "ports",
        "title": "Ports",
        "description": "",
        "components": [{"slug": "www", "title": "Web", "description": ""}],
        "releases": [],
    },
]


def problem_document(status: int, detail: str, **members: Any) -> Answer:
    """An RFC 9457 answer."""
    body = {"type": "about:blank", "title": "Refused", "status": status, "detail": detail}
    return status, {"Content-Type": "application/problem+json"}, {**body, **members}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    world: World

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if len(body) < int(self.headers.get("Content-Length") or 0):
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, parts.path, parse_qs(parts.query), headers, body)
        with self.world.lock:
            self.world.seen.append(seen)
            answer = self._instead(seen) or self._once(seen)
        self._write(answer)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815 - named by http.server

    def _instead(self, seen: Seen) -> Answer | None:
        for planned in self.world.instead:
            method, path, answer = planned
            if method == seen.method and re.fullmatch(path, seen.path):
                self.world.instead.remove(planned)
                return answer
        return None

    def _once(self, seen: Seen) -> Answer:
        """The first answer to an Idempotency-Key is the answer to every retry."""
        key = seen.headers.get("idempotency-key")
        if key is None:
            return route(self.world, seen)
        print_ = hashlib.sha256(seen.path.encode() + seen.body).hexdigest()
        known = self.world.answers.get(key)
        if known is None:
            known = self.world.answers[key] = (print_, route(self.world, seen))
        if known[0] != print_:
            return problem_document(422, "This key came with another body")
        return known[1]

    def _write(self, answer: Answer) -> None:
        status, headers, body = answer
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = b"" if status == 204 else data
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(data)


def route(world: World, seen: Seen) -> Answer:
    """The answer to a request, and what it does to the world."""
    path = seen.path.removeprefix("/api/v1/")
    body = _json(seen)
    if path == "server/":
        return 200, {}, _server(world)
    if path == "products/":
        return 200, {}, {"next": None, "previous": None, "results": PRODUCTS}
    if path.startswith("auth/"):
        return _sign_in(world, path, body)
    email = world.tokens.get(seen.headers.get("authorization", "").removeprefix("Bearer "))
    if path == "problems/similar/":
        return 200, {}, {"results": world.similar}
    if path == "problems/" and seen.method == "GET":
        return 200, {}, {"next": None, "previous": None, "results": world.problems}
    if (match := re.fullmatch(r"problems/(\d+)/", path)) and seen.method == "GET":
        return _problem(world, int(match[1]))
    if email is None:
        return problem_document(401, "Sign in first")
    return _signed_in(world, seen, path, body, email)


def _signed_in(world: World, seen: Seen, path: str, body: dict[str, Any], email: str) -> Answer:
    if path == "me/":
        return 200, {}, {**_person(email), "roles": ["reporter"]}
    if path == "tokens/current/":
        world.tokens.pop(seen.headers["authorization"].removeprefix("Bearer "))
        return 204, {}, None
    if path == "problems/" and seen.method == "POST":
        return _report(world, body, email)
    if match := re.fullmatch(r"problems/(\d+)/attachments/", path):
        return _attach(world, int(match[1]), seen)
    if match := re.fullmatch(r"patches/(?:(\d+)/versions/)?", path):
        return _take_patch(world, int(match[1] or 0))
    if match := re.fullmatch(r"problems/(\d+)/vote/", path):
        return _vote(world, int(match[1]), seen.method, body)
    return problem_document(404, "There is nothing here")


def _json(seen: Seen) -> dict[str, Any]:
    if not seen.headers.get("content-type", "").startswith("application/json"):
        return {}
    value = json.loads(seen.body)
    assert isinstance(value, dict)
    return value


def _server(world: World) -> dict[str, Any]:
    return {
        "name": "Groundswell",
        "version": "0",
        "base_url": world.base_url,
        "limits": world.limits,
        "kinds": ["defect", "enhancement"],
        "severities": ["critical", "serious", "minor"],
        "architectures_hint": ["amd64", "arm64"],
        "client": {"url": f"{world.base_url}/send-problem.pyz"},
    }


def _sign_in(world: World, path: str, body: dict[str, Any]) -> Answer:
    if path != "auth/confirm/":
        challenge = uuid.uuid4().hex
        world.challenges[challenge] = body["email"]
        detail = f"A code was mailed to {body['email']}."
        return 202, {}, {"challenge": challenge, "expires_in": 900, "detail": detail}
    email = world.challenges.get(body["challenge"])
    if email is None or body["code"] != CODE:
        return problem_document(400, "That is not the code; look at the newest mail")
    del world.challenges[body["challenge"]]
    token = f"gw_{uuid.uuid4().hex}"
    world.tokens[token] = email
    return 201, {}, {"token": token, "name": body["system"], "person": _person(email)}


def _person(email: str) -> dict[str, str]:
    return {"handle": email.partition("@")[0], "email": email}


def _report(world: World, body: dict[str, Any], email: str) -> Answer:
    number = len(world.problems) + 1
    place: dict[str, Any] = {"number": number, "url": f"{world.base_url}/{number}"}
    counts = {"people": 1, "waiting": 0, "votes": 1, "heat": 0.0, "my_vote": {}}
    fixed = {
        "state": "new",
        "resolution": None,
        "reporter": _person(email)["handle"],
        "assignee": None,
    }
    moment = {"created_at": "2026-01-02T03:04:05Z", "changed_at": "2026-01-02T03:04:05Z"}
    world.problems.append({**body, **place, **counts, **fixed, **moment})
    return 201, {"Location": place["url"]}, world.problems[-1]


def _problem(world: World, number: int) -> Answer:
    found = [problem for problem in world.problems if problem["number"] == number]
    return (200, {}, found[0]) if found else problem_document(404, f"There is no problem {number}")


def _attach(world: World, number: int, seen: Seen) -> Answer:
    head = f"Content-Type: {seen.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + seen.body)
    (part,) = message.iter_parts()
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    attachment = {
        "id": len(world.attachments) + 1,
        "problem": number,
        "name": part.get_filename(),
        "size": len(data),
        "content_type": part.get_content_type(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "url": f"{world.base_url}/attachments/{len(world.attachments) + 1}",
    }
    world.attachments.append(attachment)
    return 201, {}, attachment


def _take_patch(world: World, patch: int) -> Answer:
    """A new patch, or the second version of one."""
    url = f"{world.base_url}/patches/{patch or len(world.patches) + 1}/"
    if patch:
        return 201, {}, {"patch": patch, "number": 2, "url": f"{url}2/"}
    world.patches.append(url)
    stands = {"waits_for": "Waits for a first review.", "needs": ""}
    return 201, {}, {"number": len(world.patches), "url": url, **stands}


def _vote(world: World, number: int, method: str, body: dict[str, Any]) -> Answer:
    if method == "PUT":
        world.votes[number] = body
    else:
        world.votes.pop(number, None)
    voted = number in world.votes
    people = 41 + voted
    counts = {"people": people, "waiting": 0, "votes": people, "heat": 1.0}
    return 200, {}, {"voted": voted, "status": "counted", **counts}


@contextlib.contextmanager
def contract_server(encryption: ssl.SSLContext | None = None) -> Iterator[World]:
    """Serve on a free port of this machine."""
    world = World()
    handler = type("Handler", (_Handler,), {"world": world})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]
    if encryption:
        server.socket = encryption.wrap_socket(server.socket, server_side=True)
    scheme = "https" if encryption else "http"
    world.base_url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
