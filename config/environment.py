"""What the environment variables say, read once and checked completely.

Everything has a default, so that a fresh clone runs with nothing set. A variable that is set must
be right: a wrong or empty value raises ``ConfigurationError`` with one sentence for the operator.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlencode, urlsplit

import environ as django_environ

from notifications.gate.mailbox import ImapBox

PROJECT_DIR = Path(__file__).resolve().parent.parent

# sun_path holds 108 bytes on Linux and 104 on the BSDs, the terminating zero included.
LONGEST_SOCKET_PATH = 100
SHORTEST_SECRET_KEY = 32

# Seconds a writer waits for the single write lock of SQLite before it gives up.
SQLITE_LOCK_TIMEOUT = 20
SQLITE_PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON;"
    " PRAGMA cache_size=-32000; PRAGMA journal_size_limit=67108864"
)
POSTGRESQL_CONNECT_TIMEOUT = 5
# Its compiler takes longer over the conditions of a list than the list itself takes.
POSTGRESQL_OPTIONS = "-c jit=off"

# What can stand in a Host header; "*" would have Django answer to every name.
BROWSERS_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f]*:[0-9a-f:.]+")

# What a domain and the local part of a mailbox may be here: plain, and without a plus.
MAIL_DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*"
)
MAIL_BOX = re.compile(r"(?!.*\.\.)[a-z0-9]([a-z0-9._-]{0,14}[a-z0-9])?")
# Of an address that mail comes from: whatever needs no quotes.
WRITABLE_BOX = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")

SMTP_PORTS = {"smtp": 25, "smtp+tls": 587, "smtps": 465, "smtp+ssl": 465}
# Seconds for one exchange with a mail server; a task must end before the queue gives it up.
SMTP_TIMEOUT = 10

IMAP_PORTS = {"imaps": 993, "imap+tls": 143, "imap": 143}
LMTP_EXAMPLE = "unix:/run/groundswell/lmtp.sock, 127.0.0.1:2424, smtp://127.0.0.1:2525 or off"
IMAP_EXAMPLE = "imaps://user:password@host/INBOX or imap+tls://user:password@host/INBOX"


class ConfigurationError(Exception):
    """One sentence for the operator: what is wrong with the set-up, and what to do."""


@dataclass(frozen=True)
class EmailSettings:
    """How mail leaves: a folder of files, or an SMTP server."""

    backend: str
    folder: Path | None = None
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    use_tls: bool = False
    use_ssl: bool = False
    timeout: int = SMTP_TIMEOUT

    def as_django(self) -> dict[str, Any]:
        """Return the ``EMAIL_*`` settings of Django."""
        return {
            "EMAIL_BACKEND": self.backend,
            "EMAIL_FILE_PATH": str(self.folder) if self.folder else None,
            "EMAIL_HOST": self.host,
            "EMAIL_PORT": self.port,
            "EMAIL_HOST_USER": self.user,
            "EMAIL_HOST_PASSWORD": self.password,
            "EMAIL_USE_TLS": self.use_tls,
            "EMAIL_USE_SSL": self.use_ssl,
            "EMAIL_TIMEOUT": self.timeout,
        }


@dataclass(frozen=True)
class MailListen:
    """Where mail servers hand mail over: a socket in the file system, or a port of this machine.

    ``dialect`` is "lmtp", or "smtp" for servers that know nothing else.
    """

    socket: Path | None = None
    host: str = ""
    port: int = 0
    dialect: str = "lmtp"

    def __str__(self) -> str:
        if self.socket is not None:
            return str(self.socket)
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Environment:
    """The whole set-up of one installation.

    ``redis_url`` is in redis-py's spelling (``redis://``, ``rediss://`` or ``unix://``) and
    ``broker_url`` names the same server in kombu's. ``mail_in`` is the mailbox and the domain at
    which mail comes in: ("", domain) where the whole domain is ours, ("", "") where none comes.
    ``is_default_setup`` is true only where mail goes to files and the server is reachable from
    this machine alone; pages that show mail may exist only then.
    """

    data_dir: Path
    database: dict[str, Any]
    redis_url: str
    broker_url: str
    embedded_redis: bool
    redis_socket: Path | None
    email: EmailSettings
    base_url: str
    host: str
    port: int
    secret_key: str
    debug: bool
    is_default_setup: bool
    live_streams: int
    workers: int
    event_mail_window: int
    mail_in: tuple[str, str]
    mail_from: str
    mail_per_minute: int | None
    mail_listen: MailListen | None
    imap: ImapBox | None
    mail_authserv_id: str

    @property
    def mail_folder(self) -> Path | None:
        """The folder that outgoing mail is written to, or None where it is really sent."""
        return self.email.folder


def load_environment(environ: Mapping[str, str]) -> Environment:
    """Read and check the whole set-up; make the data folder and the secret key where absent.

    Raises ConfigurationError for the first value that is wrong.
    """
    data_dir = _data_dir(environ)
    port = _port(environ)
    host = _value(environ, "BIND_ADDRESS", "an address to listen on") or "127.0.0.1"
    base_url = _base_url(environ, port)
    email = _email(environ, data_dir)
    redis_url, redis_socket = _redis(environ, data_dir)
    mail_in = _mail_in(environ, email, base_url)
    return Environment(
        data_dir=data_dir,
        database=_database(environ, data_dir),
        redis_url=redis_url,
        broker_url=_broker_url(redis_url),
        embedded_redis=redis_socket is not None,
        redis_socket=redis_socket,
        email=email,
        base_url=base_url,
        host=host,
        port=port,
        secret_key=_secret_key(environ, data_dir),
        debug=_debug(environ),
        live_streams=_live_streams(environ),
        workers=_workers(environ),
        event_mail_window=_event_mail_window(environ),
        is_default_setup=(
            email.folder is not None
            and is_loopback(host)
            and is_loopback(urlsplit(base_url).hostname or "")
        ),
        mail_in=mail_in,
        mail_from=_mail_from(environ, base_url),
        mail_per_minute=_mail_per_minute(environ),
        mail_listen=_mail_listen(environ, data_dir, is_open=bool(mail_in[1])),
        imap=_imap(environ, is_open=bool(mail_in[1])),
        mail_authserv_id=_authserv_id(environ),
    )


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _value(environ: Mapping[str, str], name: str, expected: str) -> str | None:
    """Return a variable, None where it is not set; refuse one that is set to nothing."""
    value = environ.get(name)
    if value is None:
        return None
    if not value.strip():
        raise ConfigurationError(
            f"{name} is set but empty: give it {expected}, or unset it to use the default."
        )
    return value.strip()


def _split(name: str, url: str, example: str) -> SplitResult:
    """Parse a URL and check its port; the message shows no password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # Its words may be a piece of the password: all before a "/" in it counts as the port.
        raise ConfigurationError(
            f"{name} is not a URL, or its port is no number up to 65535: write {example}, and what"
            " is no letter or digit in a password as %2F and the like."
        ) from None
    if port == 0:
        raise ConfigurationError(f"{name} has port 0; write {example}.")
    return parts


