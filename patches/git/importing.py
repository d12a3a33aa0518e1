"""Writing what versions make of their bases into a repository: one `git fast-import` for all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from patches.git.made import MADE_BYTES, TOO_LARGE, Composed, Content, DoesNotCompose, render
from patches.git.running import TIMEOUT, git
from patches.git.series import Commit, Series

# In a repository nobody's address is needed, and so none is written.
NOBODY = "Groundswell <> 0 +0000"
SUBMODULE = re.compile(rb"Subproject commit ([0-9a-f]{40})(?:-dirty)?\n?")


class Stream:
    """What goes into `git fast-import`; so many bytes at most, else DoesNotCompose."""

    def __init__(self, *, tells_blobs: bool = False) -> None:
        # Whether a line of text stands for a file that is no text: of two of them git says no more
        # than that they differ, which is no news where two changes of them are compared.
        self._tells_blobs = tells_blobs
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > MADE_BYTES:
            raise DoesNotCompose(TOO_LARGE)
        self._parts.append(part)

    def commit(
        self,
        branch: str,
        words: str,
        files: Mapping[str, Content | None],
        *,
        author: str = NOBODY,
        is_first: bool = False,
    ) -> None:
        """One commit on `branch`, which begins without files if it `is_first`."""
        if is_first:
            self.add(f"reset refs/heads/{branch}\n".encode())
        self.add(f"commit refs/heads/{branch}\nauthor {author}\ncommitter {NOBODY}\n".encode())
        self.data(words.encode(errors="replace"))
        for path in (path for path, content in files.items() if content is None):
            self.add(b"D %s\n" % quoted(path))
        for path, content in files.items():
            if content is not None:
                self._file(path, content)

    def begin(self, branch: str, start: str) -> None:
        """`branch` goes on from where `start` is."""
        self.add(f"reset refs/heads/{branch}\nfrom refs/heads/{start}\n\n".encode())

    def data(self, content: bytes) -> None:
        """A block of bytes."""
        self.add(b"data %d\n%s\n" % (len(content), content))

    def _file(self, path: str, content: Content) -> None:
        blob, _ = render(content)
        name = quoted(path)
        # Anything else in its place would be read as commands of the stream.
        if content.mode == "160000" and (submodule := SUBMODULE.fullmatch(blob)):
            self.add(b"M 160000 %s %s\n" % (submodule[1], name))
            return
        if content.blob is not None and self._tells_blobs:
            name_of_blob = hashlib.sha256(blob).hexdigest()[:16]
            blob = f"A binary file, {name_of_blob}\n".encode()
        mode = content.mode if content.mode in ("100644", "100755", "120000") else "100644"
        self.add(b"M %s inline %s\n" % (mode.encode(), name))
        self.data(blob)

    def write(self, repository: Path, timeout: float = TIMEOUT) -> None:
        """Have git take it in. Raises GitFailed."""
        stream = b"feature done\n%sdone\n" % b"".join(self._parts)
        git(
            ["-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", "--done"],
            input=stream,
            cwd=repository,
            timeout=timeout,
        )


def add_series(stream: Stream, name: str, series: Series, made: Composed) -> None:
    """Branch `<name>-base` with the base, and `<name>` with the commits on it."""
    stream.commit(f"{name}-base", "Base\n", made.base, is_first=True)
    stream.begin(name, f"{name}-base")
    for commit, step in zip(series.commits, made.steps, strict=True):
        stream.commit(name, commit.words, step, author=_author(commit))


def _author(commit: Commit) -> str:
    name = "".join(c for c in commit.author_name if c.isprintable() and c not in "<>").strip()
    at = int(commit.authored_at.timestamp()) if commit.authored_at else 0
    return f"{name or 'Groundswell'} <> {max(at, 0)} +0000"


def quoted(path: str) -> bytes:
    """A path as git reads it in quotes."""
    escaped = path.encode(errors="surrogateescape").replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"%s"' % escaped.replace(b"\n", b"\\n")


def write_all(
    repository: Path, versions: Sequence[tuple[str, Series, Composed]], timeout: float = TIMEOUT
) -> None:
    """All `versions`, each as `add_series` says, to be compared.

    Raises GitFailed and DoesNotCompose.
    """
    stream = Stream(tells_blobs=True)
    for name, series, made in versions:
        add_series(stream, name, series, made)
    stream.write(repository, timeout)
