"""The whole index made anew from the text, or compared with it, while the tracker goes on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Max

from tracker.models import Comment, Problem
from tracker.text_index.entries import EDITION, Entry, entry_of
from tracker.text_index.keys import ALL, pack
from tracker.text_index.models import IndexedText, Posting
from tracker.text_index.rows import delete_postings
from tracker.text_index.services import comments_of, count_frequencies, index, keys_of, replace

# Problems in one transaction. Their terms are spread over the whole table, so that many at once
# write each page of it less often; on SQLite nobody else writes for these two or three seconds.
BATCH: Final = 4_000
# The keys are counted in so many parts, each in a transaction of its own.
PARTS: Final = 64
_TRIES: Final = 5

Progress = Callable[[int], None]


def rebuild(progress: Progress = lambda count: None) -> None:
    """Index every problem anew, drop what belongs to none, and count all frequencies.

    Search and suggestions work meanwhile. When it is interrupted, frequencies are those from
    before, until it has run to its end.
    """
    for numbers in _batches():
        entries = {entry.problem: (entry, version) for entry, version in _read(numbers)}
        with transaction.atomic():
            rows = Problem.objects.select_for_update(of=("self",)).filter(pk__in=numbers)
            versions = dict(rows.order_by("pk").values_list("pk", "version"))
            talk = _last_comments(numbers)
            same = [
                entry
                for number, (entry, read_at) in entries.items()
                if (versions.get(number), talk.get(number)) == read_at
            ]
            replace(same)
            others = versions.keys() - {entry.problem for entry in same}
            index(Problem.objects.filter(pk__in=others), counted_later=True)
        progress(len(numbers))
    drop_strays()
    recount()
    vacuum()


def _read(numbers: list[int]) -> Iterator[tuple[Entry, tuple[int, int | None]]]:
    """Entries, and what tells whether their text is still the same when they are written.

    Most of the work is here, before the rows are locked.
    """
    talk = _last_comments(numbers)
    comments = comments_of(numbers)
    for problem in Problem.objects.filter(pk__in=numbers).order_by("pk"):
        entry = entry_of(problem, comments[problem.pk])
        yield entry, (problem.version, talk.get(problem.pk))


def _last_comments(numbers: list[int]) -> dict[int, int]:
    rows = Comment.objects.filter(problem__in=numbers).order_by().values("problem")
    return dict(rows.annotate(last=Max("id")).values_list("problem", "last"))


def _batches() -> Iterator[list[int]]:
    last = 0
    while True:
        rows = Problem.objects.filter(pk__gt=last).order_by("pk")
        numbers = list(rows.values_list("pk", flat=True)[:BATCH])
        if not numbers:
            return
        yield numbers
        last = numbers[-1]


def drop_strays() -> None:
    """Delete postings that the entry of their problem does not name, or that have no entry.

    There are some after rows were deleted, restored or changed past this application.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT problem FROM (SELECT problem, COUNT(*) AS there FROM tracker_posting "
            "GROUP BY problem) AS counted LEFT JOIN tracker_indexedtext ON problem_id = problem "
            "WHERE problem_id IS NULL "
            "OR there <> (LENGTH(title) + LENGTH(body) + LENGTH(rest)) / 8"
        )
        numbers = [number for (number,) in cursor.fetchall()]
    for start in range(0, len(numbers), BATCH):
        _drop_strays_of(numbers[start : start + BATCH])


@transaction.atomic
def _drop_strays_of(numbers: list[int]) -> None:
    list(Problem.objects.select_for_update(of=("self",)).filter(pk__in=numbers))
    told = {
        row for text in IndexedText.objects.filter(problem__in=numbers) for row in keys_of(text)
    }
    there = Posting.objects.filter(problem__in=numbers).values_list("term", "shelf", "problem")
    delete_postings(row for row in there.iterator() if row not in told)


def recount() -> None:
    """Count in how many problems each term stands, part by part, exactly.

    Each part first counts the notes that wait, and sees the same moment of the postings.
    """
    for part in range(PARTS):
        for tries_left in reversed(range(_TRIES)):
            try:
                _recount(part)
                break
            except OperationalError:
                # Somebody else counted the same notes; with theirs done, ours sees the result.
                if not tries_left:
                    raise


def _recount(part: int) -> None:
    bounds = _bounds(part)
    with _one_moment() as cursor:
        cursor.execute("DELETE FROM tracker_frequency WHERE term BETWEEN %s AND %s", bounds)
        cursor.execute(
            "INSERT INTO tracker_frequency (term, product_id, problems) "
            "SELECT term, shelf / 2, COUNT(*) FROM tracker_posting "
            "WHERE term BETWEEN %s AND %s AND shelf %% 2 = 0 AND weight > 0 "
            "GROUP BY term, shelf / 2",
            bounds,
        )
        if bounds[0] <= ALL <= bounds[1]:
            cursor.execute(
                "INSERT INTO tracker_frequency (term, product_id, problems) "
                "SELECT %s, shelf / 2, COUNT(*) FROM tracker_indexedtext "
                "WHERE shelf %% 2 = 0 GROUP BY shelf / 2",
                [ALL],
            )


