"""The second look at an export: what the plan says is stored, batch by batch.

A batch is one transaction: problems with all that belongs to them, or nothing. So an import that
was interrupted, however hard, is finished by running it again.
"""

from __future__ import annotations

import hashlib
import mimetypes
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from django.core.files.base import ContentFile
from django.db import transaction

from accounts.models import Person
from tracker.duplicates import head_of, lock_groups, regroup, would_be_a_cycle
from tracker.importing.links import Brief
from tracker.importing.numbers import one_import_at_a_time, reserve_numbers
from tracker.importing.people import People, shown_name
from tracker.importing.planning import (
    Plan,
    Progress,
    chunks,
    existing_problems,
    judged,
    taken_numbers,
)
from tracker.importing.rows import ImportComment, ImportRow, component_slug, version_key
from tracker.importing.source import Blob, Reading, SourceFile
from tracker.models import (
    Attachment,
    Comment,
    Component,
    Door,
    Event,
    Problem,
    Product,
    Release,
    ReleaseStatus,
    Resolution,
    State,
)
from tracker.policies import may
from tracker.services import record, safe_file_name, store_file
from tracker.signals import problem_happened, problems_imported
from tracker.text import clean_text
from tracker.text_index.services import index

# Writers on SQLite wait for one another: a batch takes well under a second.
BATCH: Final = 100
BATCH_BYTES: Final = 4 * 1024 * 1024


@dataclass
class Done:
    """What an import did."""

    imported: int = 0
    existing: int = 0
    marked: int = 0
    comments: int = 0
    files: int = 0
    # Problems that were here and got comments or files.
    completed: int = 0
    # Origins of those that are confidential there and public here, so that nothing was added.
    sealed_since: list[str] = field(default_factory=list)
    # (origin, the number it has now) of those that could not keep theirs.
    renumbered: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class Shelves:
    """The product's components and releases by name, read once, and who is who."""

    product: Product
    people: People
    components: Mapping[str, Component] = field(init=False)
    releases: Mapping[str, Release] = field(init=False)

    def __post_init__(self) -> None:
        self.components = {c.slug: c for c in self.product.components.all()}
        self.releases = {r.name.lower(): r for r in self.product.releases.all()}


def carry_out(plan: Plan, scratch: Path, progress: Progress = lambda count: None) -> Done:
    """Store what the plan says. Nobody is notified."""
    product = _make_place(plan)
    highest = max((row.number or 0 for row in plan.new), default=0)
    if highest:
        reserve_numbers(highest)
    done = Done()
    shelves = Shelves(product, plan.source.people)
    for rows in _batches(_planned(plan, scratch)):
        with transaction.atomic():
            one_import_at_a_time()
            _store_batch(rows, shelves, done)
        for row in rows:
            _discard(row)
        progress(len(rows))
    done.marked = _mark_duplicates(product, plan.links.points_to)
    return done


@transaction.atomic
def _make_place(plan: Plan) -> Product:
    """The product with the components and releases that the rows name."""
    product = plan.product
    if product is None:
        title = plan.source.title
        product, _ = Product.objects.get_or_create(slug=plan.slug, defaults={"title": title})
    for slug, title in plan.new_components.items():
        product.components.get_or_create(slug=slug, defaults={"title": title})
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


def _planned(plan: Plan, scratch: Path) -> Iterator[ImportRow]:
    """The rows of the file that the plan took, with what it found out about them."""
    reading = Reading(scratch, comments=plan.source.comments)
    # What is unknown was counted when the plan was made.
    source = replace(plan.source, words=replace(plan.source.words, unknown=Counter()))
    for serial, row in judged(source, reading, []):
        brief = plan.rows.get(row.origin) if row is not None else None
        if row is None or brief is None or brief.serial != serial:
            continue
        row.notes += plan.links.notes.get(row.origin, [])
        row.notes += _relations(row, brief, plan.confidential)
        yield row


def _relations(row: ImportRow, brief: Brief, confidential: set[str]) -> Iterator[str]:
    """How it hangs together with others, without the keys that its readers must not know."""
    for name, keys in row.relations.items():
        shown = [key for key in keys if brief.is_confidential or key not in confidential]
        if shown:
            yield f"{name} there: {', '.join(shown)[:500]}."


def _batches(rows: Iterable[ImportRow]) -> Iterator[list[ImportRow]]:
    batch: list[ImportRow] = []
    weight = 0
    for row in rows:
        batch.append(row)
        weight += row.weight + sum(file.content.size for file in row.files if file.content)
        if len(batch) >= BATCH or weight >= BATCH_BYTES:
            yield batch
            batch, weight = [], 0
    if batch:
        yield batch


def _discard(row: ImportRow) -> None:
    for file in row.files:
        if file.content is not None:
            file.content.discard()


