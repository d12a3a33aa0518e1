"""What takes git to say: all commits as one diff, and what lies between two versions. Kept."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.core.cache import cache

from patches.finding.diffs import find
from patches.git.combined import combined
from patches.git.made import DoesNotCompose
from patches.git.running import GitFailed
from patches.models import PatchVersion
from patches.parsed import ParsedFile, Unreadable
from patches.reading.files import Bytes, FileDiff, Source, made_of
from patches.versions.comparing import Entry, compare_with, entries, same_words

# Larger ones are read commit by commit, and compared version by version.
MOST_BYTES: Final = 2_000_000
MOST_COMMITS: Final = 100
_KEPT_SECONDS: Final = 24 * 60 * 60
_LOOK: Final = 1


class CannotBeShown(Exception):
    """There is no such view of it; the message is a sentence for its reader."""


def combined_files(version: PatchVersion) -> tuple[list[FileDiff], Source]:
    """All commits as one diff. Raises `CannotBeShown`."""
    if version.size > MOST_BYTES or version.commits_count > MOST_COMMITS:
        raise CannotBeShown("It is too large to be put together: read it commit by commit.")
    reason, text = _kept(f"combined:{version.sha256}", lambda: _combine(version))
    if reason:
        raise CannotBeShown(reason)
    try:
        sections = find(text).sections
    except Unreadable as unreadable:
        raise CannotBeShown(unreadable.reason) from unreadable
    pieces: list[bytes] = []
    files: list[ParsedFile] = []
    offset = 0
    for section in sections:
        file, offset = section.write(pieces, offset)
        files.append(file)
    return made_of(files), Bytes(b"".join(pieces))


def _combine(version: PatchVersion) -> tuple[str, bytes]:
    try:
        return "", combined(version)
    except DoesNotCompose as error:
        return error.reason, b""
    except GitFailed:
        return "git could not put its commits together: read it commit by commit.", b""


@dataclass(frozen=True)
class Between:
    """What lies between two versions: a sentence where they are the same, entries of a range-diff,
    or the text of a diff."""

    words: str = ""
    entries: tuple[Entry, ...] = ()
    text: str = ""


def between(old: PatchVersion, new: PatchVersion) -> Between:
    """What `new` changes against `old`, an earlier version of its patch. Raises `CannotBeShown`."""
    if old.content == new.content:
        return Between(words=same_words(old, new))
    if old.number == new.number - 1 and new.changes_by:
        how, text = new.changes_by, new.changes
    elif any(
        each.size > MOST_BYTES // 4 or each.commits_count > MOST_COMMITS for each in (old, new)
    ):
        raise CannotBeShown(
            "They are too large to be compared here: look from each version to the next."
        )
    else:
        how, made = _kept(f"between:{old.sha256}:{new.sha256}", lambda: _compare(old, new))
        text = made.decode()
    if how == PatchVersion.Changes.RANGE_DIFF:
        return Between(entries=tuple(entries(text)))
    return Between(text=text)


def _compare(old: PatchVersion, new: PatchVersion) -> tuple[str, bytes]:
    how, text = compare_with(old, new)
    return how.value, text.encode(errors="replace")


def _kept(key: str, make: Callable[[], tuple[str, bytes]]) -> tuple[str, bytes]:
    """A word and a text, made once."""
    digest = hashlib.sha256(f"{_LOOK}:{key}".encode()).hexdigest()
    found = cache.get(f"diff:{digest}")
    if found is None:
        word, text = make()
        packed = zlib.compress(json.dumps(word).encode() + b"\n" + text)
        cache.set(f"diff:{digest}", packed, _KEPT_SECONDS)
        return word, text
    first, _, text = zlib.decompress(found).partition(b"\n")
    return json.loads(first), text
