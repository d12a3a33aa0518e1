"""Decisions about patches: integrated, declined, withdrawn, and opened again."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction
from django.utils import timezone

from accounts.models import Person
from accounts.policies import require
from patches import on_problems
from patches.events import record
from patches.locking import lock_with_problems, refuse_decided
from patches.models import Patch, PatchEvent
from patches.policies import may as may_patch
from patches.reviews import needs
from patches.waiting import turns
from tracker.changes import Conflict, ProblemChange
from tracker.drafts import Faults, check_line, check_text
from tracker.models import STATE_CHANGES, Door, Problem, State
from tracker.policies import may as may_problem
from tracker.policies import visible_problems
from tracker.services import change
from tracker.text import is_blank

COMMIT_CHARS: Final = 64
_INSTEAD: Final = "Open it again first if that was wrong."


@transaction.atomic
def integrate(
    patch: Patch,
    committer: Person,
    door: Door,
    *,
    commit: str = "",
    note: str = "",
    mark_problems: bool = True,
    version: int | None = None,
) -> Patch:
    """It is in its branch, as `commit`. What it lacked by the rule is kept with the decision.

    `version` is the number of the one that was looked at: it is refused where other content came
    since. For the main branch the problems that it fixes become patched, as far as they are open
    and the committer may; the event says which. Raises `DraftErrors`, `Denied`, and `Conflict`.
    """
    require(may_patch("patch.integrate", committer, patch))
    faults = Faults()
    commit = check_line("commit", commit, COMMIT_CHARS, faults)
    note = check_text("note", note, faults)
    faults.raise_if_any()
    heads = [head for head in patch.fixes.values_list("head", flat=True) if head is not None]
    locked, problems = lock_with_problems(patch, heads)
    refuse_decided(locked, _INSTEAD)
    _refuse_other_content(locked, version)
    data: dict[str, Any] = {"commit": commit, "lacked": needs.missing(locked)}
    locked.commit = commit
    _decide(locked, Patch.State.INTEGRATED, committer, door, note, data, problems, mark_problems)
    patch.refresh_from_db()
    return patch


@transaction.atomic
def decline(
    patch: Patch, actor: Person, door: Door, *, note: str, version: int | None = None
) -> Patch:
    """It will not go in; `note` says why, `version` is the number of the one that was looked at.

    Raises `DraftErrors`, `Denied`, and `Conflict`.
    """
    require(may_patch("patch.decline", actor, patch))
    faults = Faults()
    note = check_text("note", note, faults)
    if is_blank(note):
        faults.add("note", "Say why: its author has worked on it, and may do better next time.")
    faults.raise_if_any()
    return _end(patch, Patch.State.DECLINED, actor, door, note, version)


@transaction.atomic
def withdraw(patch: Patch, actor: Person, door: Door, *, note: str = "") -> Patch:
    """Its author takes it back. Raises `DraftErrors`, `Denied`, and `Conflict`."""
    require(may_patch("patch.withdraw", actor, patch))
    faults = Faults()
    note = check_text("note", note, faults)
    faults.raise_if_any()
    return _end(patch, Patch.State.WITHDRAWN, actor, door, note)


def _end(
    patch: Patch,
    state: Patch.State,
    actor: Person,
    door: Door,
    note: str,
    version: int | None = None,
) -> Patch:
    locked, problems = lock_with_problems(patch)
    refuse_decided(locked, _INSTEAD)
    _refuse_other_content(locked, version)
    _decide(locked, state, actor, door, note, {}, problems, False)
    patch.refresh_from_db()
    return patch


def _refuse_other_content(locked: Patch, version: int | None) -> None:
    """A rebase is what was looked at; other content that came meanwhile is not."""
    if version is not None and version < locked.content_since:
        raise Conflict(
            f"Version {locked.latest} came meanwhile, with other content: look at it, then decide."
        )


def _decide(
    patch: Patch,
    state: Patch.State,
    actor: Person,
    door: Door,
    note: str,
    data: dict[str, Any],
    problems: list[Problem],
    mark: bool,
) -> None:
    turn_before, now = patch.turn, timezone.now()
    patch.state, patch.is_waiting = state, False
    patch.decided_at, patch.decided_by, patch.decision = now, actor, note
    patch.changed_at = now
    turns.settle(patch, now)
    on_problems.tell(patch, actor, door, state.value, was="waiting")
    patched = _mark_patched(patch, problems, actor, door) if mark else []
    data = {"state": state.value, "note": note, "patched": patched, **data}
    record(patch, PatchEvent.Kind.DECIDED, actor, door, turn_before=turn_before, data=data)


def _mark_patched(patch: Patch, problems: list[Problem], actor: Person, door: Door) -> list[int]:
    """The numbers of those that are now patched, which says that the main branch has the fix.

    For a duplicate it is the head; `problems` has both, held.
    """
    if patch.target:
        return []
    done = []
    fixed = set(patch.fixes.values_list("pk", flat=True))
    wanted = fixed | {problem.head_id for problem in problems if problem.pk in fixed}
    seen = visible_problems(actor).filter(pk__in=[p.pk for p in problems if p.pk in wanted])
    known = set(seen.values_list("pk", flat=True))
    for problem in problems:
        can = State.PATCHED in STATE_CHANGES[State(problem.state)]
        if problem.pk in known and can and may_problem("problem.change_state", actor, problem):
            change(problem, actor, ProblemChange(state=State.PATCHED.value), door)
            # Who may know of the patch knows what it fixes, but not of each head.
            if problem.pk in fixed or not problem.is_confidential:
                done.append(problem.pk)
    return done


@transaction.atomic
def reopen(patch: Patch, actor: Person, door: Door, *, note: str = "") -> Patch:
    """It waits again, for whom it waited before. Problems stay as they are.

    Raises `DraftErrors`, `Denied`, and `Conflict` for one that was not decided.
    """
    require(may_patch("patch.reopen", actor, patch))
    faults = Faults()
    note = check_text("note", note, faults)
    faults.raise_if_any()
    locked, _ = lock_with_problems(patch)
    if locked.is_waiting:
        raise Conflict(f"Patch {locked.pk} waits already; there is nothing to open again.")
    was, turn_before = locked.state, locked.turn
    locked.state, locked.is_waiting = Patch.State.WAITING, True
    locked.decided_at = locked.decided_by = None
    locked.decision = locked.commit = ""
    locked.changed_at = timezone.now()
    turns.settle(locked)
    on_problems.tell(locked, actor, door, "waiting", was=was)
    kind, data = PatchEvent.Kind.REOPENED, {"was": was, "note": note}
    record(locked, kind, actor, door, turn_before=turn_before, data=data)
    patch.refresh_from_db()
    return patch
