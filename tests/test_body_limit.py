"""A body that is too large is refused before any of it is kept, by a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
import uvicorn

from config.body_limit import BodyLimit, Message, Receive, Scope, Send

MOST = 1000


async def echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body, as Django does, and tells its length."""
    length, more = 0, True
    while more:
        message: Message = await receive()
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    config = uvicorn.Config(
        BodyLimit(echo_length, MOST), lifespan="off", ws="none", log_level="error"
    )
    server = uvicorn.Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield int(listener.getsockname()[1])
        server.should_exit = True
        thread.join(20)


def answer(port: int, path: str, headers: str, body: bytes) -> str:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sent:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        sent.sendall(head.encode() + body)
        received = b""
        while part := sent.recv(65536):
            received += part
    return received.decode()


def chunked(*sizes: int) -> bytes:
    parts = [b"%x\r\n" % size + b"x" * size + b"\r\n" for size in sizes]
    return b"".join(parts) + b"0\r\n\r\n"


def test_a_body_up_to_the_limit_is_read(port: int) -> None:
    said = answer(port, "/", f"Content-Length: {MOST}\r\n", b"x" * MOST)
    assert said.startswith("HTTP/1.1 200")
    assert said.endswith(str(MOST))
    said = answer(port, "/", "Transfer-Encoding: chunked\r\n", chunked(400, 600))
    assert said.endswith(str(MOST))


def test_a_declared_length_beyond_the_limit_is_refused_before_the_body(port: int) -> None:
    said = answer(port, "/", f"Content-Length: {MOST + 1}\r\n", b"")
    assert said.startswith("HTTP/1.1 413")
    assert "At most 1,000 bytes" in said


def test_an_undeclared_length_is_counted(port: int) -> None:
    said = answer(port, "/", "Transfer-Encoding: chunked\r\n", chunked(400, 601))
    assert said.startswith("HTTP/1.1 413")


def test_the_api_answers_with_a_problem_document(port: int) -> None:
    said = answer(port, "/api/v1/problems/", f"Content-Length: {MOST + 1}\r\n", b"")
    assert "content-type: application/problem+json" in said
    assert '"status": 413' in said
