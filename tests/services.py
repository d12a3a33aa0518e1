"""Real servers for tests: each a context manager that starts one and stops it by its process.

Everything lives in a temporary folder and on a free port or a socket, and dies with the test run,
however that ends.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import grp
import os
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from config.environment import PROJECT_DIR
from config.runtime import children
from config.runtime.redis_server import find_redis
from tests import migrated

# Seconds that anything may take that a test waits for; a busy machine needs many of them at times.
START_LIMIT = 90.0

Answer = TypeVar("Answer")

# Names that choose a set-up: a product under test gets only those that the test gives.
SETUP_NAMES = (
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "BASE_URL",
    "DATA_DIR",
    "SECRET_KEY",
    "PORT",
    "BIND_ADDRESS",
    "GROUNDSWELL_DEBUG",
    "LIVE_STREAMS",
    "WORKERS",
    "MAIL_PER_MINUTE",
    "EVENT_MAIL_WINDOW",
    "MAIL_FROM",
    "MAIL_IN",
    "LMTP_LISTEN",
    "MAIL_AUTHSERV_ID",
    "IMAP_URL",
    "MAKEFLAGS",
    "MAKELEVEL",
    "MFLAGS",
)


def free_port() -> int:
    """Return a port of this machine that nothing listens on, nor will until this process ends.

    Not one of those that the kernel gives away by itself: between this answer and its use another
    process could connect from there. What keeps other runs of the tests from it is a name that
    the kernel frees with the process that claimed it.
    """
    for port in random.Random().sample(_ports_not_given_away(), k=1000):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0groundswell-tests-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        claim.detach()
        return port
    raise RuntimeError("this machine has no free port")


def _ports_not_given_away() -> range:
    """Those that the kernel gives only to who asks for them, unless it keeps nearly none."""
    given = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    lowest, highest = int(given[0]), int(given[1])
    return range(12_000, lowest) if lowest > 16_000 else range(lowest, highest)


def wait_until(
    condition: Callable[[], Answer], seconds: float = START_LIMIT, what: str = ""
) -> Answer:
    """Ask again and again until the answer is true, and return that answer.

    Raises TimeoutError when the time is over.
    """
    deadline = time.monotonic() + seconds
    while not (answer := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what or 'the condition'} did not come true in {seconds:g} s")
        time.sleep(0.05)
    return answer


@contextmanager
def deaf_server() -> Iterator[socket.socket]:
    """Yield what listens on a port of this machine, and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        yield deaf


def callers(deaf: socket.socket) -> int:
    """Return how many have called it since this was asked last."""
    deaf.setblocking(False)
    found = 0
    with suppress(BlockingIOError):
        while True:
            deaf.accept()[0].close()
            found += 1
    return found


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder with a short path that only this user can open."""
    folder = Path(tempfile.mkdtemp(prefix="gw-", dir="/tmp")).resolve()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def process(
    arguments: Sequence[str],
    *,
    log: Path,
    environment: Mapping[str, str] | None = None,
    user: str | None = None,
    stop_with: signal.Signals = signal.SIGTERM,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program for as long as the block lasts, its output in ``log``."""
    with log.open("ab") as output:
        running = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=PROJECT_DIR if user is None else "/",
            env=environment,
            start_new_session=True,
            # The only threads are a mail server's, which hold no lock that this could want.
            preexec_fn=partial(children.die_with, os.getpid(), stop_with),  # noqa: PLW1509
            **_identity(user),
        )
    try:
        yield running
    finally:
        stop(running, stop_with)


def _identity(user: str | None) -> dict[str, Any]:
    """Return how subprocess is told to run something as another user."""
    if user is None:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def stop(running: subprocess.Popen[bytes], stop_with: signal.Signals = signal.SIGTERM) -> None:
    """End a process, politely at first."""
    if running.poll() is None:
        running.send_signal(stop_with)
    try:
        running.wait(START_LIMIT)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


# PostgreSQL


