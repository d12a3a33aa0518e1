"""Real git repositories for tests, and the patches that git makes of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from patches.finding import read
from patches.git.series import Series, series_of_parsed

DATE = "2026-03-01T12:34:56+02:00"
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "LC_ALL": "C.UTF-8",
    "HOME": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "Ann Author",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": DATE,
    "GIT_COMMITTER_NAME": "Cora Committer",
    "GIT_COMMITTER_EMAIL": "cora@example.org",
    "GIT_COMMITTER_DATE": DATE,
}


class Repository:
    """A repository with a worktree."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *args: str, stdin: bytes = b"", **environment: str) -> bytes:
        """What git prints; an error of git's is an error of the test."""
        done = subprocess.run(
            ["git", "-c", "core.autocrlf=false", *args],
            cwd=self.path,
            env={**ENVIRONMENT, **environment},
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def commit(
        self,
        message: str,
        files: Mapping[str, str | bytes | None] | None = None,
        **environment: str,
    ) -> str:
        """Write `files`, delete those that are None, and commit all; returns its id."""
        for name, text in (files or {}).items():
            file = self.path / name
            if text is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text if isinstance(text, bytes) else text.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-F", "-", stdin=message.encode(), **environment)
        return self.head()

    def head(self) -> str:
        """The commit that is checked out."""
        return self.git("rev-parse", "HEAD").decode().strip()

    def mails(self, base: str, tip: str = "HEAD", *options: str) -> bytes:
        """The commits after `base` as `git format-patch` writes them into one file."""
        options = ("--binary", "--base", base, *options)
        return self.git("format-patch", "--stdout", *options, f"{base}..{tip}")

    def series(self, base: str, tip: str = "HEAD", *options: str) -> Series:
        """The same, as our part of git works on it."""
        return series_of_parsed(read(self.mails(base, tip, *options), is_mail=True))


def numbered(count: int, **changed: str) -> str:
    """A text of `count` lines that differ; `changed` gives others, `n5="..."` for line 5."""
    lines = (changed.get(f"n{n}", f"line {n} of the file") for n in range(1, count + 1))
    return "".join(f"{line}\n" for line in lines if line != "-")
