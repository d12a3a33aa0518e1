"""Running git on what strangers sent: nobody's configuration, no network, bounded in all."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

TIMEOUT = 10.0
OUTPUT_BYTES = 128 * 1024 * 1024
# Of what git says on standard error, so much is worth telling.
REASON_CHARS = 300
# The first git that has all that is used here.
OLDEST = (2, 30)

# What is set on the command line holds against any file of a repository.
SETTINGS = (
    "protocol.allow=never",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.quotePath=true",
    "core.abbrev=12",
    "diff.algorithm=myers",
    "diff.renames=true",
    "diff.suppressBlankEmpty=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "i18n.commitEncoding=UTF-8",
    "i18n.logOutputEncoding=UTF-8",
)
ENVIRONMENT = {
    "LC_ALL": "C",
    "TZ": "UTC",
    "HOME": os.devnull,
    "XDG_CONFIG_HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "false",
    "GIT_AUTHOR_NAME": "Groundswell",
    "GIT_AUTHOR_EMAIL": "groundswell@localhost",
    "GIT_COMMITTER_NAME": "Groundswell",
    "GIT_COMMITTER_EMAIL": "groundswell@localhost",
}


class GitFailed(Exception):
    """git could not do it; `reason` is a sentence, without paths of this machine."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def git(
    args: Sequence[str | bytes],
    *,
    input: bytes = b"",  # noqa: A002
    cwd: Path | None = None,
    timeout: float = TIMEOUT,
    limit: int = OUTPUT_BYTES,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """What `git <args>` prints, in the repository `cwd`, or in none.

    `timeout` is in seconds, `limit` in bytes; `environment` is added to the one that all share.
    Raises GitFailed where it ends with another code than 0, takes longer, or prints more.
    """
    code, output, said = run(
        args, input=input, cwd=cwd, timeout=timeout, limit=limit, environment=environment
    )
    if code:
        raise GitFailed(_reason(args, said, cwd))
    return output


def run(
    args: Sequence[str | bytes],
    *,
    input: bytes = b"",  # noqa: A002
    cwd: Path | None = None,
    timeout: float = TIMEOUT,
    limit: int = OUTPUT_BYTES,
    environment: Mapping[str, str] | None = None,
) -> tuple[int, bytes, bytes]:
    """As `git`, for commands whose exit code is an answer: the code, output, standard error."""
    own = {"PATH": os.environ.get("PATH", os.defpath), **ENVIRONMENT, **(environment or {})}
    # Where there is none, git must not find one in the folders above.
    own["GIT_DIR"] = str(cwd) if cwd else os.devnull
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(input)
        stdin.seek(0)
        process = _start(args, stdin, stderr, cwd or Path("/"), own)
        try:
            output = _read(process, process.stdout, timeout, limit)  # type: ignore[arg-type]
        finally:
            _end(process)
        stderr.seek(0)
        return process.returncode, output, stderr.read(10_000)


def _start(
    args: Sequence[str | bytes],
    stdin: IO[bytes],
    stderr: IO[bytes],
    cwd: Path,
    environment: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    settings = [part for setting in SETTINGS for part in ("-c", setting)]
    try:
        return subprocess.Popen(  # noqa: S603 - a list, no shell; options are ours
            [executable(), "--no-pager", "--literal-pathspecs", *settings, *args],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=cwd,
            env=environment,
            # Its own group, so that what git itself started ends with it.
            start_new_session=True,
        )
    except OSError as error:
        raise GitFailed(f"git could not be started: {error.strerror}.") from error


def _read(process: subprocess.Popen[bytes], stdout: IO[bytes], timeout: float, limit: int) -> bytes:
    """All it prints; raises GitFailed for what takes too long or is too much."""
    ended_late = threading.Event()

    def stop() -> None:
        ended_late.set()
        _kill(process)

    timer = threading.Timer(timeout, stop)
    timer.daemon = True
    timer.start()
    try:
        output = stdout.read(limit + 1)
        if len(output) <= limit:
            process.wait()
    finally:
        timer.cancel()
    if ended_late.is_set():
        raise GitFailed(f"git took longer than {timeout:g} s.")
    if len(output) > limit:
        raise GitFailed(f"git printed more than {limit} bytes.")
    return output


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _kill(process)
    process.wait()
    if process.stdout:
        process.stdout.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _reason(args: Sequence[str | bytes], said: bytes, cwd: Path | None) -> str:
    words = said.decode(errors="replace").strip()
    if cwd:
        words = words.replace(str(cwd), "the repository")
    verb = args[0] if isinstance(args[0], str) else args[0].decode(errors="replace")
    return f"git {verb} failed: {words[:REASON_CHARS] or 'it does not say why'}"


@cache
def executable() -> str:
    """The path of git. Raises GitFailed where there is none."""
    found = shutil.which("git")
    if found is None:
        raise GitFailed("git is not installed on this server.")
    return found


@cache
def version() -> tuple[int, int]:
    """Of the git that is installed, such as (2, 39). Raises GitFailed."""
    said = git(["version"])
    match = re.search(rb"(\d+)\.(\d+)", said)
    if match is None:
        raise GitFailed(f"git does not say its version: {said[:80]!r}")
    return int(match[1]), int(match[2])


@contextmanager
def repository() -> Iterator[Path]:
    """An empty bare repository, which is deleted at the end of the block.

    It is laid out here, since `git init` costs a process and what it copies.
    """
    with tempfile.TemporaryDirectory(prefix="groundswell-git-", ignore_cleanup_errors=True) as name:
        path = Path(name)
        (path / "objects").mkdir()
        (path / "refs").mkdir()
        (path / "HEAD").write_text("ref: refs/heads/none\n")
        (path / "config").write_text("[core]\n\trepositoryformatversion = 0\n\tbare = true\n")
        yield path


class Deadline:
    """Several calls of git that together may take `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds; raises GitFailed when none are left."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise GitFailed("git took too long.")
        return left
