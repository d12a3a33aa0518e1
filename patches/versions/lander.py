"""Where lines of one version are in the next one. No database: two series go in, places come out.

A place is looked for in the file and the commit that took over from its own first, then in other
commits (that was split, or reordered), then in other files (that was renamed, or code was moved).
Only lines of the same text count as the same, and a line that another one of the old version became
is never taken for it: so a thread keeps to its own of several lines that are alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cached_property
from itertools import pairwise

from patches.git.series import Commit, FileChange, Series
from patches.models import PatchFile, Side, ThreadPlace
from patches.versions.aligning import align, longest_run
from patches.versions.lines import message_lines

Found = ThreadPlace.Found

# Of lines that are alike, so many are looked at.
ALIKE = 200
# So many characters of a moved line say enough by themselves; a bracket needs its neighbours.
TELLING = 12
NEIGHBOURS = 3
# How alike an edited line is to what it was, at least, as `difflib` counts.
LIKENESS = 0.5
# Above, lines are not compared letter by letter.
LINE_BYTES = 400
GAP_LINES = 100
# What share of what two commits add both add, at least, if one took over from the other.
SHARED = 0.3
# What share of the lines of a file stands in another one that took over from it.
INHERITED = 0.5


@dataclass(frozen=True)
class Lines:
    """A place in a version: lines of the file on one side, from 1, both included; 0 to 0 is the
    file as a whole, `path` "" the message of the commit."""

    commit: int
    path: str
    side: str
    start: int
    end: int


@dataclass(frozen=True)
class Line:
    """One line of a side: its number in the file, text, sign, and in which hunk it stands."""

    number: int
    text: bytes
    sign: bytes
    hunk: int


Key = tuple[int, str, str]


class Text:
    """All lines of one side of a file that stand in the hunks of one commit."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self.lines = list(lines)

    @cached_property
    def texts(self) -> list[bytes]:
        return [line.text for line in self.lines]

    @cached_property
    def _places(self) -> dict[int, int]:
        return {line.number: n for n, line in enumerate(self.lines)}

    def range_of(self, start: int, end: int) -> range:
        """Indexes of these lines; empty where not all of them are there."""
        first, last = self._places.get(start), self._places.get(end)
        if first is None or last is None or last - first != end - start:
            return range(0)
        return range(first, last + 1)

    @cached_property
    def _hunks(self) -> dict[int, tuple[int, int]]:
        found: dict[int, tuple[int, int]] = {}
        for n, line in enumerate(self.lines):
            found[line.hunk] = (found.get(line.hunk, (n, n))[0], n)
        return found

    def bounds(self, place: int) -> tuple[int, int]:
        """The indexes of the first and the last line of its hunk."""
        return self._hunks[self.lines[place].hunk]

    def are_together(self, places: Sequence[int]) -> bool:
        """Whether they follow upon each other, in one hunk."""
        first, last = places[0], places[-1]
        is_run = all(place == first + n for n, place in enumerate(places))
        return is_run and self.lines[first].hunk == self.lines[last].hunk

    def signs(self, places: Iterable[int]) -> bytes:
        return b"".join(self.lines[place].sign for place in places)


def text_of(commit: Commit, file: FileChange | None, side: str) -> Text:
    """One side of a file; of the commit's message where there is no file."""
    if file is None:
        words = message_lines(commit.subject, commit.message)
        return Text(Line(n, line.encode(), b" ", 0) for n, line in enumerate(words, 1))
    return Text(_lines(file, side))


def _lines(file: FileChange, side: str) -> Iterator[Line]:
    other = b"+" if side == Side.OLD else b"-"
    for at, hunk in enumerate(file.hunks):
        number = hunk.old_start if side == Side.OLD else hunk.new_start
        for sign, text in hunk.rows:
            if sign != other:
                yield Line(number, text.rstrip(b"\r\n"), sign, at)
                number += 1


