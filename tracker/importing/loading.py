"""The rows of an export become problems: planned without writing, then stored in batches."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils.text import slugify

from accounts.models import Person
from tracker.duplicates import head_of, lock_groups, regroup, would_be_a_cycle
from tracker.importing.csvfile import Export
from tracker.importing.links import Links, plan_links
from tracker.importing.numbers import one_import_at_a_time, reserve_numbers
from tracker.importing.rows import (
    BadRow,
    ImportRow,
    Words,
    component_slug,
    read_row,
    version_key,
)
from tracker.models import (
    Attachment,
    Component,
    Door,
    Event,
    Problem,
    Product,
    Release,
    Resolution,
    State,
)
from tracker.policies import may
from tracker.services import record, store_file
from tracker.signals import problem_happened

BATCH: Final = 500
Progress = Callable[[int], None]
T = TypeVar("T")


@dataclass
class Plan:
    """What an import would do: read from the file and the database, nothing written."""

    title: str
    slug: str
    product: Product | None
    rows: list[ImportRow]
    skipped: list[tuple[int, str]]
    links: Links
    # Origins that are imported already.
    existing: set[str]
    # Those whose number is taken by something else.
    renumbered: list[ImportRow]
    new_components: list[str]
    new_releases: list[str]

    @property
    def new(self) -> list[ImportRow]:
        return [row for row in self.rows if row.origin not in self.existing]


@dataclass
class Done:
    """What an import did."""

    imported: int = 0
    existing: int = 0
    marked: int = 0
    # (origin, the number it has now) of those that could not keep theirs.
    renumbered: list[tuple[str, int]] = field(default_factory=list)


def make_plan(
    export: Export, words: Words, title: str, component: str, pairs: Iterable[tuple[str, str]]
) -> Plan:
    """Judge every row and compare with what is there."""
    rows, skipped = _judge(export, words, component)
    slug = slugify(title)[:50].strip("-_")
    product = find_product(title)
    existing = _existing(product, [row.origin for row in rows])
    new = [row for row in rows if row.origin not in existing]
    taken = _taken(row.number for row in new)
    seen: set[int | None] = {None}
    renumbered = []
    for row in new:
        if row.number in taken or row.number in seen:
            renumbered.append(row)
        seen.add(row.number)
    known = set(product.components.values_list("slug", flat=True)) if product else set()
    components = dict.fromkeys(component_slug(row.component) for row in new)
    return Plan(
        title, slug, product, rows, skipped, plan_links(pairs, rows), existing, renumbered,
        [name for name in components if name not in known], _unknown_releases(product, new),
    )  # fmt: skip


def find_product(title: str) -> Product | None:
    """The product of that title or slug."""
    found = Product.objects.filter(slug=slugify(title)[:50].strip("-_")).first()
    return found or Product.objects.filter(title__iexact=title).first()


def _judge(
    export: Export, words: Words, component: str
) -> tuple[list[ImportRow], list[tuple[int, str]]]:
    rows: dict[str, ImportRow] = {}
    skipped: list[tuple[int, str]] = []
    for entry in export.records:
        try:
            row = read_row(entry, words)
            if row.origin in rows:
                raise BadRow(f"repeats {row.origin}, which stands in line {rows[row.origin].line}")
        except BadRow as reason:
            skipped.append((entry.line, str(reason)))
            continue
        if not component_slug(row.component):
            row.component = component
        rows[row.origin] = row
    return list(rows.values()), skipped


def _chunks(items: Sequence[T], size: int = BATCH) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _existing(product: Product | None, origins: Sequence[str]) -> set[str]:
    if product is None:
        return set()
    found: set[str] = set()
    for chunk in _chunks(origins):
        there = Problem.objects.filter(product=product, origin__in=chunk)
        found.update(there.values_list("origin", flat=True))
    return found


def _taken(numbers: Iterable[int | None]) -> set[int]:
    wanted = [number for number in numbers if number is not None]
    found: set[int] = set()
    for chunk in _chunks(wanted):
        found.update(Problem.objects.filter(pk__in=chunk).values_list("pk", flat=True))
    return found


def _unknown_releases(product: Product | None, rows: Iterable[ImportRow]) -> list[str]:
    known = {name.lower() for name in _release_names(product)}
    wanted: dict[str, str] = {}
    for row in rows:
        for name in (row.release, row.fixed_in):
            if name and name.lower() not in known:
                wanted.setdefault(name.lower(), name)
    return sorted(wanted.values(), key=version_key)


def _release_names(product: Product | None) -> QuerySet[Release, str] | list[str]:
    return product.releases.values_list("name", flat=True) if product else []


def carry_out(plan: Plan, progress: Progress = lambda count: None) -> Done:
    """Store what the plan says. Each batch is one transaction, so that an import that was
    interrupted is finished by running it again.
    """
    product = _make_place(plan)
    highest = max((row.number or 0 for row in plan.new), default=0)
    if highest:
        reserve_numbers(highest)
    done = Done()
    shelves = Shelves(product)
    for chunk in _chunks(plan.rows):
        with transaction.atomic():
            one_import_at_a_time()
            _store_batch(chunk, shelves, done)
        progress(len(chunk))
    done.marked = _mark_duplicates(product, plan.links.points_to)
    return done


@transaction.atomic
def _make_place(plan: Plan) -> Product:
    """The product with the components and releases that the rows name."""
    product = plan.product
    if product is None:
        product, _ = Product.objects.get_or_create(slug=plan.slug, defaults={"title": plan.title})
    titles = {component_slug(row.component): row.component for row in reversed(plan.rows)}
    for slug in plan.new_components:
        product.components.get_or_create(slug=slug, defaults={"title": titles[slug]})
    if plan.new_releases:
        _insert_releases(product, plan.new_releases)
    return product


def _insert_releases(product: Product, names: Iterable[str]) -> None:
    """Put each where its version belongs, and leave the order of those that are there."""
    ordered = list(product.releases.order_by("position", "id"))
    for name in names:
        place = next(
            (i for i, r in enumerate(ordered) if version_key(r.name) > version_key(name)),
            len(ordered),
        )
        ordered.insert(place, Release(product=product, name=name))
    for position, release in enumerate(ordered):
        if release.pk is None or release.position != position:
            release.position = position
            release.save()


@dataclass
class Shelves:
    """The product's components and releases by name, read once."""

    product: Product
    components: Mapping[str, Component] = field(init=False)
    releases: Mapping[str, Release] = field(init=False)

    def __post_init__(self) -> None:
        self.components = {c.slug: c for c in self.product.components.all()}
        self.releases = {r.name.lower(): r for r in self.product.releases.all()}


