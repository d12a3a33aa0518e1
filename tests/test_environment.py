"""What the environment variables may say, and what is told to an operator who got one wrong."""

from __future__ import annotations

import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.exceptions import DisallowedHost
from django.test import Client

from config.environment import (
    LONGEST_SOCKET_PATH,
    PROJECT_DIR,
    ConfigurationError,
    Environment,
    MailListen,
    load_environment,
)
from config.logs import tell_host_in_one_line
from notifications.gate.mailbox import ImapBox
from tests.services import clean_environment, temporary_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as folder:
        yield folder


def load(folder: Path, **variables: str) -> Environment:
    return load_environment({"DATA_DIR": str(folder / "data"), **variables})


def test_with_nothing_set_everything_is_in_the_data_folder_of_the_checkout(folder: Path) -> None:
    environment = load(folder)
    data = folder / "data"

    assert environment.database["ENGINE"] == "django.db.backends.sqlite3"
    assert environment.database["NAME"] == str(data / "groundswell.sqlite3")
    assert environment.redis_url == f"unix://{data}/redis/redis.sock?db=0"
    assert environment.broker_url == f"redis+socket://{data}/redis/redis.sock?virtual_host=0"
    assert environment.mail_folder == data / "mail"
    assert environment.base_url == "http://127.0.0.1:8000"
    assert (environment.host, environment.port) == ("127.0.0.1", 8000)
    assert environment.embedded_redis
    assert environment.is_default_setup
    assert not environment.debug


def test_the_folders_are_of_this_user_only(folder: Path) -> None:
    load(folder)

    for path in (folder / "data", folder / "data" / "mail", folder / "data" / "redis"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_the_secret_key_is_made_once_and_kept_private(folder: Path) -> None:
    first = load(folder).secret_key

    assert load(folder).secret_key == first
    assert len(first) >= 50
    assert stat.S_IMODE((folder / "data" / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in (folder / "data").glob("secret_key*")] == ["secret_key"]


def test_processes_that_start_together_agree_on_one_secret_key(folder: Path) -> None:
    code = (
        "import os; from config.environment import load_environment as load;"
        " print(load(os.environ).secret_key)"
    )
    variables = clean_environment() | {"DATA_DIR": str(folder / "data")}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=variables, cwd=PROJECT_DIR, stdout=subprocess.PIPE
        )
        for _ in range(6)
    ]
    keys = {racer.communicate(timeout=90)[0] for racer in racers}

    assert len(keys) == 1
    assert len(keys.pop()) > 50


def test_a_given_secret_key_writes_no_file(folder: Path) -> None:
    assert load(folder, SECRET_KEY="k" * 32).secret_key == "k" * 32
    assert not (folder / "data" / "secret_key").exists()


def test_a_long_data_folder_gets_a_short_socket_in_a_private_folder(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    environment = load_environment({"DATA_DIR": str(deep)})
    socket = environment.redis_socket
    assert socket is not None

    assert len(os.fsencode(socket)) <= LONGEST_SOCKET_PATH
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert load_environment({"DATA_DIR": str(deep)}).redis_socket == socket
    socket.parent.rmdir()


def test_postgresql_keeps_no_connection_longer_than_a_request(folder: Path) -> None:
    url = "postgres://ann:p%40ss@db.example.org:5433/problems?sslmode=require"
    database = load(folder, DATABASE_URL=url).database

    assert database == {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "problems",
        "USER": "ann",
        "PASSWORD": "p@ss",
        "HOST": "db.example.org",
        "PORT": 5433,
        "CONN_MAX_AGE": 0,
        "OPTIONS": {"connect_timeout": 5, "options": "-c jit=off", "sslmode": "require"},
    }


def test_postgresql_may_be_named_by_its_socket_folder(folder: Path) -> None:
    database = load(folder, DATABASE_URL="postgres://ann@//run/postgresql/problems").database

    assert (database["HOST"], database["NAME"]) == ("/run/postgresql", "problems")


def test_another_sqlite_file_has_the_same_safety_as_the_default_one(folder: Path) -> None:
    default = load(folder).database
    other = load(folder, DATABASE_URL=f"sqlite:///{folder}/other.db").database

    assert other["NAME"] == f"{folder}/other.db"
    assert other["OPTIONS"] == default["OPTIONS"]
    assert other["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in other["OPTIONS"]["init_command"]


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("redis://:secret@queue.example.org:6380/2", "redis://:secret@queue.example.org:6380/2"),
        ("rediss://queue.example.org", "rediss://queue.example.org"),
        ("unix:///run/redis.sock?db=3", "redis+socket:///run/redis.sock?virtual_host=3"),
        ("unix:///run/redis.sock", "redis+socket:///run/redis.sock?virtual_host=0"),
    ],
)
def test_a_named_redis_is_spelled_for_both_libraries(folder: Path, url: str, broker: str) -> None:
    environment = load(folder, REDIS_URL=url)

    assert (environment.redis_url, environment.broker_url) == (url, broker)
    assert not environment.embedded_redis
    assert environment.redis_socket is None