def _bounds(part: int) -> list[int]:
    """The first and the last key of a part."""
    width = 2**64 // PARTS
    first = part * width - 2**63
    return [first, first + width - 1]


@contextmanager
def _one_moment() -> Iterator[CursorWrapper]:
    """A transaction that sees one moment, in which no note of changed frequencies waits."""
    outermost = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if outermost and connection.vendor == "postgresql":
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        while count_frequencies():
            pass
        yield cursor


def vacuum() -> None:
    """Let PostgreSQL read the postings from their index alone, and plan by how many they are."""
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        with connection.cursor() as cursor:
            for table in ("tracker_posting", "tracker_frequency", "tracker_indexedtext"):
                cursor.execute(f"VACUUM (ANALYZE) {table}")


def find_wrong(progress: Progress = lambda count: None) -> Iterator[str]:
    """What the index says otherwise than the text, one sentence for each; nothing is changed.

    All postings are read once and summed up by problem. Where that is not what the text gives, the
    problem is looked at again by itself, as it may have changed meanwhile.
    """
    stands = _sums()
    for numbers in _batches():
        problems = Problem.objects.filter(pk__in=numbers).order_by("pk")
        comments = comments_of(numbers)
        rows = IndexedText.objects.in_bulk(numbers)
        for problem in problems:
            entry = entry_of(problem, comments[problem.pk])
            is_told = _is_told(rows.get(problem.pk), entry)
            if stands.pop(problem.pk, 0) != _sum(entry) or not is_told:
                yield from _look_again(problem.pk)
        progress(len(numbers))
    strays = [number for number in stands if not Problem.objects.filter(pk=number).exists()]
    if strays:
        yield f"{len(strays):,} numbers are in the index that no problem has."
    wrong = sum(_wrong_frequencies(part) for part in range(PARTS))
    if wrong:
        yield f"{wrong:,} frequencies are not those of the index."


def _sums() -> dict[int, int]:
    """number -> a sum over its postings that two different sets of them will not share."""
    found: dict[int, int] = defaultdict(int)
    rows = Posting.objects.values_list("problem", "term", "shelf", "weight")
    for number, *row in rows.iterator(chunk_size=20_000):
        found[number] = (found[number] + hash(tuple(row))) % 2**64
    return found


def _sum(entry: Entry) -> int:
    rows = ((key, entry.shelf, weight) for key, weight in entry.weights.items())
    return sum(map(hash, rows)) % 2**64


def _is_told(row: IndexedText | None, entry: Entry) -> bool:
    """Whether the row says of the problem what its entry does."""
    if row is None:
        return False
    stands = (row.shelf, row.edition, bytes(row.title), bytes(row.body), bytes(row.rest))
    keys = (pack(entry.title), pack(entry.body), pack(entry.rest))
    return stands == (entry.shelf, EDITION, *keys)


@transaction.atomic
def _look_again(number: int) -> Iterator[str]:
    problem = Problem.objects.select_for_update(of=("self",)).filter(pk=number).first()
    if problem is None:
        return
    entry = entry_of(problem, comments_of([number])[number])
    rows = Posting.objects.filter(problem=number).values_list("term", "shelf", "weight")
    should = {(key, entry.shelf, weight) for key, weight in entry.weights.items()}
    wrong = len(should.symmetric_difference(rows))
    if wrong or not _is_told(IndexedText.objects.filter(problem=number).first(), entry):
        yield f"#{number} is in the index with other terms than its text has ({wrong:,} rows)."


def _wrong_frequencies(part: int) -> int:
    """How many differ from what the postings give."""
    bounds = _bounds(part)
    counted = (
        "SELECT term, shelf / 2, COUNT(*) FROM tracker_posting "
        "WHERE term BETWEEN %s AND %s AND shelf %% 2 = 0 AND weight > 0 GROUP BY term, shelf / 2"
    )
    stored = (
        "SELECT term, product_id, problems FROM tracker_frequency "
        "WHERE term BETWEEN %s AND %s AND term <> 0"
    )
    wrong = 0
    with _one_moment() as cursor:
        for one, other in ((counted, stored), (stored, counted)):
            query = f"SELECT COUNT(*) FROM ({one} EXCEPT {other}) AS wrong"  # noqa: S608
            cursor.execute(query, [*bounds, *bounds])
            wrong += cursor.fetchone()[0]
    return wrong
