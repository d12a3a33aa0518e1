"""Whose turn it is: the one place that says for whom a problem waits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from accounts.models import Person
from tracker.models import Problem, State


class Whose(StrEnum):
    """For whom a problem waits."""

    REPORTER = "reporter"
    ASSIGNEE = "assignee"
    MAINTAINERS = "maintainers"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Turn:
    """`person` is None where it is nobody's in particular; `words` is a sentence without its stop,
    "" for a closed problem."""

    whose: Whose
    person: Person | None
    words: str


def turn_of(problem: Problem) -> Turn:
    """Whose turn `problem` is. No query where its reporter, assignee and component are loaded."""
    if problem.state == State.CLOSED:
        return Turn(Whose.NOBODY, None, "")
    if problem.state == State.SUSPENDED:
        return Turn(Whose.NOBODY, None, "Suspended: waits for nobody")
    if problem.state == State.FEEDBACK:
        who = problem.reporter.handle if problem.reporter else "whoever reported it"
        return Turn(Whose.REPORTER, problem.reporter, f"Waits for {who}")
    end = " to bring the fix to the stable branches" if problem.state == State.PATCHED else ""
    if problem.assignee is not None:
        return Turn(Whose.ASSIGNEE, problem.assignee, f"Waits for {problem.assignee}{end}")
    if problem.state == State.OPEN:
        end = " to take it"
    if problem.state == State.NEW:
        end = " to look at it"
    maintainers = f"the maintainers of {problem.component.title}"
    return Turn(Whose.MAINTAINERS, None, f"Waits for {maintainers}{end}")