def _data_dir(environ: Mapping[str, str]) -> Path:
    given = _value(environ, "DATA_DIR", "a folder")
    folder = Path(given).expanduser() if given else PROJECT_DIR / "data"
    if not folder.is_absolute():
        folder = Path.cwd() / folder
    _private_folder(folder, "DATA_DIR")
    return folder.resolve()


def _private_folder(folder: Path, name: str) -> None:
    """Make a folder that only this user may read, or check that it is one."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigurationError(f"{name} is {folder}, which is a file: name a folder.") from None
    except OSError as error:
        raise ConfigurationError(
            f"{name} is {folder}, which cannot be made ({error.strerror}): name another folder."
        ) from None
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigurationError(
            f"{name} is {folder}, which this user cannot write to: change its owner or use another."
        )
    if folder.stat().st_mode & 0o077:
        raise ConfigurationError(
            f"{name} is {folder}, which other users can open: run `chmod 700 {folder}` first."
        )


def _port(environ: Mapping[str, str]) -> int:
    given = _value(environ, "PORT", "a number from 1 to 65535")
    if given is None:
        return 8000
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 65535):
        raise ConfigurationError(f"PORT is {given!r}: it must be a number from 1 to 65535.")
    return int(given)


def _base_url(environ: Mapping[str, str], port: int) -> str:
    example = "it as people type it, for example https://problems.example.org"
    given = _value(environ, "BASE_URL", "the address people type")
    if given is None:
        return f"http://127.0.0.1:{port}"
    parts = _split("BASE_URL", given, example)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(
            f"BASE_URL is {given!r}, which has no http(s)://host: write {example}."
        )
    if not BROWSERS_HOST.fullmatch(parts.hostname):
        raise ConfigurationError(
            f"BASE_URL names the host {parts.hostname!r}, which no browser sends: write {example},"
            " and letters beyond a-z in their xn-- form."
        )
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise ConfigurationError(
            f"BASE_URL is {given!r}: it must end after the host and port, write {example}."
        )
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _debug(environ: Mapping[str, str]) -> bool:
    given = _value(environ, "GROUNDSWELL_DEBUG", "1 or 0")
    if given not in {None, "0", "1"}:
        raise ConfigurationError(f"GROUNDSWELL_DEBUG is {given!r}: it must be 1 or 0.")
    return given == "1"


def _live_streams(environ: Mapping[str, str]) -> int:
    given = _value(environ, "LIVE_STREAMS", "a number from 0 to 100000")
    if given is None:
        return 1000
    if not (given.isascii() and given.isdigit() and len(given) < 7 and int(given) <= 100_000):
        raise ConfigurationError(
            f"LIVE_STREAMS is {given!r}: it must be a number from 0 (no live pages) to 100000."
        )
    return int(given)


def _workers(environ: Mapping[str, str]) -> int:
    given = _value(environ, "WORKERS", "a number from 1 to 32")
    if given is None:
        return 1
    if not (given.isascii() and given.isdigit() and len(given) < 3 and 1 <= int(given) <= 32):
        raise ConfigurationError(
            f"WORKERS is {given!r}: it must be a number from 1 to 32, of the processes that do"
            " what need not be done at once; each can keep one core busy."
        )
    return int(given)


def _event_mail_window(environ: Mapping[str, str]) -> int:
    given = _value(environ, "EVENT_MAIL_WINDOW", "a number of seconds from 0 to 300")
    if given is None:
        return 60
    if not (given.isascii() and given.isdigit() and len(given) < 4 and int(given) <= 300):
        raise ConfigurationError(
            f"EVENT_MAIL_WINDOW is {given!r}: it must be a number of seconds from 0 (each event is"
            " a mail of its own) to 300."
        )
    return int(given)


def _mail_per_minute(environ: Mapping[str, str]) -> int | None:
    given = _value(environ, "MAIL_PER_MINUTE", "a number from 1 to 1000000")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:8]) <= 1_000_000):
        raise ConfigurationError(
            f"MAIL_PER_MINUTE is {given!r}: it must be a number from 1 to 1000000, for each domain"
            " that mail goes to; unset it for no limit."
        )
    return int(given)


def _mail_from(environ: Mapping[str, str], base_url: str) -> str:
    """Without an address in it every server refuses every mail, and nobody could sign in."""
    given = _value(environ, "MAIL_FROM", "the address that mail comes from")
    if given is None:
        host = urlsplit(base_url).hostname or "localhost"
        return f"Groundswell <groundswell@{'localhost' if is_loopback(host) else host}>"
    box, _, domain = parseaddr(given)[1].rpartition("@")
    is_right = WRITABLE_BOX.fullmatch(box) and MAIL_DOMAIN.fullmatch(domain.lower())
    if not is_right or not given.isprintable():
        raise ConfigurationError(
            f"MAIL_FROM is {given!r}: write an address, problems@example.org, or a name with it,"
            " 'Problems <problems@example.org>'."
        )
    return given


def _mail_in(environ: Mapping[str, str], email: EmailSettings, base_url: str) -> tuple[str, str]:
    """Mail that goes to files is answered from the same machine, so there the gate is open."""
    given = _value(environ, "MAIL_IN", "problems.example.org, or tracker@example.org, or off")
    if given is None:
        host = urlsplit(base_url).hostname or ""
        usual = "localhost" if is_loopback(host) else host
        return ("", usual if email.folder is not None else "")
    if given == "off":
        return ("", "")
    box, at, domain = given.lower().rpartition("@")
    if not _takes_mail(domain) or (at and not MAIL_BOX.fullmatch(box)):
        raise ConfigurationError(
            f"MAIL_IN is {given!r}: write the domain whose mail comes here, problems.example.org,"
            " or one mailbox with plus addresses, tracker@example.org, or off."
        )
    return box, domain


def _takes_mail(domain: str) -> bool:
    """A name of one word is more likely "on" or "OFF" than a domain, and an address is none."""
    has_dot = re.search(r"\.[a-z0-9-]*[a-z]", domain) is not None
    return domain == "localhost" or (has_dot and MAIL_DOMAIN.fullmatch(domain) is not None)


def _mail_listen(environ: Mapping[str, str], data_dir: Path, *, is_open: bool) -> MailListen | None:
    given = _value(environ, "LMTP_LISTEN", LMTP_EXAMPLE)
    if given == "off" or (given is None and not is_open):
        return None
    if given is None:
        return MailListen(socket=_short_socket(data_dir, "lmtp.sock", "the LMTP server"))
    if not is_open:
        raise ConfigurationError(
            "LMTP_LISTEN is set and no mail comes in: set MAIL_IN to the domain or mailbox"
            " whose mail comes here, or LMTP_LISTEN to off."
        )
    if given.startswith(("/", "unix:")):
        return MailListen(socket=_named_socket(given))
    return _mail_port(given)


def _named_socket(given: str) -> Path:
    """The file may not be there yet; its folder, whose group may be a mail server's, must be."""
    path = Path(re.sub(r"^unix:(//)?(?=/)", "", given))
    if not path.is_absolute():
        raise ConfigurationError(
            f"LMTP_LISTEN is {given!r}, which is no absolute path: write {LMTP_EXAMPLE}."
        )
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        raise ConfigurationError(
            f"LMTP_LISTEN names a path of {len(os.fsencode(path))} bytes: a socket's may have"
            f" {LONGEST_SOCKET_PATH}."
        )
    if not path.parent.is_dir():
        raise ConfigurationError(
            f"LMTP_LISTEN names {path}, whose folder does not exist: make it first."
        )
    if path.is_dir():
        raise ConfigurationError(
            f"LMTP_LISTEN names {path}, which is a folder: write unix:{path / 'lmtp.sock'}."
        )
    return path