def postgresql_folder() -> Path | None:
    """Return the folder with the newest initdb and postgres, None where there is none."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"),
        key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0),
    )
    for folder in reversed(folders):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@contextmanager
def postgresql() -> Iterator[str]:
    """Yield the DATABASE_URL of a new, empty PostgreSQL that forgets everything afterwards."""
    binaries = postgresql_folder()
    if binaries is None:
        raise RuntimeError("there is no PostgreSQL: run `apt install postgresql`")
    # PostgreSQL refuses to run as root; its package has made a user for it.
    user = "postgres" if os.getuid() == 0 else None
    with temporary_folder() as folder:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        data = folder / "data"
        _initdb(binaries, data, user)
        arguments = [str(binaries / "postgres"), "-D", str(data), *_fast_settings(folder)]
        with process(
            arguments, log=folder / "log", user=user, stop_with=signal.SIGINT, environment={}
        ) as running:
            url = f"postgres://groundswell@/{folder}/groundswell"
            _wait_for(running, partial(_make_database, folder), folder / "log", "PostgreSQL")
            yield url


@contextmanager
def migrated_postgresql() -> Iterator[str]:
    """Yield the DATABASE_URL of a migrated database, or of an empty one where there is none yet."""
    with migrated.postgresql() as url:
        if url is not None:
            yield url
            return
    with postgresql() as url:
        yield url


def _initdb(binaries: Path, data: Path, user: str | None) -> None:
    subprocess.run(
        [
            str(binaries / "initdb"),
            *("-D", str(data), "-U", "groundswell", "--auth=trust", "--encoding=UTF8"),
            *("--locale=C.UTF-8", "--no-sync"),
        ],
        check=True,
        capture_output=True,
        cwd="/",
        **_identity(user),
    )


def _fast_settings(folder: Path) -> list[str]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "max_connections": "100",
    }
    return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]


def _make_database(folder: Path) -> bool:
    import psycopg

    try:
        with psycopg.connect(
            f"host={folder} user=groundswell dbname=postgres", autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE groundswell")
    except psycopg.errors.DuplicateDatabase:
        return True
    except psycopg.OperationalError:
        return False
    return True


def _wait_for(
    running: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, what: str
) -> None:
    try:
        wait_until(lambda: running.poll() is not None or ready(), what=what)
    except TimeoutError:
        raise RuntimeError(f"{what} does not answer:\n{log.read_text()}") from None
    if running.poll() is not None:
        raise RuntimeError(f"{what} does not start:\n{log.read_text()}")


# Redis


@contextmanager
def redis() -> Iterator[str]:
    """Yield the REDIS_URL of a new, empty Redis on a port of this machine."""
    with temporary_folder() as folder:
        port = free_port()
        arguments = [
            find_redis(),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""),
        ]
        with process(arguments, log=folder / "log") as running:
            _wait_for(running, partial(_answers, port), folder / "log", "Redis")
            yield f"redis://127.0.0.1:{port}/0"


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


# SMTP


@dataclass
class SmtpServer:
    """A mail server that keeps what it accepts.

    ``delay`` is the seconds it takes over each answer. ``refuse`` may return an SMTP answer, for
    example ``"451 come back later"``, for a message that it shall not take.
    """

    host: str = "127.0.0.1"
    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    delay: float = 0.0
    refuse: Callable[[EmailMessage], str | None] = lambda message: None

    @property
    def url(self) -> str:
        """The EMAIL_URL that leads here."""
        return f"smtp://{self.host}:{self.port}"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Answer one message, in aiosmtpd's words.

        It is taken before the wait: aiosmtpd drops a handler whose client hangs up, where a real
        server keeps what it has read to the end.
        """
        message = parse_message(envelope.content)
        answer = self.refuse(message)
        if answer is None:
            self.messages.append(message)
            self.recipients.extend(envelope.rcpt_tos)
        if self.delay:
            await asyncio.sleep(self.delay)
        return answer or "250 taken"


