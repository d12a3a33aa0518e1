"""Keeping the index in step with the text.

A problem's rows are written in the transaction that changes its text, under the lock on its row,
so that a report is found by the next reader and no crash can part the two. How many problems hold
a term is counted a little later (`count_frequencies`): it only weighs words, and the rows of
common words are where all reports would queue.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from django.db import connection, transaction
from django.db.models import Q

from tracker.models import Comment, Problem
from tracker.text_index.entries import (
    EDITION,
    MOST_REST,
    Entry,
    entry_of,
    further_keys,
    is_public,
    product_of,
)
from tracker.text_index.keys import ALL, pack, unpack
from tracker.text_index.models import FrequencyChange, IndexedText
from tracker.text_index.rows import Row, add_frequencies, delete_postings, insert_postings

# Notes of changed frequencies that are counted in one transaction: so many, or, of imports whose
# notes are large, those up to so many bytes.
COUNT_AT_ONCE: Final = 100
COUNT_BYTES: Final = 2_000_000
# The key of an advisory lock; any number that nothing else in this database uses.
_COUNTING_LOCK: Final = 0x7465_726D_73


def index(problems: Iterable[Problem], *, counted_later: bool = False) -> None:
    """Make the index say what these rows say now, in the running transaction.

    The caller holds their locks, or has just created them. Some six queries, however many they
    are. `counted_later`: leave no word of changed frequencies, as all will be counted anew.
    """
    found = list(problems)
    comments = comments_of([problem.pk for problem in found])
    entries = [entry_of(problem, comments[problem.pk]) for problem in found]
    before, after = replace(entries)
    if not counted_later:
        _note_frequencies(before, after)


def comments_of(numbers: Sequence[int]) -> dict[int, list[str]]:
    """number -> the texts of its comments, in the order in which they came."""
    found: dict[int, list[str]] = defaultdict(list)
    rows = Comment.objects.filter(problem__in=numbers).order_by("problem", "id")
    for number, text in rows.values_list("problem", "text"):
        found[number].append(text)
    return found


def index_new(problem: Problem) -> None:
    """The same for a problem that nobody has commented on yet."""
    _note_frequencies(*replace([entry_of(problem, ())]))


def add_comment(comment: Comment) -> None:
    """Make the words of a new comment lead to its problem, whose lock the caller holds."""
    row = IndexedText.objects.filter(problem=comment.problem_id, edition=EDITION).first()
    if row is None:
        index(Problem.objects.filter(pk=comment.problem_id))
        return
    rest = unpack(row.rest)
    known = {*unpack(row.title), *unpack(row.body), *rest}
    new = further_keys(comment.text, known, MOST_REST - len(rest))
    if new:
        insert_postings((key, row.shelf, row.problem_id, 0) for key in new)
        row.rest = pack(sorted([*rest, *new]))
        row.save(update_fields=["rest"])


def forget(number: int) -> None:
    """Take a problem out of the index, because it goes."""
    row = IndexedText.objects.filter(problem=number).first()
    if row is not None:
        delete_postings(keys_of(row))
        _note_frequencies([row], [])
        row.delete()


def replace(entries: Sequence[Entry]) -> tuple[list[IndexedText], list[IndexedText]]:
    """Put these where their problems' old ones stand; returns (what stood there, what does now)."""
    numbers = [entry.problem for entry in entries]
    before = list(IndexedText.objects.filter(problem__in=numbers))
    delete_postings(key for row in before for key in keys_of(row))
    insert_postings(row for entry in entries for row in _postings_of(entry))
    rows = [
        IndexedText(
            problem_id=entry.problem, shelf=entry.shelf, edition=EDITION,
            title=pack(entry.title), body=pack(entry.body), rest=pack(entry.rest),
        )
        for entry in entries
    ]  # fmt: skip
    IndexedText.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["problem"],
        update_fields=["shelf", "title", "body", "rest", "edition"],
    )
    return before, rows


def keys_of(row: IndexedText) -> Iterator[tuple[int, int, int]]:
    """(term, shelf, problem) of each of its postings."""
    for packed in (row.title, row.body, row.rest):
        for key in unpack(packed):
            yield key, row.shelf, row.problem_id


def _postings_of(entry: Entry) -> Iterator[Row]:
    for key, weight in entry.weights.items():
        yield key, entry.shelf, entry.problem, weight


def _note_frequencies(before: Sequence[IndexedText], after: Sequence[IndexedText]) -> None:
    """Leave word of what the public problems of each product gained and lost."""
    changes: dict[int, Counter[int]] = defaultdict(Counter)
    for rows, sign in ((before, -1), (after, 1)):
        for row in rows:
            if is_public(row.shelf):
                counts = changes[product_of(row.shelf)]
                for key in (ALL, *unpack(row.title), *unpack(row.body)):
                    counts[key] += sign
    notes = [
        FrequencyChange(
            product_id=product,
            came=pack((+counts).elements()),
            went=pack((-counts).elements()),
        )
        for product, counts in changes.items()
        if any(counts.values())
    ]
    if notes:
        FrequencyChange.objects.bulk_create(notes)


@transaction.atomic
def count_frequencies(most: int = COUNT_AT_ONCE) -> int:
    """Count the oldest notes of changed frequencies; returns how many, 0 when none is left.

    One process counts at a time; another one that tries leaves it the work.
    """
    if not _may_count():
        return 0
    notes = _oldest_notes(most)
    changes: dict[int, Counter[int]] = defaultdict(Counter)
    for note in notes:
        counts = changes[note.product_id]
        counts.update(unpack(note.came))
        counts.subtract(unpack(note.went))
    for product, counts in sorted(changes.items()):
        add_frequencies(product, counts)
    FrequencyChange.objects.filter(pk__in=[note.pk for note in notes]).delete()
    return len(notes)


def _oldest_notes(most: int) -> list[FrequencyChange]:
    found = []
    size = 0
    for note in FrequencyChange.objects.order_by("pk")[:most].iterator(chunk_size=10):
        found.append(note)
        size += len(note.came) + len(note.went)
        if size > COUNT_BYTES:
            break
    return found


def _may_count() -> bool:
    """SQLite has one writer at a time anyway."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_COUNTING_LOCK])
        return bool(cursor.fetchone()[0])


def is_any_missing() -> bool:
    """Whether a problem is not indexed yet, or by older rules: two counts, as each has one row."""
    return IndexedText.objects.filter(edition=EDITION).count() != Problem.objects.count()


@transaction.atomic
def index_missing(most: int = 100) -> int:
    """Index some problems that are not yet, or by older rules; returns how many.

    Those are there after an upgrade, or where rows were loaded past this application.
    """
    old = Q(indexed=None) | Q(indexed__edition__lt=EDITION)
    numbers = list(Problem.objects.filter(old).order_by("pk").values_list("pk", flat=True)[:most])
    rows = Problem.objects.select_for_update(of=("self",), skip_locked=True).filter(pk__in=numbers)
    found = list(rows)
    if found:
        index(found)
    return len(found)