class Lander:
    """From one version into another; what it worked out for one place, it keeps for the next."""

    def __init__(self, old: Series, new: Series) -> None:
        self.old = _Side(old)
        self.new = _Side(new)
        self.commits = match_commits(old.commits, new.commits)
        self._aligned: dict[tuple[Key, Key], list[int]] = {}
        self._heirs: dict[Key, Key | None] = {}

    def land(self, place: Lines) -> tuple[Found, Lines]:
        """What became of the lines, and where they are; `commit` is 0 where they are gone."""
        key = (place.commit, place.path, place.side)
        own = self.old.text(key)
        lines = own.range_of(place.start, place.end) if own else range(0)
        gone = Found.GONE, replace(place, commit=0)
        if own is not None and place.path and not place.start:
            return self._whole(key) or gone
        if own is None or not lines:
            return gone
        if not place.path:
            return self._message(key, own, lines) or gone
        return self._kept(key, own, lines) or self._changed(key, own, lines) or gone

    def _whole(self, key: Key) -> tuple[Found, Lines] | None:
        """Where a file is, whatever became of its lines."""
        target = next(self._targets(key), None)
        if target is None:
            return None
        return Found.SAME if target == self._home(key) else Found.MOVED, Lines(*target, 0, 0)

    # Lines that are there

    def _kept(self, key: Key, own: Text, lines: range) -> tuple[Found, Lines] | None:
        """Where the same lines are, in order with the lines around them."""
        home = self._home(key)
        targets = list(self._targets(key))
        for is_strict in (True, False):
            for target in targets:
                places = self._exact(key, target, own, lines, is_strict=is_strict)
                if places:
                    return Found.SAME if target == home else Found.MOVED, places
        return self._moved(key, own, lines)

    def _home(self, key: Key) -> Key | None:
        """The same file in the commit that took over from its own."""
        commit = self.commits.get(key[0])
        home = (commit or 0, key[1], key[2])
        return home if commit and self.new.has(home) else None

    def _targets(self, key: Key) -> Iterator[Key]:
        """Files of the new version in which they may be, the likeliest first."""
        _, path, side = key
        commit = self.commits.get(key[0]) or key[0]
        names = [path, *self.new.renamed(path)]
        found = [(n, name, side) for name in names for n in self.new.commits_of(name)]
        found.sort(key=lambda each: (each[1] != path, abs(each[0] - commit), each[0]))
        heir = self._heir(key)
        yield from found
        if heir and heir not in found:
            yield heir

    def _heir(self, key: Key) -> Key | None:
        """The file with most of its lines, where its own is not touched any more.

        One that was there before, beside it, took over from nobody.
        """
        if key not in self._heirs:
            text = self.old.text(key)
            is_there = any(self.new.commits_of(name) for name in self.new.renamed(key[1]))
            is_there = is_there or bool(self.new.commits_of(key[1]))
            self._heirs[key] = None if is_there or text is None else self._likest(text, key[2])
        return self._heirs[key]

    def _likest(self, text: Text, side: str) -> Key | None:
        telling = {line for line in text.texts if len(line.strip()) >= TELLING}
        shared: Counter[Key] = Counter()
        for line in telling:
            shared.update({key for key, _ in self.new.places_of(line, side)[:ALIKE]})
        new = ((key, count) for key, count in shared.items() if not self.old.commits_of(key[1]))
        best = min(new, key=lambda each: (-each[1], each[0]), default=None)
        return best[0] if best and best[1] >= INHERITED * len(telling) else None

    def _alignment(self, key: Key, target: Key) -> list[int]:
        pair = key, target
        if pair not in self._aligned:
            old, new = self.old.text(key), self.new.text(target)
            self._aligned[pair] = align_hunks(old, new) if old and new else []
        return self._aligned[pair]

    def _exact(
        self, key: Key, target: Key, own: Text, lines: range, *, is_strict: bool
    ) -> Lines | None:
        """Where they are in `target`, all of them together; with the same signs if `is_strict`."""
        found = self._alignment(key, target)
        text = self.new.text(target)
        places = [found[line] for line in lines] if found else []
        if text is None or not places or -1 in places or not text.are_together(places):
            return None
        if is_strict and own.signs(lines) != text.signs(places):
            return None
        return _place(target, text, places[0], places[-1])

    # Lines that are elsewhere

    def _moved(self, key: Key, own: Text, lines: range) -> tuple[Found, Lines] | None:
        """Where the same lines stand that nothing else became; None where that is not clear."""
        telling = max(lines, key=lambda n: len(own.texts[n].strip()))
        places = self.new.places_of(own.texts[telling], key[2])[:ALIKE]
        rated = [
            (self._rate(key, target, own, lines, at - (telling - lines[0])), target, at)
            for target, at in places
        ]
        rated = [each for each in rated if each[0] > 0]
        rated.sort(key=lambda each: -each[0])
        if not rated or (len(rated) > 1 and rated[0][0] == rated[1][0]):
            return None
        _, target, at = rated[0]
        text = self.new.text(target)
        first = at - (telling - lines[0])
        if text is None:
            return None
        return Found.MOVED, _place(target, text, first, first + len(lines) - 1)

    def _rate(self, key: Key, target: Key, own: Text, lines: range, first: int) -> int:
        """How surely they are in `target` from `first` on; 0 for not at all."""
        text = self.new.text(target)
        last = first + len(lines) - 1
        if text is None or first < 0 or last >= len(text.lines):
            return 0
        if text.texts[first : last + 1] != [own.texts[n] for n in lines]:
            return 0
        if not text.are_together(range(first, last + 1)):
            return 0
        if self._is_taken(target, first, last):
            return 0
        around = _alike_around(own.texts, lines[0], lines[-1], text.texts, first, last)
        size = sum(len(own.texts[n].strip()) for n in lines)
        if size < TELLING and (not around or len(lines) + around < NEIGHBOURS):
            return 0
        is_signed = own.signs(lines) == text.signs(range(first, last + 1))
        return 1 + 8 * around + 4 * is_signed + 2 * (target[1] == key[1])

    def _is_taken(self, target: Key, first: int, last: int) -> bool:
        """Whether another line of the old version became one of these."""
        taken = self.new.taken.get(target)
        if taken is None:
            taken = set()
            for commit in self.old.commits_of(target[1]):
                source = (commit, target[1], target[2])
                if self._home(source) == target:
                    taken = {place for place in self._alignment(source, target) if place >= 0}
            self.new.taken[target] = taken
        return any(n in taken for n in range(first, last + 1))

    # Lines that were changed

    def _changed(self, key: Key, own: Text, lines: range) -> tuple[Found, Lines] | None:
        for target in self._targets(key):
            text = self.new.text(target)
            found = self._alignment(key, target)
            span = _edited(own, lines, text, found) if text and found else None
            if text and span:
                return Found.EDITED, _place(target, text, *span)
        return None

    def _message(self, key: Key, own: Text, lines: range) -> tuple[Found, Lines] | None:
        """A commit's message goes where the commit goes, whatever became of its words."""
        commit = self.commits.get(key[0])
        target = (commit or 0, "", key[2])
        text = self.new.text(target) if commit else None
        if text is None or not text.lines:
            return None
        places = self._exact(key, target, own, lines, is_strict=False)
        if places:
            return Found.SAME, places
        first, last = _edited(own, lines, text, self._alignment(key, target)) or (
            min(lines[0], len(text.lines) - 1),
            min(lines[-1], len(text.lines) - 1),
        )
        return Found.EDITED, _place(target, text, first, last)


