"""What must hold before anything is started; each failure is one sentence."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from pathlib import Path
from typing import IO

from config.environment import ConfigurationError, MailListen

BACKLOG = 2048
# What a killed supervisor leaves is gone within milliseconds; longer, it is another program.
PATIENCE = 1.0


def lock_data_dir(data_dir: Path) -> IO[str]:
    """Hold the data folder for as long as the returned file is open."""
    path = data_dir / "lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written to ({error.strerror}): give all of DATA_DIR to this user."
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        raise ConfigurationError(
            f"another Groundswell (process {file.read().strip() or 'unknown'}) already runs with"
            f" the data in {data_dir}: stop it, or give this one another DATA_DIR and PORT."
        ) from None
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file


def listen(host: str, port: int) -> socket.socket:
    """Open the socket that the web process inherits.

    The supervisor keeps it, so that a web process that starts again refuses nobody.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise ConfigurationError(_cannot_listen(host, port, error)) from None
            time.sleep(0.05)


def _bind(host: str, port: int) -> socket.socket:
    family, _, _, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} on {host} is in use: stop the other program, or set PORT to a free one."
        )
    if error.errno == errno.EACCES:
        return f"this user may not listen on port {port}: set PORT to one above 1023."
    return f"cannot listen on {host} port {port} ({error.strerror}): check BIND_ADDRESS and PORT."


def listen_for_mail(where: MailListen) -> socket.socket:
    """Open the socket that the LMTP process inherits.

    A socket in the file system may be used by its owner and its group, which is that of its folder
    where the folder says so (set-group-ID). Raises ConfigurationError.
    """
    if where.socket is None:
        return _listen_on_port(where)
    try:
        if _is_served(where.socket):
            raise ConfigurationError(
                f"another program listens on {where.socket}: stop it, or correct LMTP_LISTEN."
            )
        where.socket.unlink(missing_ok=True)
        return _bind_file(where.socket)
    except OSError as error:
        raise ConfigurationError(
            f"cannot listen on {where.socket} ({error.strerror}): give its folder to this user,"
            " or correct LMTP_LISTEN."
        ) from None


def _is_served(path: Path) -> bool:
    """Whether somebody answers there. Raises FileExistsError for what is no socket."""
    if not path.exists():
        return False
    if not path.is_socket():
        raise FileExistsError(errno.EEXIST, "there is a file of that name, and it is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(os.fspath(path))
        except ConnectionRefusedError:
            return False
    return True


def _bind_file(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    # The mode at its making: nobody shall come in before a chmod.
    before = os.umask(0o117)
    try:
        listener.bind(os.fspath(path))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _listen_on_port(where: MailListen) -> socket.socket:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return _bind(where.host, where.port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise ConfigurationError(
                    f"cannot listen on {where} ({error.strerror}): stop the other program, or set"
                    " LMTP_LISTEN to another port."
                ) from None
            time.sleep(0.05)


def check_redis(url: str) -> None:
    """Ask a Redis that others run whether it takes commands.

    Raises ConfigurationError when it does not answer within three seconds or refuses the password.
    """
    import redis

    try:
        with redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as client:
            client.ping()
    except TypeError as error:
        # redis-py hands what stands after "?" to its own functions.
        raise ConfigurationError(
            f"REDIS_URL has an option that Redis does not know ({_first_line(error)}): remove it."
        ) from None
    except (redis.RedisError, ValueError) as error:
        raise ConfigurationError(
            f"the Redis that REDIS_URL names does not serve us ({_first_line(error)}):"
            " start it, or correct REDIS_URL."
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
