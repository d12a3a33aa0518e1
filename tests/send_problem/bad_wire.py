"""A TCP relay that cuts or holds a connection after a chosen number of bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

Direction = Literal["up", "down"]


@dataclass
class Fault:
    """What happens to one connection: cut, or held until ``released``, after ``count`` bytes."""

    direction: Direction
    count: int
    holds: bool = False
    happened: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@dataclass
class Wire:
    """The relay: ``faults`` are used up one a connection, then all goes through."""

    url: str
    faults: list[Fault] = field(default_factory=list)
    connections: int = 0


@contextlib.contextmanager
def bad_wire(target: str) -> Iterator[Wire]:
    """Relay a free port of this machine to ``target``."""
    listener = socket.create_server(("127.0.0.1", 0))
    wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")
    parts = urlsplit(target)
    address = (parts.hostname or "", parts.port or 0)
    threading.Thread(target=_accept, args=(listener, wire, address), daemon=True).start()
    try:
        yield wire
    finally:
        for fault in wire.faults:
            fault.released.set()
        # A thread that sits in accept() is woken by shutdown, not by close.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def _accept(listener: socket.socket, wire: Wire, address: tuple[str, int]) -> None:
    while True:
        try:
            client, _peer = listener.accept()
        except OSError:
            return
        wire.connections += 1
        fault = wire.faults.pop(0) if wire.faults else None
        server = socket.create_connection(address)
        for direction, source, target in (("up", client, server), ("down", server, client)):
            mine = fault if fault and fault.direction == direction else None
            threading.Thread(target=_relay, args=(source, target, mine), daemon=True).start()


def _relay(source: socket.socket, target: socket.socket, fault: Fault | None) -> None:
    passed = 0
    with contextlib.suppress(OSError):
        while piece := source.recv(16384):
            if fault and not fault.happened.is_set() and passed + len(piece) >= fault.count:
                target.sendall(piece[: fault.count - passed])
                fault.happened.set()
                if not fault.holds:
                    break
                fault.released.wait(300)
                piece = piece[fault.count - passed :]
            target.sendall(piece)
            passed += len(piece)
    for end in (source, target):
        with contextlib.suppress(OSError):
            if fault and not fault.holds:
                # Zero linger: a reset, as when a machine vanishes.
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.shutdown(socket.SHUT_RDWR)
        end.close()