def _place(target: Key, text: Text, first: int, last: int) -> Lines:
    return Lines(*target, text.lines[first].number, text.lines[last].number)


def _alike_around(
    old: Sequence[bytes], start: int, end: int, new: Sequence[bytes], first: int, last: int
) -> int:
    """How many of the nearest lines on both sides are the same."""
    count = 0
    for n in range(1, NEIGHBOURS + 1):
        above, below = start - n, end + n
        count += above >= 0 and first - n >= 0 and old[above] == new[first - n]
        count += below < len(old) and last + n < len(new) and old[below] == new[last + n]
    return count


def _edited(own: Text, lines: range, text: Text, found: Sequence[int]) -> tuple[int, int] | None:
    """What stands in the new text between the lines above and below that are as they were."""
    gap = _gap(own, lines, text, found)
    kept = [found[n] for n in lines if found[n] >= 0]
    if gap is None:
        return None
    if kept:
        above = lines.index(next(n for n in lines if found[n] >= 0))
        below = lines[-1] - max(n for n in lines if found[n] >= 0)
        return max(gap[0], kept[0] - above), min(gap[1], kept[-1] + below)
    if b"+" in own.signs(lines) and b"+" not in text.signs(range(gap[0], gap[1] + 1)):
        # What it added is not added any more: what stands there now is something else.
        return None
    return _likest(own, lines, text, gap)