@pytest.mark.parametrize(
    ("url", "port", "use_tls", "use_ssl"),
    [
        ("smtp://mail.example.org", 25, False, False),
        ("smtp+tls://mail.example.org", 587, True, False),
        ("smtps://mail.example.org", 465, False, True),
        ("smtps://mail.example.org:4650", 4650, False, True),
    ],
)
def test_mail_goes_to_the_named_server_the_way_its_scheme_says(
    folder: Path, url: str, port: int, use_tls: bool, use_ssl: bool
) -> None:
    email = load(folder, EMAIL_URL=url).email

    assert (email.host, email.port) == ("mail.example.org", port)
    assert (email.use_tls, email.use_ssl) == (use_tls, use_ssl)
    assert email.as_django()["EMAIL_BACKEND"] == "notifications.backends.smtp.EmailBackend"


def test_the_login_of_a_mail_server_may_hold_any_character(folder: Path) -> None:
    email = load(folder, EMAIL_URL="smtp://ann%40example.org:p%2Fw@mail.example.org").email

    assert (email.user, email.password) == ("ann@example.org", "p/w")


@pytest.mark.parametrize(
    ("given", "listen"),
    [
        ("unix:/tmp/mail.sock", MailListen(socket=Path("/tmp/mail.sock"))),
        ("unix:///tmp/mail.sock", MailListen(socket=Path("/tmp/mail.sock"))),
        ("/tmp/mail.sock", MailListen(socket=Path("/tmp/mail.sock"))),
        ("127.0.0.1:2424", MailListen(host="127.0.0.1", port=2424)),
        ("lmtp://[::1]:24", MailListen(host="::1", port=24)),
        ("smtp://localhost:25", MailListen(host="localhost", port=25, dialect="smtp")),
        ("off", None),
    ],
)
def test_mail_servers_hand_over_where_the_set_up_says(
    folder: Path, given: str, listen: MailListen | None
) -> None:
    assert load(folder, LMTP_LISTEN=given).mail_listen == listen


def test_mail_comes_in_at_a_socket_wherever_it_comes_in_at_all(folder: Path) -> None:
    assert load(folder).mail_listen == MailListen(socket=folder / "data" / "lmtp.sock")
    assert load(folder, MAIL_IN="off").mail_listen is None
    assert load(folder, EMAIL_URL="smtp://mail.example.org").mail_listen is None
    long = load_environment({"DATA_DIR": str(folder / ("long" * 25))}).mail_listen
    assert long is not None
    assert len(str(long)) <= LONGEST_SOCKET_PATH


@pytest.mark.parametrize("name", ["LMTP_LISTEN", "IMAP_URL"])
def test_a_door_for_mail_that_does_not_come_in_is_refused(folder: Path, name: str) -> None:
    value = {"LMTP_LISTEN": "127.0.0.1:24", "IMAP_URL": "imaps://a:b@mail.example.org"}[name]
    with pytest.raises(
        ConfigurationError, match=f"{name} is set and no mail comes in: set MAIL_IN"
    ):
        load(folder, MAIL_IN="off", **{name: value})