def _store_batch(rows: Sequence[ImportRow], shelves: Shelves, done: Done) -> None:
    """Asked again under the lock: another import or a report may have come since the plan."""
    existing = _existing(shelves.product, [row.origin for row in rows])
    new = [row for row in rows if row.origin not in existing]
    done.existing += len(existing)
    taken = _taken(row.number for row in new)
    people = _people(new)
    problems: list[Problem] = []
    for row in new:
        number = row.number if row.number not in taken else None
        if number is not None:
            taken.add(number)
        problems.append(_problem(row, number, shelves, people))
    Problem.objects.bulk_create(problems)
    _write_history(new, problems)
    for row, problem in zip(new, problems, strict=True):
        if row.long_text:
            _attach_whole(problem, row.long_text)
        if row.number != problem.pk:
            done.renumbered.append((row.origin, problem.pk))
    done.imported += len(new)


def _people(rows: Iterable[ImportRow]) -> dict[str, Person]:
    """Who of the named has an account here, by lower-case word. Nobody is invented."""
    words = {word.lower() for row in rows for word in (row.reporter, row.assignee) if word}
    active = Person.objects.filter(is_active=True, email_confirmed_at__isnull=False)
    by_handle = active.annotate(word=Lower("handle")).filter(word__in=words)
    by_address = active.annotate(word=Lower("email")).filter(word__in=words)
    return {person.word: person for found in (by_address, by_handle) for person in found}


def _problem(
    row: ImportRow, number: int | None, shelves: Shelves, people: Mapping[str, Person]
) -> Problem:
    assignee = people.get(row.assignee.lower())
    if assignee is not None and not may("problem.change_state", assignee):
        assignee = None
    reporter = people.get(row.reporter.lower())
    for role, word, person in (
        ("Reporter", row.reporter, reporter), ("Assignee", row.assignee, assignee)
    ):  # fmt: skip
        if word and person is None:
            # An address is nobody's to see.
            row.notes.append(f"{role} there: {word.split('@')[0] or 'somebody'}.")
    if row.number is not None and number is None:
        row.notes.append(f"The number {row.number} was taken here.")
    return Problem(
        number=number, origin=row.origin, product=shelves.product,
        component=shelves.components[component_slug(row.component)],
        synopsis=row.synopsis, description=row.description,
        kind=row.kind, severity=row.severity, state=row.state,
        is_open=row.state != State.CLOSED, resolution=row.resolution or "",
        release=shelves.releases.get(row.release.lower()),
        fixed_in=shelves.releases.get(row.fixed_in.lower()),
        architecture=row.architecture, hardware=row.hardware,
        reporter=reporter, assignee=assignee,
        created_at=row.created_at, changed_at=row.changed_at, closed_at=row.closed_at,
    )  # fmt: skip


def _write_history(rows: Iterable[ImportRow], problems: Sequence[Problem]) -> None:
    events = [
        Event(
            problem=problem, actor=None, kind=Event.Kind.IMPORTED, door=Door.IMPORT,
            changes=row.changes, note=" ".join([f"Imported as {row.origin}.", *row.notes]),
        )
        for row, problem in zip(rows, problems, strict=True)
    ]  # fmt: skip
    for event in Event.objects.bulk_create(events):
        problem_happened.send(Event, event=event, quiet=True)


def _attach_whole(problem: Problem, text: str) -> None:
    data = text.encode()
    attachment = Attachment(
        problem=problem, name="description.txt", content_type="text/plain", size=len(data),
        sha256=hashlib.sha256(data).hexdigest(), created_at=problem.created_at,
    )  # fmt: skip
    store_file(attachment, ContentFile(data, "description.txt"))
    attachment.save()


def _mark_duplicates(product: Product, points_to: Mapping[str, str]) -> int:
    """Point those that were closed as duplicates and point nowhere yet; returns how many."""
    marked = 0
    for origin, target in points_to.items():
        with transaction.atomic():
            marked += _mark(product, origin, target)
    return marked


def _mark(product: Product, origin: str, target_origin: str) -> bool:
    lock_groups()
    mine = Problem.objects.select_for_update(of=("self",)).filter(product=product)
    # What somebody has reopened or marked otherwise since is theirs to say.
    problem = mine.filter(origin=origin, resolution=Resolution.DUPLICATE, duplicate_of=None).first()
    target = mine.filter(origin=target_origin).select_related("head").first()
    if problem is None or target is None or would_be_a_cycle(problem, target):
        return False
    problem.duplicate_of, problem.head = target, head_of(target)
    problem.save(update_fields=["duplicate_of", "head"])
    regroup(problem, None)
    changes = [{"field": "duplicate_of", "old": None, "new": target.pk}]
    record(problem, Event.Kind.CHANGED, None, Door.IMPORT, changes=changes, quiet=True)
    return True