@contextmanager
def smtp() -> Iterator[SmtpServer]:
    """Yield a mail server on a port of this machine."""
    from aiosmtpd.controller import Controller

    server = SmtpServer(port=free_port())
    controller = Controller(
        server, hostname=server.host, port=server.port, ready_timeout=START_LIMIT
    )
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def parse_message(content: bytes) -> EmailMessage:
    """Return a message as a reader of mail sees it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


# IMAP


@dataclass
class ImapServer:
    """A Dovecot with one mailbox, whose folders are Maildirs in ``mail``."""

    port: int
    folder: Path
    user: str = "tracker@example.org"
    password: str = "pass/word@1"
    host: str = "127.0.0.1"

    @property
    def url(self) -> str:
        """The IMAP_URL that leads here."""
        return f"imap://{quote(self.user)}:{quote(self.password, safe='')}@{self.host}:{self.port}"

    @property
    def certificate(self) -> Path:
        """What a client must trust to speak TLS with it."""
        return self.folder / "certificate.pem"

    @property
    def mail(self) -> Path:
        return self.folder / "mail"

    def deliver(self, message: bytes) -> None:
        """Put a message into the inbox, as a mail server does."""
        name = f"{time.time_ns()}.test.example.org"
        (self.mail / "tmp" / name).write_bytes(message)
        (self.mail / "tmp" / name).rename(self.mail / "new" / name)

    def messages(self, folder: str = "") -> list[bytes]:
        """What is in a folder, the inbox unless named, in the order of delivery."""
        maildir = self.mail / f".{folder}" if folder else self.mail
        files = [*maildir.glob("new/*"), *maildir.glob("cur/*")]
        return [file.read_bytes() for file in sorted(files, key=lambda file: file.name)]

    def empty(self) -> None:
        """Throw away all mail."""
        for file in [*self.mail.glob("**/new/*"), *self.mail.glob("**/cur/*")]:
            file.unlink()


@contextmanager
def dovecot() -> Iterator[ImapServer]:
    """Yield an IMAP server on a port of this machine."""
    with temporary_folder() as folder:
        server = ImapServer(free_port(), folder)
        # Its processes are several users, and all must come to its sockets.
        folder.chmod(0o755)
        for maildir in (server.mail, *(server.mail / name for name in ("new", "cur", "tmp"))):
            maildir.mkdir()
            os.chown(maildir, *_mail_owner())
        _make_certificate(folder)
        config = folder / "dovecot.conf"
        config.write_text(_dovecot_settings(server))
        arguments = [str(dovecot_program()), "-F", "-c", str(config)]
        with process(arguments, log=folder / "log") as running:
            ready = partial(_greets, server.port, b"* OK")
            _wait_for(running, ready, folder / "log", "Dovecot")
            yield server


def dovecot_program() -> Path | None:
    """Return where Dovecot is, None where it is not."""
    found = shutil.which("dovecot") or "/usr/sbin/dovecot"
    imap = Path("/usr/lib/dovecot/imap")
    return Path(found) if Path(found).exists() and imap.exists() else None


def _greets(port: int, words: bytes) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            return connection.recv(16).startswith(words)
    except OSError:
        return False


def _make_certificate(folder: Path) -> None:
    arguments = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    subprocess.run(
        [
            *("openssl", *arguments.split(), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            *("-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")),
        ],
        check=True,
        capture_output=True,
    )


def _dovecot_settings(server: ImapServer) -> str:
    """Everything in one folder. Dovecot's own users where root runs it, who may not serve."""
    services = "\n".join(
        f"service {name} {{\n  chroot =\n}}" for name in ("anvil", "imap-login", "stats")
    )
    return f"""
base_dir = {server.folder}/run
state_dir = {server.folder}/state
log_path = {server.folder}/log
protocols = imap
listen = {server.host}
default_internal_user = {_me() if os.getuid() else "dovecot"}
default_login_user = {_me() if os.getuid() else "dovenull"}
default_internal_group = {_my_group() if os.getuid() else "dovecot"}
first_valid_uid = 0
first_valid_gid = 0
mail_location = maildir:{server.mail}
auth_mechanisms = plain
disable_plaintext_auth = no
login_trusted_networks = 127.0.0.0/8
auth_failure_delay = 0
ssl = yes
ssl_cert = <{server.folder}/certificate.pem
ssl_key = <{server.folder}/key.pem
{services}
# Else who failed once waits for seconds.
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {server.port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
passdb {{
  driver = static
  args = password={server.password}
}}
userdb {{
  driver = static
  args = uid={_mail_owner()[0]} gid={_mail_owner()[1]} home={server.folder}
}}
"""


def _mail_owner() -> tuple[int, int]:
    """Whose the mailbox is: Dovecot serves no mailbox of root."""
    if os.getuid():
        return os.getuid(), os.getgid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def _me() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


def _my_group() -> str:
    return grp.getgrgid(os.getgid()).gr_name


# The whole product