def _mail_port(given: str) -> MailListen:
    """LMTP asks for no password, so only this machine may come."""
    url = given if "://" in given else f"lmtp://{given}"
    parts = _split("LMTP_LISTEN", url, LMTP_EXAMPLE)
    host = parts.hostname or ""
    if parts.scheme not in {"lmtp", "smtp"} or not host or not parts.port or parts.path.strip("/"):
        raise ConfigurationError(f"LMTP_LISTEN is {given!r}: write {LMTP_EXAMPLE}.")
    if not is_loopback(host):
        raise ConfigurationError(
            f"LMTP_LISTEN names {host}, and whoever can reach it could hand in mail unasked:"
            " let a mail server on this machine take it from others, and write 127.0.0.1:2424."
        )
    return MailListen(host=host, port=parts.port, dialect=parts.scheme)


def _authserv_id(environ: Mapping[str, str]) -> str:
    """The name under which one's own mail server writes Authentication-Results; "" for none."""
    given = _value(environ, "MAIL_AUTHSERV_ID", "the authserv-id of your mail server") or ""
    if given and not MAIL_DOMAIN.fullmatch(given.lower()):
        raise ConfigurationError(
            f"MAIL_AUTHSERV_ID is {given!r}: write the name that stands first in the"
            " Authentication-Results of your mail server, such as mx.example.org."
        )
    return given.lower()