def _gap(own: Text, lines: range, text: Text, found: Sequence[int]) -> tuple[int, int] | None:
    """The new lines from below the last one above that is as it was, to above the first below."""
    above = _nearest(found, range(lines[0] - 1, own.bounds(lines[0])[0] - 1, -1))
    below = _nearest(found, range(lines[-1] + 1, own.bounds(lines[-1])[1] + 1))
    inside = [found[n] for n in lines if found[n] >= 0]
    anchors = [*inside[:1], *(place for place in (above, below) if place is not None)]
    if not anchors:
        return None
    first, last = text.bounds(anchors[0])
    first = first if above is None else max(first, above + 1)
    last = last if below is None else min(last, below - 1)
    return (first, last) if first <= last else None


def _nearest(found: Sequence[int], lines: range) -> int | None:
    """What the first of these lines became that is still there, if it is not too far away."""
    return next((found[n] for n in lines[:GAP_LINES] if found[n] >= 0), None)


def _likest(own: Text, lines: range, text: Text, gap: tuple[int, int]) -> tuple[int, int] | None:
    """Of the lines of a gap those that are most like the old ones; all of a small one where the
    old ones were written anew."""
    first, last = gap
    if last - first >= GAP_LINES:
        return None
    likest = [
        max(range(first, last + 1), key=lambda at, n=n: _likeness(own.texts[n], text.texts[at]))  # type: ignore[misc]
        for n in (lines[0], lines[-1])
    ]
    start, end = min(likest), max(likest)
    if _likeness(own.texts[lines[0]], text.texts[likest[0]]) >= LIKENESS:
        return start, end
    return gap if last - first < 2 * len(lines) + 2 else None


def _likeness(old: bytes, new: bytes) -> float:
    if len(old) > LINE_BYTES or len(new) > LINE_BYTES:
        return float(old == new)
    before, after = old.strip().decode(errors="replace"), new.strip().decode(errors="replace")
    if not before or not after:
        return 0.0
    return SequenceMatcher(None, before, after, autojunk=False).ratio()


# Hunks and commits


def align_hunks(old: Text, new: Text) -> list[int]:
    """As `align`, where hunks that are in both unchanged hold the rest.

    Of several that are alike each keeps to the one that is as far from the others as it was.
    """
    before, after = _hunks(old), _hunks(new)
    found = [-1] * len(old.texts)
    start = first = 0
    for one, other in _same_hunks(old, new, before, after):
        _align_part(old, new, (start, before[one].start, first, after[other].start), found)
        for line, place in zip(before[one], after[other], strict=True):
            found[line] = place
        start, first = before[one].stop, after[other].stop
    _align_part(old, new, (start, len(old.texts), first, len(new.texts)), found)
    return found


def _align_part(old: Text, new: Text, block: tuple[int, int, int, int], found: list[int]) -> None:
    start, stop, first, last = block
    places = align(old.texts[start:stop], new.texts[first:last])
    found[start:stop] = [place + first if place >= 0 else -1 for place in places]


def _hunks(text: Text) -> list[range]:
    """The indexes of the lines of each hunk."""
    starts = [
        n for n, line in enumerate(text.lines) if not n or line.hunk != text.lines[n - 1].hunk
    ]
    return [range(*pair) for pair in pairwise([*starts, len(text.lines)])]


def _same_hunks(
    old: Text, new: Text, before: Sequence[range], after: Sequence[range]
) -> list[tuple[int, int]]:
    """Which hunks are which, in order."""
    alike: defaultdict[tuple[bytes, ...], list[int]] = defaultdict(list)
    for n, hunk in enumerate(after):
        alike[tuple(new.texts[hunk.start : hunk.stop])].append(n)
    pairs: list[tuple[int, int]] = []
    shift = 0
    for n, hunk in enumerate(before):
        places = alike[tuple(old.texts[hunk.start : hunk.stop])]
        if not places:
            continue
        at = old.lines[hunk.start].number + shift
        place = min(places, key=lambda each: abs(new.lines[after[each].start].number - at))
        places.remove(place)
        shift = new.lines[after[place].start].number - old.lines[hunk.start].number
        pairs.append((n, place))
    return longest_run(pairs)