def test_a_mailbox_is_read_the_way_its_scheme_says(folder: Path) -> None:
    url = "imap+tls://ann%40example.org:p%2Fw%23@mail.example.org/Lists/Bugs"
    box = load(folder, MAIL_IN="ann@example.org", IMAP_URL=url).imap

    assert box == ImapBox(
        "mail.example.org", 143, "ann@example.org", "p/w#", "Lists/Bugs", "imap+tls"
    )
    assert "p/w#" not in repr(box)
    assert load(folder, IMAP_URL="imaps://a:b@mail.example.org").imap == ImapBox(
        "mail.example.org", 993, "a", "b"
    )


@pytest.mark.parametrize(
    "variables",
    [
        {"BASE_URL": "https://problems.example.org"},
        {"BIND_ADDRESS": "0.0.0.0"},
        {"EMAIL_URL": "smtp://mail.example.org"},
    ],
)
def test_pages_that_show_mail_exist_only_for_this_machine(
    folder: Path, variables: dict[str, str]
) -> None:
    assert load(folder, PORT="8001", BASE_URL="http://localhost:8001").is_default_setup
    assert not load(folder, **variables).is_default_setup


def test_mail_comes_from_the_host_that_people_know_unless_it_is_said(folder: Path) -> None:
    assert load(folder).mail_from == "Groundswell <groundswell@localhost>"
    public = load(folder, BASE_URL="https://problems.example.org")
    assert public.mail_from == "Groundswell <groundswell@problems.example.org>"
    given = "Problems <problems+us@example.org>"
    assert load(folder, MAIL_FROM=given).mail_from == given