def _imap(environ: Mapping[str, str], *, is_open: bool) -> ImapBox | None:
    url = _value(environ, "IMAP_URL", IMAP_EXAMPLE)
    if url is None:
        return None
    if not is_open:
        raise ConfigurationError(
            "IMAP_URL is set and no mail comes in: set MAIL_IN to the address of that mailbox,"
            " for example tracker@example.org."
        )
    parts = _split("IMAP_URL", url, IMAP_EXAMPLE)
    if parts.scheme not in IMAP_PORTS:
        raise ConfigurationError(f"IMAP_URL begins with {parts.scheme!r}: write {IMAP_EXAMPLE}.")
    if not parts.hostname or not parts.username or not parts.password:
        raise ConfigurationError(
            f"IMAP_URL needs a user, a password and a host: write {IMAP_EXAMPLE}, and what is not"
            " a letter or digit in the password as %40 and the like."
        )
    if parts.scheme == "imap" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"IMAP_URL would send the password to {parts.hostname} unencrypted: write imaps:// or"
            " imap+tls://."
        )
    return ImapBox(
        host=parts.hostname,
        port=parts.port or IMAP_PORTS[parts.scheme],
        user=unquote(parts.username),
        password=unquote(parts.password),
        folder=unquote(parts.path.strip("/")) or "INBOX",
        security=parts.scheme,
    )