def _store_batch(rows: Sequence[ImportRow], shelves: Shelves, done: Done) -> None:
    """Asked again under the lock: another import or a report may have come since the plan."""
    existing = existing_problems(shelves.product, [row.origin for row in rows])
    new = [row for row in rows if row.origin not in existing]
    taken = taken_numbers(row.number for row in new)
    problems: list[Problem] = []
    for row in new:
        number = row.number if row.number not in taken else None
        if number is not None:
            taken.add(number)
        problems.append(_problem(row, number, shelves))
    Problem.objects.bulk_create(problems)
    ReleaseStatus.objects.bulk_create(_marks(new, problems, shelves))
    _write_history(new, problems, shelves.people)
    for row, problem in zip(new, problems, strict=True):
        if row.number != problem.pk:
            done.renumbered.append((row.origin, problem.pk))
    there = [(row, existing[row.origin]) for row in rows if row.origin in existing]
    grown = _add_rest(list(zip(new, problems, strict=True)), there, shelves.people, done)
    done.imported += len(new)
    done.existing += len(there)
    numbers = [problem.pk for problem in problems] + grown
    if numbers:
        locked = Problem.objects.select_for_update(of=("self",)).filter(pk__in=grown)
        index([*problems, *locked.order_by("pk")])
        problems_imported.send(Problem, numbers=numbers, new=problems)


def _problem(row: ImportRow, number: int | None, shelves: Shelves) -> Problem:
    people = shelves.people
    reporter, assignee = people.find(row.reporter), people.find(row.assignee)
    if assignee is not None and not may("problem.change_state", assignee):
        assignee = None
    if assignee is None and (name := shown_name(row.assignee)):
        row.notes.append(f"Assignee there: {name}.")
    if row.number is not None and number is None:
        row.notes.append(f"The number {row.number} was taken here.")
    return Problem(
        number=number, origin=row.origin, product=shelves.product,
        component=shelves.components[component_slug(row.component)],
        synopsis=row.synopsis, description=row.description, how_to_repeat=row.how_to_repeat,
        kind=row.kind, severity=row.severity, state=row.state,
        is_open=row.state != State.CLOSED, resolution=row.resolution or "",
        release=shelves.releases.get(row.release.lower()),
        fixed_in=shelves.releases.get(row.fixed_in.lower()),
        architecture=row.architecture, hardware=row.hardware, is_confidential=row.is_confidential,
        reporter=reporter, origin_author="" if reporter else shown_name(row.reporter),
        assignee=assignee,
        created_at=row.created_at, changed_at=row.changed_at, closed_at=row.closed_at,
    )  # fmt: skip


def _marks(
    rows: Iterable[ImportRow], problems: Sequence[Problem], shelves: Shelves
) -> Iterator[ReleaseStatus]:
    for row, problem in zip(rows, problems, strict=True):
        said = {shelves.releases[name.lower()]: mark for name, mark in row.marks.items()}
        for release, mark in said.items():
            if release.pk not in {problem.release_id, problem.fixed_in_id}:
                yield ReleaseStatus(
                    problem=problem, release=release, status=mark, set_at=problem.changed_at
                )


def _write_history(rows: Iterable[ImportRow], problems: Sequence[Problem], people: People) -> None:
    """What happened there, and then that it was imported."""
    past: list[Event] = []
    imported: list[Event] = []
    for row, problem in zip(rows, problems, strict=True):
        past += _past(row, problem, people)
        said = [f"Imported as {row.origin}.", *row.notes, *_left_out(row.files)]
        note = clean_text(" ".join(said))
        imported.append(_event(problem, Event.Kind.IMPORTED, changes=row.changes, note=note))
    Event.objects.bulk_create(past)
    for event in Event.objects.bulk_create(imported):
        problem_happened.send(Event, event=event, quiet=True)


def _event(problem: Problem, kind: Event.Kind, **values: Any) -> Event:
    return Event(problem=problem, kind=kind, door=Door.IMPORT, **{"actor": None, **values})


def _past(row: ImportRow, problem: Problem, people: People) -> Iterator[Event]:
    for entry in row.events:
        actor = people.find(entry.author)
        note = entry.note
        if actor is None and (name := shown_name(entry.author)):
            note = f"By {name}: {note}" if note else f"By {name}."
        yield _event(
            problem, Event.Kind.CHANGED, actor=actor, changes=entry.changes, note=note, at=entry.at
        )


def _left_out(files: Iterable[SourceFile]) -> Iterator[str]:
    for file in files:
        if file.fault:
            yield f"“{safe_file_name(file.name)}” was left out: it {file.fault}."


def _add_rest(
    new: Sequence[tuple[ImportRow, Problem]],
    there: Sequence[tuple[ImportRow, Problem]],
    people: People,
    done: Done,
) -> list[int]:
    """Comments and files: all of what is new, of the others what they have not got.

    Returns the numbers of the problems that were here and have grown.
    """
    pairs = list(new)
    for row, problem in there:
        if row.is_confidential and not problem.is_confidential:
            if row.comments or row.files:
                done.sealed_since.append(row.origin)
            continue
        pairs.append((row, problem))
    numbers = [problem.pk for _, problem in there]
    comments = _add_comments(pairs, _known(Comment, numbers), people)
    files = _add_files(pairs, _known(Attachment, numbers), comments, people)
    done.comments += len(comments)
    done.files += sum(files.values())
    grown: dict[int, list[Comment]] = defaultdict(list)
    for comment in comments.values():
        grown[comment.problem_id].append(comment)
    grown_here = [p for _, p in there if p.pk in grown or files[p.pk]]
    for problem in grown_here:
        _note_growth(problem, grown[problem.pk], files[problem.pk])
    done.completed += len(grown_here)
    return [problem.pk for problem in grown_here]