def test_the_base_url_follows_the_port_and_loses_its_slash(folder: Path) -> None:
    assert load(folder, PORT="8123").base_url == "http://127.0.0.1:8123"
    given = load(folder, BASE_URL="https://Problems.example.org/")
    assert given.base_url == "https://problems.example.org"


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "0", "1 to 65535"),
        ("PORT", "65536", "1 to 65535"),
        ("PORT", "http", "1 to 65535"),
        ("PORT", "\u0661", "1 to 65535"),
        ("BASE_URL", "problems.example.org", "no http(s)://host"),
        ("BASE_URL", "ftp://problems.example.org", "no http(s)://host"),
        ("BASE_URL", "https://problems.example.org/sub", "must end after the host"),
        ("BASE_URL", "https://problems.example.org/?a=b", "must end after the host"),
        ("BASE_URL", "http://[::1", "not a URL"),
        ("BASE_URL", "https://*", "no browser sends"),
        ("BASE_URL", "https://problems example.org", "no browser sends"),
        ("BASE_URL", "https://pröbleme.example.org", "xn--"),
        ("DATABASE_URL", "mysql://h/n", "begins with 'mysql'"),
        ("DATABASE_URL", "problems", "begins with 'problems'"),
        ("DATABASE_URL", "postgres://host", "names no database"),
        ("DATABASE_URL", "postgres://host:port/n", "not a URL"),
        ("DATABASE_URL", "sqlite:///relative.db", "no file with an absolute path"),
        ("DATABASE_URL", "sqlite://:memory:", "absolute path of the file"),
        ("DATABASE_URL", "sqlite:////nowhere/at/all.db", "folder does not exist"),
        ("REDIS_URL", "memcached://h", "begins with 'memcached'"),
        ("REDIS_URL", "redis:///0", "names no host"),
        ("REDIS_URL", "unix://", "names no socket"),
        ("REDIS_URL", "redis://h/first", "'first' for a database number"),
        ("REDIS_URL", "redis://h:99999", "not a URL"),
        ("EMAIL_URL", "http://h", "begins with 'http'"),
        ("EMAIL_URL", "smtp://", "names no host"),
        ("EMAIL_URL", "file://folder", "names no folder"),
        ("SECRET_KEY", "short", "needs 32 or more"),
        ("GROUNDSWELL_DEBUG", "yes", "must be 1 or 0"),
        ("LMTP_LISTEN", "2424", "write unix:"),
        ("LMTP_LISTEN", "127.0.0.1", "write unix:"),
        ("LMTP_LISTEN", "127.0.0.1:none", "not a URL"),
        ("LMTP_LISTEN", "http://127.0.0.1:2424", "write unix:"),
        ("LMTP_LISTEN", "0.0.0.0:2424", "hand in mail unasked"),
        ("LMTP_LISTEN", "mx.example.org:24", "hand in mail unasked"),
        ("LMTP_LISTEN", "unix:lmtp.sock", "no absolute path"),
        ("LMTP_LISTEN", "/nowhere/at/all/lmtp.sock", "folder does not exist"),
        ("LMTP_LISTEN", "unix:/tmp/" + "l" * 100, "a socket's may have"),
        ("LMTP_LISTEN", "unix:/tmp/", "write unix:/tmp/lmtp.sock"),
        ("MAIL_FROM", "Problems", "write an address"),
        ("MAIL_FROM", "Problems <problems>", "write an address"),
        ("MAIL_FROM", "ann smith@example.org", "write an address"),
        ("MAIL_FROM", "ann@example.org\nBcc: bea@example.org", "write an address"),
        ("MAIL_IN", "OFF", "or off"),
        ("MAIL_IN", "on", "write the domain"),
        ("MAIL_IN", "@problems.example.org", "write the domain"),
        ("MAIL_IN", "tracker@", "write the domain"),
        ("MAIL_IN", "a+b@example.org", "write the domain"),
        ("MAIL_IN", "a..b@example.org", "write the domain"),
        ("MAIL_IN", "problems..example.org", "write the domain"),
        ("MAIL_IN", "192.0.2.1", "write the domain"),
        ("IMAP_URL", "pop3://ann:pw@mail.example.org", "begins with 'pop3'"),
        ("IMAP_URL", "imaps://mail.example.org", "needs a user, a password"),
        ("IMAP_URL", "imap://ann:pw@mail.example.org", "unencrypted"),
        ("LIVE_STREAMS", "many", "a number from 0"),
        ("LIVE_STREAMS", "100001", "to 100000"),
        ("WORKERS", "0", "from 1 to 32"),
        ("WORKERS", "33", "from 1 to 32"),
        ("EVENT_MAIL_WINDOW", "301", "to 300"),
        ("MAIL_PER_MINUTE", "0", "from 1 to 1000000"),
        ("MAIL_PER_MINUTE", "fast", "from 1 to 1000000"),
    ],
)
def test_a_wrong_value_is_told_with_the_name_of_the_variable(
    folder: Path, name: str, value: str, told: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load(folder, **{name: value})

    assert str(refused.value).startswith(name)
    assert told in str(refused.value)


@pytest.mark.parametrize("name", ["IMAP_URL", "EMAIL_URL", "DATABASE_URL", "REDIS_URL"])
def test_a_password_that_is_not_escaped_is_not_told_to_whoever_reads_the_log(
    folder: Path, name: str
) -> None:
    scheme = {"IMAP_URL": "imaps", "EMAIL_URL": "smtp", "DATABASE_URL": "postgres"}.get(name)
    with pytest.raises(ConfigurationError, match="as %2F and the like") as refused:
        load(folder, **{name: f"{scheme or 'redis'}://ann:sec/ret@host.example.org/name"})

    assert "sec" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "PORT",
        "BASE_URL",
        "DATABASE_URL",
        "REDIS_URL",
        "EMAIL_URL",
        "SECRET_KEY",
        "DATA_DIR",
        "LMTP_LISTEN",
        "IMAP_URL",
        "MAIL_FROM",
        "GROUNDSWELL_DEBUG",
        "LIVE_STREAMS",
        "WORKERS",
        "EVENT_MAIL_WINDOW",
        "MAIL_PER_MINUTE",
        "BIND_ADDRESS",
    ],
)
def test_a_variable_that_is_set_to_nothing_is_not_taken_for_unset(folder: Path, name: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name} is set but empty: .* unset it"):
        load(folder, **{name: " "})


