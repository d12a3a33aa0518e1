"""What differs within lines that belong together, and which lines those are.

Everything here is bounded by sizes that are named below: beyond them lines are shown as wholly
removed and added, which is never wrong.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

# Longer lines are compared with nothing.
WORD_CHARS: Final = 1000
# In a block of changed lines: so many removed times so many added ones are compared.
BLOCK_CELLS: Final = 900
# So many words times so many are aligned; beyond, all between common ends differs.
LINE_CELLS: Final = 3000
# The same over all lines of a hunk.
HUNK_CELLS: Final = 150_000
# How much two lines must have in common to be one line before and after: 0 to 1.
ALIKE: Final = 0.5

_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")

# Positions in a line, from and to.
Range = tuple[int, int]
# A removed and an added line by their places in the two lists; None where it has no other half.
Pair = tuple[int | None, int | None]


@dataclass
class Budget:
    """What is left of the work that may go into one hunk, in comparisons of words."""

    cells: int = HUNK_CELLS

    def take(self, wanted: int) -> bool:
        """Whether so much is left; it is then used up."""
        if wanted > self.cells:
            return False
        self.cells -= wanted
        return True


def words(line: str) -> list[str]:
    """The line in pieces: words, blanks, single signs."""
    return _WORD.findall(line)


# ---- which lines belong together


def pairs(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[Pair]:
    """Removed and added lines of one block side by side, each once and in order.

    Lines that are alike stand beside each other; what is left between them pairs up with nothing.
    """
    if not old or not new:
        return [(i, None) for i in range(len(old))] + [(None, i) for i in range(len(new))]
    if len(old) == len(new) == 1:
        return [(0, 0)]
    if len(old) * len(new) > BLOCK_CELLS or not budget.take(10 * len(old) * len(new)):
        return _beside(range(len(old)), range(len(new)))
    found: list[Pair] = []
    last_old = last_new = 0
    for i, j in [*_best(_likeness(old, new)), (len(old), len(new))]:
        found += _beside(range(last_old, i), range(last_new, j))
        if i < len(old):
            found.append((i, j))
        last_old, last_new = i + 1, j + 1
    return found


def _beside(old: range, new: range) -> list[Pair]:
    """Lines that have nothing to do with each other, still side by side to save height."""
    longest = max(len(old), len(new))
    return [
        (old[k] if k < len(old) else None, new[k] if k < len(new) else None) for k in range(longest)
    ]


def _likeness(old: Sequence[str], new: Sequence[str]) -> list[list[float]]:
    """How much of each line is in each other, 0 to 1, by the characters of common words (Dice)."""
    bags = [Counter(words(line.strip()[:WORD_CHARS])) for line in new]
    sizes = [_size(bag) for bag in bags]
    table = []
    for line in old:
        bag = Counter(words(line.strip()[:WORD_CHARS]))
        size = _size(bag)
        table.append(
            [
                2 * _size(bag & other) / (size + n) if size + n else 0.0
                for other, n in zip(bags, sizes, strict=True)
            ]
        )
    return table


def _size(bag: Counter[str]) -> int:
    return sum(len(word) * count for word, count in bag.items() if not word.isspace())


def _best(alike: list[list[float]]) -> list[tuple[int, int]]:
    """The pairs in order with the highest sum of likeness, none of them below `ALIKE`."""
    height, width = len(alike), len(alike[0])
    sums = [[0.0] * (width + 1) for _ in range(height + 1)]
    for i in reversed(range(height)):
        row, below, likeness = sums[i], sums[i + 1], alike[i]
        for j in reversed(range(width)):
            best = max(below[j], row[j + 1])
            if likeness[j] >= ALIKE:
                best = max(best, likeness[j] + below[j + 1])
            row[j] = best
    return _walk(sums, lambda i, j: alike[i][j] if alike[i][j] >= ALIKE else 0.0)


def _walk(
    sums: Sequence[Sequence[float]], worth: Callable[[int, int], float]
) -> list[tuple[int, int]]:
    """The pairs that make up the sums, which are those of what is left from two places on. `worth`
    is what a pair adds, 0 for what is none."""
    found, i, j = [], 0, 0
    while i < len(sums) - 1 and j < len(sums[0]) - 1:
        added = worth(i, j)
        if added and sums[i][j] == added + sums[i + 1][j + 1]:
            found.append((i, j))
            i, j = i + 1, j + 1
        elif sums[i][j] == sums[i + 1][j]:
            i += 1
        else:
            j += 1
    return found


# ---- what differs in a pair


def differences(old: str, new: str, budget: Budget) -> tuple[list[Range], list[Range]] | None:
    """The ranges of each line that the other one has not; None where they have too little in
    common for that to help, or are too long."""
    if len(old) > WORD_CHARS or len(new) > WORD_CHARS:
        return None
    before, after = words(old), words(new)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    middle_old = before[head : len(before) - tail]
    middle_new = after[head : len(after) - tail]
    same = _aligned(middle_old, middle_new, budget)
    if not _has_enough_in_common(before, after, head, tail, same):
        return None
    first = sum(map(len, before[:head]))
    return (
        _ranges(middle_old, {i for i, _ in same}, first),
        _ranges(middle_new, {j for _, j in same}, first),
    )


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def _aligned(old: list[str], new: list[str], budget: Budget) -> list[tuple[int, int]]:
    """The longest common words of both, by characters; none where that would take too long."""
    cells = len(old) * len(new)
    if not cells or cells > LINE_CELLS or not budget.take(cells):
        return []
    sums = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i in reversed(range(len(old))):
        word, row, below = old[i], sums[i], sums[i + 1]
        for j in reversed(range(len(new))):
            skipped = below[j] if below[j] > row[j + 1] else row[j + 1]
            taken = len(word) + below[j + 1] if word == new[j] else 0
            row[j] = taken if taken > skipped else skipped
    return _walk(sums, lambda i, j: len(old[i]) if old[i] == new[j] else 0)


def _has_enough_in_common(
    before: list[str], after: list[str], head: int, tail: int, same: list[tuple[int, int]]
) -> bool:
    """Whether a third of the longer line's ink is in both."""
    ends = before[:head] + before[len(before) - tail :]
    kept = _ink(ends) + _ink(before[head + i] for i, _ in same)
    return 3 * kept >= max(_ink(before), _ink(after))


def _ink(pieces: Iterable[str]) -> int:
    return sum(len(piece) for piece in pieces if not piece.isspace())


def _ranges(pieces: list[str], same: set[int], first: int) -> list[Range]:
    """Where the pieces that differ are; a blank between two of them belongs to them."""
    found: list[Range] = []
    at, gap = first, False
    for i, piece in enumerate(pieces):
        if i not in same:
            if (gap and found) or (found and found[-1][1] == at):
                found[-1] = (found[-1][0], at + len(piece))
            else:
                found.append((at, at + len(piece)))
            gap = False
        else:
            gap = bool(found) and found[-1][1] == at and piece.isspace()
        at += len(piece)
    return found
