"""Is it in this release? One answer for each release of a problem's product, with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from django.db import models
from django.utils.dateformat import format as format_date

from accounts.policies import Viewer
from tracker.models import Problem, Release, ReleaseStatus, Resolution
from tracker.policies import visible_problems
from tracker.versions.lines import Lines

Status = ReleaseStatus.Status


class Answer(models.TextChoices):
    AFFECTED = "affected", "affected"
    FIXED = "fixed", "fixed"
    NOT_AFFECTED = "not affected", "not affected"
    UNKNOWN = "unknown", "unknown"


# Problems closed so are in no release, whatever was said before.
NOWHERE: Final = (Resolution.NOT_A_DEFECT, Resolution.DUPLICATE)
# Problems closed so leave it open whether what was reported was there.
DOUBTFUL: Final = (
    Resolution.CANNOT_REPRODUCE,
    Resolution.FEEDBACK_TIMEOUT,
    Resolution.OVERTAKEN,
)
MOST_NAMES: Final = 3
_NOTHING_SINCE: Final[Mapping[str, str]] = {
    Status.AFFECTED: "fixed it",
    Status.FIXED: "brought it back",
    Status.NOT_AFFECTED: "brought it in",
}


@dataclass(frozen=True)
class Verdict:
    """The answer for one release.

    `is_said` tells whether it was said of this very release, and `is_marked` whether by a mark.
    """

    release: Release
    answer: Answer
    reason: str
    is_said: bool = False
    is_marked: bool = False


def answering(problem: Problem, viewer: Viewer) -> Problem | None:
    """The problem whose answers hold for this one: its own, or those of its group's head.

    None when `viewer` may not know of the head. One query for a duplicate, none else.
    """
    if problem.head_id is None:
        return problem
    found = visible_problems(viewer).select_related("product", "release", "fixed_in")
    return found.filter(pk=problem.head_id).first()


def verdicts(problem: Problem) -> list[Verdict]:
    """The answers for every release of the product, the newest first. Two queries."""
    lines = Lines(problem.product.releases.all())
    marks = {mark.release_id: mark for mark in problem.release_statuses.select_related("set_by")}
    history = History(problem, marks, lines)
    return [history.verdict(release) for release in lines.newest_first]


class Facts(Protocol):
    """What a problem itself says of releases."""

    @property
    def release_id(self) -> int | None: ...
    @property
    def fixed_in_id(self) -> int | None: ...
    @property
    def resolution(self) -> str: ...
    @property
    def closed_at(self) -> datetime | None: ...


def statements(facts: Facts, marks: Mapping[int, str], lines: Lines) -> dict[int, str]:
    """Release -> what is said of this very release: by a mark, else the fix, else the report.

    A problem of which nobody has said where it was fixed, only that, is fixed in the releases that
    came out after the day of its closing.
    """
    said: dict[int, str] = {}
    if facts.resolution in NOWHERE:
        return said
    if facts.release_id is not None and facts.resolution not in DOUBTFUL:
        said[facts.release_id] = Status.AFFECTED
    if facts.fixed_in_id is not None:
        said[facts.fixed_in_id] = Status.FIXED
    elif is_fixed_somewhere(facts, marks) and facts.closed_at is not None:
        closed_on = facts.closed_at.astimezone(UTC).date()
        said |= {release.pk: Status.FIXED for release in lines.out_after(closed_on)}
    return said | dict(marks)


def is_fixed_somewhere(facts: Facts, marks: Mapping[int, object]) -> bool:
    """Whether it was closed as fixed, and nobody has said in which release."""
    return facts.resolution == Resolution.FIXED and facts.fixed_in_id is None and not marks


def may_have_missed(facts: Facts, marks: Mapping[int, object], release: Release) -> bool:
    """Whether what was reported before says nothing of `release`.

    When it came out is not known, so it may have the fix that is somewhere.
    """
    if release.released_on is not None or release.pk == facts.release_id:
        return False
    return is_fixed_somewhere(facts, marks)


def statuses(facts: Facts, marks: Mapping[int, str], lines: Lines) -> dict[int, str]:
    """Release -> status, where one is known: the answers of `History` without their reasons."""
    found = lines.carried(statements(facts, marks, lines))
    if not is_fixed_somewhere(facts, marks):
        return found
    for release in lines.newest_first:
        if found.get(release.pk) == Status.AFFECTED and may_have_missed(facts, marks, release):
            del found[release.pk]
    return found


class History:
    """All that is said of one problem's releases. `marks` are its rows, by release."""

    def __init__(self, problem: Problem, marks: Mapping[int, ReleaseStatus], lines: Lines) -> None:
        self.problem = problem
        self.marks = marks
        self.lines = lines
        self.said = statements(problem, {pk: m.status for pk, m in marks.items()}, lines)

    def verdict(self, release: Release) -> Verdict:
        """The nearest statement, going back from `release`, decides."""
        is_marked = release.pk in self.marks
        if self.problem.resolution in NOWHERE:
            resolution = self.problem.resolution
            thing = "a duplicate" if resolution == Resolution.DUPLICATE else resolution
            reason = f"Closed as {thing}."
            return Verdict(release, Answer.NOT_AFFECTED, reason, is_marked=is_marked)
        behind = self.lines.behind(release)
        for distance, earlier in enumerate(behind):
            if status := self.said.get(earlier.pk):
                if status == Status.AFFECTED and may_have_missed(self.problem, self.marks, release):
                    break
                reason = self._reason(status, behind[: distance + 1])
                return Verdict(release, Answer(status), reason, distance == 0, is_marked)
        return Verdict(release, Answer.UNKNOWN, self._why_unknown(release))

    def _reason(self, status: str, way: Sequence[Release]) -> str:
        """One sentence. `way` leads from the release that is asked for to the one spoken of."""
        asked, spoken_of = way[0], way[-1]
        words = self._words(spoken_of, status)
        if asked == spoken_of:
            return f"{words}."
        cut = "" if asked.branch == spoken_of.branch else f", before {asked.branch} was cut"
        since = _any_of([str(release) for release in reversed(way[:-1])])
        return f"{words}{cut}; nothing says that {since} {_NOTHING_SINCE[status]}."

    def _words(self, release: Release, status: str) -> str:
        """Who says `status` of `release`, as the beginning of a sentence."""
        if mark := self.marks.get(release.pk):
            by = f" by {mark.set_by.handle}" if mark.set_by is not None else ""
            return f"Marked as {status} in {release}{by}"
        if status == Status.AFFECTED:
            return f"Reported in {release}"
        if self.problem.fixed_in_id == release.pk:
            return f"Fixed in {release}"
        closed = format_date(self.problem.closed_at, "j F Y")  # type: ignore[arg-type]
        return f"Closed as fixed on {closed}, before {release} came out"

    def _why_unknown(self, release: Release) -> str:
        problem = self.problem
        if may_have_missed(problem, self.marks, release):
            closed = format_date(problem.closed_at, "j F Y")  # type: ignore[arg-type]
            return f"Closed as fixed on {closed}; nobody has said when {release} came out."
        if problem.resolution in DOUBTFUL and problem.release_id is not None:
            return f"Closed as “{problem.resolution}”; nobody has marked {release}."
        if problem.release_id or problem.fixed_in_id or self.marks:
            return f"Nothing is said of {release} or of a release that it came from."
        return "Nobody has said in which release it is."


def _any_of(names: Sequence[str]) -> str:
    if len(names) > MOST_NAMES:
        return f"one of the {len(names)} releases since"
    return " or ".join([", ".join(names[:-1]), names[-1]]) if names[1:] else names[0]
