"""Who last changed some lines, as the product's own repository has it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from django.core.cache import cache

from patches.git.real import has_commit, path_of
from patches.git.running import Deadline, GitFailed, git
from patches.models import Patch

SECONDS: Final = 3.0
FILES: Final = 20
RANGES: Final = 20
OUTPUT_BYTES: Final = 8 * 1024 * 1024
# An answer is kept: the page asks each time it is opened, and the branch moves slowly.
KEPT_SECONDS: Final = 24 * 3600

Lines = tuple[int, int]

_HEADER = re.compile(rb"(?P<commit>[0-9a-f]{40,64}) \d+ (?P<line>\d+)")


@dataclass(frozen=True)
class Blamed:
    """Lines of a file whose last change came with a commit, and the address of its author.

    `lines` are the most of them that are in a row, the first and the last, as they were there.
    `branch` is where that was, "" for the base of the patch.
    """

    address: str
    at: datetime
    path: str
    lines: Lines
    commit: str
    branch: str = ""


def blamed_for(patch: Patch, touched: Mapping[str, Sequence[Lines]]) -> list[Blamed]:
    """Who last changed the lines in `touched`, by path, at the base of the patch; where that is
    not known, in the branch that it is for.

    Within `SECONDS`; what was not found out until then is left out.
    """
    repository = path_of(patch.product)
    if repository is None:
        return []
    key = f"patch-blame:{patch.pk}:{patch.latest}:{patch.target.encode().hex()}"
    kept: list[Blamed] | None = cache.get(key)
    if kept is None:
        base = _base(patch)
        branch = "" if base else patch.target or "the main branch"
        found = _blame_files(repository, base or _branch(patch), touched)
        kept = [replace(each, branch=branch) for each in found]
        cache.set(key, kept, KEPT_SECONDS)
    return kept


def _base(patch: Patch) -> str:
    """Where lines have the numbers that the patch gives them; "" where that is not known here."""
    bases = patch.versions.filter(number=patch.latest).values_list("base_commit", flat=True)
    base = bases.first() or ""
    return base if base and has_commit(patch.product, base) else ""


def _branch(patch: Patch) -> str:
    return f"refs/heads/{patch.target}" if patch.target else "HEAD"


def _blame_files(
    repository: Path, revision: str, touched: Mapping[str, Sequence[Lines]]
) -> Iterator[Blamed]:
    deadline = Deadline(SECONDS)
    for path, lines in list(touched.items())[:FILES]:
        try:
            left = deadline.left()
        except GitFailed:
            return
        ranges = [f"-L{start},{end}" for start, end in list(lines)[:RANGES] if start > 0]
        args = ["blame", "--porcelain", "--no-textconv", *ranges, revision, "--", path]
        try:
            said = git(args, cwd=repository, timeout=left, limit=OUTPUT_BYTES)
        except GitFailed:
            # A file that is new, or shorter than the patch believes, says nothing of the others.
            continue
        yield from _read(said, path)


def _read(said: bytes, path: str) -> Iterator[Blamed]:
    """What `git blame --porcelain` prints: of each line the commit, of each commit once who made
    it and when."""
    lines: dict[str, list[int]] = {}
    about: dict[str, dict[bytes, bytes]] = {}
    commit = ""
    for line in said.split(b"\n"):
        header = _HEADER.match(line)
        if header:
            commit = header["commit"].decode()
            lines.setdefault(commit, []).append(int(header["line"]))
        elif commit and not line.startswith(b"\t"):
            name, _, value = line.partition(b" ")
            about.setdefault(commit, {})[name] = value
    for commit, numbers in lines.items():
        known = about.get(commit, {})
        address = known.get(b"author-mail", b"").decode(errors="replace").strip("<> ")
        at = _at(known.get(b"author-time", b""))
        yield Blamed(address, at, path, _longest_run(numbers), commit[:12])


def _longest_run(numbers: list[int]) -> Lines:
    """The first and last of the most numbers in a row, which are all the same commit's."""
    runs: list[Lines] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return max(runs, key=lambda run: run[1] - run[0])


def _at(seconds: bytes) -> datetime:
    """A time as git has it; one that cannot be is long ago."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)