def _database(environ: Mapping[str, str], data_dir: Path) -> dict[str, Any]:
    url = _value(environ, "DATABASE_URL", "postgres://user:password@host/name")
    if url is None:
        return _sqlite({"NAME": str(data_dir / "groundswell.sqlite3")})
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return _sqlite_from_url(url)
    if scheme in {"postgres", "postgresql"}:
        return _postgresql(url)
    raise ConfigurationError(
        f"DATABASE_URL begins with {scheme!r}: only postgres://user:password@host/name"
        " and sqlite:////folder/file are supported."
    )


def _sqlite_from_url(url: str) -> dict[str, Any]:
    example = (
        "sqlite:// and then the absolute path of the file, for example sqlite:////srv/problems.db"
    )
    parts = _split("DATABASE_URL", url, example)
    path = Path(parts.path.removeprefix("/"))
    if parts.netloc or not path.is_absolute() or ":memory:" in url:
        raise ConfigurationError(
            f"DATABASE_URL names no file with an absolute path: write {example}."
        )
    config = django_environ.Env.db_url_config(url)
    if not Path(config["NAME"]).parent.is_dir():
        raise ConfigurationError(
            f"DATABASE_URL names {config['NAME']}, whose folder does not exist: make it first."
        )
    return _sqlite(config)


def _sqlite(config: Mapping[str, Any]) -> dict[str, Any]:
    """IMMEDIATE, because a transaction that reads first cannot wait for the write lock later."""
    options = {
        "transaction_mode": "IMMEDIATE",
        "timeout": SQLITE_LOCK_TIMEOUT,
        "init_command": SQLITE_PRAGMAS,
    }
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": config["NAME"],
        "OPTIONS": options | config.get("OPTIONS", {}),
    }


def _postgresql(url: str) -> dict[str, Any]:
    """Connections live for one request.

    Under ASGI every request has a thread of its own, and a connection belongs to its thread: one
    that outlived the request would be used by nobody and closed by chance.
    """
    _split("DATABASE_URL", url, "postgres://user:password@host:5432/name")
    config: dict[str, Any] = django_environ.Env.db_url_config(url)
    if not config.get("NAME"):
        raise ConfigurationError(
            "DATABASE_URL names no database: write postgres://user:password@host/name."
        )
    usual = {"connect_timeout": POSTGRESQL_CONNECT_TIMEOUT, "options": POSTGRESQL_OPTIONS}
    options = usual | config.pop("OPTIONS", {})
    return {"CONN_MAX_AGE": 0} | config | {"OPTIONS": options}


def _redis(environ: Mapping[str, str], data_dir: Path) -> tuple[str, Path | None]:
    """Return the server's address, and the socket of the embedded one where none is named."""
    example = "redis://:password@host:6379/0 or unix:///run/redis/redis.sock"
    url = _value(environ, "REDIS_URL", example)
    if url is None:
        socket = _redis_socket(data_dir)
        return f"unix://{quote(str(socket))}?db=0", socket
    parts = _split("REDIS_URL", url, example)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ConfigurationError(f"REDIS_URL begins with {parts.scheme!r}: write {example}.")
    if parts.scheme == "unix" and not parts.path.strip("/"):
        raise ConfigurationError(f"REDIS_URL names no socket: write {example}.")
    if parts.scheme != "unix" and not parts.hostname:
        raise ConfigurationError(f"REDIS_URL names no host: write {example}.")
    number = parse_qs(parts.query).get("db", [""])[0] or (
        parts.path.strip("/") if parts.scheme != "unix" else ""
    )
    if number and not number.isdigit():
        raise ConfigurationError(
            f"REDIS_URL has {number!r} for a database number: write {example}."
        )
    return url, None


