"""A repository with commits, and what git says of them. Plain functions."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "Änn Bell",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_AUTHOR_DATE": "2026-11-20T10:00:00+0100",
    "GIT_COMMITTER_NAME": "Änn Bell",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_COMMITTER_DATE": "2026-11-20T10:00:00+0100",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}


def git(folder: Path, *args: str) -> bytes:
    """What `git args` prints in a folder."""
    env = os.environ | _ENVIRONMENT
    done = subprocess.run(
        ["git", *args], cwd=folder, env=env, check=True, capture_output=True, timeout=60
    )
    return done.stdout


def commit(folder: Path, message: str) -> str:
    """Everything in the folder as a commit; its name."""
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD").decode().strip()


def source(*gone: int, **changed: str) -> str:
    """A file of fifty lines, without those of these numbers, and with others (`l5="x"`)."""
    lines = (changed.get(f"l{n}", f"int a{n};") for n in range(50) if n not in gone)
    return "".join(f"{line}\n" for line in lines)


def repository(folder: Path) -> Path:
    """Two commits behind a first: a change with words, and one of every kind of change."""
    git(folder, "init", "-q", "-b", "main")
    (folder / "sys").mkdir()
    (folder / "sys" / "em.c").write_text(source())
    (folder / "sp ace.c").write_text("x\n")
    (folder / "old.c").write_text(source(l0="other"))
    (folder / "gone.c").write_text("one\ntwo\n")
    (folder / "logo.png").write_bytes(bytes(range(256)))
    commit(folder, "base")
    (folder / "sys" / "em.c").write_text(source(3, 30))
    commit(folder, "em: Stop the watchdog – now\n\nBecause it bites.\n\nFixes: #12")
    _change_everything(folder)
    commit(folder, "All the rest")
    return folder


def _change_everything(folder: Path) -> None:
    git(folder, "mv", "old.c", "new name.c")
    (folder / "new name.c").write_text(source(7, l0="other"))
    (folder / "sp ace.c").write_text("x\ny")
    (folder / "gone.c").unlink()
    (folder / "logo.png").write_bytes(bytes(range(255, -1, -1)))
    (folder / 'quo"ted ä.c').write_text("hm\n")
    (folder / "sys" / "em.c").chmod(0o755)
    (folder / "link").symlink_to("../../etc/passwd")
    (folder / "empty").write_text("")
    (folder / "crlf.txt").write_bytes(b"dos\r\nfile\r\n")
    (folder / "latin.c").write_bytes("gr\u00fc\u00df\n".encode("latin-1"))
