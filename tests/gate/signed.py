"""Mails with real DKIM signatures, and a real server of DNS that knows their key."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import dkim
import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from notifications.gate import signatures

SELECTOR = "mail"
# Made for these tests; it signs nothing else.
KEY = b"""-----BEGIN RSA PRIVATE KEY-----
MIICXAIBAAKBgQChZRyTvuipiy0ydMOydNs4mmLpZssVVjpH6mEVdj3IJE8jd0zw
wTnZOCVUHOyUTSIteaOnCHe3hfC4p3RTo5eEKprQ/0p5p7hGqSeASZfi+XLv2G8e
zcuoK35yv3ypsknyTH0DTFqqXCcXkpo3MCpbxMmjYIZ51h32G8paHCfI+QIDAQAB
AoGAf+zPC+SkMc6ZEocunoK1SFZG1E2f5tej9mC2dvZz3fG5sJjdKW9e1OgF3nfW
pW3GC1mA9+JkUdkehp5kO+9NJjkEvLwB9hOUQwMqJK5ssQw+zNfjYkKb3aPH+M0O
HCyVY5l+iONxFWewip7K5lBgp602aCD0R8BL8jaTe4ltBekCQQDN8Fq3wud1zVqC
M1+ioziBOBdj1bEDUtk1nC0ETtsAfuA91YOo7mpCC7wO03925KLPCU8wgql6QXWV
zQJPGKrDAkEAyKDGQB++UwYLWbfbQqkCxz1LXiKwLv8hTXCqLrOA1eEv949jUjJM
7mJZ/YPOmp08s3yCok69G0ES+hbrdIGpkwJAeow3/7gs8m4EGQynMWn9mu+dA5zL
HFY1yXApXbHrIs1ddY5ULbfKZYkEHLKA3GhL9fXtOMnYPlcruLvpTtY37wJAK/Hj
WtpZIvBY/h7ifPhuLlwDrSvl8XVaww6hiDczSiXYDt6uf6ua5EBQu9HqKD22tQ3Z
w1mB3H1lfbgVfOCF1wJBAMThsReHM4Ku4DB6Ogxe2mAXr2VpPss3u2mAYiKAJ+ep
xYYSj0vZOlVIPTo3Il1J58y1kCGIs+h2Tfp/9lRQ0bg=
-----END RSA PRIVATE KEY-----
"""
PUBLIC = (
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQChZRyTvuipiy0ydMOydNs4mmLpZssVVjpH6mEVdj3I"
    "JE8jd0zwwTnZOCVUHOyUTSIteaOnCHe3hfC4p3RTo5eEKprQ/0p5p7hGqSeASZfi+XLv2G8ezcuoK35y"
    "v3ypsknyTH0DTFqqXCcXkpo3MCpbxMmjYIZ51h32G8paHCfI+QIDAQAB"
)


class _Signer(dkim.DKIM):  # type: ignore[misc]
    """One that can say until when its signature is good, as the library cannot."""

    expires: bytes = b""

    def gen_header(self, fields: list[tuple[bytes, bytes]], *rest: Any, **values: Any) -> Any:
        if self.expires:
            fields.insert(1, (b"x", self.expires))
        return super().gen_header(fields, *rest, **values)


def sign(raw: bytes, domain: str = "example.org", expires: int = 0, **values: Any) -> bytes:
    """The message with a signature on top; `values` are those of `DKIM.sign`.

    `expires` is in seconds since 1970.
    """
    signer = _Signer(raw)
    signer.expires = str(expires).encode() if expires else b""
    values.setdefault("include_headers", [b"from", b"to", b"subject", b"message-id"])
    values.setdefault("canonicalize", (b"relaxed", b"relaxed"))
    header: bytes = signer.sign(SELECTOR.encode(), domain.encode(), KEY, **values)
    return header + raw


@dataclass
class NameServer:
    """Answers for TXT over UDP. What it does not know does not exist.

    While `is_silent` it hears and says nothing, as a server that is away.
    """

    texts: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_silent: bool = False
    port: int = 0

    def knows(self, *domains: str) -> None:
        """The key of these tests signs for these domains."""
        for domain in domains:
            self.texts[f"{SELECTOR}._domainkey.{domain}."] = [f"v=DKIM1; k=rsa; p={PUBLIC}"]

    def answer(self, wire: bytes) -> bytes | None:
        query = dns.message.from_wire(wire)
        name = str(query.question[0].name).lower()
        self.asked.append(name)
        if self.is_silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        if name not in self.texts:
            response.set_rcode(dns.rcode.NXDOMAIN)
        for text in self.texts.get(name, []):
            halves = f'"{text[:200]}" "{text[200:]}"'
            response.answer.append(dns.rrset.from_text(name, 300, "IN", "TXT", halves))
        return response.to_wire()


@contextmanager
def name_server() -> Iterator[NameServer]:
    """Yield a server of DNS on a port of this machine."""
    server = NameServer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        server.port = listening.getsockname()[1]
        thread = threading.Thread(target=_serve, args=(listening, server))
        thread.start()
        try:
            yield server
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", ("127.0.0.1", server.port))
            thread.join()


def _serve(listening: socket.socket, server: NameServer) -> None:
    while True:
        wire, asker = listening.recvfrom(4096)
        if not wire:
            return
        answer = server.answer(wire)
        if answer is not None:
            listening.sendto(answer, asker)


def ask_of(server: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is set up to ask `server`, and remembers nothing of others."""

    def make_resolver() -> dns.resolver.Resolver:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = server.port
        return resolver

    monkeypatch.setattr(signatures, "make_resolver", make_resolver)
    signatures.forget_keys()