def _redis_socket(data_dir: Path) -> Path:
    return _short_socket(data_dir, "redis/redis.sock", "the embedded Redis")


def _short_socket(data_dir: Path, name: str, whose: str) -> Path:
    """A socket's path in the data folder, or in one of this user's in /tmp where it is too long."""
    socket = data_dir / name
    if len(os.fsencode(socket)) > LONGEST_SOCKET_PATH:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
        # Fixed and not $TMPDIR: web, worker and every manage.py must come to the same place.
        # Whoever else made the folder first is found out below.
        socket = Path("/tmp") / f"groundswell-{os.getuid()}-{digest}" / socket.name  # noqa: S108
    _private_folder(socket.parent, f"The folder of {whose}")
    if socket.parent.stat().st_uid != os.getuid() or socket.parent.is_symlink():
        raise ConfigurationError(
            f"{socket.parent} belongs to another user: start Groundswell as the owner of its data."
        )
    return socket


def _broker_url(redis_url: str) -> str:
    """Spell the address as kombu does, whose name for a socket and its database is its own."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    number = query.pop("db", "0")
    login = f"{parts.netloc}" if "@" in parts.netloc else ""
    return f"redis+socket://{login}{parts.path}?{urlencode({'virtual_host': number} | query)}"


def _email(environ: Mapping[str, str], data_dir: Path) -> EmailSettings:
    example = "smtp://user:password@host:25, smtp+tls://..., smtps://... or file:///folder"
    url = _value(environ, "EMAIL_URL", example)
    if url is None:
        return _mail_files(data_dir / "mail")
    parts = _split("EMAIL_URL", url, example)
    if parts.scheme == "file":
        if parts.netloc or not parts.path.strip("/"):
            raise ConfigurationError("EMAIL_URL names no folder: write file:///folder.")
        return _mail_files(Path(parts.path))
    if parts.scheme not in SMTP_PORTS:
        raise ConfigurationError(f"EMAIL_URL begins with {parts.scheme!r}: write {example}.")
    if not parts.hostname:
        raise ConfigurationError(f"EMAIL_URL names no host: write {example}.")
    return _smtp(parts)


def _mail_files(folder: Path) -> EmailSettings:
    _private_folder(folder, "The mail folder")
    return EmailSettings("notifications.backends.eml.EmailBackend", folder=folder)


def _smtp(parts: SplitResult) -> EmailSettings:
    """``smtp+tls`` is STARTTLS; ``smtps`` speaks TLS from the first byte, as everywhere else."""
    config = django_environ.Env.email_url_config(parts.geturl(), backend="smtp")
    return EmailSettings(
        "notifications.backends.smtp.EmailBackend",
        host=config["EMAIL_HOST"],
        port=config["EMAIL_PORT"] or SMTP_PORTS[parts.scheme],
        user=config["EMAIL_HOST_USER"] or "",
        password=config["EMAIL_HOST_PASSWORD"] or "",
        use_tls=parts.scheme == "smtp+tls",
        use_ssl=parts.scheme in {"smtps", "smtp+ssl"},
    )


def _secret_key(environ: Mapping[str, str], data_dir: Path) -> str:
    given = _value(environ, "SECRET_KEY", f"at least {SHORTEST_SECRET_KEY} random characters")
    if given is not None:
        return _long_enough(given, "SECRET_KEY")
    path = data_dir / "secret_key"
    if not path.exists():
        _make_secret_key(path)
    return _long_enough(_read_secret_key(path), str(path))


def _long_enough(key: str, name: str) -> str:
    if len(key) < SHORTEST_SECRET_KEY:
        raise ConfigurationError(
            f"{name} holds {len(key)} characters: a key needs {SHORTEST_SECRET_KEY} or more."
        )
    return key


def _make_secret_key(path: Path) -> None:
    """Write the key aside and link it into place: no other process may see half a key."""
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix="secret_key.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(aside, path)
    except FileExistsError:
        pass  # another process was quicker, and its key is as good
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from None
    finally:
        Path(aside).unlink()


def _read_secret_key(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        key = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error}): restore it from a backup, or remove it to make a new"
            " key, which signs everybody out."
        ) from None
    if mode & 0o077:
        raise ConfigurationError(f"{path} can be read by other users: run `chmod 600 {path}`.")
    return key
