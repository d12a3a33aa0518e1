"""One diff of a whole series: what it makes of its base, without the steps between."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from patches.git import binary
from patches.git.importing import Stream
from patches.git.made import (
    FILLER,
    Blobs,
    Composed,
    Content,
    DoesNotCompose,
    Numbering,
    compose,
    render,
)
from patches.git.names import diff_line, named
from patches.git.real import blobs_of
from patches.git.running import Deadline, GitFailed, git, repository
from patches.git.series import FileChange, Series, series_of
from patches.models import PatchVersion

HUNK = re.compile(rb"^@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@(.*)$")
SECONDS = 10.0


@dataclass(frozen=True)
class Pair:
    """A file before and after all commits; None where it is not."""

    path: str
    old_path: str
    old: Content | None
    new: Content | None


def combined(version: PatchVersion) -> bytes:
    """All that `version` changes as one diff, as git writes it. Of one commit it is its own.

    Raises DoesNotCompose where the commits do not follow from each other, and GitFailed.
    """
    series = series_of(version)
    base = blobs_of(version, series) if version.commits_count > 1 else None
    if base is not None:
        with suppress(DoesNotCompose, GitFailed):
            return combined_of(series, base)
    return combined_of(series)


def combined_of(series: Series, base: Blobs | None = None) -> bytes:
    """As `combined`, where the base is known with the files that `base` gives."""
    if len(series.commits) == 1:
        return series.commits[0].diff
    made = compose(series, base)
    pairs = list(pairs_of(made))
    hunks = _hunks(pairs, made.context)
    sections = [_section(pair, hunks.get(at), series) for at, pair in enumerate(pairs)]
    return b"".join(sections)


def pairs_of(made: Composed) -> Iterable[Pair]:
    """Each file that is not as it was, by its path at the end, renamed ones with their origin."""
    taken = {made.origins.get(path, path) for path in made.tip}
    paths = {*made.tip, *(path for path in made.base if path not in taken)}
    for path in sorted(paths):
        new = made.tip.get(path)
        origin = made.origins.get(path, path)
        # One that was taken away and written anew is the same file to whoever sees the result.
        is_anew = not origin and path in made.base and path not in taken
        source = path if new is None or is_anew else origin
        old = made.base.get(source) if source else None
        if old != new or source != path:
            yield Pair(path, source if source != path else "", old, new)


def _hunks(pairs: Sequence[Pair], context: int) -> dict[int, bytes]:
    """What stands below the header of each pair, by its place; nothing for the same content."""
    stream = Stream()
    old = {str(at): pair.old for at, pair in enumerate(pairs) if pair.old}
    new = {str(at): pair.new for at, pair in enumerate(pairs) if pair.new}
    stream.commit("old", "", {path: _plain(content) for path, content in old.items()})
    stream.commit("new", "", {path: _plain(content) for path, content in new.items()})
    deadline = Deadline(SECONDS)
    with repository() as made:
        stream.write(made, deadline.left())
        diff = _diff(made, context, deadline.left())
    found = {}
    for section in re.split(rb"^(?=diff --git )", diff, flags=re.MULTILINE)[1:]:
        match = re.match(rb"diff --git a/(\d+) ", section)
        body = re.search(rb"^(?:@@ |GIT binary patch)", section, re.MULTILINE)
        if match and body:
            at = int(match[1])
            found[at] = _true(section[body.start() :], pairs[at])
    return found


def _plain(content: Content) -> Content:
    """The same as a plain file: modes are said in headers that are made here."""
    return Content("100644", content.pieces, content.blob)


def _diff(made: Path, context: int, timeout: float) -> bytes:
    """Less context where a patch has too little of it: filler is never shown."""
    for lines in range(context, -1, -1):
        args = ["diff", "--no-renames", "--no-color", "--binary", "--full-index", f"-U{lines}"]
        diff = git([*args, "old", "new"], cwd=made, timeout=timeout)
        if FILLER not in diff:
            return diff
    raise DoesNotCompose("Too little of its files is known to combine its commits.")


def _true(body: bytes, pair: Pair) -> bytes:
    """The hunks with the line numbers that the real files have."""
    if not body.startswith(b"@@ "):
        return body
    old = render(pair.old)[1] if pair.old else Numbering()
    new = render(pair.new)[1] if pair.new else Numbering()
    lines = body.split(b"\n")
    for at, line in enumerate(lines):
        if line.startswith(b"@@ ") and (match := HUNK.match(line)):
            start, end = _start(old, match[1], match[2]), _start(new, match[3], match[4])
            parts = (start, match[2] or b"", end, match[4] or b"", match[5])
            lines[at] = b"@@ -%d%s +%d%s @@%s" % parts
    return b"\n".join(lines)


def _start(numbering: Numbering, start: bytes, count: bytes | None) -> int:
    """An empty side has the number of the line above."""
    if count == b",0":
        return numbering.of(int(start) + 1) - 1
    return numbering.of(int(start))


def _section(pair: Pair, body: bytes | None, series: Series) -> bytes:
    if _is_opaque(pair):
        own = [f for c in series.commits for f in c.files if pair.path in (f.path, f.old_path)]
        if len(own) == 1 and own[0].old_path == pair.old_path:
            return own[0].raw
        if not all(map(binary.is_whole, own)):
            return _header(pair) + _differ(pair)
    if body is None and _is_as_it_was(pair):
        return b""
    names = _names(pair) if body and body.startswith(b"@@ ") else b""
    return _header(pair, _index(pair, own) if _is_opaque(pair) else b"") + names + (body or b"")


def _is_as_it_was(pair: Pair) -> bool:
    """Whether nothing but lines could differ, of which none do: a change that was taken back."""
    is_there = pair.old is not None and pair.new is not None
    return is_there and not pair.old_path and pair.old.mode == pair.new.mode  # type: ignore[union-attr]


def _is_opaque(pair: Pair) -> bool:
    return any(side is not None and side.blob is not None for side in (pair.old, pair.new))


def _index(pair: Pair, files: Sequence[FileChange]) -> bytes:
    """Without the names of its blobs git does not take a binary change."""
    zero = "0" * 40
    before = files[0].index[0] if pair.old else zero
    after = files[-1].index[1] if pair.new else zero
    return f"index {before}..{after}\n".encode() if before and after else b""


def _header(pair: Pair, index: bytes = b"") -> bytes:
    old, new = pair.old_path or pair.path, pair.path
    lines = [diff_line(old, new)]
    if pair.old is None and pair.new is not None:
        lines.append(f"new file mode {pair.new.mode}\n".encode())
    elif pair.new is None and pair.old is not None:
        lines.append(f"deleted file mode {pair.old.mode}\n".encode())
    elif pair.old and pair.new and pair.old.mode != pair.new.mode:
        lines.append(f"old mode {pair.old.mode}\nnew mode {pair.new.mode}\n".encode())
    if pair.old_path:
        lines.append(b"rename from %s\nrename to %s\n" % (named("", old), named("", new)))
    return b"".join(lines) + index


def _names(pair: Pair) -> bytes:
    old = named("a/", pair.old_path or pair.path) if pair.old else b"/dev/null"
    new = named("b/", pair.path) if pair.new else b"/dev/null"
    # A blank in a name would end it for others than git, but for the tab that git adds, too.
    return b"--- %s%s\n+++ %s%s\n" % (old, _tab(old), new, _tab(new))


def _tab(name: bytes) -> bytes:
    return b"\t" if b" " in name else b""


def _differ(pair: Pair) -> bytes:
    old = named("a/", pair.old_path or pair.path) if pair.old else b"/dev/null"
    new = named("b/", pair.path) if pair.new else b"/dev/null"
    return b"Binary files %s and %s differ\n" % (old, new)
