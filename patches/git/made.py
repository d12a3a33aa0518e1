"""A repository made of nothing but a patch, in which git can work on it.

From the old sides of all hunks a base is put together, commit by commit: what a hunk shows of a
file is learned, what none shows stays a gap. The end of a file is where a hunk has fewer lines of
context below than hunks have elsewhere. In the repository a gap is a few lines of filler, fewer
than there are in truth: no line number that a patch names costs anything. Nothing that git shows of
the commits has filler in it, because every change brings its own context.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from patches.git.binary import literals
from patches.git.series import Commit, FileChange, Hunk, Series
from patches.models import PatchFile

# More than twice the usual context, so that hunks do not grow together over a gap.
GAP_LINES = 8
# What the files of all commits of one version may be together, in bytes.
MADE_BYTES = 96 * 1024 * 1024
TOO_LARGE = "Its files are too large together."
# No line of a program begins with it, and git still takes the file for text.
FILLER = b"\x01groundswell"
ENDLESS = 1 << 62
# git's name for a file without a line: of one that is deleted a diff shows nothing else.
EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"

Blobs = Callable[[str], bytes | None]


class DoesNotCompose(Exception):
    """The commits do not follow from each other; `reason` says where, in a sentence."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BaseFile:
    """A file before the first commit, as far as is known: lines by index from 0."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.known: dict[int, bytes] = {}
        self.length = ENDLESS
        # That something was renamed git finds by how much of the whole is the same, and of the
        # whole a patch shows little: so many bytes are put where nothing is known.
        self.ballast = 0
        # Where a piece was cut within a gap, its filler is cut too.
        self.cuts: set[int] = set()
        # Lines known from headings of hunks, by the index of the first line below them.
        self.headings: dict[int, bytes] = {}
        self._marks: list[int] = []

    def learn(self, index: int, lines: Sequence[bytes]) -> bool:
        """False where one of the lines is known otherwise."""
        known = self.known
        return all(known.setdefault(n, line) == line for n, line in enumerate(lines, index))

    def end_at(self, index: int) -> bool:
        """False where lines are known from there on."""
        if self.length != ENDLESS:
            return self.length == index
        if any(known >= index for known in self.known):
            return False
        self.length = index
        return True

    def marks(self) -> list[int]:
        """All indexes that are known or at which something begins, in order."""
        if not self._marks:
            self._marks = sorted({*self.known, *self.cuts, *self.headings, 0})
        return self._marks


class Added:
    """Lines that a commit adds; which they are, the object says."""

    def __init__(self, lines: list[bytes]) -> None:
        self.lines = lines


@dataclass(frozen=True)
class Piece:
    """Lines `start` up to `stop` of a source, counted from 0."""

    source: BaseFile | Added
    start: int
    stop: int

    @property
    def end(self) -> int:
        """`stop`, or the end of its file if that was learned since."""
        if isinstance(self.source, BaseFile):
            return min(self.stop, self.source.length)
        return self.stop

    def __len__(self) -> int:
        return max(0, self.end - self.start)


@dataclass(frozen=True)
class Content:
    """A file at one time: pieces of text, or what is no text."""

    mode: str
    pieces: tuple[Piece, ...] = ()
    blob: bytes | None = None


# A line, wherever it goes: where it came from, and which one it is there.
Identity = tuple[BaseFile | Added, int]


@dataclass
class Composed:
    """All that a version makes of its base. `steps` has for each commit the files that it writes,
    None where it deletes one; `origins` for each path of `tip` where it came from."""

    base: dict[str, Content] = field(default_factory=dict)
    steps: list[dict[str, Content | None]] = field(default_factory=list)
    tip: dict[str, Content] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    context: int = 3
    # Where asked for: for each file of each commit, for each row of its hunks, whose line it is;
    # and the pieces of each file after each commit.
    traces: list[dict[str, list[list[Identity]]]] = field(default_factory=list)
    states: list[dict[str, Content]] = field(default_factory=list)


def compose(series: Series, blobs: Blobs | None = None, *, is_traced: bool = False) -> Composed:
    """The base of `series` and what its commits make of it. Raises DoesNotCompose.

    `blobs` gives the content of a file of the real base, None where it has no such file.
    """
    try:
        return _Composer(series, blobs, ends_by_context=True, is_traced=is_traced).run()
    except DoesNotCompose:
        # Somebody may have cut context off by hand.
        return _Composer(series, blobs, ends_by_context=False, is_traced=is_traced).run()


class _Composer:
    def __init__(
        self, series: Series, blobs: Blobs | None, *, ends_by_context: bool, is_traced: bool
    ) -> None:
        self.series = series
        self.is_traced = is_traced
        self.blobs = blobs
        self.ends_by_context = ends_by_context
        self.made = Composed(context=3 if blobs else min(3, series.context))
        self.number = 0
        self.blob_bytes = 0
        # Paths that some commit made or took away: what is not there now is not in the base.
        self.touched: set[str] = set()

    def run(self) -> Composed:
        for commit in self.series.commits:
            self.made.traces.append({})
            self.made.steps.append(self._step(commit))
            if self.is_traced:
                self.made.states.append(dict(self.made.tip))
        return self.made

    def _step(self, commit: Commit) -> dict[str, Content | None]:
        before = dict(self.made.tip)
        origins = dict(self.made.origins)
        step: dict[str, Content | None] = {}
        for file in commit.files:
            if file.status in (PatchFile.Status.RENAMED, PatchFile.Status.DELETED):
                step.setdefault(file.source, None)
        for file in commit.files:
            if file.status == PatchFile.Status.DELETED:
                self._delete(file, before)
                continue
            if file.path in step and step[file.path] is not None:
                raise DoesNotCompose(f"Commit {commit.position} has {file.path} twice.")
            step[file.path] = self._write(file, before)
        for path, content in step.items():
            self._settle(path, content)
        self._follow(commit, origins)
        return step

    def _settle(self, path: str, content: Content | None) -> None:
        self.touched.add(path)
        self.made.tip.pop(path, None)
        if content is not None:
            self.made.tip[path] = content

    def _follow(self, commit: Commit, origins: Mapping[str, str]) -> None:
        """Keep from which file of the base each comes; a copy comes from none."""
        for file in commit.files:
            origin = origins.get(file.source, file.source)
            if file.status in (PatchFile.Status.RENAMED, PatchFile.Status.DELETED):
                self.made.origins.pop(file.source, None)
            if file.status == PatchFile.Status.RENAMED and origin:
                self.made.origins[file.path] = origin
            elif file.status in (PatchFile.Status.ADDED, PatchFile.Status.COPIED):
                self.made.origins[file.path] = ""

    def _before(self, file: FileChange, before: dict[str, Content]) -> Content:
        """The file that a change begins with; one of the base that no commit touched is made."""
        path = file.source
        if path in before:
            return before[path]
        if path in self.touched:
            raise DoesNotCompose(f"{path} is changed where it is not there any more.")
        content = self._base(file)
        self.made.base[path] = before[path] = content
        self.made.tip.setdefault(path, content)
        return content

    def _base(self, file: FileChange) -> Content:
        self.number += 1
        base = BaseFile(self.number)
        if self.blobs:
            found = self.blobs(file.source)
            if found is None:
                raise DoesNotCompose(f"{file.source} is not in the base.")
            if file.is_binary:
                return Content(file.modes[0], blob=self._kept(found))
            lines = _lines(found)
            base.known = dict(enumerate(lines))
            base.length = len(lines)
        elif file.is_binary:
            return Content(file.modes[0], blob=self._kept(literals(file)[0]))
        return Content(file.modes[0], (Piece(base, 0, ENDLESS),))

    def _delete(self, file: FileChange, before: dict[str, Content]) -> None:
        content = self._before(file, before)
        if content.blob is not None:
            return
        if file.hunks:
            self._apply(file, content)
        elif file.index[0] and EMPTY.startswith(file.index[0]):
            _Walk(file.source, content.pieces, has_headings=False).end()

    def _write(self, file: FileChange, before: dict[str, Content]) -> Content:
        if file.status == PatchFile.Status.ADDED:
            if file.path in before:
                raise DoesNotCompose(f"{file.path} is added where it is there already.")
            content = Content(file.modes[1])
        else:
            content = self._before(file, before)
        if file.old_path:
            _weigh(content, len(file.raw))
        mode = file.new_mode or content.mode
        if file.is_binary:
            return Content(mode, blob=self._kept(literals(file)[1]))
        if not file.hunks:
            return Content(mode, content.pieces, content.blob)
        if content.blob is not None:
            raise DoesNotCompose(f"{file.path} is changed as text and is none.")
        return Content(mode, self._apply(file, content))

    def _kept(self, blob: bytes) -> bytes:
        """What is no text is unpacked here: a few bytes of a patch may be very many."""
        self.blob_bytes += len(blob)
        if self.blob_bytes > MADE_BYTES:
            raise DoesNotCompose(TOO_LARGE)
        return blob

    def _apply(self, file: FileChange, content: Content) -> tuple[Piece, ...]:
        walk = _Walk(file.source, content.pieces, has_headings=self.made.context == 3)
        for hunk in file.hunks:
            trace = walk.apply(hunk)
            if self.is_traced:
                identities = [(p.source, n) for p in trace for n in range(p.start, p.stop)]
                self.made.traces[-1].setdefault(file.path, []).append(identities)
        last = file.hunks[-1]
        if any(not text.endswith(b"\n") for _, text in last.rows) or (
            file.status == PatchFile.Status.DELETED
        ):
            if not walk.end():
                raise DoesNotCompose(f"{file.source} goes on where a hunk shows its end.")
        elif self.ends_by_context and _trailing(last) < self.made.context:
            walk.end()
        return walk.result()


def _weigh(content: Content, changed: int) -> None:
    for source in {piece.source for piece in content.pieces}:
        if isinstance(source, BaseFile):
            source.ballast = 3 * (changed + sum(map(len, source.known.values())))


def _lines(blob: bytes) -> list[bytes]:
    """As git counts them: only a newline ends a line."""
    parts = blob.split(b"\n")
    return [part + b"\n" for part in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _trailing(hunk: Hunk) -> int:
    count = 0
    for sign, _ in reversed(hunk.rows):
        if sign != b" ":
            break
        count += 1
    return count


class _Walk:
    """One way through the pieces of a file, applying its hunks in order."""

    def __init__(self, path: str, pieces: Iterable[Piece], *, has_headings: bool) -> None:
        self.path = path
        # With less context they would show up as lines that are beside the change.
        self.has_headings = has_headings
        self.left = [piece for piece in pieces if len(piece)][::-1]
        self.done: list[Piece] = []
        self.at = 0

    def apply(self, hunk: Hunk) -> list[Piece]:
        """Apply it; returns whose lines its rows are, in order."""
        rows_of: list[Piece] = []
        if hunk.offset < self.at:
            raise DoesNotCompose(f"The hunks of {self.path} overlap at line {hunk.old_start}.")
        self.done += self._take(hunk.offset - self.at)
        self._learn_heading(hunk)
        for sign, rows in groupby(hunk.rows, key=lambda row: row[0]):
            lines = [text for _, text in rows]
            if sign == b"+":
                pieces = [Piece(Added(lines), 0, len(lines))]
            else:
                pieces = self._take(len(lines))
                self._compare(pieces, lines)
            rows_of += pieces
            if sign != b"-":
                self.done += pieces
        return rows_of

    def _take(self, count: int) -> list[Piece]:
        """The next `count` lines."""
        self.at += count
        taken = []
        while count > 0:
            if not self.left:
                raise DoesNotCompose(f"{self.path} ends before line {self.at}.")
            piece = self.left.pop()
            if len(piece) > count:
                self.left.append(Piece(piece.source, piece.start + count, piece.stop))
                piece = Piece(piece.source, piece.start, piece.start + count)
                if isinstance(piece.source, BaseFile):
                    piece.source.cuts.add(piece.stop)
            taken.append(piece)
            count -= len(piece)
        return taken

    def _compare(self, pieces: Iterable[Piece], lines: Sequence[bytes]) -> None:
        at = 0
        for piece in pieces:
            part = lines[at : at + len(piece)]
            if isinstance(piece.source, Added):
                is_same = piece.source.lines[piece.start : piece.stop] == part
            else:
                is_same = piece.source.learn(piece.start, part)
            if not is_same:
                line = self.at - len(lines) + at + 1
                raise DoesNotCompose(
                    f"{self.path} has other lines near line {line} than an earlier commit says."
                )
            at += len(piece)

    def _learn_heading(self, hunk: Hunk) -> None:
        """git shows a line that begins with a letter above a hunk: it is somewhere in the gap."""
        if not self.has_headings or not hunk.heading[:1].isalpha() or not self.left:
            return
        piece = self.left[-1]
        if isinstance(piece.source, BaseFile) and piece.start:
            piece.source.headings.setdefault(piece.start - 1, hunk.heading + b"\n")

    def end(self) -> bool:
        """Take it that the file ends here; False where more of it is known."""
        left = [piece for piece in self.left if len(piece)]
        if not left:
            return True
        piece = left[0]
        return (
            len(left) == 1
            and isinstance(piece.source, BaseFile)
            and piece.end == ENDLESS
            and piece.source.end_at(piece.start)
        )

    def result(self) -> tuple[Piece, ...]:
        return (*self.done, *(piece for piece in reversed(self.left) if len(piece)))


# As bytes


@dataclass
class Numbering:
    """Which line of a file in a made repository is which in truth: from 0, in order."""

    made: list[int] = field(default_factory=list)
    true: list[int] = field(default_factory=list)

    def add(self, made: int, true: int) -> None:
        self.made.append(made)
        self.true.append(true)

    def of(self, line: int) -> int:
        """The true number of a line, from 1, of the made file."""
        at = bisect_right(self.made, line - 1) - 1
        return line if at < 0 else self.true[at] + line - self.made[at]


def render(content: Content) -> tuple[bytes, Numbering]:
    """The bytes of a file in a made repository, and what its lines are in truth."""
    numbering = Numbering()
    if content.blob is not None:
        return content.blob, numbering
    parts: list[bytes] = []
    true = 0
    for piece in content.pieces:
        numbering.add(len(parts), true)
        if isinstance(piece.source, Added):
            parts += piece.source.lines[piece.start : piece.stop]
        else:
            for made, index in _render_base(parts, piece.source, piece.start, piece.end):
                numbering.add(made, true + index - piece.start)
        true += len(piece)
    return b"".join(parts), numbering


def _render_base(
    parts: list[bytes], base: BaseFile, start: int, stop: int
) -> Iterator[tuple[int, int]]:
    """Append the lines of a piece; yields at each jump how many there are and the index."""
    marks = base.marks()
    first = bisect_left(marks, start)
    at = start
    for mark in (*marks[first : bisect_left(marks, stop)], stop):
        if mark > at:
            parts += _filler(base, at, mark)
            yield len(parts), mark
            at = mark
        if mark < stop and mark in base.known:
            parts.append(base.known[mark])
            at = mark + 1
        elif mark < stop and mark in base.headings:
            parts.append(base.headings[mark])
            at = mark + 1


def _filler(base: BaseFile, start: int, stop: int) -> list[bytes]:
    count = min(stop - start, GAP_LINES)
    lines = [b"%s %d %d\n" % (FILLER, base.number, start + n) for n in range(count)]
    if stop >= ENDLESS and base.ballast:
        lines.append(b"%s %d %s\n" % (FILLER, base.number, b"." * base.ballast))
    return lines