@pytest.mark.parametrize("host", ["problems.example.org", "xn--prbleme-90a.org", "[2001:db8::1]"])
def test_the_host_of_the_base_url_is_answered(folder: Path, host: str) -> None:
    code = "import django; django.setup(); from django.test import RequestFactory as F; import sys;"
    code += "F().get('/', headers={'host': sys.argv[1]}).get_host()"
    done = subprocess.run(
        [sys.executable, "-c", code, host],
        env=clean_environment()
        | {"DATA_DIR": str(folder / "data"), "BASE_URL": f"https://{host}:8443"}
        | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db
def test_a_request_for_another_host_is_one_line_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert client.get("/", headers={"host": "elsewhere.example.org"}).status_code == 400

    (record,) = [r for r in caplog.records if r.name == "django.security.DisallowedHost"]
    assert "'elsewhere.example.org': BASE_URL names the one" in record.getMessage()
    assert record.exc_info is None


def test_logging_that_is_configured_twice_still_names_the_host() -> None:
    error = DisallowedHost("Invalid HTTP_HOST header: 'x.example.org'. You may need to add it.")
    record = logging.makeLogRecord({"exc_info": (DisallowedHost, error, None)})
    for _ in range(2):
        assert tell_host_in_one_line(record)
    assert "host 'x.example.org': BASE_URL" in record.getMessage()


def test_a_password_is_not_shown_in_a_refusal(folder: Path) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "IMAP_URL"):
        with pytest.raises(ConfigurationError) as refused:
            load(folder, **{name: "gopher://ann:hunter2@h:1/n"})
        assert "hunter2" not in str(refused.value)


def test_a_data_folder_that_is_a_file_is_refused(folder: Path) -> None:
    (folder / "data").write_text("")

    with pytest.raises(ConfigurationError, match="which is a file"):
        load(folder)


def test_a_data_folder_that_others_can_open_is_refused(folder: Path) -> None:
    (folder / "data").mkdir(mode=0o755)
    (folder / "data").chmod(0o755)

    with pytest.raises(ConfigurationError, match="run `chmod 700"):
        load(folder)


def test_a_data_folder_that_cannot_be_made_is_refused(folder: Path) -> None:
    (folder / "file").write_text("")

    with pytest.raises(ConfigurationError, match="cannot be made"):
        load_environment({"DATA_DIR": str(folder / "file" / "data")})


def test_a_secret_key_that_others_can_read_stops_the_start(folder: Path) -> None:
    load(folder)
    (folder / "data" / "secret_key").chmod(0o640)

    with pytest.raises(ConfigurationError, match="run `chmod 600"):
        load(folder)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 60])
def test_a_damaged_secret_key_stops_the_start_and_is_not_replaced(
    folder: Path, content: bytes
) -> None:
    load(folder)
    path = folder / "data" / "secret_key"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError, match="secret_key"):
        load(folder)
    assert path.read_bytes() == content


@pytest.mark.parametrize("command", [["manage.py", "check"], ["-m", "config.supervisor"]])
def test_a_wrong_value_stops_the_start_with_one_sentence(folder: Path, command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        env=clean_environment() | {"DATA_DIR": str(folder / "data"), "PORT": "none"},
        cwd=PROJECT_DIR,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == (
        "Groundswell cannot start: PORT is 'none': it must be a number from 1 to 65535.\n"
    )


def test_the_name_of_ones_own_mail_server_is_one_word(folder: Path) -> None:
    assert load(folder, MAIL_AUTHSERV_ID="MX.example.org").mail_authserv_id == "mx.example.org"
    assert load(folder).mail_authserv_id == ""
    for wrong in ("mx.example.org; dkim=pass", "two words", " "):
        with pytest.raises(ConfigurationError, match="MAIL_AUTHSERV_ID"):
            load(folder, MAIL_AUTHSERV_ID=wrong)