def _known(model: type[Comment] | type[Attachment], numbers: Sequence[int]) -> dict[str, int]:
    """ "number key" -> id of what problems that are here already have."""
    rows = model.objects.filter(problem__in=numbers).exclude(origin="")
    return {
        f"{number} {origin}": pk
        for number, origin, pk in rows.values_list("problem", "origin", "pk")
    }


def _add_comments(
    pairs: Iterable[tuple[ImportRow, Problem]], known: Mapping[str, int], people: People
) -> dict[str, Comment]:
    """The comments that were made, by "number key"."""
    made: dict[str, Comment] = {}
    for row, problem in pairs:
        for comment in row.comments:
            key = f"{problem.pk} {comment.key}"
            if key not in known and key not in made:
                made[key] = _comment(problem, comment, people)
    Comment.objects.bulk_create(made.values(), batch_size=BATCH)
    return made


def _comment(problem: Problem, comment: ImportComment, people: People) -> Comment:
    author = people.find(comment.author)
    return Comment(
        problem=problem, author=author, text=comment.text, door=Door.IMPORT, origin=comment.key,
        origin_author="" if author else shown_name(comment.author), created_at=comment.at,
    )  # fmt: skip


def _add_files(
    pairs: Iterable[tuple[ImportRow, Problem]],
    known: Mapping[str, int],
    comments: Mapping[str, Comment],
    people: People,
) -> dict[int, int]:
    """Store the files that are not here; returns how many each problem got."""
    count: dict[int, int] = defaultdict(int)
    rows: list[Attachment] = []
    for row, problem in pairs:
        for file in _files_of(row):
            key = f"{problem.pk} {file.key}"
            if file.content is not None and key not in known:
                comment = comments.get(f"{problem.pk} {file.comment}")
                rows.append(_attachment(problem, file, comment, people.find(file.author), row))
                count[problem.pk] += 1
    Attachment.objects.bulk_create(rows, batch_size=BATCH)
    return count


def _files_of(row: ImportRow) -> Iterator[SourceFile]:
    yield from row.files
    for position, (name, text, comment) in enumerate(row.long_texts):
        data = text.encode()
        key = f"whole {name}" if not comment else f"whole {position} {comment}"[:100]
        yield SourceFile(key, name, row.reporter, content=Blob(len(data), data), comment=comment)


def _attachment(
    problem: Problem, file: SourceFile, comment: Comment | None, uploader: Person | None,
    row: ImportRow,
) -> Attachment:  # fmt: skip
    data = file.content.read() if file.content is not None else b""
    name = safe_file_name(file.name)
    attachment = Attachment(
        problem=problem, comment=comment, uploader=uploader, name=name, size=len(data),
        content_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        sha256=hashlib.sha256(data).hexdigest(), origin=file.key,
        created_at=comment.created_at if comment else row.created_at,
    )  # fmt: skip
    store_file(attachment, ContentFile(data, name))
    return attachment


def _note_growth(problem: Problem, comments: Sequence[Comment], files: int) -> None:
    """An entry of the history, and the time of the latest comment as that of the last activity."""
    latest = max((comment.created_at for comment in comments), default=problem.changed_at)
    if latest > problem.changed_at:
        Problem.objects.filter(pk=problem.pk).update(changed_at=latest)
    parts = [
        f"{count:,} {what}{'' if count == 1 else 's'}"
        for what, count in (("comment", len(comments)), ("file", files))
        if count
    ]
    note = f"Imported since: {' and '.join(parts)}."
    record(problem, Event.Kind.IMPORTED, None, Door.IMPORT, note=note, quiet=True)


def _mark_duplicates(product: Product, points_to: Mapping[str, str]) -> int:
    """Point those that were closed as duplicates and point nowhere yet; returns how many."""
    marked = 0
    for origins in chunks(list(points_to)):
        there = existing_problems(product, origins)
        for origin in origins:
            if origin in there:
                with transaction.atomic():
                    marked += _mark(product, origin, points_to[origin])
    return marked


def _mark(product: Product, origin: str, target_origin: str) -> bool:
    lock_groups()
    mine = Problem.objects.filter(product=product).exclude(origin="")
    # What somebody has reopened or marked otherwise since is theirs to say.
    problem = (
        mine.select_for_update(of=("self",))
        .filter(origin=origin, resolution=Resolution.DUPLICATE, duplicate_of=None)
        .first()
    )
    target = mine.filter(origin=target_origin).select_related("head").first()
    if problem is None or target is None or would_be_a_cycle(problem, target):
        return False
    problem.duplicate_of, problem.head = target, head_of(target)
    problem.save(update_fields=["duplicate_of", "head"])
    regroup(problem, None)
    changes = [{"field": "duplicate_of", "old": None, "new": target.pk}]
    record(problem, Event.Kind.CHANGED, None, Door.IMPORT, changes=changes, quiet=True)
    return True
