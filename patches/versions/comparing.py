"""What a version changes against the one before it.

The same content under another base is the same: patch-ids say so. Else `git range-diff` compares
the commits of both, in a repository made of the two versions alone. Where that cannot be made,
because the commits of one do not follow from each other, or takes too long, what the hunks of both
make of each file is compared (an interdiff), and if git cannot do that either, the two texts are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from patches.git.importing import Stream, quoted, write_all
from patches.git.made import FILLER, Blobs, DoesNotCompose, compose
from patches.git.real import blobs_of
from patches.git.running import Deadline, GitFailed, git, repository
from patches.git.series import Series, series_of
from patches.models import PatchVersion

Changes = PatchVersion.Changes

# Each commit is compared with each: git's cost is the square of it.
COMMITS = 200
# For all ways together less than a worker's task may take.
RANGE_DIFF_SECONDS = 5.0
INTERDIFF_SECONDS = 4.0
# What is kept of a comparison, in characters.
CHARS = 1_000_000
# difflib is quadratic in what it compares.
TEXT_LINES = 4_000

Bases = tuple[Blobs | None, Blobs | None]
UNKNOWN: Bases = (None, None)

PAIR = re.compile(
    r"^ {0,3}(?P<old>\d+|-): +(?:[0-9a-f]+|-+) (?P<sign>[=!<>]) +(?P<new>\d+|-): +"
    r"(?:[0-9a-f]+|-+)(?: (?P<subject>.*))?$"
)
ENTRY = re.compile(r"^(\d+|-) ([=!<>]) (\d+|-):(?: (.*))?$")
SIGNS = {"=": "unchanged", "!": "changed", "<": "dropped", ">": "added"}


@dataclass(frozen=True)
class Entry:
    """A commit of the version before, and what became of it: `sign` is `=`, `!`, `<` or `>`, as in
    git's range-diff. `old` and `new` are positions, 0 where there is none; `text` is a diff of two
    diffs, indented no more."""

    old: int
    sign: str
    new: int
    subject: str
    text: str

    @property
    def words(self) -> str:
        """What happened to it, in a word."""
        return SIGNS[self.sign]


def previous(version: PatchVersion) -> PatchVersion | None:
    """The version before it."""
    earlier = PatchVersion.objects.filter(patch=version.patch_id, number__lt=version.number)
    return earlier.order_by("-number").first()


def compare(version: PatchVersion) -> tuple[Changes, str]:
    """How `version` differs from the one before it: how that was found, and a text.

    The text is a sentence for SAME, range-diff's entries as `entries` reads them, or a diff. For
    the first version it is (NONE, ""). Never raises for what a patch has in it.
    """
    before = previous(version)
    return compare_with(before, version) if before else (Changes.NONE, "")


def compare_with(before: PatchVersion, version: PatchVersion) -> tuple[Changes, str]:
    """As `compare`, with any earlier version."""
    if before.content == version.content:
        return Changes.SAME, same_words(before, version)
    old, new = series_of(before), series_of(version)
    bases = blobs_of(before, old), blobs_of(version, new)
    how, text = compare_series(old, new, bases)
    return how, bounded(text)


def same_words(before: PatchVersion, version: PatchVersion) -> str:
    """The sentence for two versions of one content."""
    words = f"Changes the same lines in the same way as version {before.number}"
    if version.base_commit and version.base_commit != before.base_commit:
        return f"{words}, on another base ({version.base_commit[:12]})."
    return f"{words}: only its base or its words are other ones."


def compare_series(old: Series, new: Series, bases: Bases = UNKNOWN) -> tuple[Changes, str]:
    """As `compare`, for two versions that differ."""
    deadline = Deadline(RANGE_DIFF_SECONDS)
    for known in dict.fromkeys((bases, UNKNOWN)):
        with suppress(GitFailed, DoesNotCompose):
            return Changes.RANGE_DIFF, range_diff(old, new, known, deadline)
    try:
        return Changes.INTERDIFF, interdiff(old, new)
    except (GitFailed, DoesNotCompose):
        return Changes.INTERDIFF, difference_of_texts(old, new)


def bounded(text: str) -> str:
    """As much of it as is kept, whole lines, and without what a database does not take."""
    text = text.replace("\0", "\ufffd")
    if len(text) <= CHARS:
        return text
    return text[: text.rfind("\n", 0, CHARS) + 1] + "… The rest is too long to be shown.\n"


# Commit by commit


def range_diff(old: Series, new: Series, bases: Bases, deadline: Deadline) -> str:
    """What `git range-diff` says, with `1 ! 2: subject` above each pair: the commits are in no
    repository, so there are no ids to name. `bases` give the files of what the versions are based
    on, where they are known. Raises GitFailed, DoesNotCompose."""
    if max(len(old.commits), len(new.commits)) > COMMITS:
        raise DoesNotCompose(f"More than {COMMITS} commits.")
    both = compose(old, bases[0]), compose(new, bases[1])
    with repository() as made:
        write_all(made, [("old", old, both[0]), ("new", new, both[1])], deadline.left())
        args = ["-c", f"diff.context={min(side.context for side in both)}", "range-diff"]
        if len(old.commits) == len(new.commits) == 1:
            # There is nothing else that it could have become.
            args.append("--creation-factor=1000")

        def ask(*more: str) -> str:
            said = git([*args, "--no-color", *more], cwd=made, timeout=deadline.left())
            return "".join(_readable(said.decode(errors="replace")))

        def ask_of_two(one: int, other: int) -> str:
            above = {"old": len(old.commits) - one, "new": len(new.commits) - other}
            ranges = (f"{name}~{n + 1}..{name}~{n}" for name, n in above.items())
            with suppress(GitFailed):
                return ask("--creation-factor=1000", *ranges)
            return ""

        return rejoined(ask("old-base..old", "new-base..new"), ask_of_two)


def rejoined(text: str, ask_of_two: Callable[[int, int], str]) -> str:
    """With those commits together which git takes for two, one dropped and one added, because very
    much of them changed, and which have the same subject."""
    lines = text.splitlines(keepends=True)
    heads = [(n, match) for n, line in enumerate(lines) if (match := ENTRY.match(line))]
    dropped, added = (
        {match[4]: match for _, match in heads if match[2] == sign and match[4]} for sign in "<>"
    )
    both = dropped.keys() & added.keys()
    ends = [*(n for n, _ in heads[1:]), len(lines)]
    found = []
    for (start, match), end in zip(heads, ends, strict=True):
        if match[4] not in both or match[2] not in "<>":
            found += lines[start:end]
        elif match is added[match[4]]:
            old = dropped[match[4]][1]
            body = ask_of_two(int(old), int(match[3])).partition("\n")[2]
            found += [f"{old} ! {match[3]}: {match[4]}\n", body]
        elif match is not dropped[match[4]]:
            found += lines[start:end]
    return "".join(found)


def _readable(text: str) -> Iterator[str]:
    filler = FILLER.decode()
    for line in text.split("\n")[:-1]:
        match = PAIR.match(line)
        if match:
            subject = f" {match['subject']}" if match["subject"] else ""
            yield f"{match['old']} {match['sign']} {match['new']}:{subject}\n"
        elif filler not in line:
            # In a made repository nobody has an address.
            yield (line.removesuffix(" <>") if "Author: " in line else line) + "\n"


def entries(text: str) -> list[Entry]:
    """The entries of a text of RANGE_DIFF, in its order."""
    found: list[Entry] = []
    body: list[str] = []
    for line in text.split("\n"):
        match = ENTRY.match(line)
        if match:
            _close(found, body)
            found.append(
                Entry(_position(match[1]), match[2], _position(match[3]), match[4] or "", "")
            )
        else:
            body.append(line.removeprefix("    "))
    _close(found, body)
    return found


def _close(found: list[Entry], body: list[str]) -> None:
    """Give the last entry what was read below it."""
    text = "\n".join(body).strip("\n")
    body.clear()
    if found and text:
        last = found.pop()
        found.append(Entry(last.old, last.sign, last.new, last.subject, text + "\n"))


def _position(text: str) -> int:
    return 0 if text == "-" else int(text)


# File by file


def interdiff(old: Series, new: Series) -> str:
    """What both make of each file, as far as their hunks show it: a diff. Raises GitFailed."""
    deadline = Deadline(INTERDIFF_SECONDS)
    with repository() as made:
        for name, series in (("old", old), ("new", new)):
            stream = Stream()
            stream.add(f"commit refs/heads/{name}\ncommitter Groundswell <> 0 +0000\n".encode())
            stream.data(b"")
            for path, text in images(series).items():
                stream.add(b"M 100644 inline %s\n" % quoted(path))
                stream.data(text)
            stream.write(made, deadline.left())
        args = ["diff", "--no-color", "--no-renames", "old", "new"]
        said = git(args, cwd=made, timeout=deadline.left())
    return "".join(_without_index(said.decode(errors="replace")))


def _without_index(text: str) -> Iterator[str]:
    """Ids of blobs are those of parts of files, and line numbers count in these parts."""
    for line in text.splitlines(keepends=True):
        if line.startswith("@@ "):
            heading = line.split("@@", 2)[2]
            yield f"@@{heading}"
        elif not line.startswith("index "):
            yield line


def images(series: Series) -> dict[str, bytes]:
    """For each path the new side of all hunks of the last commit that touches it, after those of
    the commits before."""
    found: dict[str, list[bytes]] = {}
    for commit in series.commits:
        for file in commit.files:
            parts = found.setdefault(file.path, [])
            if file.old_path and not file.hunks:
                parts.append(f"(was {file.old_path})\n".encode())
            if file.is_binary:
                parts.append(file.raw)
            for hunk in file.hunks:
                parts += [text for sign, text in hunk.rows if sign != b"-"]
    return {path: b"".join(parts) for path, parts in found.items()}


def difference_of_texts(old: Series, new: Series) -> str:
    """A diff of the two diffs, of which so many lines are compared."""
    before, after = _text_lines(old), _text_lines(new)
    is_cut = max(len(before), len(after)) > TEXT_LINES
    lines = difflib.unified_diff(before[:TEXT_LINES], after[:TEXT_LINES], "before", "after")
    rest = f"… Only the first {TEXT_LINES} lines were compared.\n" if is_cut else ""
    return "".join(lines) + rest


def _text_lines(series: Series) -> list[str]:
    lines = (
        line
        for commit in series.commits
        for line in commit.diff.decode(errors="replace").split("\n")
    )
    return [line + "\n" for line in islice(lines, TEXT_LINES + 1)]