@dataclass
class Groundswell:
    """An installation that runs: a supervisor and its processes."""

    data_dir: Path
    port: int
    environment: dict[str, str]
    arguments: Sequence[str]
    log: Path
    project: Path
    process: subprocess.Popen[bytes]

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str = "/") -> tuple[int, str]:
        """Return the status and the text of a page, whatever the status."""
        try:
            with urllib.request.urlopen(self.base_url + path, timeout=START_LIMIT) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(errors="replace")

    def mails(self) -> list[EmailMessage]:
        """Return what was sent so far, oldest first."""
        files = sorted((self.data_dir / "mail").glob("*.eml"))
        return [parse_message(file.read_bytes()) for file in files]

    def output(self) -> str:
        """Return what the operator has seen so far."""
        return self.log.read_text(errors="replace")

    def pids(self) -> dict[str, int]:
        """Return the processes by name: web, worker, beat, lmtp, redis."""
        found = {}
        for pid, parent, command in all_processes():
            name = program_name(command)
            if parent == self.process.pid and name:
                found[name] = pid
        return found

    def pid(self, name: str) -> int:
        """Return the process of that name, waiting for it where it is about to start again."""
        # One look only: what was just seen may be gone at the second, where it has been killed.
        found = wait_until(lambda: self.pids().get(name), what=f"a process called {name}")
        assert found
        return found

    def kill(self, name: str) -> int:
        """``kill -9`` a process by name and wait until it is gone; return its number."""
        pid = self.pid(name)
        # It may end by itself in this very moment, as a worker does whose broker was killed.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: pid not in self.pids().values(), what=f"the end of {name}")
        return pid

    def manage(self, *arguments: str) -> str:
        """Run a command of manage.py with the same set-up; return what it prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=self.project,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def wait_ready(self) -> None:
        """Wait until it has told that it serves."""
        try:
            wait_until(lambda: self.process.poll() is not None or "is ready at" in self.output())
        except TimeoutError:
            raise RuntimeError(f"it does not get ready:\n{self.output()}") from None
        if self.process.poll() is not None:
            raise RuntimeError(f"it has ended:\n{self.output()}")

    def stop(self) -> int:
        """Ask it to stop, as Ctrl-C does; return its exit code."""
        stop(self.process, signal.SIGINT)
        return self.process.returncode

    def start(self) -> None:
        """Start it anew with the same data, and do not wait for it."""
        self.process = _start(self.arguments, self.environment, self.log, self.project)

    def restart(self) -> None:
        """Stop it and start it anew with the same data."""
        self.stop()
        self.log.unlink()
        self.start()
        self.wait_ready()


@contextmanager
def groundswell(
    *arguments: str, project: str | Path = PROJECT_DIR, **environment: str
) -> Iterator[Groundswell]:
    """Yield the whole product with data of its own; ``environment`` is added to its variables.

    ``project`` is the checkout to run, for tests that must change one.
    """
    with temporary_folder() as folder:
        installation = start_groundswell(folder, *arguments, project=project, **environment)
        try:
            installation.wait_ready()
            yield installation
        finally:
            installation.stop()


def start_groundswell(
    folder: Path, *arguments: str, project: str | Path = PROJECT_DIR, **environment: str
) -> Groundswell:
    """Start the product with its data in ``folder``, and do not wait for it.

    Its database is migrated already where ``tests.run`` has made one, unless MIGRATED_SQLITE is "".
    """
    port = int(environment.get("PORT") or free_port())
    variables = clean_environment() | {
        "DATA_DIR": str(folder / "data"),
        "PORT": str(port),
        **environment,
    }
    command = [sys.executable, "-m", "config.supervisor", *arguments]
    log = folder / "output"
    if "DATABASE_URL" not in variables:
        migrated.copy_sqlite(variables, Path(variables["DATA_DIR"]) / "groundswell.sqlite3")
    running = _start(command, variables, log, Path(project))
    data_dir = Path(variables["DATA_DIR"])
    return Groundswell(data_dir, port, variables, command, log, Path(project), running)


def _start(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path, project: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=project,
            env=dict(environment),
            start_new_session=True,
            preexec_fn=partial(children.die_with, os.getpid(), signal.SIGTERM),  # noqa: PLW1509
        )


def copy_of_the_checkout(target: Path) -> Path:
    """Copy what is in the checkout now, without its environment, data and history."""
    # Nor what other tests write meanwhile: a file that vanishes under the copy would be an error.
    ignored = shutil.ignore_patterns(".venv", ".git", "data", "__pycache__", ".*_cache", ".hypo*")
    shutil.copytree(PROJECT_DIR, target, ignore=ignored)
    return target


def clean_environment() -> dict[str, str]:
    """Return our own environment without what chooses a set-up."""
    return {name: value for name, value in os.environ.items() if name not in SETUP_NAMES}


def all_processes() -> list[tuple[int, int, str]]:
    """Return number, parent and command line of every process that still runs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, UnicodeDecodeError):
            continue
        state, parent = status.rpartition(")")[2].split()[:2]
        if state != "Z":
            found.append((int(folder.name), int(parent), command))
    return found


def program_name(command: str) -> str | None:
    """Return which part of the product a command line is."""
    patterns = {
        "web": r"-m config\.runtime\.web",
        "worker": r"-m celery .* worker ",
        "beat": r"-m celery .* beat ",
        "lmtp": r"-m config\.runtime\.lmtp",
        "redis": r"redis-server",
        "setup": r"-m config\.runtime\.prepare",
    }
    return next((name for name, text in patterns.items() if re.search(text, command)), None)
