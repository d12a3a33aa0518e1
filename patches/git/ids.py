"""When two patches change the same in the same way: git's patch-id, and the content of a series."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from functools import cache

from patches.git.running import git, version

# Says how alike two whole files are, of which a patch need not touch most: a rebase changes it.
SIMILARITY = re.compile(rb"^(?:dis)?similarity index [^\n]*\n", re.MULTILINE)
# One hunk: its header, and all lines that a hunk can have.
HUNK = re.compile(rb"^(@@ -[^\n]*\n)((?:[ +\-\\][^\n]*\n?|\n)*)", re.MULTILINE)
VISIBLE = bytes.maketrans(b" \t\r\v\f", b"\x01\x02\x03\x04\x05")
VERBATIM_SINCE = (2, 39)


def patch_id(diff: bytes) -> str:
    """git's patch-id of the diffs of one commit: 40 hexadecimal digits, "" where nothing changes.

    Blanks count, line numbers do not, and the order of the files does not. Raises GitFailed.
    """
    return patch_ids([diff])[0]


def patch_ids(diffs: Sequence[bytes]) -> list[str]:
    """The patch-id of each, in the same order, asked of one process. Raises GitFailed."""
    if not diffs:
        return []
    prepare = _exact if _has_verbatim() else _visible
    # Nothing that stands in a diff can pass for one of these.
    names = [secrets.token_hex(20) for _ in diffs]
    parts = [
        b"commit %s\n%s\n" % (name.encode(), prepare(diff))
        for name, diff in zip(names, diffs, strict=True)
    ]
    way = "--verbatim" if _has_verbatim() else "--stable"
    found = {}
    for line in git(["patch-id", way], input=b"".join(parts)).decode("ascii").splitlines():
        identity, _, name = line.partition(" ")
        found[name] = identity
    return [found.get(name, "") for name in names]


def content_of(patch_ids: Iterable[str]) -> str:
    """What two versions share whose commits have the same patch-ids in the same order: 64
    hexadecimal digits. Commits that change nothing do not count."""
    return hashlib.sha256("\n".join(filter(None, patch_ids)).encode()).hexdigest()


@cache
def _has_verbatim() -> bool:
    return version() >= VERBATIM_SINCE


def _exact(diff: bytes) -> bytes:
    return SIMILARITY.sub(b"", diff)


def _visible(diff: bytes) -> bytes:
    """For a git that leaves out all blanks, even those at the beginning of a line of Python."""
    return HUNK.sub(lambda hunk: hunk[1] + _visible_lines(hunk[2]), SIMILARITY.sub(b"", diff))


def _visible_lines(lines: bytes) -> bytes:
    kept = [line[:1] + line[1:].translate(VISIBLE) for line in lines.splitlines(keepends=True)]
    return b"".join(kept)