def match_commits(old: Sequence[Commit], new: Sequence[Commit]) -> dict[int, int]:
    """Which commit of the new version took over from which of the old one, by their positions.

    First those that change the same, then those of the same subject, then those that add the same
    lines, and at last the only ones that are left.
    """
    found: dict[int, int] = {}
    _pair_up(old, new, found, lambda commit: commit.patch_id)
    _pair_up(old, new, found, lambda commit: commit.subject)
    for _, one, other in sorted(
        _shares(_left(old, found), _left(new, found.values())), reverse=True
    ):
        if one not in found and other not in found.values():
            found[one] = other
    one_left, other_left = _left(old, found), _left(new, found.values())
    if len(one_left) == len(other_left) == 1:
        found[one_left[0].position] = other_left[0].position
    return found


def _left(commits: Sequence[Commit], taken: Collection[int]) -> list[Commit]:
    return [commit for commit in commits if commit.position not in taken]


def _pair_up(
    old: Sequence[Commit],
    new: Sequence[Commit],
    found: dict[int, int],
    key: Callable[[Commit], str],
) -> None:
    """Pair those of which the key says the same, in order; an empty one says nothing."""
    waiting: defaultdict[str, list[int]] = defaultdict(list)
    for commit in reversed(_left(new, found.values())):
        waiting[key(commit)].append(commit.position)
    for commit in _left(old, found):
        if key(commit) and waiting[key(commit)]:
            found[commit.position] = waiting[key(commit)].pop()


def _shares(old: Sequence[Commit], new: Sequence[Commit]) -> Iterator[tuple[float, int, int]]:
    """How much of what either adds both add, for each two that share enough of it."""
    if not old or not new:
        return
    added = {commit.position: _added(commit) for commit in new}
    owners: defaultdict[bytes, list[int]] = defaultdict(list)
    for position, lines in added.items():
        for line in lines:
            owners[line].append(position)
    for commit in old:
        lines = _added(commit)
        shared = Counter(n for line in lines for n in owners.get(line, ())[:ALIKE])
        for position, count in shared.items():
            share = count / max(1, len(lines | added[position]))
            if share >= SHARED:
                yield share, commit.position, position


def _added(commit: Commit) -> set[bytes]:
    rows = (row for file in commit.files for hunk in file.hunks for row in hunk.rows)
    return {text for sign, text in rows if sign == b"+" and text.strip()}


class _Side:
    """One version, with what is looked up in it."""

    def __init__(self, series: Series) -> None:
        self.commits = {commit.position: commit for commit in series.commits}
        self._files = {(c.position, f.path): f for c in series.commits for f in c.files}
        self._texts: dict[Key, Text | None] = {}
        self._of_path: defaultdict[str, list[int]] = defaultdict(list)
        self._names: defaultdict[str, set[str]] = defaultdict(set)
        for (position, path), file in self._files.items():
            self._of_path[path].append(position)
            if file.status == PatchFile.Status.RENAMED:
                self._names[file.old_path].add(path)
                self._names[path].add(file.old_path)
        # For a text, its lines that a line of another version became.
        self.taken: dict[Key, set[int]] = {}
        self._indexes: dict[str, dict[bytes, list[tuple[Key, int]]]] = {}

    def commits_of(self, path: str) -> list[int]:
        """Positions of the commits that touch a file."""
        return self._of_path.get(path, [])

    def renamed(self, path: str) -> list[str]:
        """Other names that a file has in this version."""
        return sorted(self._names.get(path, ()))

    def has(self, key: Key) -> bool:
        return key[:2] in self._files

    def text(self, key: Key) -> Text | None:
        """None where there is no such file in that commit, or no such commit."""
        if key not in self._texts:
            commit, file = self.commits.get(key[0]), self._files.get(key[:2])
            is_there = commit is not None and (file is not None or not key[1])
            self._texts[key] = text_of(commit, file, key[2]) if commit and is_there else None
        return self._texts[key]

    def places_of(self, line: bytes, side: str) -> list[tuple[Key, int]]:
        """Where a line stands, in all files."""
        if side not in self._indexes:
            index: defaultdict[bytes, list[tuple[Key, int]]] = defaultdict(list)
            for position, path in self._files:
                key = (position, path, side)
                for n, text in enumerate(self._lines(key)):
                    index[text].append((key, n))
            self._indexes[side] = dict(index)
        return self._indexes[side].get(line, [])

    def _lines(self, key: Key) -> list[bytes]:
        text = self.text(key)
        return text.texts if text else []
