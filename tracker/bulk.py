"""One change to many problems: previewed, applied to what was previewed, and undone once.

The desk's single actions come this way as well, so that each of them can be undone exactly: an
ordinary change cannot lead back to new, and forgets when a problem was closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from accounts.models import Person
from accounts.policies import Denied, require
from tracker.changes import Conflict, ProblemChange, apply_change, in_words
from tracker.drafts import DraftErrors, Faults, check_text
from tracker.duplicates import head_of, lock_groups, regroup, would_be_a_cycle
from tracker.models import BulkChange, BulkChangeItem, Comment, Door, Event, Problem
from tracker.policies import may, visible_problems
from tracker.services import record, touch
from tracker.signals import bulk_changed

MOST: Final = 500
# Each transaction holds its rows, and the lock of the groups, until it ends.
PER_TRANSACTION: Final = 25
FIELDS: Final = (
    *("state", "resolution", "component", "severity", "kind", "assignee"),
    *("duplicate_of", "fixed_in"),
)
# What a change of those fields can write. `head` follows from `duplicate_of`.
COLUMNS: Final = (
    *("component_id", "kind", "severity", "assignee_id", "fixed_in_id"),
    *("state", "is_open", "resolution", "closed_at", "duplicate_of_id"),
)
# Undoing the last thing that happened to a problem makes it as if nobody had touched it.
TOUCHED: Final = "changed_at"
SO_ALREADY: Final = "It is so already."
GONE: Final = "There is no such problem, or you may not see it."


class NothingLeft(Conflict):
    """Not one of the problems could be changed; nothing was written."""


class UndoneAlready(Conflict):
    """This bulk change was undone before, or is itself an undo."""


@dataclass(frozen=True)
class Asked:
    """What is to be done to each problem: fields to change, and a comment to add ("" for none)."""

    change: ProblemChange
    comment: str = ""

    def in_words(self) -> dict[str, Any]:
        """As history keeps it."""
        return self.change.asked() | ({"comment": self.comment} if self.comment else {})


@dataclass(frozen=True)
class Previewed:
    """What would happen to one problem: its changes in words, or the reason why it cannot."""

    problem: Problem
    changes: list[dict[str, Any]] = field(default_factory=list)
    refusal: str = ""


@dataclass(frozen=True)
class Pick:
    """A problem, and the version of it that was looked at."""

    number: int
    version: int


def check_asked(asked: Asked) -> Asked:
    """The same with its comment cleaned. Raises `DraftErrors` for nothing, and for too much."""
    faults = Faults()
    comment = check_text("comment", asked.comment, faults).strip()
    named = asked.change.asked()
    for name in named.keys() - set(FIELDS):
        faults.add(name, "This is not changed in bulk; open the problem to change it.")
    if not named and not comment and not faults.errors:
        faults.add("", "Choose what to change, or write a comment.")
    faults.raise_if_any()
    return Asked(asked.change, comment)


def preview(actor: Person, numbers: Iterable[int], asked: Asked) -> list[Previewed]:
    """What `apply` would do now, in the order of `numbers`; nothing is written.

    Numbers that `actor` may not know of are passed over. Raises `Denied` and `DraftErrors`.
    """
    require(may("problem.triage", actor))
    asked = check_asked(asked)
    wanted = list(dict.fromkeys(numbers))[:MOST]
    found = _with_all(visible_problems(actor)).in_bulk(wanted)
    return [_previewed(found[number], asked, actor) for number in wanted if number in found]


def _previewed(problem: Problem, asked: Asked, actor: Person) -> Previewed:
    shown = Problem(pk=problem.pk, synopsis=problem.synopsis, version=problem.version)
    try:
        changes = apply_change(problem, asked.change, actor)
    except (DraftErrors, Denied, Conflict) as why:
        return Previewed(shown, refusal=sentence(why))
    return Previewed(shown, changes, "" if changes or asked.comment else SO_ALREADY)


def sentence(why: DraftErrors | Denied | Conflict) -> str:
    """A refusal as one or more sentences."""
    if isinstance(why, DraftErrors):
        return " ".join(why.sentences)
    return str(why)


def apply(actor: Person, picks: Sequence[Pick], asked: Asked, door: Door) -> BulkChange:
    """Change those of the picked problems that are still as they were looked at.

    Each problem is changed wholly or not at all; what is left out is named with its reason in
    `BulkChange.left_out`. Raises `Denied`, `DraftErrors`, and `NothingLeft` with all reasons.
    Of a single problem everybody is told as of any change; of several each person gets one mail.
    """
    require(may("problem.triage", actor))
    require(may("problem.comment", actor))
    asked = check_asked(asked)
    unique = sorted({pick.number: pick for pick in picks}.values(), key=lambda p: p.number)
    if len(unique) > MOST:
        raise Conflict(f"At most {MOST} problems are changed at once; these are {len(unique)}.")
    with transaction.atomic():
        bulk = BulkChange.objects.create(actor=actor, asked=asked.in_words())
        if len(unique) <= PER_TRANSACTION:
            # Of a few, all or nothing includes the row of the bulk change itself.
            _apply_some(bulk, unique, asked, door, is_quiet=len(unique) > 1)
            return _finish(bulk)
    for some in _chunks(unique):
        _apply_some(bulk, some, asked, door, is_quiet=True)
    return _finish(bulk)


def _chunks(picks: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(picks), PER_TRANSACTION):
        yield picks[start : start + PER_TRANSACTION]


@transaction.atomic
def _finish(bulk: BulkChange) -> BulkChange:
    """Note what was left out. Raises `NothingLeft` when that is all; then there is no row."""
    bulk.left_out.sort(key=lambda each: each["number"])
    if not bulk.items.exists():
        reasons = bulk.left_out[:3]
        undone = bulk.undoes
        bulk.delete()
        if undone is not None:
            BulkChange.objects.filter(pk=undone.pk).update(undone_at=None)
        named = " ".join(f"#{each['number']}: {each['reason']}" for each in reasons)
        raise NothingLeft(f"Nothing was changed. {named}".strip())
    bulk.save(update_fields=["left_out"])
    return bulk


@transaction.atomic
def _apply_some(
    bulk: BulkChange, picks: Sequence[Pick], asked: Asked, door: Door, *, is_quiet: bool
) -> None:
    # Before any row: several are locked below.
    lock_groups()
    locked = _lock([pick.number for pick in picks], bulk.actor)
    items = []
    for pick in picks:
        problem = locked.get(pick.number)
        try:
            items.append(_apply_one(bulk, problem, pick, asked, door, is_quiet=is_quiet))
        except (DraftErrors, Denied, Conflict) as why:
            bulk.left_out.append({"number": pick.number, "reason": sentence(why)})
    _keep(bulk, items, is_quiet=is_quiet)


def _keep(bulk: BulkChange, items: list[BulkChangeItem], *, is_quiet: bool) -> None:
    BulkChangeItem.objects.bulk_create(items)
    # So that a crash between two transactions leaves the reasons of the first one.
    bulk.save(update_fields=["left_out"])
    if items and is_quiet:
        bulk_changed.send(BulkChange, bulk_change=bulk, items=items)


def _apply_one(
    bulk: BulkChange,
    problem: Problem | None,
    pick: Pick,
    asked: Asked,
    door: Door,
    *,
    is_quiet: bool,
) -> BulkChangeItem:
    """Everything that can be refused is refused before the first write."""
    if problem is None:
        raise Conflict(GONE)
    if problem.version != pick.version:
        raise Conflict(changed_meanwhile(problem, pick.version))
    before, was_duplicate_of = _columns(problem), problem.duplicate_of
    was_touched_at = problem.changed_at.isoformat()
    changes = apply_change(problem, asked.change, bulk.actor)
    if not changes and not asked.comment:
        raise Conflict(SO_ALREADY)
    after = _columns(problem)
    _write(problem, was_duplicate_of, is_changed=bool(changes))
    event = _tell(problem, bulk.actor, door, changes, asked.comment, is_quiet=is_quiet)
    changed = {name: value for name, value in before.items() if value != after[name]}
    return BulkChangeItem(
        bulk_change=bulk, problem=problem, event=event, version=problem.version,
        before=changed | {TOUCHED: was_touched_at},
    )  # fmt: skip


def _write(problem: Problem, was_duplicate_of: Problem | None, *, is_changed: bool) -> None:
    problem.version += is_changed
    touch(problem)
    _regroup(problem, was_duplicate_of)


def _regroup(problem: Problem, was_duplicate_of: Problem | None) -> None:
    if problem.duplicate_of != was_duplicate_of:
        regroup(problem, was_duplicate_of)


def _tell(
    problem: Problem,
    actor: Person,
    door: Door,
    changes: list[dict[str, Any]],
    comment: str,
    *,
    is_quiet: bool,
) -> Event:
    """One event for both, so that a question and the state that it brings are one mail."""
    if not comment:
        kind = Event.Kind.CHANGED
        return record(problem, kind, actor, door, changes=changes, quiet=is_quiet)
    added = Comment.objects.create(problem=problem, author=actor, text=comment, door=door)
    kind = Event.Kind.COMMENTED
    return record(problem, kind, actor, door, changes=changes, comment=added, quiet=is_quiet)


def undo(bulk: BulkChange, actor: Person, door: Door) -> BulkChange:
    """Put back every field of every problem that nobody changed since; once.

    Comments that were added stay. Returns the undo as a bulk change of its own, whose `left_out`
    names the others. Raises `Denied` for somebody else's, `UndoneAlready` and `NothingLeft`.
    """
    if bulk.actor_id != actor.pk:
        raise Denied("Only who made a bulk change can undo it.")
    require(may("problem.triage", actor))
    items = list(bulk.items.order_by("problem").select_related("event"))
    with transaction.atomic():
        undoing = _claim(bulk, actor)
        if len(items) <= PER_TRANSACTION:
            _undo_some(undoing, items, door, is_quiet=len(items) > 1)
            return _finish(undoing)
    for some in _chunks(items):
        _undo_some(undoing, some, door, is_quiet=True)
    return _finish(undoing)


def _claim(bulk: BulkChange, actor: Person) -> BulkChange:
    """The row of the undo, which there is once."""
    refusal = UndoneAlready("This was undone before.")
    if bulk.undoes_id is not None:
        raise UndoneAlready("This is an undo; change the problems again instead.")
    now = timezone.now()
    if not BulkChange.objects.filter(pk=bulk.pk, undone_at=None).update(undone_at=now):
        raise refusal
    bulk.undone_at = now
    try:
        with transaction.atomic():
            return BulkChange.objects.create(actor=actor, asked={}, undoes=bulk)
    except IntegrityError as error:
        raise refusal from error


@transaction.atomic
def _undo_some(
    undoing: BulkChange, items: Sequence[BulkChangeItem], door: Door, *, is_quiet: bool
) -> None:
    lock_groups()
    locked = _lock([item.problem_id for item in items], undoing.actor)
    done = []
    for item in items:
        try:
            done.append(_undo_one(undoing, locked.get(item.problem_id), item, door, is_quiet))
        except Conflict as why:
            undoing.left_out.append({"number": item.problem_id, "reason": sentence(why)})
    _keep(undoing, done, is_quiet=is_quiet)


def _undo_one(
    undoing: BulkChange, problem: Problem | None, item: BulkChangeItem, door: Door, is_quiet: bool
) -> BulkChangeItem:
    if problem is None:
        raise Conflict(GONE)
    if problem.version != item.version:
        raise Conflict(changed_meanwhile(problem, item.version))
    if not item.event.changes:
        raise Conflict("Only a comment was added, and comments stay.")
    names = [change["field"] for change in item.event.changes]
    old = {name: in_words(problem, name) for name in names}
    was_duplicate_of = problem.duplicate_of
    _put_back(problem, item)
    problem.version += 1
    problem.save()
    _regroup(problem, was_duplicate_of)
    changes = [{"field": n, "old": old[n], "new": in_words(problem, n)} for n in names]
    event = record(
        problem, Event.Kind.CHANGED, undoing.actor, door,
        changes=changes, note="Undone.", quiet=is_quiet,
    )  # fmt: skip
    return BulkChangeItem(
        bulk_change=undoing, problem=problem, event=event, version=problem.version
    )


def _put_back(problem: Problem, item: BulkChangeItem) -> None:
    """Set the columns. Raises `Conflict`, before any write, where that is impossible by now."""
    before = dict(item.before)
    touched_at = before.pop(TOUCHED, None)
    is_last = not problem.events.filter(pk__gt=item.event_id).exists()
    if touched_at and is_last and item.event.comment_id is None:
        problem.changed_at = parse_datetime(touched_at) or problem.changed_at
    target = before.get("duplicate_of_id")
    if target is not None:
        found = Problem.objects.select_related("head").get(pk=target)
        if would_be_a_cycle(problem, found):
            raise Conflict("What it was a duplicate of has become a duplicate of it.")
        problem.head = head_of(found)
    elif "duplicate_of_id" in before:
        problem.head = None
    assignee = before.get("assignee_id")
    if assignee is not None and not Person.objects.filter(pk=assignee, is_active=True).exists():
        raise Conflict("Who it was assigned to has no account any more.")
    for name, value in before.items():
        is_time = name == "closed_at" and value is not None
        setattr(problem, name, parse_datetime(value) if is_time else value)


def _columns(problem: Problem) -> dict[str, Any]:
    """As JSON carries them."""
    values = {name: getattr(problem, name) for name in COLUMNS}
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in values.items()}


def _lock(numbers: Sequence[int], actor: Person) -> dict[int, Problem]:
    """Those that `actor` may see, locked in the order of their numbers, by number."""
    rows = _with_all(visible_problems(actor)).select_for_update(of=("self",))
    return {problem.pk: problem for problem in rows.filter(pk__in=numbers).order_by("pk")}


def _with_all(rows: QuerySet[Problem]) -> QuerySet[Problem]:
    """With all that a change looks at."""
    return rows.select_related(
        "product", "component", "release", "fixed_in", "assignee", "duplicate_of"
    )


def changed_meanwhile(problem: Problem, since: int) -> str:
    """Who changed which fields since a version, as a sentence."""
    events = problem.events.select_related("actor").order_by("-id")[:50]
    later = [event for event in events if event.changes][: max(problem.version - since, 0)]
    if not later:
        return "It has changed meanwhile."
    people = dict.fromkeys(event.actor.handle if event.actor else "Groundswell" for event in later)
    names = dict.fromkeys(
        change["field"].removeprefix("is_").replace("_", " ")
        for event in reversed(later)
        for change in event.changes
    )
    return f"{_and(people)} changed its {_and(names)} meanwhile."


def _and(words: Iterable[str]) -> str:
    some = list(words)
    return " and ".join([", ".join(some[:-1]), some[-1]] if some[1:] else some)


def latest_of(actor: Person) -> BulkChange | None:
    """The latest bulk change that `actor` can undo. One query."""
    rows = BulkChange.objects.filter(actor=actor, undone_at=None, undoes=None)
    return rows.order_by("-id").first()
