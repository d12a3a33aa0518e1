"""send-problem.pyz: one file that needs nothing but Python, and encrypted connections."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from send_problem.build_pyz import PACKAGES, build
from tests.send_problem.contract_server import CODE, World, contract_server
from tests.send_problem.running import REPORT, Client


@pytest.fixture(scope="module")
def one_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("program") / "send-problem.pyz")


@pytest.fixture
def traveller(tmp_path: Path, one_file: Path) -> Client:
    """Has the file, and a Python that sees no installed package (-I)."""
    return Client(tmp_path, program=[bare_python(), "-I", str(one_file)])


def bare_python() -> str:
    """The Python below the virtual environment."""
    return str(Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}")


def test_the_one_file_registers_reports_and_votes_with_no_package_installed(
    traveller: Client, world: World
) -> None:
    missing = subprocess.run(
        [bare_python(), "-I", "-c", "import httpx"], capture_output=True, check=False
    )
    assert missing.returncode != 0, "this Python has packages, so the test shows nothing"
    address = ["--server", world.base_url]
    done = traveller.run(*address, "register", "rita@example.org", stdin=CODE)
    assert done.code == 0, done.err
    traveller.write("report.txt", REPORT)
    traveller.write("a.bin", b"\0" * 1000)
    done = traveller.run("--json", "send", "--yes", "report.txt", "a.bin")
    assert (done.code, done.json["number"]) == (0, 1), done.err
    assert traveller.run("vote", "1").code == 0
    assert traveller.run("template").out.startswith("#: A problem report for")


def test_the_one_file_shows_tables_and_progress_on_a_terminal(
    traveller: Client, world: World
) -> None:
    traveller.sign_in(world.base_url)
    traveller.write("report.txt", REPORT)
    traveller.write("a.bin", b"\0" * 1000)
    with traveller.terminal("send", "--yes", "report.txt", "a.bin") as terminal:
        terminal.expect("100%")
        assert terminal.ends() == 0
    with traveller.terminal("search", "lid") as terminal:
        terminal.expect("Kernel panics when the lid is closed")
        assert terminal.ends() == 0


def test_the_same_packages_make_the_same_bytes(one_file: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "send_problem.build_pyz", str(tmp_path / "again.pyz")]
    subprocess.run(command, check=True, capture_output=True, env={"PYTHONHASHSEED": "7"})
    assert (tmp_path / "again.pyz").read_bytes() == one_file.read_bytes()


def test_the_licences_of_what_is_inside_are_inside(one_file: Path) -> None:
    names = zipfile.ZipFile(one_file).namelist()
    for package in set(PACKAGES) - {"send_problem"}:
        assert [n for n in names if n.startswith(f"licenses/{package}-")], package


def test_the_one_file_trusts_its_own_authorities_where_the_system_has_none(
    one_file: Path,
) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(one_file)!r})\n"
        "from send_problem.connection import _trust\n"
        "print(_trust().cert_store_stats()['x509_ca'])"
    )
    env = {"SSL_CERT_FILE": "/nonexistent", "SSL_CERT_DIR": "/nonexistent"}
    done = subprocess.run(
        [bare_python(), "-I", "-c", code], capture_output=True, env=env, check=True
    )
    assert int(done.stdout) > 50


def test_help_loads_neither_the_http_nor_the_table_library() -> None:
    code = (
        "import sys\nfrom send_problem.cli import program\n"
        "program.main(['--help'], standalone_mode=False)\n"
        "print([name for name in ('httpx', 'rich', 'asyncio') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


@contextlib.contextmanager
def encrypted(folder: Path, name: str) -> Iterator[tuple[World, Path]]:
    """A server with a certificate of its own for ``name``; yields it and the certificate."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext"]
    command += [f"subjectAltName=DNS:{name}", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with contract_server(context) as world:
        yield world, certificate


def test_a_certificate_that_nobody_trusts_is_said_in_plain_words(
    stranger: Client, tmp_path: Path
) -> None:
    with encrypted(tmp_path, "localhost") as (world, certificate):
        address = world.base_url.replace("127.0.0.1", "localhost")
        args = ["--server", address, "login", "rita@example.org"]
        done = stranger.run(*args)
        assert done.code == 69
        assert "signed by nobody that this system trusts" in done.err
        assert world.seen == []
        trusted = stranger.run(*args, stdin=CODE, SSL_CERT_FILE=str(certificate))
        assert trusted.code == 0, trusted.err


def test_a_certificate_for_another_name_is_said_in_plain_words(
    stranger: Client, tmp_path: Path
) -> None:
    with encrypted(tmp_path, "other.example.org") as (world, certificate):
        address = world.base_url.replace("127.0.0.1", "localhost")
        args = ["--server", address, "login", "rita@example.org"]
        done = stranger.run(*args, SSL_CERT_FILE=str(certificate))
    assert done.code == 69
    assert "is for another name" in done.err


def test_https_to_a_port_that_speaks_http_is_said_in_plain_words(
    stranger: Client, world: World
) -> None:
    address = world.base_url.replace("http:", "https:")
    done = stranger.run("--server", address, "login", "rita@example.org")
    assert done.code == 69
    assert "does not speak https on this port" in done.err
