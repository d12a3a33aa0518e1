"""The process that takes mail from mail servers.

``python -m config.runtime.lmtp`` listens where LMTP_LISTEN says; with ``--fd N`` it serves a socket
that is already open, which the supervisor holds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable

from config.environment import ConfigurationError, Environment, MailListen, load_environment
from config.runtime.checks import listen_for_mail


def main() -> int:
    """Serve until SIGTERM; exit code 2 and one sentence where the set-up is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="a listening socket that is already open")
    given: int | None = parser.parse_args().fd
    try:
        where = _where(load_environment(os.environ))
        listener = listen_for_mail(where) if given is None else socket.socket(fileno=given)
    except ConfigurationError as error:
        print(f"Groundswell cannot start: {error}", file=sys.stderr)
        return 2
    _load_application()
    asyncio.run(_serve(listener, where.dialect))
    return 0


def _where(environment: Environment) -> MailListen:
    if environment.mail_listen is None:
        raise ConfigurationError(
            "no mail comes in by LMTP: set MAIL_IN, and LMTP_LISTEN where it is to listen."
        )
    return environment.mail_listen


def _load_application() -> None:
    """Tasks are asked for through our Celery, which the settings bring."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django

    django.setup()


async def _serve(listener: socket.socket, dialect: str) -> None:
    from notifications.gate.lmtp import Door

    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    door = Door(dialect)
    listener.setblocking(False)
    server = await _server(door.protocol, listener)
    await stop.wait()
    server.close()
    await door.stop()


async def _server(
    protocol: Callable[[], asyncio.Protocol], listener: socket.socket
) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if listener.family != socket.AF_UNIX:
        return await loop.create_server(protocol, sock=listener)
    if sys.version_info < (3, 13):
        return await loop.create_unix_server(protocol, sock=listener)
    # The file belongs to the supervisor's socket, which is still open when this process ends.
    return await loop.create_unix_server(protocol, sock=listener, cleanup_socket=False)


if __name__ == "__main__":
    sys.exit(main())
