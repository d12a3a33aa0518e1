"""The project's own repository, where the administrator has put it: DATA_DIR/git/<product>.git.

It is read and nothing is written to it: an index that git needs is a file elsewhere.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.cache import cache

from patches.git.made import Blobs
from patches.git.running import Deadline, GitFailed, git, run
from patches.git.series import Series
from patches.models import PatchVersion
from tracker.models import Product

SECONDS: Final = 10.0
BLOB_BYTES: Final = 64 * 1024 * 1024
KEPT_SECONDS: Final = 30 * 24 * 3600
FILES_NAMED: Final = 3

BLOB: Final = re.compile(rb"^[0-9a-f]{40,64} (\w+) (\d+)$")
COMMIT: Final = re.compile(r"[0-9a-f]{7,64}")
FAILED: Final = re.compile(
    r"^error: (?:patch failed: (?P<failed>.+):\d+|(?P<other>[^:]+): (?P<why>.+))$", re.MULTILINE
)
MAIN: Final = ("main", "master", "trunk")


@dataclass(frozen=True)
class Applies:
    """Whether a version goes on a branch: True, False, or None where nobody can tell; and that in
    a sentence without its full stop, "" where there is nothing to say."""

    answer: bool | None
    words: str


UNKNOWN: Final = Applies(None, "")


def path_of(product: Product) -> Path | None:
    """The repository of a product, None where there is none."""
    path = settings.DATA_DIR / "git" / f"{product.slug}.git"
    return path if (path / "HEAD").is_file() and (path / "objects").is_dir() else None


def has_commit(product: Product, commit: str) -> bool:
    """Whether the repository of `product` has a commit of that id."""
    path = path_of(product)
    if path is None or not COMMIT.fullmatch(commit):
        return False
    try:
        code, _, _ = run(["cat-file", "-e", f"{commit}^{{commit}}"], cwd=path)
    except GitFailed:
        return False
    return code == 0


def tip_of(product: Product, branch: str) -> tuple[str, str]:
    """The name of a branch and the id of its last commit; "" for the main branch. Where there is
    no such branch, or no repository: ("", "")."""
    path = path_of(product)
    if path is None:
        return "", ""
    names = [branch] if branch else list(MAIN)
    refs = [f"refs/heads/{name}" for name in names]
    try:
        said = git(["for-each-ref", "--format=%(refname) %(objectname)", *refs], cwd=path).decode()
    except GitFailed:
        return "", ""
    found = dict(line.split(" ", 1) for line in said.splitlines())
    return next(((n, found[r]) for n, r in zip(names, refs, strict=True) if r in found), ("", ""))


def known(version: PatchVersion, branch: str) -> Applies | None:
    """What `applies` found out for the branch as it is now; None where it was not asked yet."""
    product = version.patch.product
    name, tip = tip_of(product, branch)
    if not tip:
        return UNKNOWN
    return _kept(version, name, tip)


def applies(version: PatchVersion, branch: str) -> Applies:
    """Whether `version` applies to the tip of `branch`, "" for the main one. Up to ten seconds: a
    task asks, and pages read what is `known`."""
    product = version.patch.product
    path = path_of(product)
    name, tip = tip_of(product, branch)
    if path is None or not tip:
        return UNKNOWN
    kept = _kept(version, name, tip)
    if kept is not None:
        return kept
    try:
        answer = _ask(path, tip, name, version)
    except GitFailed as error:
        return Applies(None, f"it could not be tried on {name}: {error.reason.rstrip('.')}")
    cache.set(_key(version, name, tip), [answer.answer, answer.words], KEPT_SECONDS)
    return answer


def _kept(version: PatchVersion, name: str, tip: str) -> Applies | None:
    found = cache.get(_key(version, name, tip))
    return Applies(*found) if found else None


def _key(version: PatchVersion, name: str, tip: str) -> str:
    return f"patch-applies:{version.pk}:{version.sha256[:16]}:{tip}:{name.encode().hex()[:100]}"


def _ask(path: Path, tip: str, name: str, version: PatchVersion) -> Applies:
    with version.file.open("rb") as stored:
        diff = stored.read()
    deadline = Deadline(SECONDS)
    with tempfile.TemporaryDirectory(prefix="groundswell-index-") as folder:
        own = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
        git(["read-tree", tip], cwd=path, timeout=deadline.left(), environment=own)
        code, _, said = run(
            ["apply", "--cached", "--check", "--whitespace=nowarn"],
            input=diff,
            cwd=path,
            timeout=deadline.left(),
            environment=own,
        )
    if code == 0:
        return Applies(True, f"applies to {name}")
    return Applies(False, f"does not apply to {name}{_where(said.decode(errors='replace'))}")


def _where(said: str) -> str:
    """Which files are in the way, from what git says of them."""
    found = [match["failed"] or match["other"] for match in FAILED.finditer(said)]
    names = list(dict.fromkeys(found))
    if not names:
        return ""
    more = f" and {len(names) - FILES_NAMED} more" if len(names) > FILES_NAMED else ""
    return f": {', '.join(names[:FILES_NAMED])}{more}"


def blobs_of(version: PatchVersion, series: Series) -> Blobs | None:
    """The files that `series` changes, as the base of `version` has them; None where the product
    has no repository, or that has not the base."""
    product, base = version.patch.product, version.base_commit
    path = path_of(product)
    if path is None or not has_commit(product, base):
        return None
    names = sorted({f.source for c in series.commits for f in c.files if "\n" not in f.source})
    wanted = "".join(f"{base}:{name}\n" for name in names).encode(errors="surrogateescape")
    try:
        said = git(["cat-file", "--batch"], input=wanted, cwd=path, limit=BLOB_BYTES)
    except GitFailed:
        return None
    return dict(_blobs(names, said)).get


def _blobs(names: Sequence[str], said: bytes) -> Iterator[tuple[str, bytes]]:
    """Of each name its content; nothing of what is missing, or no file."""
    at = 0
    for name in names:
        end = said.index(b"\n", at)
        match = BLOB.search(said[at:end])
        at = end + 1
        if match:
            size = int(match[2])
            if match[1] == b"blob":
                yield name, said[at : at + size]
            at += size + 1
