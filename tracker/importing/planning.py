"""The first look at an export: every row is judged and compared with what is here.

Nothing is written, and of each row only what later decisions need is remembered, so that a file of
any length can be looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from django.db.models import QuerySet
from django.utils.text import slugify

from tracker.importing.formats import read
from tracker.importing.links import Brief, Links, brief_of, plan_links
from tracker.importing.people import People
from tracker.importing.rows import BadRow, ImportRow, component_slug, read_row, version_key
from tracker.importing.source import Format, Reading
from tracker.importing.words import Words
from tracker.models import Problem, Product, Release
from tracker.text import clean_line

CHUNK: Final = 500
Progress = Callable[[int], None]
T = TypeVar("T")


@dataclass
class Source:
    """Where problems come from, and how what is said there is to be taken."""

    path: Path
    format: Format
    words: Words
    people: People
    title: str
    # For rows that name none.
    component: str = "general"
    pairs: Sequence[tuple[str, str]] = ()
    comments: Path | None = None
    match_addresses: bool = False


@dataclass
class Plan:
    """What an import would do: read from the file and the database, nothing written."""

    source: Source
    slug: str
    product: Product | None
    rows: dict[str, Brief]
    # How many records the file has.
    total: int
    skipped: list[tuple[str, str]]
    links: Links
    # Origins that are imported already.
    existing: set[str]
    # Those whose number is taken by something else.
    renumbered: list[str]
    # slug -> title
    new_components: dict[str, str]
    new_releases: list[str]
    said: list[str]
    left_out: Counter[str]
    confidential: set[str]
    comments: int = 0
    files: int = 0

    @property
    def new(self) -> list[Brief]:
        return [row for row in self.rows.values() if row.origin not in self.existing]


@dataclass
class _Look:
    """What the first pass over the file collects."""

    rows: dict[str, Brief] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    pairs: list[tuple[str, str]] = field(default_factory=list)
    total: int = 0
    comments: int = 0
    files: int = 0


def make_plan(source: Source, scratch: Path, progress: Progress = lambda count: None) -> Plan:
    """Judge every row and compare with what is there. Raises `UnreadableFile`."""
    reading = Reading(scratch, keep_files=False, comments=source.comments)
    look = _look_at(source, reading, progress)
    if source.match_addresses:
        source.people.match_addresses()
    product = find_product(source.title)
    existing = existing_problems(product, list(look.rows))
    new = [row for row in look.rows.values() if row.origin not in existing]
    known = set(product.components.values_list("slug", flat=True)) if product else set()
    components = {component_slug(row.component): row.component for row in reversed(new)}
    pairs = [*source.pairs, *look.pairs]
    return Plan(
        source, slugify(source.title)[:50].strip("-_"), product, look.rows, look.total,
        look.skipped, plan_links(pairs, look.rows.values(), _here(product, pairs, look.rows)),
        set(existing), _renumbered(new),
        {slug: components[slug] for slug in reversed(components) if slug not in known},
        _unknown_releases(product, new), reading.said, reading.left_out,
        {name for row in look.rows.values() if row.is_confidential for name in row.names},
        look.comments, look.files,
    )  # fmt: skip


def find_product(title: str) -> Product | None:
    """The product of that title or slug."""
    found = Product.objects.filter(slug=slugify(title)[:50].strip("-_")).first()
    return found or Product.objects.filter(title__iexact=title).first()


def _look_at(source: Source, reading: Reading, progress: Progress) -> _Look:
    look = _Look()
    for serial, row in judged(source, reading, look.skipped):
        look.total = serial + 1
        progress(1)
        if row is None:
            continue
        if row.origin in look.rows:
            first = look.rows[row.origin].place
            look.skipped.append((row.place, f"repeats {row.origin}, which stands in {first}"))
            continue
        look.rows[row.origin] = brief_of(row, serial)
        look.pairs += [(row.origin, other) for other in row.same_as]
        look.comments += len(row.comments)
        look.files += len(row.files)
        for author in (row.reporter, row.assignee, *(comment.author for comment in row.comments)):
            source.people.look_at(author)
    return look


def judged(
    source: Source, reading: Reading, skipped: list[tuple[str, str]]
) -> Iterator[tuple[int, ImportRow | None]]:
    """Every record of the file as a row, None for one that is skipped (and named in `skipped`)."""
    for serial, record in enumerate(read(source.path, source.format, reading)):
        try:
            row = read_row(record, source.words)
        except BadRow as reason:
            # Both go to a terminal, which obeys control characters.
            skipped.append((clean_line(record.place), clean_line(str(reason))))
            yield serial, None
            continue
        if not component_slug(row.component):
            row.component = source.component
        for file in row.files:
            if file.fault:
                reading.left_out[f"attachments: {file.fault}"] += 1
        yield serial, row


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def existing_problems(product: Product | None, origins: Sequence[str]) -> dict[str, Problem]:
    """Problems of the product by origin, of those named."""
    if product is None:
        return {}
    found: dict[str, Problem] = {}
    for chunk in chunks(origins):
        # The condition of the index has to be said again for SQLite to use it.
        there = Problem.objects.filter(product=product, origin__in=chunk).exclude(origin="")
        rows = there.only("number", "origin", "is_confidential", "created_at", "changed_at")
        found.update({problem.origin: problem for problem in rows})
    return found


def taken_numbers(numbers: Iterable[int | None]) -> set[int]:
    """Those of the numbers that problems here have."""
    wanted = [number for number in numbers if number is not None]
    found: set[int] = set()
    for chunk in chunks(wanted):
        found.update(Problem.objects.filter(pk__in=chunk).values_list("pk", flat=True))
    return found


def _renumbered(new: list[Brief]) -> list[str]:
    taken = taken_numbers(row.number for row in new)
    seen: set[int | None] = {None}
    found = []
    for row in new:
        if row.number in taken or row.number in seen:
            found.append(row.origin)
        seen.add(row.number)
    return found


def _here(
    product: Product | None, pairs: Iterable[tuple[str, str]], rows: Mapping[str, Brief]
) -> list[Brief]:
    """What pairs name and earlier imports brought."""
    names = {name for row in rows.values() for name in row.names}
    wanted = {name for pair in pairs for name in pair if name not in names}
    return [
        Brief(-1, "", origin, [origin], None, was_duplicate=False,
              is_confidential=problem.is_confidential, created_at=problem.created_at)
        for origin, problem in existing_problems(product, sorted(wanted)).items()
    ]  # fmt: skip


def _unknown_releases(product: Product | None, rows: Iterable[Brief]) -> list[str]:
    known = {name.lower() for name in _release_names(product)}
    wanted: dict[str, str] = {}
    for row in rows:
        for name in row.releases:
            if name.lower() not in known:
                wanted.setdefault(name.lower(), name)
    return sorted(wanted.values(), key=version_key)


def _release_names(product: Product | None) -> QuerySet[Release, str] | list[str]:
    return product.releases.values_list("name", flat=True) if product else []
