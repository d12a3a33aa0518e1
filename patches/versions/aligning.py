"""Which lines of one text are which of another: lines that are in both once hold the rest.

Those that stand once in either text are anchors; the longest run of them that keeps its order is
taken, and what lies between two anchors is looked at alone ("patience diff", Bram Cohen). Where
there are no anchors, `difflib` finds the longest common parts, as long as that is cheap.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

# Beyond, what is left stays unaligned: so many lines looked at, over all rounds.
LOOKS = 4_000_000
# difflib is quadratic: so many pairs of lines at once.
PAIRS = 40_000

# How many lines are looked at together, and how long the first of them has to be: one after the
# other, until some are found.
TOGETHER = ((1, 4), (1, 0), (2, 0), (4, 0), (8, 0))

Key = bytes | tuple[bytes, ...]
Block = tuple[int, int, int, int]


def align(old: Sequence[bytes], new: Sequence[bytes]) -> list[int]:
    """For each line of `old` its index in `new`, -1 where it is not there; never out of order."""
    found = [-1] * len(old)
    left = [(0, len(old), 0, len(new))]
    looks = 0
    while left and looks < LOOKS:
        block = _trim(old, new, left.pop(), found)
        start, stop, first, last = block
        if start == stop or first == last:
            continue
        looks += stop - start + last - first
        anchors = _anchors(old, new, block)
        if anchors:
            left += _between(block, anchors, found)
        elif (stop - start) * (last - first) <= PAIRS:
            _match(old, new, block, found)
    return found


def _trim(old: Sequence[bytes], new: Sequence[bytes], block: Block, found: list[int]) -> Block:
    """Align what both begin and end with."""
    start, stop, first, last = block
    while start < stop and first < last and old[start] == new[first]:
        found[start] = first
        start, first = start + 1, first + 1
    while start < stop and first < last and old[stop - 1] == new[last - 1]:
        stop, last = stop - 1, last - 1
        found[stop] = last
    return start, stop, first, last


def _anchors(old: Sequence[bytes], new: Sequence[bytes], block: Block) -> list[tuple[int, int]]:
    """The longest run of lines, in order on both sides, that stand once in either.

    Those that say little, such as brackets, hold nothing that others hold. Where no line stands
    alone, one does perhaps together with those below it.
    """
    start, stop, first, last = block
    for size, telling in TOGETHER:
        in_old = _once(old, start, stop, size, telling)
        in_new = _once(new, first, last, size, telling)
        pairs = [(line, in_new[key]) for key, line in in_old.items() if key in in_new]
        if pairs:
            return longest_run(pairs)
    return []


def _once(lines: Sequence[bytes], start: int, stop: int, size: int, telling: int) -> dict[Key, int]:
    """Where so many lines together stand that stand nowhere else, in order."""
    if size == 1:
        keys: list[Key] = list(lines[start:stop])
    else:
        keys = [tuple(lines[n : n + size]) for n in range(start, stop - size + 1)]
    counts = Counter(keys)
    return {
        key: n
        for n, key in enumerate(keys, start)
        if counts[key] == 1 and (not telling or len(lines[n].strip()) >= telling)
    }


def longest_run(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The most of `pairs`, given by their first numbers, whose second numbers rise, too."""
    ends: list[int] = []
    at: list[int] = []
    before: list[int] = []
    for n, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        ends[length : length + 1] = [place]
        at[length : length + 1] = [n]
        before.append(at[length - 1] if length else -1)
    run = []
    n = at[-1] if at else -1
    while n >= 0:
        run.append(pairs[n])
        n = before[n]
    return run[::-1]


def _between(block: Block, anchors: Sequence[tuple[int, int]], found: list[int]) -> list[Block]:
    start, stop, first, last = block
    blocks = []
    for line, place in anchors:
        found[line] = place
        blocks.append((start, line, first, place))
        start, first = line + 1, place + 1
    return [*blocks, (start, stop, first, last)]


def _match(old: Sequence[bytes], new: Sequence[bytes], block: Block, found: list[int]) -> None:
    start, stop, first, last = block
    matcher = SequenceMatcher(None, old[start:stop], new[first:last], autojunk=False)
    for a, b, size in matcher.get_matching_blocks():
        for n in range(size):
            found[start + a + n] = first + b + n
