"""The web process: uvicorn with our application.

``python -m config.runtime.web`` listens on BIND_ADDRESS and PORT; with ``--fd N`` it serves a
socket that is already open, which the supervisor or systemd holds. With ``--gate N`` it loads the
application and then waits until the other end of that pipe is closed.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import sys

import uvicorn

from config.environment import ConfigurationError, Environment, load_environment
from config.runtime.checks import listen

# Seconds that requests under way get to finish; the supervisor kills after a little more.
GRACE = 8
FILES = 16384


def main() -> int:
    """Serve until SIGTERM; exit code 2 and one sentence where the set-up is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fd", type=int, help="a listening socket that is already open")
    parser.add_argument("--gate", type=int, help="a pipe that is closed when the database is ready")
    arguments = parser.parse_args()
    given: int | None = arguments.fd
    try:
        environment = load_environment(os.environ)
        listener = (
            listen(environment.host, environment.port)
            if given is None
            else socket.socket(fileno=given)
        )
        _raise_file_limit()
        _load_application()
        if arguments.gate is not None:
            os.read(arguments.gate, 1)
        Server(_config(environment)).run(sockets=[listener])
    except ConfigurationError as error:
        print(f"Groundswell cannot start: {error}", file=sys.stderr)
        return 2
    return 0


class Server(uvicorn.Server):
    """Ends the streams of open pages first: each would be waited for as a request under way."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        from config.asgi import hub

        hub.shut()
        await super().shutdown(sockets)


def _raise_file_limit() -> None:
    """Each open page holds a connection, and many systems begin with 1024 files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _load_application() -> None:
    """Import all that the first request would; none of it asks the database."""
    from django.urls import get_resolver

    import config.asgi  # noqa: F401

    get_resolver().url_patterns  # noqa: B018


def _config(environment: Environment) -> uvicorn.Config:
    """Headers of a proxy are believed only where there can be one."""
    return uvicorn.Config(
        "config.asgi:application",
        lifespan="off",
        ws="none",
        log_level="info" if environment.debug else "warning",
        access_log=environment.debug,
        use_colors=False,
        server_header=False,
        proxy_headers=not environment.is_default_setup,
        timeout_graceful_shutdown=GRACE,
    )


if __name__ == "__main__":
    sys.exit(main())
